"""Speed of the generalist on one thread, in turns with AutoETS and the architecture of Chronos-Bolt-tiny.

Series of 512 monthly steps, horizon 18. Processor seconds, so that a busy machine changes little; each side twice, in
turns. Chronos-Bolt-tiny has random weights: the time is that of its architecture. The whole process from a CSV to a
forecast with intervals is timed by the clock, beside the processor seconds that it took. Set OMP_NUM_THREADS=1.
"""

import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks._harness import compare, report, yardstick
from latentcast.models.pretrained.ragged import forecast_rows
from latentcast.models.pretrained.weights import load_weights

CLAIM = "the generalist forecasts more series a second than AutoETS and the architecture of Chronos-Bolt-tiny"

LENGTH, HORIZON, SEASON = 512, 18, 12
PROCESS = """
import sys, time
from latentcast.workflows.zero_shot import zero_shot
zero_shot({path!r}, 24, level=[80, 90])
print(time.process_time(), "torch" in sys.modules)
"""


def series(count: int) -> np.ndarray:
    """Positive series with a season, a trend and noise."""
    rng = np.random.default_rng(0)
    level = rng.normal(size=(count, LENGTH)).cumsum(1) * 0.02
    wave = 0.2 * np.sin(2 * np.pi * np.arange(LENGTH) / SEASON)
    return np.exp(level + wave + rng.normal(0, 0.05, (count, LENGTH)))


def generalist(rows: np.ndarray) -> None:
    forecast_rows(load_weights(), rows, ((SEASON, 0),), HORIZON)


def ets(rows: np.ndarray) -> None:
    from statsforecast.models import AutoETS

    for row in rows:
        AutoETS(season_length=SEASON).forecast(row, HORIZON)


def bolt() -> Callable[[np.ndarray], None]:
    """Chronos-Bolt-tiny's sizes with random weights."""
    from chronos import ChronosBoltPipeline
    from chronos.chronos_bolt import ChronosBoltModelForForecasting
    from transformers import T5Config

    levels = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    config = T5Config(
        d_model=256, d_kv=64, d_ff=1024, num_layers=4, num_decoder_layers=4, num_heads=4, vocab_size=2,
        feed_forward_proj="relu", pad_token_id=0, decoder_start_token_id=0, dropout_rate=0.0,
    )  # fmt: skip
    config.chronos_config = {
        "context_length": 2048, "prediction_length": 64, "input_patch_size": 16, "input_patch_stride": 16,
        "quantiles": levels, "use_reg_token": True,
    }  # fmt: skip
    pipeline = ChronosBoltPipeline(model=ChronosBoltModelForForecasting(config).eval())

    def predict(rows: np.ndarray) -> None:
        for start in range(0, len(rows), 64):
            part = torch.from_numpy(rows[start : start + 64]).float()
            pipeline.predict_quantiles(part, HORIZON, quantile_levels=levels)

    return predict


def process() -> dict[str, float]:
    """The fastest of five processes from a CSV of one series to its forecast."""
    import pandas as pd

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "series.csv"
        values = series(1)[0]
        frame = pd.DataFrame({"ds": pd.date_range("1980-01-01", periods=LENGTH, freq="MS"), "y": values})
        frame.to_csv(path, index=False)
        found = []
        for _ in range(5):
            began = time.perf_counter()
            code = PROCESS.format(path=str(path))
            ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
            processor, torch_there = ran.stdout.split()
            found.append((time.perf_counter() - began, float(processor), torch_there == "True"))
    best = min(found)
    return {"seconds": best[0], "processor_seconds": min(f[1] for f in found), "torch_imported": float(best[2])}


def main() -> None:
    torch.set_num_threads(1)
    sides: dict[str, tuple[Callable[[np.ndarray], None], int]] = {
        "generalist": (generalist, 2048), "AutoETS": (ets, 24), "Chronos-Bolt-tiny, random weights": (bolt(), 128),
    }  # fmt: skip
    generalist(series(128))  # weights are loaded, code is warm
    calls = {name: partial(what, series(count)) for name, (what, count) in sides.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        times = compare(calls, 2, warm_up=0)
    rounds = {name: [sides[name][1] / seconds for seconds in took.processor] for name, took in times.items()}
    best = {name: max(found) for name, found in rounds.items()}
    for name, rate in best.items():
        print(f"{name}: {rate:,.0f} series a second; the generalist {best['generalist'] / rate:.1f} times that")
    whole = process()
    print(f"CSV to forecast: {whole['seconds']:.2f} s, {whole['processor_seconds']:.2f} s of the processor")
    report(
        CLAIM,
        None,
        name="generalist_speed",
        found={"rounds": rounds, "best": best, "process": whole, "yardstick_seconds": yardstick()},
        threads=1,
    )


if __name__ == "__main__":
    main()
