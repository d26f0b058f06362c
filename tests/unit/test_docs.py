"""The build fails on an undocumented setting, a stale page, a dead link or reference, a forgotten
code, and a contract that says what the code does not."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bunraku.core import errors
from tests import references
from tests.references import CONTRACT, DECISIONS, Reference

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", ["settings", "openapi", "conformance", "performance", "api"])
def test_generated_pages_are_fresh(page):
    script = ROOT / f"scripts/docs_{page}.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_openapi_document_describes_every_action():
    from bunraku.front.rpc.actions import ACTION_NAMES
    from bunraku.front.rpc.openapi import document

    described = document()
    assert {o["post"]["operationId"] for o in described["paths"].values()} == ACTION_NAMES
    assert "400000015" in described["info"]["description"]
    create = described["components"]["schemas"]["CreateDigitalHumanStreamTask"]
    assert {"DigitalHumanConfig", "RTCConfig"} <= set(create["required"])


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if not target.startswith(("http", "mailto")):
            assert (page.parent / target).exists(), target


def test_every_code_has_one_class_and_a_message():
    kinds = [
        k
        for k in vars(errors).values()
        if isinstance(k, type) and issubclass(k, errors.ApiError) and k is not errors.ApiError
    ]
    codes = [k.code for k in kinds]
    assert len(codes) == len(set(codes))
    for kind in kinds:
        assert kind().message == kind.__doc__.strip()
        assert kind("why").message == f"{kind.__doc__.strip()}: why"


def test_every_command_is_told_of():
    from bunraku.cli import main

    told = "".join(page.read_text() for page in PAGES)
    assert [name for name in main.commands if f"`bunraku {name}" not in told] == []


# --- references to the contract and to decisions


@pytest.fixture(scope="module")
def sections():
    return references.headings(CONTRACT.read_text())


@pytest.fixture(scope="module")
def decisions():
    return references.decided(DECISIONS.read_text())


def test_every_reference_to_the_contract_leads_to_a_section(sections):
    finders = (references.to_sections, references.of_test_names)
    found = [
        (file.relative_to(ROOT).as_posix(), reference)
        for file in references.files()
        for finder in finders
        for reference in finder(file.read_text())
    ]
    found += [("docs/contract.md", r) for r in references.within_contract(CONTRACT.read_text())]
    assert [(where, r.text) for where, r in found if r.target not in sections] == []
    # More than two hundred today: a finder that stops finding must not pass.
    assert len(found) > 200
    assert {where.split("/")[0] for where, _ in found} >= {"src", "tests", "docs", "web"}


def test_every_reference_to_a_decision_leads_to_one(decisions):
    found = [
        (file.relative_to(ROOT).as_posix(), reference)
        for file in references.files()
        if file != DECISIONS
        for reference in references.to_decisions(file.read_text())
    ]
    assert [(where, r.text) for where, r in found if r.target not in decisions] == []
    assert len(found) >= 7
    assert set(re.findall(r"\(D\d+\)", DECISIONS.read_text())) <= {f"({name})" for name in decisions}


def test_decisions_are_numbered_without_a_gap(decisions):
    assert decisions == {f"D{n}" for n in range(1, len(decisions) + 1)}


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("contract section 6.3", ["6.3"]),
        ("(section 5.16)", ["5.16"]),
        ("contract sections 9 to 11", ["9", "11"]),
        ("contract sections 5.2, 5.3, 5.15", ["5.2", "5.3", "5.15"]),
        ("contract sections 3.4 and 3.7", ["3.4", "3.7"]),
        ("contract section 12, row 14", ["12", "12 row 14"]),
        ("Section 8.5: the new drive's 1 comes first", ["8.5"]),
        ("wrapped, contract\n    # section 13", ["13"]),
        ("wrapped, contract section\n// 11.4.", ["11.4"]),
        ("after RFC 9725, as contract section 9.2 says", ["9.2"]),
        ("no standard by this name, section 99.1", ["99.1"]),
        ("RFC 3550 section 6.4.1", []),
        ("(RFC 6184\n# section 5.8)", []),
        ("draft-ietf-rmcat-gcc section 6", []),
        ("W3C WebVTT, section 4", []),
        ("RFC 6184 sections 5.6 to 5.8", []),
    ],
)
def test_finder_of_sections(text, targets):
    assert [r.target for r in references.to_sections(text)] == targets


def test_finder_catches_a_wrong_number_in_every_file_that_refers_to_the_contract(sections):
    spoilt = 0
    for file in references.files():
        text = file.read_text()
        for reference in references.to_sections(text):
            number = reference.target.split(" ")[0]
            wrong = reference.text.replace(number, f"{number}.99")
            bad = references.unfold(text).replace(reference.text, wrong)
            assert {r.target for r in references.to_sections(bad)} - sections, (file, wrong)
            spoilt += 1
    assert spoilt > 80


def test_finder_of_test_names():
    text = "def test_section_8_4_six_attempts_at_0_2():\ndef test_7_5_a_start():\nasync def test_section_9_messages():"
    assert [r.target for r in references.of_test_names(text)] == ["8.4", "7.5", "9"]
    assert list(references.of_test_names("def test_sections_of_9():\ndef test_4_streams():")) == []


def test_finder_of_decisions(decisions):
    assert list(references.to_decisions("State (decision D9).")) == [Reference("D9", "decision D9")]
    assert next(references.to_decisions("decision D99")).target not in decisions
    for unclear in ("design D9", "both ends of D2"):
        with pytest.raises(ValueError, match="decision D"):
            list(references.to_decisions(unclear))


# --- pages against the code


def test_contract_keeps_its_numbers(sections):
    """Comments, tests and other people's notes count on them: no section comes, goes or moves."""
    parts = {1: 3, 2: 7, 3: 7, 4: 2, 5: 16, 6: 5, 7: 5, 8: 5, 9: 3, 10: 3, 11: 7, 12: 1, 13: 3}
    kept = {str(n) for n in parts} | {f"{n}.{i}" for n, last in parts.items() for i in range(1, last + 1)}
    assert {s for s in sections if "row" not in s} == kept
    assert {s for s in sections if "row" in s} == {f"12 row {n}" for n in range(1, 41)}


