"""Write ``avatar.jpg`` of every built-in digital human into its pack: ``make portraits``."""

from __future__ import annotations

import sys

from bunraku.node.avatars.catalog import BUILT_IN
from bunraku.node.avatars.kinds import open_pack
from bunraku.node.avatars.preview import portrait

for folder in sorted(p for p in BUILT_IN.iterdir() if (p / "manifest.json").is_file()):
    path = folder / "avatar.jpg"
    portrait(open_pack(folder), path)
    sys.stdout.write(f"{folder.name}: {path.stat().st_size} bytes\n")
