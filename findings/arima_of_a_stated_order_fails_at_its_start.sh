#!/usr/bin/env bash
# statsforecast 2.1.1: ARIMA with a stated order, by its default method CSS-ML, ends for one in ten ordinary series (72
# hours of a daily cycle with a trend and noise) in "zero-size array to reduction operation minimum which has no
# identity". With method="ML" all are fitted. The check that the conditional-sum-of-squares start is stationary looks for the
# first nonzero coefficient where the last is meant, finds no coefficients, and lets every start pass.
# A reader would expect the default to fall back, as R's arima does by an error that names the non-stationary part.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet statsforecast==2.1.1 "pandas<3" numpy==2.4.6
cat > "$folder/check.py" <<'PY'
import warnings

import numpy as np
import statsforecast
from statsforecast.models import ARIMA

warnings.simplefilter("ignore")
failed = {}
for method in ("CSS-ML", "ML"):
    for seed in range(10):
        noise, hours = np.random.default_rng(seed).normal(0, 0.5, 72), np.arange(72)
        values = 10 + 0.05 * hours + 3 * np.sin(2 * np.pi * hours / 24) + noise
        try:
            ARIMA(order=(2, 1, 1), season_length=24, seasonal_order=(1, 0, 1), method=method).fit(values)
        except ValueError as error:
            failed.setdefault(method, []).append((seed, str(error)))
print(statsforecast.__version__, failed)
assert statsforecast.__version__ == "2.1.1"
assert list(failed) == ["CSS-ML"] and all("zero-size array" in text for _, text in failed["CSS-ML"])
PY
"$folder/venv/bin/python" "$folder/check.py"
