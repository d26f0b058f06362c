"""Make docs/samples anew: ``make samples``. Each voice says a sentence, by ``bunraku render``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "docs/samples"
MOST = 400_000  # bytes in all
HELLO = "Good morning, and welcome. The next train to the city leaves at half past nine, from platform two."
SAMPLES = {
    "en-us-hazel": HELLO,
    "en-us-nora": HELLO,
    "en-us-miles": HELLO,
    "en-gb-edith": HELLO,
    "es-es-marisol": "Buenos días y bienvenidos. El próximo tren sale a las nueve y media, del andén número dos.",
    "it-it-chiara": "Buongiorno e benvenuti. Il prossimo treno parte alle nove e mezza, dal binario due.",
    "zh-cn-lan": "早上好，欢迎光临。下一班进城的火车九点半从二号站台出发。",
    "en-us-evan": HELLO,
    "en-us-grace": HELLO,
}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.opus"):
        old.unlink()
    for voice, text in SAMPLES.items():
        out = FOLDER / f"{voice}.opus"
        command = [
            sys.executable,
            "-m",
            "bunraku",
            "render",
            "--text",
            text,
            "--voice",
            voice,
            "-o",
            str(out),
        ]
        subprocess.run(command, check=True)
    size = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{len(SAMPLES)} files, {size} bytes")
    if size > MOST:
        sys.exit("too large for the repository")


if __name__ == "__main__":
    main()
