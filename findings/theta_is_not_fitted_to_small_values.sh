#!/usr/bin/env bash
# statsforecast 2.1.1: the Theta methods (Theta, OptimizedTheta, AutoTheta, …) do not fit series of small numbers, and
# say nothing. The same monthly series in a unit 1 000 times larger, values near 0.1 as rates and shares have them,
# keeps the value that the search of alpha starts from, 0.5, where the series itself gets 0.30: squared errors of such
# values seem to pass the search's fixed tolerance before its first step.
# Forecasts move by up to a fifth of the series' standard deviation. A reader would expect a method that is linear in
# its data, and AutoETS of the same package is (its forecast is the same to 1e-6). Divide each series by its standard
# deviation before the fit.
# Seen: alpha 0.304 and 0.500; largest change of a forecast over 20 series: 0.21 standard deviations; AutoETS 0.0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet statsforecast==2.1.1 "pandas<3" numpy==2.4.6
cat > "$folder/check.py" <<'PY'
import numpy as np
from statsforecast.models import AutoETS, Theta


def series(seed: int) -> np.ndarray:
    rng, t = np.random.default_rng(seed), np.arange(96)
    return 100 + 0.3 * t + 10 * np.sin(2 * np.pi * t / 12) + 0.3 * rng.normal(0, 4, 96).cumsum() + rng.normal(0, 3, 96)


def moved(model: type, y: np.ndarray, unit: float) -> float:
    """The largest difference between the forecast and that of the series in another unit, in standard deviations."""
    own = model(season_length=12).forecast(y=y, h=12)["mean"]
    other = model(season_length=12).forecast(y=y / unit, h=12)["mean"] * unit
    return float(np.abs(own - other).max() / y.std())


y = series(5)
alpha = {unit: float(Theta(season_length=12).fit(y / unit).model_["par"]["alpha"]) for unit in (1.0, 1000.0)}
theta = max(moved(Theta, series(seed), 1000.0) for seed in range(20))
ets = max(moved(AutoETS, series(seed), 1000.0) for seed in range(3))
print(f"alpha {alpha[1.0]:.3f}, in the larger unit {alpha[1000.0]:.3f}; forecasts move by {theta:.2f}, AutoETS {ets:.1e}")
assert alpha[1000.0] == 0.5 and 0.2 < alpha[1.0] < 0.4, alpha
assert theta > 0.1 and ets < 1e-6, (theta, ets)
PY
"$folder/venv/bin/python" "$folder/check.py"
