"""Speaking rate and pitch for voices that cannot change their own."""

from __future__ import annotations

import av
import av.filter
import numpy as np

from bunraku.core.media import PCM, SAMPLE_RATE

SLOWEST = 0.5  # what one atempo filter can do


class Tempo:
    """Mono int16 at ``rate`` Hz in, at ``SAMPLE_RATE`` out, ``speed`` times as fast and with
    ``pitch`` times the fundamental (libavfilter: asetrate, then atempo, which keeps the pitch).

    The formants move with the pitch, as on a tape.
    """

    def __init__(self, rate: int, speed: float = 1.0, pitch: float = 1.0) -> None:
        self._rate, self._pts = rate, 0
        graph = av.filter.Graph()
        nodes = [
            graph.add(
                "abuffer",
                sample_rate=str(rate),
                sample_fmt="s16",
                channel_layout="mono",
                time_base=f"1/{rate}",
            )
        ]
        if abs(pitch - 1) > 0.005:
            nodes.append(graph.add("asetrate", str(round(rate * pitch))))
        nodes.append(graph.add("aresample", str(SAMPLE_RATE)))
        tempo = speed / pitch
        while abs(tempo - 1) > 0.005:
            step = max(SLOWEST, tempo)
            nodes.append(graph.add("atempo", f"{step:.4f}"))
            tempo /= step
        nodes.append(graph.add("aformat", "sample_fmts=s16:channel_layouts=mono"))
        nodes.append(graph.add("abuffersink"))
        graph.link_nodes(*nodes).configure()
        self._graph = graph

    def push(self, samples: PCM) -> PCM:
        if samples.size == 0:
            return samples
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), "s16", "mono")
        frame.sample_rate = self._rate
        frame.pts = self._pts
        self._pts += samples.size
        self._graph.push(frame)
        return self._pull()

    def flush(self) -> PCM:
        """What the filters still hold. Nothing may be pushed afterwards."""
        if self._pts == 0:
            return np.zeros(0, np.int16)
        self._graph.push(None)
        return self._pull()

    def _pull(self) -> PCM:
        out: list[PCM] = []
        while True:
            try:
                frame = self._graph.pull()
            except (BlockingIOError, EOFError):
                break
            assert isinstance(frame, av.AudioFrame)
            out.append(frame.to_ndarray().reshape(-1).astype(np.int16, copy=False))
        return np.concatenate(out) if out else np.zeros(0, np.int16)
