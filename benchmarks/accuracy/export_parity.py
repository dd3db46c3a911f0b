"""Exported graphs against torch over every test window of ETTh1: complete, with missing values, with a silent channel.

Each model is fitted with few steps: what is compared is the same weights in two runtimes. Differences are in standard
deviations of the training part of their series. Two ways into the graph are compared: `latentcast.load(...)`, which
gives it standardised windows, and the bare graph with values in original units, their mask, location and scale. The
bare graph knows no step before its window, so that silent look-backs are compared by the first way alone.

    python -m benchmarks.accuracy.export_parity --models dlinear,ridge
"""

import argparse
import logging
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import latentcast
from benchmarks._harness import RESULTS, Cells, report, show
from latentcast.evaluation.forecasts import ForecastBatch
from latentcast.forecaster.inputs import open_prepared
from latentcast.forecaster.judge import forecast_windows, judge
from latentcast.forecaster.judged_sums import Judged

CLAIM = "exported graphs forecast what torch forecasts, in every test window of ETTh1"
ASKED = {"difference_in_standard_deviations": 1e-4}
LOOKBACK, HORIZON, STEPS = 96, 24, 60
MODELS: dict[str, tuple[str, str | None, dict[str, Any]]] = {
    "naive": ("naive", None, {}),
    "seasonal-naive": ("seasonal-naive", None, {}),
    "ridge": ("ridge", None, {}),
    "dlinear": ("dlinear", None, {}),
    "patch-linear": ("patch-linear", None, {}),
    "patch-transformer": ("patch-transformer", "small", {}),
    "transformer": ("transformer", "small", {}),
    "autoformer": ("autoformer", "small", {}),
    "latent-transformer": ("latent-transformer", "light", {}),
    "latent-transformer-small": ("latent-transformer", "small", {}),
    "wavelet": ("patch-transformer", "small", {"model.representation": "wavelet"}),
    "quantiles": ("patch-transformer", "small", {"model.head": "quantile"}),
    "token-transformer": ("token-transformer", "small", {}),
    "cycles": ("dlinear", None, {"model.cycles": [24]}),
    "pattn": ("pattn", None, {}),
    "fits": ("fits", None, {}),
    "random-features": ("random-features", None, {}),
    "multi-scale": ("patch-transformer", "small", {"model.representation": "multi-scale"}),
    "frequency": ("patch-transformer", "small", {"model.representation": "frequency"}),
    "mixers": ("patch-transformer", "small", {"model.mixers": ["inter-variate", "mixture"]}),
}
GRADIENT = {"naive", "seasonal-naive", "ridge", "random-features"}


def settings_of(name: str, more: dict[str, Any]) -> dict[str, Any]:
    if name in GRADIENT:
        return more
    stages = ("stages.codec", "stages.next-code") if name == "token-transformer" else ()
    return {**more, **{f"{at}.max_steps": STEPS for at in ("training", *stages)}}


def frames(folder: Path) -> dict[str, pd.DataFrame]:
    """ETTh1 as it is, with a tenth of the values and stretches of two days missing, and with one channel silent."""
    whole = pd.read_parquet(folder / "ETTh1.parquet")
    rng = np.random.default_rng(0)
    channels = list(whole.columns[1:])
    masked, silent = whole.copy(), whole.copy()
    hidden = rng.random((len(whole), len(channels))) < 0.1
    for start in rng.integers(0, len(whole) - 48, 150):
        hidden[start : start + 48, rng.integers(len(channels))] = True
    hidden[: 12 * 30 * 24] = False  # the training part is that of the fit
    masked[channels] = masked[channels].mask(hidden)
    silent.loc[12 * 30 * 24 + 4 * 30 * 24 - LOOKBACK :, channels[1]] = np.nan
    return {"complete": whole, "masked": masked, "silent": silent}


