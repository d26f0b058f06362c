"""What every section of the settings is: closed, frozen, and able to read its secrets from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


def from_files(model: type[BaseModel], given: Any) -> Any:
    """Secrets may be in files: ``NAME_file`` names the one that holds the setting ``NAME``.

    Raises ``ValueError``, which names the setting and never its content.
    """
    if not isinstance(given, dict):
        return given
    values: dict[str, Any] = dict(given)  # type: ignore[arg-type]
    for name, field in model.model_fields.items():
        if field.repr or (path := values.pop(f"{name}_file", None)) is None:
            continue
        if values.get(name) is not None:
            raise ValueError(f"{name}_file: {name} is given too")
        try:
            values[name] = Path(str(path)).read_text("utf-8").strip()
        except UnicodeDecodeError:
            raise ValueError(f"{name}_file: is not text") from None
        except OSError as error:
            raise ValueError(f"{name}_file: {(error.strerror or 'cannot be read').lower()}") from None
    return values


class Section(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _from_files(cls, given: Any) -> Any:
        return from_files(cls, given)
