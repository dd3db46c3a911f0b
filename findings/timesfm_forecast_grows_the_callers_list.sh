#!/usr/bin/env bash
# timesfm 3.0.2, the classes of TimesFM 2.5: `forecast` fills its last batch by appending to the list that the caller
# passed. With `per_core_batch_size=4`, a list of one series has four afterwards (three of zeros). The second call with
# the same list returns four forecasts; a program that zips its own names with the forecasts sees only the first call
# right. The returned arrays of the first call have one row, so that nothing shows. Pass a copy: `inputs=[*series]`.
# Weights are random here: none are downloaded.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 timesfm==3.0.2
cat > "$folder/twice.py" <<'PYTHON'
from importlib.metadata import version

import numpy as np
from timesfm import ForecastConfig, TimesFM_2p5_200M_torch

model = TimesFM_2p5_200M_torch(torch_compile=False)
model.compile(ForecastConfig(max_context=64, max_horizon=128, per_core_batch_size=4))
series = [np.sin(np.arange(40.0))]
rows = []
for _ in range(2):
    point, _ = model.forecast(horizon=4, inputs=series)
    rows.append(point.shape[0])
print("timesfm", version("timesfm"), "forecasts of the first and second call:", rows, "series in the list:", len(series))
assert rows == [1, 4], rows
assert len(series) == 4
assert not series[-1].any()
copied = [np.sin(np.arange(40.0))]
model.forecast(horizon=4, inputs=[*copied])
assert len(copied) == 1
PYTHON
"$folder/venv/bin/python" "$folder/twice.py"