def bare(exported: Any, prepared: Any, starts: Any, wanted: Any) -> float:
    """The largest difference of the graph fed with values in original units, over windows without a silent channel."""
    panel, known, task = prepared.panel, exported.known, exported.task
    worst = 0.0
    for first in range(0, len(starts), 512):
        some = starts[first : first + 512]
        steps = some[:, None] + np.arange(task.lookback)
        values, observed = panel.values[steps], panel.observed[steps]
        feeds = {
            "values": np.where(observed, values, np.nan),
            "observed": observed,
            "location": np.repeat(known.scaler.mean[:1], len(some), axis=0),
            "scale": np.repeat(known.scaler.std[:1], len(some), axis=0),
        }
        if "past_known" in {one.name for one in exported.engine.signature.inputs}:
            from latentcast.data.windows.windows import known_features

            features = known_features(panel, known.scaler)
            feeds["past_known"] = features[steps]
            feeds["future_known"] = features[some[:, None] + task.lookback + np.arange(task.horizon)]
        if "phase" in {one.name for one in exported.engine.signature.inputs}:
            feeds["phase"] = panel.frequency.positions(panel.times[some])
        (found,) = exported.engine.session.run(["forecast"], feeds)
        seen = observed.any(1).all(1)
        apart = np.abs(found - wanted[first : first + 512]) / known.scaler.std[:1]
        worst = max(worst, float(apart[seen].max(initial=0)))
    return worst


def measure(name: str, data: dict[str, pd.DataFrame], folder: Path) -> dict[str, Any]:
    model, preset, more = MODELS[name]
    forecaster = latentcast.fit(
        data["complete"],
        model,
        preset=preset,
        lookback=336 if name == "ridge" else LOOKBACK,
        horizon=HORIZON,
        settings={**settings_of(name, more), "data.split": [8640, 2880, 2880]},
    )
    begin = time.process_time()
    file = forecaster.export(folder / f"{name}.onnx", overwrite=True)
    found: dict[str, Any] = {"export_seconds": time.process_time() - begin, "bytes": file.stat().st_size}
    exported: Any = latentcast.load(file)
    std = exported.known.scaler.std[:1]
    for kind, frame in data.items():
        _, prepared = open_prepared(forecaster, frame)
        windows = prepared.starts("test", forecaster.task.lookback, HORIZON)
        wanted = ForecastBatch.joined(list(forecast_windows(forecaster, prepared, windows))).original
        got = ForecastBatch.joined(list(forecast_windows(exported, prepared, windows))).original
        found["windows"] = len(wanted)
        found[kind] = float((np.abs(got - wanted) / std).max())
        found[f"{kind}_bare"] = bare(exported, prepared, windows[0], wanted)
    if name not in GRADIENT:
        forecaster.export(file, quantise="int8", overwrite=True)
        small: Any = latentcast.load(file)
        _, prepared = open_prepared(forecaster, data["complete"])
        found["bytes_int8"] = file.stat().st_size
        for label, one in (("mse", exported), ("mse_int8", small)):
            found[label] = judge(one, prepared, Judged("test", "ETTh1")).scaled["MSE"]
        found["int8_loss_percent"] = 100 * (found["mse_int8"] / found["mse"] - 1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--data", type=Path, required=True, help="Folder with ETTh1.parquet.")
    asked = parser.parse_args()
    logging.disable(logging.WARNING)
    cells, data = Cells(RESULTS / "export_parity.jsonl"), frames(asked.data)
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.models.split(","):
            cells.once(name, lambda name=name: measure(name, data, Path(folder)))  # type: ignore[misc]
    rows = [row for name in MODELS if (row := cells.get(name)) is not None]
    show(rows, ["cell", "windows", "complete", "masked", "silent", "complete_bare", "masked_bare", "int8_loss_percent"])
    kinds = ("complete", "masked", "silent", "complete_bare", "masked_bare")
    worst = max(row[kind] for row in rows for kind in kinds)
    report(CLAIM, ASKED, {"largest_difference": worst, "models": rows}, name="export_parity", threads=1)


if __name__ == "__main__":
    main()
