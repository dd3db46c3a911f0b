"""The main job, end to end, on data that come with the installed dependencies."""

import time
from pathlib import Path

import pandas as pd
from rich.console import Console

from latentcast.benchmarking.backtest import backtest
from latentcast.cli import tables
from latentcast.forecaster.storage import make_folder
from latentcast.reporting.files import write_frame
from latentcast.workflows.fitting.fit import fit
from latentcast.workflows.plots.forecast import plot_forecast

LOOKBACK, HORIZON, ORIGINS = 156, 52, 6
MODELS = ("seasonal-naive", "naive", "dlinear", "pattn", "patch-transformer")
SETTINGS = {"data.gaps": "interpolate"}
OWN: dict[str, dict[str, object]] = {  # 1 600 windows need no long training
    "pattn": {"training.max_epochs": 6},
    "patch-transformer": {"model.preset": "small", "training.max_epochs": 8},
}


def co2() -> pd.DataFrame:
    """Weekly CO2 at Mauna Loa, 1958 to 2001 (Keeling and Whorf), with its missing weeks: unique_id, ds, y."""
    from statsmodels.datasets import co2 as dataset

    weekly = dataset.load_pandas().data["co2"]
    return pd.DataFrame({"unique_id": "co2", "ds": weekly.index, "y": weekly.to_numpy()})


def run_demo(folder: Path, console: Console) -> None:
    """Backtest the models, print the leaderboard, and write the best one's forecast and its plot into `folder`.

    What an earlier demo wrote there is replaced. Raises CheckpointError when the folder cannot be written.
    """
    began = time.monotonic()
    make_folder(folder, overwrite=True)
    frame = co2()
    missing = int(frame["y"].isna().sum())
    console.print(
        f"Weekly CO2 at Mauna Loa (ppm): {len(frame)} weeks, {missing} of them missing. Gap policy: interpolate between"
        " neighbours; filled weeks count neither in losses nor in metrics."
    )
    console.print(f"Look-back {LOOKBACK} weeks, horizon {HORIZON}; {ORIGINS} yearly origins that no model has seen.")
    settings = {**SETTINGS, **{f"models.{name}": own for name, own in OWN.items()}}
    result = backtest(frame, MODELS, lookback=LOOKBACK, horizon=HORIZON, n_windows=ORIGINS, settings=settings)
    console.print(tables.leaderboard(result))
    best = str(result.leaderboard["model"][0])
    errors = result.leaderboard.set_index("model")["MAE"]
    console.print(f"{best} is off by {errors[best]:.2f} ppm, seasonal-naive by {errors['seasonal-naive']:.2f} ppm.")
    forecaster = fit(
        frame,
        best,
        lookback=LOOKBACK,
        horizon=HORIZON,
        settings={**SETTINGS, **OWN.get(best, {}), "data.split": (0.9, 0.1, 0)},
        out=folder / "model",
        overwrite=True,
    )
    forecast = forecaster.predict(frame)
    write_frame(forecast, folder / "forecast.csv")
    plot_forecast(forecaster, frame, forecast, folder / "forecast.png")
    console.print(
        f"The next {HORIZON} weeks by {best} are in {folder / 'forecast.csv'}, drawn in {folder / 'forecast.png'}"
        f" ({time.monotonic() - began:.0f} s in all).",
        soft_wrap=True,
    )
