"""A piper voice made here."""

from __future__ import annotations

import json

import numpy as np
import onnx
from onnx import TensorProto, helper

from bunraku.node.speech.piper import VoiceConfig


def tiny_voice(folder, name="en_GB-tiny-low", speakers=1):
    """A voice of a few bytes: every phoneme id becomes 800 samples of a vowel, as long as asked.

    A vowel: pulses of a throat, 125 a second, each of which a mouth lets ring at 600 Hz. Its peaks stand
    out of its loudness as those of speech do.
    """
    t = np.arange(800) % 128
    vowel = 0.5 * np.exp(-t / 40) * np.sin(2 * np.pi * 600 * t / 16000) / 0.8
    repeat = helper.make_tensor("ramp", TensorProto.FLOAT, [1, 1, 800], vowel.tolist())
    nodes = [
        helper.make_node("Cast", ["input"], ["ids"], to=TensorProto.FLOAT),
        helper.make_node("Slice", ["scales", "one", "two"], ["length"]),
        helper.make_node("Mul", ["ids", "length"], ["stretched"]),
        helper.make_node("Sign", ["stretched"], ["present"]),
        helper.make_node("Unsqueeze", ["present", "axis"], ["columns"]),
        helper.make_node("Mul", ["columns", "ramp"], ["rows"]),
        helper.make_node("Reshape", ["rows", "shape"], ["output"]),
    ]
    constants = [
        repeat,
        helper.make_tensor("one", TensorProto.INT64, [1], [1]),
        helper.make_tensor("two", TensorProto.INT64, [1], [2]),
        helper.make_tensor("axis", TensorProto.INT64, [1], [2]),
        helper.make_tensor("shape", TensorProto.INT64, [4], [1, 1, 1, -1]),
    ]
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, [1, "n"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    if speakers > 1:
        inputs.append(helper.make_tensor_value_info("sid", TensorProto.INT64, [1]))
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 1, "t"])]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(folder / f"{name}.onnx"))
    config = {
        "audio": {"sample_rate": 16000, "quality": "x_low"},
        "espeak": {"voice": "en-gb"},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "language": {"code": "en_GB"},
        "num_speakers": speakers,
        "speaker_id_map": {"ada": 0, "bob": 1} if speakers > 1 else {},
        "phoneme_id_map": {"_": [0], "^": [1], "$": [2], "h": [3], "ə": [4], "l": [5], "ʊ": [6], ".": [7]},
    }
    (folder / f"{name}.onnx.json").write_text(json.dumps(config))
    return VoiceConfig.model_validate(config)
