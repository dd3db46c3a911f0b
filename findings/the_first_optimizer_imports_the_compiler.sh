#!/usr/bin/env bash
# torch 2.13.0: the first torch.optim.SGD(...) of a process imports all of torch._dynamo, more than 500 modules, though
# nothing is compiled. Methods of every optimizer are wrapped so that the compiler leaves them alone, and the wrapper
# imports the compiler when the first optimizer is made.
# A reader would expect an eager optimizer to import nothing. Seen: 828 modules, 1.3 s (`import torch` itself 1.2 s).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
cat > "$folder/check.py" <<'PY'
import sys
import time

began = time.perf_counter()
import torch

imported = time.perf_counter() - began
assert "torch._dynamo" not in sys.modules
weights, before, began = [torch.zeros(3, requires_grad=True)], len(sys.modules), time.perf_counter()
torch.optim.SGD(weights, lr=0.1)
first, more = time.perf_counter() - began, len(sys.modules) - before
began = time.perf_counter()
torch.optim.SGD(weights, lr=0.1)
second = time.perf_counter() - began
print(torch.__version__, f"import torch {imported:.2f} s; first SGD {first:.2f} s, {more} modules; second {second:.6f} s")
assert torch.__version__.startswith("2.13.0")
assert "torch._dynamo" in sys.modules and more > 500 and first > 100 * second
PY
"$folder/venv/bin/python" "$folder/check.py"
