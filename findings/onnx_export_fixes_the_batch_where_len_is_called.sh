#!/usr/bin/env bash
# torch 2.13.0: `torch.onnx.export(dynamo=True, dynamic_shapes=…)` of a module that calls `len(x)` on its input writes a
# graph with a fixed batch, and returns without an error. The same module with `x.shape[0]` gets the dynamic batch that
# was asked for. `torch.export.export` raises for `len(x)`; the ONNX exporter tries further ways of capture after that
# error, and one of them takes the size of the example as a constant. onnxruntime refuses other batches later:
# "Got: 5 Expected: 2". Look at the input's shape in the file, not at the exit of the exporter.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 onnx==1.23.2 onnxscript==0.7.2
cat > "$folder/batch.py" <<'PYTHON'
import contextlib
import io
import logging
import warnings

import onnx
import torch

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)


class ByLen(torch.nn.Module):
    def forward(self, x):
        return x.reshape(len(x), -1) * 2


class ByShape(torch.nn.Module):
    def forward(self, x):
        return x.reshape(x.shape[0], -1) * 2


found = {}
for module in (ByLen(), ByShape()):
    name = type(module).__name__
    shapes = ({0: torch.export.Dim("batch", min=1)},)
    try:
        torch.export.export(module, (torch.randn(2, 3, 4),), dynamic_shapes=shapes)
        raised = False
    except Exception:
        raised = True
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(module, (torch.randn(2, 3, 4),), "m.onnx", dynamo=True, dynamic_shapes=shapes)
    size = onnx.load("m.onnx").graph.input[0].type.tensor_type.shape.dim[0]
    found[name] = ("torch.export raises" if raised else "torch.export passes", size.dim_value or size.dim_param)
print("torch", torch.__version__, found)
assert found["ByLen"] == ("torch.export raises", 2), found
assert found["ByShape"][0] == "torch.export passes" and isinstance(found["ByShape"][1], str), found
PYTHON
(cd "$folder" && "$folder/venv/bin/python" batch.py)
