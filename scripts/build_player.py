"""Join the player's modules into one script that defines the global ``ZegoExpressEngine``.

The modules are small and share no top-level name, so joining them in the order of their imports is
enough: no bundler is needed. A test fails when the result is stale.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

PLAYER = Path(__file__).parents[1] / "web" / "player"
ORDER = (
    "errors", "events", "server", "media", "room", "transparent",
    "draw/bundle", "draw/lens", "draw/warp", "draw/gl", "draw/plates", "draw/limbs", "draw/renderer",
    "draw/states", "draw/time", "draw/faces", "draw/figure",
    "view", "playing", "engine",
)  # fmt: skip
OUT = PLAYER / "zego-express-engine.umd.cjs"
HEAD = """// Made from src/ by scripts/build_player.py: do not edit.
(function (root, factory) {
  const made = factory(typeof document === 'undefined' ? null : document.currentScript);
  if (typeof module === 'object' && module.exports) module.exports = made;
  else if (typeof define === 'function' && define.amd) define([], () => made);
  else root.ZegoExpressEngine = made.ZegoExpressEngine;
})(typeof globalThis === 'undefined' ? this : globalThis, (script) => {
'use strict';
"""


def bundle() -> str:
    parts = [HEAD]
    for name in ORDER:
        text = (PLAYER / "src" / f"{name}.js").read_text("utf-8")
        text = re.sub(r"^import [^;]*;\n", "", text, flags=re.M)
        text = re.sub(r"^export ", "", text, flags=re.M)
        text = text.replace("import.meta.url", "(script && script.src) || ''")
        parts.append(text)
    parts.append("return { ZegoExpressEngine, default: { ZegoExpressEngine } };\n});\n")
    return "\n".join(parts)


if __name__ == "__main__":
    OUT.write_text(bundle(), "utf-8")
    sys.stdout.write(f"{OUT.name}: {OUT.stat().st_size} bytes\n")
