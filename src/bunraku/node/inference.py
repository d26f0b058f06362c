"""Opening ONNX models: on one thread each, for streams and sentences already fill the cores.

ONNX Runtime itself is loaded with the first model: 20 MB that a server without one does without.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


def run_options() -> Any:
    """Options of one run; setting ``terminate`` from another thread ends it, with an error."""
    import onnxruntime

    runtime: Any = onnxruntime
    return runtime.RunOptions()


def open_model(model: Path | bytes) -> Any:
    """A session of ONNX Runtime; it may be run from several threads. Raises what the runtime raises.

    The first call takes some 30 ms; a model as bytes is copied.
    """
    import onnxruntime

    runtime: Any = onnxruntime
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    source = model if isinstance(model, bytes) else str(model)
    return runtime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
