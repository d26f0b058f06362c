"""The lip net: visemes of live sound (``docs/lip-net.md`` is its model card).

A small recurrent net, run by ONNX Runtime on one thread. One step is 20 ms of sound; the state
carries everything it remembers, so that streams can be batched and cost the same at any age.
"""

from __future__ import annotations

import json
from concurrent.futures import Future
from functools import cache
from importlib import resources
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import numpy.typing as npt

from bunraku.node.inference import open_model

F32 = npt.NDArray[np.float32]
LOOK_AHEAD = (0, 2, 4)
"""Steps of 20 ms that each head of the output has heard beyond the step it speaks of."""

LAYERS, HIDDEN = 2, 176


class LipNet:
    """The model. Holds no stream: ``step`` takes and gives the state."""

    def __init__(self, path: Path | None = None) -> None:
        data = (
            path.read_bytes()
            if path is not None
            else resources.files("bunraku.node.lipsync").joinpath("lipnet.onnx").read_bytes()
        )
        self._session: Any = open_model(data)
        about = self._session.get_modelmeta().custom_metadata_map
        self.prior: F32 = np.array(json.loads(about["prior"]), np.float32)

    def begin(self) -> F32:
        """The state of a stream that has heard nothing, shape (LAYERS, 1, HIDDEN)."""
        return np.zeros((LAYERS, 1, HIDDEN), np.float32)

    def step(self, x: F32, state: F32) -> tuple[F32, F32]:
        """``x`` (batch, steps, INPUT) to probabilities (batch, steps, heads, visemes), and the state."""
        p, after = self._session.run(None, {"x": x, "state": state})
        return p, after


@cache
def _loading() -> Future[LipNet]:
    """The packaged net, loaded once; ONNX Runtime sessions may be run from several threads."""
    net: Future[LipNet] = Future()

    def load() -> None:
        try:
            net.set_result(LipNet())
        except Exception as error:
            net.set_exception(error)

    Thread(target=load, name="lip net", daemon=True).start()
    return net


def shared() -> LipNet:
    """The packaged net, waited for: call it off the event loop. Raises what loading raised."""
    return _loading().result()


def ready() -> LipNet | None:
    """The packaged net, or None while it loads, which the first call begins and takes some 30 ms.

    Raises what loading raised.
    """
    net = _loading()
    return net.result() if net.done() else None
