"""What becomes of a file when it is whole: it stays, or goes to S3."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bunraku.node.outputs.storage import Bucket, Place, Storage


@dataclass(frozen=True, slots=True)
class Keeping:
    """Blocking."""

    key: str
    bucket: Bucket | None

    @staticmethod
    def asked(storage: Storage, place: Place) -> dict[str, Any]:
        """What a worker must be told for ``of``."""
        bucket = storage.bucket
        told = None if bucket is None else {"url": bucket.url, "options": bucket.options}
        return {"folder": str(storage.folder(place).absolute()), "key": place.key, "bucket": told}

    @classmethod
    def of(cls, request: dict[str, Any]) -> Keeping:
        bucket = request["bucket"]
        return cls(request["key"], None if bucket is None else Bucket(**bucket))

    def keep(self, path: Path) -> None:
        """Raises ``StorageAway``; then the file is still in its folder."""
        if self.bucket is not None:
            self.bucket.put(path, f"{self.key}/{path.name}")
            path.unlink()
