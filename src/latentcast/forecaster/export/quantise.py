"""Weights of an ONNX graph in eight bits; the inputs of each product are measured as it runs (dynamic quantisation)."""

import logging
import tempfile
from pathlib import Path
from typing import Any

from latentcast.core.errors import MissingExtra


def quantised(proto: Any) -> Any:
    """The graph with the weights of its matrix products in eight bits, one scale for each column.

    Scaling, units and everything else stay as they are.
    """
    try:
        import onnx
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise MissingExtra("onnxruntime", "onnx", "quantise=int8") from error
    loud = logging.getLogger()  # the quantiser advises on the root logger
    level = loud.level
    loud.setLevel(logging.ERROR)
    try:
        with tempfile.TemporaryDirectory(prefix="latentcast-") as folder:
            file = Path(folder) / "int8.onnx"
            quantize_dynamic(
                proto, file, op_types_to_quantize=["MatMul"], per_channel=True, weight_type=QuantType.QInt8
            )
            return onnx.load(file)
    finally:
        loud.setLevel(level)
