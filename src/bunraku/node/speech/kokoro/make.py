"""Makes what the voices need, once: ``python -m bunraku.node.speech.kokoro.make FOLDER``.

Every file is written beside its place and moved there when it is whole, and one process makes at
a time while others wait for it; so it may be stopped and started again anywhere. Sizes and hashes of
what was made are written last; what has changed since is made again.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bunraku.node.packaged import LOCK, SCRATCH, alone, digest
from bunraku.node.speech.kokoro import weights
from bunraku.node.speech.kokoro.alphabet import encode
from bunraku.node.speech.kokoro.cast import CAST, REHEARSED, CastMember
from bunraku.node.speech.kokoro.model import (
    ENERGY,
    PITCH,
    TEXT,
    Decoder,
    Plan,
    ProsodyNet,
    Usual,
    load_style,
)
from bunraku.node.speech.kokoro.selftest import MADE, works

NEW = ".new"
"""Ends the names of files that are being written."""

FORMAT = 1
"""Of the folder: counted up when what is made changes."""

REHEARSAL = 1  # which rehearsed sentence the self-test says a piece of
TEST_FRAMES = (20, 44)


def folder_of(data_dir: Path) -> Path:
    return data_dir / f"kokoro-{FORMAT}"


def is_made(folder: Path, styles: Iterable[str] = ()) -> bool:
    """Whether what these voices need is there; without ``styles``, whether any voice is."""
    return (folder / MADE).is_file() and all((folder / "usual" / f"{s}.npy").is_file() for s in styles)


def damaged(folder: Path, *, thorough: bool = False) -> list[str]:
    """Files that are not as they were made, by size, or by content when ``thorough``."""
    try:
        made = json.loads((folder / MADE).read_text())
    except (OSError, ValueError):
        return []
    out: list[str] = []
    for name, (size, known) in made.get("files", {}).items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size or (thorough and digest(path) != known):
            out.append(name)
    return out


class VoiceMaker:
    """``step`` is told what is being done, and how much of all of it is, from 0 to 1. ``voices`` names
    the styles that are wanted; all are when it is empty."""

    def __init__(
        self,
        folder: Path,
        model: Path | None,
        styles: Path | None,
        step: Callable[[str, float], None],
        voices: Iterable[str] = (),
    ) -> None:
        wanted = frozenset(voices)
        self._cast = [m for m in CAST if not wanted or m.style in wanted]
        self._folder, self._model, self._styles, self._step = folder, model, styles, step

    def _put(self, name: str, write: Callable[[Path], object]) -> None:
        """Write a file unless it is there."""
        target = self._folder / name
        if target.exists():
            return
        target.parent.mkdir(exist_ok=True)
        partial = target.with_name(target.name + NEW)
        try:
            write(partial)
            with partial.open("rb") as file:  # a name must not outlive a power cut without its bytes
                os.fsync(file.fileno())
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)

    def make(self, *, shipped: bool = False) -> None:
        """Everything. ``shipped`` forbids the requantised decoder. Raises ``WeightsMissing``."""
        with alone(self._folder):
            self._tidy()
            made = json.loads((self._folder / MADE).read_text()) if is_made(self._folder) else {}
            # What does not work on this processor is not made again when a voice is added.
            shipped = shipped or made.get("decoder") == "shipped"
            right = made.get("decoder") == ("shipped" if shipped else "requantised")
            if right and is_made(self._folder, [m.style for m in self._cast]):
                return
            self._step("dictionary", 0.0)
            self._put("words.sqlite", weights.write_dictionary)
            self._step("styles", 0.05)
            missing = [m for m in self._cast if not (self._folder / "styles" / f"{m.style}.bin").exists()]
            if missing:
                with weights.styles(self._styles, self._folder) as find:
                    for member in missing:
                        self._put(
                            f"styles/{member.style}.bin", lambda p, m=member: p.write_bytes(find(m.style))
                        )
            for tarball in self._folder.glob("*.tgz"):
                tarball.unlink()
            self._step("model", 0.15)
            self._cut(shipped)

    def _tidy(self) -> None:
        """Away with what a killed process left, and with what is not as it was made."""
        for name in damaged(self._folder, thorough=True):
            (self._folder / name).unlink(missing_ok=True)
            (self._folder / MADE).unlink(missing_ok=True)
        for left in self._folder.rglob("*" + NEW):
            left.unlink()
        for left in self._folder.glob(SCRATCH + "*"):
            shutil.rmtree(left, ignore_errors=True)
        try:
            json.loads((self._folder / MADE).read_text())
        except (OSError, ValueError):
            (self._folder / MADE).unlink(missing_ok=True)

    def _files(self) -> dict[str, tuple[int, str]]:
        found = [
            p
            for p in self._folder.rglob("*")
            if p.is_file() and p.name not in (MADE, LOCK) and p.suffix != ".part"
        ]
        return {str(p.relative_to(self._folder)): (p.stat().st_size, digest(p)) for p in found}

    def _cut(self, shipped: bool) -> None:
        import onnx

        from bunraku.node.speech.kokoro import requantise

        whole = onnx.load_from_string(weights.model(self._model))
        prosody, plain = requantise.split(whole)
        self._put("prosody.onnx", lambda p: p.write_bytes(prosody.SerializeToString()))
        voice = ProsodyNet(self._folder / "prosody.onnx")
        piece = _stretch(self._plans(voice, self._cast[0])[REHEARSAL], *TEST_FRAMES)
        channels = [mean.size for mean in requantise.observer(plain)(_feed(piece))[0]]

        def opened(decoder: Any) -> bytes:
            copy = onnx.ModelProto()
            copy.CopyFrom(decoder)
            requantise.open_up(copy, channels)
            return copy.SerializeToString()

        chosen, kind, closed = opened(plain), "shipped", plain
        right = Decoder(chosen, sum(channels)).sound(piece, None, 0, piece.length)
        test = {k: getattr(piece, k) for k in ("text", "pitch", "energy", "style")} | {"sound": right}
        self._put("test.npz", lambda p: _save(p, test))
        if not shipped:
            self._step("requantising", 0.2)
            requantise.float_convolutions(whole)
            _, decoder = requantise.split(whole)
            requantise.quantise(decoder, requantise.ranges())
            fast = opened(decoder)
            if works(Decoder(fast, sum(channels)), test):
                chosen, kind, closed = fast, "requantised", decoder
        observe = requantise.observer(closed)
        for number, member in enumerate(self._cast):
            self._step(f"voice {member.style}", 0.3 + 0.7 * number / len(self._cast))
            plans = self._plans(voice, member)

            def rehearse(path: Path, plans: list[Plan] = plans) -> None:
                seen = [observe(_feed(p)) for p in plans]
                means = np.array([np.concatenate(m) for m, _ in seen])
                variances = np.array([np.concatenate(v) for _, v in seen])
                Usual.fit(np.array([p.shares for p in plans]), means, variances).save(path)

            self._put(f"usual/{member.style}.npy", rehearse)
        (self._folder / MADE).unlink(missing_ok=True)
        self._put(f"decoder-{kind}.onnx", lambda p: p.write_bytes(chosen))
        made = {"decoder": kind, "channels": sum(channels), "files": self._files()}
        self._put(MADE, lambda p: p.write_text(json.dumps(made)))
        self._step("done", 1.0)

    def _plans(self, voice: ProsodyNet, member: CastMember) -> list[Plan]:
        style = load_style(self._folder / "styles" / f"{member.style}.bin")
        texts = REHEARSED.get(member.timbre.language, REHEARSED["es-ES"])
        return [voice.plan(encode(text), style, 1.0) for text in texts]


def _stretch(plan: Plan, first: int, last: int) -> Plan:
    return replace(
        plan,
        text=plan.text[..., first:last],
        pitch=plan.pitch[:, 2 * first : 2 * last],
        energy=plan.energy[:, 2 * first : 2 * last],
    )


def _feed(plan: Plan) -> dict[str, Any]:
    return {TEXT: plan.text, PITCH: plan.pitch, ENERGY: plan.energy, "style": plan.style}


def _save(path: Path, arrays: dict[str, Any]) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)


def main() -> None:
    import click

    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--styles", type=Path)
    parser.add_argument("--shipped", action="store_true")
    parser.add_argument("--voices", nargs="*", default=(), metavar="STYLE")
    arguments = parser.parse_args()
    with click.progressbar(
        length=100, label="voices", file=sys.stderr, item_show_func=str, hidden=not sys.stderr.isatty()
    ) as bar:

        def step(what: str, done: float) -> None:
            bar.update(round(100 * done) - bar.pos, what)
            if not sys.stderr.isatty():
                print(f"{what} {done:.0%}", flush=True)  # noqa: T201

        try:
            maker = VoiceMaker(arguments.folder, arguments.model, arguments.styles, step, arguments.voices)
            maker.make(shipped=arguments.shipped)
        except weights.WeightsMissing as error:
            raise SystemExit(f"\n{error}") from error


if __name__ == "__main__":
    main()
