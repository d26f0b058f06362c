"""What docs/privacy.md says is stored is what is stored."""

import re
from pathlib import Path

from bunraku.core.settings import RetentionSettings
from bunraku.store.tables import Base

PAGE = (Path(__file__).parents[2] / "docs/privacy.md").read_text()


def test_every_table_is_told_of_and_none_that_is_not_there():
    tables = PAGE.split("In the database", 1)[1].split("\n\n")[1]
    rows = re.findall(r"^\| `([a-z_]+)` \| ([^|]+) \| ([^|]+) \|$", tables, re.M)
    assert sorted(name for name, _, _ in rows) == sorted(Base.metadata.tables)
    for name, holds, kept in rows:
        assert holds.strip(), name
        assert kept.strip(), name


def test_every_setting_of_retention_is_told_of():
    assert [n for n in RetentionSettings.model_fields if f"retention.{n}" not in PAGE] == []


def test_columns_for_what_people_say_or_are_have_been_thought_of():
    """Whoever adds one says in the page how long it is kept, and empties it by then."""
    columns = {column.name for table in Base.metadata.sorted_tables for column in table.columns}
    found = {c for c in columns if re.search(r"text|word|transcript|audio|user|address|token", c)}
    assert found == {"spoken_text", "address"}
    assert "`spoken_text` is emptied" in PAGE
    assert "its `address`" in PAGE  # the operator's own, in the audit log