@pytest.mark.parametrize(("module", "title"), [("drive", "Drives"), ("stream_task", "Stream tasks")])
def test_transitions_have_the_letters_of_the_code(module, title):
    """In the drawing of the concepts page, and in the table below it, which says what they are."""
    page = (ROOT / "docs/concepts.md").read_text()
    chapter = re.search(rf"^## {title}\n.*?(?=^## )", page, re.M | re.S)
    drawn = importlib.import_module(f"bunraku.core.{module}").__doc__
    assert chapter
    assert drawn
    letters = set(re.findall(r"-([A-Z])-", drawn))
    assert len(letters) >= 5
    assert set(re.findall(r"─([A-Z])─", chapter[0])) == letters
    told = re.findall(r"^\| ([A-Z](?:, [A-Z])*) \|", chapter[0], re.M)
    assert set(", ".join(told).split(", ")) == letters


def contract_section(number: str) -> str:
    found = re.search(rf"^#+ {re.escape(number)}\.? .*?(?=^#|\Z)", CONTRACT.read_text(), re.M | re.S)
    assert found, number
    return found[0]


def cells(row: str) -> list[str]:
    return [cell.strip().strip("`") for cell in row.strip("|").split("|")]


def vectors(number: str) -> list[list[str]]:
    return [cells(row) for row in re.findall(r"^\|.*`[0-9a-f]{32,40}` \|$", contract_section(number), re.M)]


def test_vectors_in_the_contract_are_true():
    from bunraku.core.call_signature import sign
    from bunraku.core.callback_signature import sign as sign_callback

    calls, callbacks = vectors("3.3"), vectors("8.2")
    assert (len(calls), len(callbacks)) == (5, 4)
    for app_id, nonce, secret, timestamp, signature in calls:
        assert sign(app_id, nonce, secret, timestamp) == signature
    for secret, timestamp, nonce, signature in callbacks:
        assert sign_callback(secret, timestamp, nonce) == signature


def test_every_code_is_in_the_contract():
    written = set(re.findall(r"\b[14]0\d{7}\b", contract_section("4.1") + contract_section("4.2")))
    sent = {k.code for k in vars(errors).values() if isinstance(k, type) and issubclass(k, errors.ApiError)}
    assert {str(code) for code in sent} <= written


def test_every_setting_that_the_contract_names_exists():
    known = set(re.findall(r"^\| `([a-z0-9_.]+)` \|", (ROOT / "docs/settings.md").read_text(), re.M))
    groups = {name.split(".")[0] for name in known if "." in name}
    named = {
        name
        for name in re.findall(r"`([a-z]+\.[a-z0-9_]+)`", CONTRACT.read_text())
        if name.split(".")[0] in groups
    }
    assert len(named) > 8
    assert named - known <= missing_extensions()


def extensions() -> dict[str, str]:
    rows = re.findall(r"^\| (.+?) \| 13\.\d \| (yes|no) \|$", contract_section("13"), re.M)
    return {name.strip("`"): there for name, there in rows}


def missing_extensions() -> set[str]:
    return {name for name, there in extensions().items() if there == "no"}


def test_contract_says_truthfully_which_extensions_there_are():
    from bunraku.core.settings import CallbackSettings
    from bunraku.front.rpc import messages
    from bunraku.front.rpc.actions import ACTION_NAMES

    def fields(model) -> set[str]:
        return {field.alias for field in model.model_fields.values()}

    holders = {
        "ExtraConfig": fields(messages.ExtraConfig),
        "DriveByText": fields(messages.DriveByText),
        "DriveByAudio": fields(messages.DriveByAudio),
        "GetDriveStatus": fields(messages.DriveState),
        "callbacks": set(CallbackSettings.model_fields),
    }
    claimed = extensions()
    assert len(claimed) > 15
    for name, there in claimed.items():
        if name == "room message 2001":
            sources = (ROOT / "src/bunraku").rglob("*.py")
            found = any(re.search(r'"Cmd": 2001\b', source.read_text()) for source in sources)
        elif "." in name:
            holder, field = name.split(".")
            found = field in holders[holder]
        else:
            found = name in ACTION_NAMES
        assert there == ("yes" if found else "no"), f"docs/contract.md section 13: {name}"
    # What this release has beyond the vendor's fields is in the table.
    own = {f"ExtraConfig.{name}" for name in holders["ExtraConfig"]}
    assert own <= set(claimed)
