"""Write docs/openapi.json from the models; ``--check`` fails when it is stale."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bunraku.front.rpc.openapi import document

PAGE = Path(__file__).parents[1] / "docs" / "openapi.json"

if __name__ == "__main__":
    text = json.dumps(document(), indent=1, ensure_ascii=False) + "\n"
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.read_text() == text else "docs/openapi.json is stale")
    PAGE.write_text(text)
