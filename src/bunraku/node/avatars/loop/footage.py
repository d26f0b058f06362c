"""The footage as one figure sees it: frames of its own size, decoded ahead of need.

A ring of ``RING`` pictures is all that is ever decoded of the file. One thread per figure fills it, a
few frames ahead of the one that was last asked for; it ends by itself when nothing is asked for
``IDLE_S``, and with the figure. A frame that is not there yet is decoded by who asks: it is one frame
of work, not a wait for a queue, because every frame stands alone.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import weakref
from collections.abc import Callable

import numpy as np

from bunraku.node.avatars.loop.proxy import FrameDecoder, FrameUnreadable, Planes, Proxy
from bunraku.node.avatars.loop.view import Crop

log = logging.getLogger(__name__)

RING = 5
"""Pictures of the figure's size that are held: 1.4 MB each at 720 x 1280."""

IDLE_S = 5.0

Orders = queue.SimpleQueue[int | None]
"""Ticks that were asked for; None ends the thread. Its ``put`` may be called by a finalizer."""


class _Ring:
    """What a figure and its thread share; the thread keeps this alive, never the figure."""

    def __init__(self, proxy: Proxy, crop: Crop, frame_at: Callable[[int], int]) -> None:
        self.decoder, self.crop, self.frame_at = FrameDecoder(proxy), crop, frame_at
        self.lock = threading.Lock()
        """Of everything here, but for what is read of the slot that was asked for."""
        w, h = crop.width, crop.height
        self.slots = [
            Planes(
                np.full((h, w), 16, np.uint8),
                np.full((h // 2, w // 2), 128, np.uint8),
                np.full((h // 2, w // 2), 128, np.uint8),
            )
            for _ in range(RING)
        ]
        self.ticks: list[int | None] = [None] * RING
        self._wanted = 0
        """The tick that was last asked for: its slot is being read."""
        self._told = False

    def now(self, tick: int) -> Planes:
        """The frame of a tick, decoded now unless it is there."""
        with self.lock:
            self._wanted = tick
            return self._fill(tick)

    def ahead(self, tick: int) -> None:
        """Decode the frame of a tick unless it would take the place of what is read."""
        with self.lock:
            if self._wanted < tick < self._wanted + RING:
                self._fill(tick)

    def _fill(self, tick: int) -> Planes:
        slot = tick % RING
        if self.ticks[slot] != tick:
            # Not valid while it is written: who is interrupted here leaves no half of a frame.
            self.ticks[slot] = None
            try:
                self.crop.take(self.decoder.decode(self.frame_at(tick)), self.slots[slot])
            except FrameUnreadable as error:
                # The frame before it stands still for a picture; it is in the slot before.
                for mine, other in zip(self.slots[slot], self.slots[(tick - 1) % RING], strict=True):
                    mine[:] = other
                if not self._told:
                    log.warning("%s", error)
                    self._told = True
            self.ticks[slot] = tick
        return self.slots[slot]


def _fill_ahead(ring: _Ring, orders: Orders) -> None:
    while True:
        try:
            tick = orders.get(timeout=IDLE_S)
            # Of several that wait only the last is news.
            while not orders.empty():
                later = orders.get_nowait()
                tick = None if tick is None else later
        except queue.Empty:
            return
        if tick is None:
            return
        for ahead in range(1, RING):
            if not orders.empty():
                break
            ring.ahead(tick + ahead)


class Footage:
    """Of one figure and used by one thread at a time. ``close``, or its end, ends its thread."""

    def __init__(self, proxy: Proxy, crop: Crop, frame_at: Callable[[int], int]) -> None:
        """Raises ``DigitalHumanBroken``."""
        self._ring = _Ring(proxy, crop, frame_at)
        self._orders: Orders = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._end = weakref.finalize(self, self._orders.put, None)

    def at(self, tick: int) -> Planes:
        """The frame of a tick, valid until the next call. Never waits for more than one frame's work."""
        planes = self._ring.now(tick)
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=_fill_ahead, args=(self._ring, self._orders), name="loop-footage", daemon=True
            )
            with contextlib.suppress(RuntimeError):  # no more threads: then each frame is decoded when due
                self._thread.start()
        self._orders.put(tick)
        return planes

    @property
    def nbytes(self) -> int:
        """Of all that is decoded."""
        return sum(plane.nbytes for slot in self._ring.slots for plane in slot)

    def prove(self, ticks: tuple[int, ...]) -> None:
        """Decode frames for nobody. Raises ``FrameUnreadable``."""
        with self._ring.lock:
            for tick in ticks:
                self._ring.decoder.decode(self._ring.frame_at(tick))
