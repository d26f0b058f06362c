"""Making the model fast, once: it is cut in two, and its decoder is quantised anew.

As shipped, every convolution measures its input's range while it runs, which costs as much as the
convolution. Here the ranges are measured once, over a few sentences of several voices, and written
into the graph (``QLinearConv``: unsigned activations, signed weights with a scale per channel).

The cut is where the model knows how long each sound lasts and how it is pitched, but has made no
sound yet. The front half, ``prosody``, reads a whole sentence; the back half, ``decoder``, may be
given any stretch of it, so that the first sound need not wait for the last.

Needs the package ``onnx``; runs in a process of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from importlib import resources
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from bunraku.node.inference import open_model
from bunraku.node.speech.kokoro.model import ENERGY, F32, PITCH, TEXT

# Names in the export that the package ships.
FRAMES = "/encoder/Gather_output_0"
SOUND = "audio"
_PERCENTILES = (0.005, 99.995)
_SAMPLED = 2000  # values along time that a range is taken from
_TOGETHER = 16  # tensors looked at in one run: each may have a hundred million values


def float_convolutions(model: Any) -> None:
    """Replace each ``DynamicQuantizeLinear``, ``ConvInteger`` and their rescaling by one ``Conv``."""
    graph = model.graph
    constants = {i.name: i for i in graph.initializer}
    made = {o: n for n in graph.node for o in n.output}
    used: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            used.setdefault(name, []).append(node)
    replaced: dict[str, Any] = {}
    gone: set[str] = set()

    def values(name: str) -> F32:
        return numpy_helper.to_array(constants[name]).astype(np.float32)

    for node in graph.node:
        if node.op_type != "ConvInteger":
            continue
        weights, zero = values(node.input[1]), values(node.input[3])
        bias: list[str] = []
        gone.add(node.name)
        after = used[node.output[0]][0]
        if after.op_type == "Add":  # the bias, quantised from floats that the graph still holds
            source = made[after.input[1]]
            while source.op_type != "Div":
                source = made[source.input[0]]
            bias = [source.input[0]]
            gone.add(after.name)
            after = used[after.output[0]][0]
        gone.add(after.name)  # Cast
        product = used[after.output[0]][0]
        scale_name = next(i for i in made[product.input[1]].input if i in constants)
        scale = values(scale_name)
        across = [-1] + [1] * (weights.ndim - 1)
        weights = (weights - (zero.reshape(across) if zero.ndim else zero)) * (
            scale.reshape(across) if scale.ndim else scale
        )
        name = node.name + "_weights"
        graph.initializer.append(numpy_helper.from_array(weights.astype(np.float32), name))
        source = made[node.input[0]].input[0]
        conv = helper.make_node("Conv", [source, name, *bias], [product.output[0]], name=node.name + "_float")
        conv.attribute.extend(node.attribute)
        replaced[product.name] = conv
    nodes = [replaced.get(n.name, n) for n in graph.node if n.name not in gone]
    del graph.node[:]
    graph.node.extend(nodes)


def cut(model: Any, inputs: list[Any], outputs: list[Any]) -> Any:
    """The part of ``model`` between these values, as a model of its own."""
    given = {i.name for i in inputs}
    needed = {o.name for o in outputs}
    kept: list[Any] = []
    for node in reversed(model.graph.node):
        if any(o in needed and o not in given for o in node.output):
            kept.append(node)
            needed.update(node.input)
    constants = [i for i in model.graph.initializer if i.name in needed]
    graph = helper.make_graph(kept[::-1], "kokoro", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def split(model: Any) -> tuple[Any, Any]:
    """The two halves: ``prosody`` (tokens, style, speed to frames, text, pitch, energy) and
    ``decoder`` (text, pitch, energy, style to sound)."""

    def value(name: str, kind: int, *shape: Any) -> Any:
        return helper.make_tensor_value_info(name, kind, shape)

    real = TensorProto.FLOAT
    between = [
        value(TEXT, real, 1, 512, "frames"),
        value(PITCH, real, 1, "halves"),
        value(ENERGY, real, 1, "halves"),
    ]
    tokens, style, speed = model.graph.input
    frames = value(FRAMES, TensorProto.INT64, "tokens")
    prosody = cut(model, [tokens, style, speed], [frames, *between])
    decoder = cut(model, [*between, style], [value(SOUND, real, "samples")])
    return prosody, decoder


def _convolutions(decoder: Any) -> list[Any]:
    """Those that are quantised: all but the last, whose output is the spectrum itself."""
    return [n for n in decoder.graph.node if n.op_type == "Conv" and "conv_post" not in n.name]


def measure(decoder: Any, feeds: Iterable[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    """Range of every value that goes into or comes out of a convolution."""
    names = sorted({name for n in _convolutions(decoder) for name in (n.input[0], n.output[0])})
    ranges: dict[str, tuple[float, float]] = {}
    kept = list(feeds)
    for some in _batches(names):
        watched = onnx.ModelProto()
        watched.CopyFrom(decoder)
        watched.graph.output.extend(helper.make_empty_tensor_value_info(n) for n in some)
        options: Any = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        session: Any = onnxruntime.InferenceSession(
            watched.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        for feed in kept:
            for name, found in zip(some, session.run(some, feed), strict=True):
                thin = found[..., :: max(1, found.shape[-1] // _SAMPLED)]
                low, high = np.percentile(thin, _PERCENTILES)
                before = ranges.get(name, (0.0, 0.0))
                ranges[name] = (min(before[0], float(low)), max(before[1], float(high)))
    return ranges


def ranges() -> dict[str, tuple[float, float]]:
    """As ``studio/voices/ranges.py`` measured them once."""
    text = resources.files(__package__ or "").joinpath("ranges.json").read_text("utf-8")
    return {name: (low, high) for name, (low, high) in json.loads(text).items()}


def _batches(names: list[str]) -> Iterator[list[str]]:
    for i in range(0, len(names), _TOGETHER):
        yield names[i : i + _TOGETHER]


def _scale(low: float, high: float) -> tuple[np.float32, np.uint8]:
    step = (max(high, 0.0) - min(low, 0.0)) / 255 or 1e-8
    return np.float32(step), np.uint8(np.clip(round(-min(low, 0.0) / step), 0, 255))


def quantise(decoder: Any, ranges: dict[str, tuple[float, float]]) -> None:
    """Turn the decoder's convolutions into integer ones with the given ranges."""
    graph = decoder.graph
    constants = {i.name: i for i in graph.initializer}
    chosen = {n.name for n in _convolutions(decoder)}
    nodes: list[Any] = []
    added: list[Any] = []
    for node in graph.node:
        if node.name not in chosen:
            nodes.append(node)
            continue
        name = node.name

        def constant(value: Any, suffix: str, name: str = node.name) -> str:
            added.append(numpy_helper.from_array(np.asarray(value), name + suffix))
            return name + suffix

        weights = numpy_helper.to_array(constants[node.input[1]])
        in_scale, in_zero = _scale(*ranges[node.input[0]])
        out_scale, out_zero = _scale(*ranges[node.output[0]])
        per_channel = np.abs(weights).reshape(len(weights), -1).max(1) / 127
        scale = per_channel.clip(1e-9).astype(np.float32)
        whole = np.round(weights / scale.reshape([-1] + [1] * (weights.ndim - 1))).clip(-127, 127)
        in_s, in_z = constant(in_scale, ".in_scale"), constant(in_zero, ".in_zero")
        out_s, out_z = constant(out_scale, ".out_scale"), constant(out_zero, ".out_zero")
        inputs = [
            name + ".in",
            in_s,
            in_z,
            constant(whole.astype(np.int8), ".weights"),
            constant(scale, ".scale"),
            constant(np.zeros(len(scale), np.int8), ".zero"),
            out_s,
            out_z,
        ]
        if len(node.input) > 2:
            bias = numpy_helper.to_array(constants[node.input[2]]) / (in_scale * scale)
            # Dead channels have a scale of almost nothing, and would overflow.
            inputs.append(constant(np.round(bias).clip(-(2**30), 2**30).astype(np.int32), ".bias"))
        conv = helper.make_node("QLinearConv", inputs, [name + ".out"], name=name + "_int8")
        conv.attribute.extend(node.attribute)
        nodes += [
            helper.make_node("QuantizeLinear", [node.input[0], in_s, in_z], [name + ".in"], name=name + "_q"),
            conv,
            helper.make_node(
                "DequantizeLinear", [name + ".out", out_s, out_z], [node.output[0]], name=name + "_d"
            ),
        ]
    del graph.node[:]
    graph.node.extend(nodes)
    used = {i for n in nodes for i in n.input}
    kept = [i for i in [*graph.initializer, *added] if i.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _norms(decoder: Any) -> list[tuple[Any, Any]]:
    """Nodes of each instance normalisation: those that take the mean, and mean square deviation."""
    used: dict[str, list[Any]] = {}
    for node in decoder.graph.node:
        for name in node.input:
            used.setdefault(name, []).append(node)
    found: list[tuple[Any, Any]] = []
    for node in decoder.graph.node:
        if node.op_type == "ReduceMean" and used[node.output[0]][0].op_type == "Sub":
            centred = used[node.output[0]][0].output[0]
            square = next(n for n in used[centred] if n.op_type == "Mul")
            found.append((node, used[square.output[0]][0]))
    return found


def observer(decoder: Any) -> Callable[[dict[str, Any]], tuple[list[F32], list[F32]]]:
    """A function from a feed to the means and variances that the instance normalisations measure."""
    watched = onnx.ModelProto()
    watched.CopyFrom(decoder)
    names = [n.output[0] for pair in _norms(decoder) for n in pair]
    watched.graph.output.extend(helper.make_empty_tensor_value_info(n) for n in names)
    session: Any = open_model(watched.SerializeToString())

    def observe(feed: dict[str, Any]) -> tuple[list[F32], list[F32]]:
        values = [np.asarray(v, np.float32).reshape(-1) for v in session.run(names, feed)]
        return values[::2], values[1::2]

    return observe


def open_up(decoder: Any, channels: list[int]) -> None:
    """Make the decoder fit for stretches of a sentence. Adds the inputs

    - ``means`` and ``variances`` (1, channels, 1) and ``own`` (1): each instance normalisation uses
      ``own`` times what it measures of the stretch, plus the given values. A whole sentence has 1
      and zeros, which is the model as it was; a stretch has 0 and what is usual in the sentence.
    - ``phase`` (1, 1, 9): where the harmonics are when the stretch begins, in cycles by sample of
      a half frame, so that the waves of two stretches meet.
    """
    graph = decoder.graph
    norms = _norms(decoder)
    extra: list[Any] = [numpy_helper.from_array(np.array(channels, np.int64), "channels")]
    blended: dict[str, list[Any]] = {}
    for k, pair in enumerate(norms):
        for node, kind in zip(pair, ("mean", "variance"), strict=True):
            out = node.output[0]
            node.output[0] = f"{kind}.{k}.measured"
            blended[node.name] = [
                helper.make_node("Mul", [node.output[0], "own"], [f"{kind}.{k}.own"], name=f"{kind}.{k}_own"),
                helper.make_node("Add", [f"{kind}.{k}.own", f"{kind}.{k}"], [out], name=f"{kind}.{k}_sum"),
            ]
    nodes = [
        helper.make_node(
            "Split", [f"{kind}s", "channels"], [f"{kind}.{k}" for k in range(len(norms))], axis=1, name=kind
        )
        for kind in ("mean", "variance")
    ]
    for node in graph.node:
        nodes.append(node)
        nodes.extend(blended.get(node.name, []))
        if node.op_type == "CumSum":
            out = node.output[0]
            node.output[0] = "phase.own"
            nodes.append(helper.make_node("Add", ["phase.own", "phase"], [out], name="phase_sum"))
    real = TensorProto.FLOAT
    graph.input.extend(
        [
            helper.make_tensor_value_info("means", real, [1, sum(channels), 1]),
            helper.make_tensor_value_info("variances", real, [1, sum(channels), 1]),
            helper.make_tensor_value_info("own", real, [1]),
            helper.make_tensor_value_info("phase", real, [1, 1, 9]),
        ]
    )
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(extra)
