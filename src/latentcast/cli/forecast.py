"""The front door: forecast."""

import re
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from latentcast.cli.app import app
from latentcast.cli.options import Data, Horizon, Overwrite, Seed, levels_in, takes_settings, takes_threads
from latentcast.cli.output import print_line, print_notes, report_line
from latentcast.core.log_capture import capture_log_messages


@app.command()
@takes_threads
@takes_settings
def forecast(
    data: Data,
    horizon: Horizon = None,
    limit: Annotated[
        str, typer.Option("--time-limit", help="Time for the choice: 60s, 5m or none; 0 takes the pretrained model.")
    ] = "60s",
    folder: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Folder for forecast.csv, forecast.png, report.html and the model; default: forecast-NAME, by DATA.",
        ),
    ] = None,
    level: Annotated[str, typer.Option("--level", help="Levels of prediction intervals in per cent.")] = "80,95",
    seed: Seed = None,
    overwrite: Overwrite = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Choose a model for DATA and forecast beyond its end: dated, with intervals, as CSV, plot and page."""
    from latentcast.benchmarking.forecast import forecast as run_forecast
    from latentcast.data.sources.last_read import read_once
    from latentcast.forecaster import storage

    seconds = seconds_in(limit)
    folder = folder or folder_of(data)
    storage.make_folder(folder, overwrite=overwrite)
    with read_once():
        found = run_forecast(
            data, horizon, time_limit=seconds, level=levels_in(level) or (), seed=seed, settings=settings,
            report=report_line,
        )  # fmt: skip
        with capture_log_messages():  # the notes on the data stand in `found`
            found.save(folder, overwrite=True)
    print_notes(list(found.notes))
    for name, text in found.facts().items():
        print_line(f"{name}: {text}")
    print_line(f"\nwritten into {folder}: forecast.csv, forecast.png, report.html, and the model's folder")
    again = ["latentcast", "fit", data, "--config", str(folder / "auto.yaml"), "--out", "DIR"]
    print_line(f"the same model again: {shlex.join(again)}")


def folder_of(data: str) -> Path:
    """The folder for the forecast of a dataset or a file: data/sales.csv.gz → forecast-sales."""
    name = re.split(r"[/\\]", data.split("?")[0].rstrip("/\\"))[-1]
    return Path(f"forecast-{name.lstrip('.').split('.')[0] or 'data'}")


def seconds_in(text: str) -> float | None:
    """60, 60s, 5m, 1h → seconds; none → None. Raises SettingsError."""
    from latentcast.core.errors import SettingsError

    if text == "none":
        return None
    unit = {"s": 1, "m": 60, "h": 3600}.get(text[-1:])
    try:
        seconds = float(text[:-1] if unit else text) * (unit or 1)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise SettingsError(f"--time-limit {text}: wanted seconds, minutes or hours, as 60s, 5m, 1h, or none")
    return seconds
