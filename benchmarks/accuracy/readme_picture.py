"""The picture of README: the generalist's forecast next to seasonal-naive, AutoETS and what was observed.

Two channels of ETTh1, the last two days held out. The series, the channels and the origin were fixed before anything
was drawn; how it fares on whole boards is what `zero_shot` measures.

    python -m benchmarks.accuracy.readme_picture [--out docs/images/forecast.png]
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import latentcast
from benchmarks._harness import ROOT
from latentcast.data.sources.open import open_data
from latentcast.reporting.figures import DPI, FUTURE, HIGH, PAST, WIDE, dates, plain_axes, save

CHANNELS, HORIZON, SHOWN, SEASON = ["HUFL", "OT"], 48, 168, 24
PEERS = {"seasonal-naive": "#8d99ae", "auto-ets": "#2a9d8f"}


def forecasts(past: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Forecasts of every model beyond `past`, each with the columns unique_id, ds and its name."""
    found = {"generalist": latentcast.zero_shot(past, HORIZON, level=[80, 95])}
    for name in PEERS:
        peer = latentcast.fit(past, name, lookback=30 * SEASON, horizon=HORIZON)
        found[name] = peer.predict(past)
    return found


def mase(outcome: np.ndarray, forecast: np.ndarray, past: np.ndarray) -> float:
    return float(np.abs(outcome - forecast).mean() / np.abs(past[SEASON:] - past[:-SEASON]).mean())


def draw(axis: Any, name: str, frame: pd.DataFrame, found: dict[str, pd.DataFrame]) -> None:
    """One channel: the past, what was observed, and each forecast with its MASE over these two days."""
    values, past = frame[name].to_numpy(), frame[name].to_numpy()[:-HORIZON]
    ahead = frame["date"][-HORIZON:]
    dates(axis)
    axis.plot(frame["date"][-SHOWN:], values[-SHOWN:], color=PAST, linewidth=1.3, label="observed")
    mine = found["generalist"][found["generalist"]["unique_id"] == name]
    for level, opacity in (("95", 0.12), ("80", 0.2)):
        low, high = (mine[f"generalist-{end}-{level}"] for end in ("lo", "hi"))
        axis.fill_between(ahead, low, high, color=FUTURE, alpha=opacity, linewidth=0, label=f"{level} %")
    for model, colour in {**PEERS, "generalist": FUTURE}.items():
        one = found[model][found[model]["unique_id"] == name][model].to_numpy()
        label = f"{model} ({mase(values[-HORIZON:], one, past):.2f})"
        axis.plot(ahead, one, color=colour, linewidth=2 if model == "generalist" else 1.2, label=label)
    axis.axvline(frame["date"].iloc[-HORIZON], color="0.6", linewidth=0.8, linestyle=":")
    axis.set_title(name, loc="left", fontsize=11)
    axis.margins(x=0.01)
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, title="MASE of these days", fontsize=9)
    plain_axes(axis)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "forecast.png")
    out = parser.parse_args().out
    frame = open_data("ETTh1")[0].frame[["date", *CHANNELS]]
    frame = pd.DataFrame(frame).assign(date=lambda table: pd.to_datetime(table["date"]))
    found = forecasts(frame[:-HORIZON])
    figure = Figure(figsize=(WIDE, 2 * HIGH + 0.4), dpi=DPI, layout="constrained")
    for place, name in enumerate(CHANNELS):
        draw(figure.add_subplot(2, 1, place + 1), name, frame, found)
    figure.suptitle("ETTh1: the last two days, forecast by a model that never saw the series", x=0.01, ha="left")
    save(figure, out)


if __name__ == "__main__":
    main()
