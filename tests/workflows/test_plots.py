"""Pictures: as large as they should be, gaps open, and no state left behind."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.image import imread

import latentcast
from latentcast.core.errors import CheckpointError, DataError, SettingsError
from latentcast.reporting.figures import DPI, HIGH, WIDE
from latentcast.workflows.plots.codebook import plot_codebook, shapes
from latentcast.workflows.plots.forecast import plot_forecast


def _wide(channels: int) -> pd.DataFrame:
    stamps = pd.date_range("2024-01-01", periods=120, freq="h", tz="Europe/Berlin")
    rng = np.random.default_rng(0)
    return pd.DataFrame({"ds": stamps, **{f"${c}_{{": rng.normal(c, 1, 120) for c in range(channels)}})


@pytest.mark.slow
@pytest.mark.parametrize(("channels", "rows"), [(1, 1), (3, 3), (7, 4), (30, 4)])
def test_sizes(channels: int, rows: int, tmp_path: Path) -> None:
    frame = _wide(channels)
    forecaster = latentcast.fit(frame, "naive", lookback=24, horizon=6)
    plot_forecast(forecaster, frame, forecaster.predict(frame), tmp_path / "plot.png")
    height, width = imread(tmp_path / "plot.png").shape[:2]
    assert width == WIDE * DPI
    assert rows * HIGH * DPI <= height <= rows * HIGH * DPI + 60
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_gaps_stay_open_and_the_forecast_begins_at_the_last_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[np.ndarray] = []
    monkeypatch.setattr(Axes, "plot", _spy(drawn))
    frame = _wide(1)
    frame.iloc[100:110, 1] = np.nan
    forecaster = latentcast.fit(frame, "naive", lookback=24, horizon=6, settings={"data.gaps": "interpolate"})
    plot_forecast(forecaster, frame, forecaster.predict(frame), tmp_path / "plot.svg")
    history, future = drawn[:2]
    assert np.isnan(history).sum() == 10
    assert future[0] == frame.iloc[-1, 1]
    assert len(future) == 7


@pytest.mark.parametrize("horizon", [1, 6])
def test_intervals_are_bands_the_widest_first(horizon: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[np.ndarray, np.ndarray]] = []
    name = "vlines" if horizon == 1 else "fill_between"
    draw = getattr(Axes, name)

    def spied(axes: Axes, times: object, lo: np.ndarray, hi: np.ndarray, **options: object) -> object:
        drawn.append((np.asarray(lo), np.asarray(hi)))
        return draw(axes, times, lo, hi, **options)

    monkeypatch.setattr(Axes, name, spied)
    frame = _wide(2)
    forecaster = latentcast.fit(frame, "naive", lookback=24, horizon=horizon, settings={"data.split": [0.5, 0.4, 0.1]})
    forecast = forecaster.predict(frame, level=[80, 97.5])
    plot_forecast(forecaster, frame, forecast, tmp_path / "plot.svg")
    assert len(drawn) == 4
    for series in (0, 1):
        rows = forecast.iloc[series * horizon : (series + 1) * horizon]
        for (lo, hi), level in zip(drawn[2 * series : 2 * series + 2], ("97.5", "80"), strict=True):
            np.testing.assert_array_equal(lo, rows[f"naive-lo-{level}"])
            np.testing.assert_array_equal(hi, rows[f"naive-hi-{level}"])
    text = (tmp_path / "plot.svg").read_text(encoding="utf-8")
    assert "97.5 %" in text


def _spy(drawn: list[np.ndarray]) -> object:
    plot = Axes.plot

    def spied(axes: Axes, times: object, values: np.ndarray, *rest: object, **options: object) -> object:
        drawn.append(np.asarray(values))
        return plot(axes, times, values, *rest, **options)

    return spied


def test_what_cannot_be_drawn(tmp_path: Path) -> None:
    frame = _wide(2)
    forecaster = latentcast.fit(frame, "naive", lookback=24, horizon=6)
    forecast = forecaster.predict(frame)
    with pytest.raises(DataError, match="the forecast has 6 rows, wanted 6 for each of 2 series"):
        plot_forecast(forecaster, frame, forecast.head(6), tmp_path / "plot.png")
    with pytest.raises(CheckpointError, match="cannot be written"):
        plot_forecast(forecaster, frame, forecast, tmp_path / "nowhere" / "plot.png")


@pytest.mark.slow
def test_every_code_is_drawn(hourly: pd.DataFrame, tmp_path: Path) -> None:
    codec = {"hidden": 8, "blocks": 1, "code_dim": 4, "codebook_size": 20}
    settings = {"model.representation.codec": codec, "stages.codec.max_steps": 60, "stages.codec.lr": 1e-2}
    forecaster = latentcast.pretrain(hourly, "vq-codec", lookback=24, settings=settings)
    drawn = shapes(forecaster)
    assert drawn.shape == (1, 20, 4)
    assert np.ptp(drawn.mean(2)) > 0.5  # codes stand for different levels
    plot_codebook(forecaster, tmp_path / "codes.png")
    assert (tmp_path / "codes.png").stat().st_size > 10_000
    other = latentcast.fit(hourly, "dlinear", lookback=24, horizon=4)
    with pytest.raises(SettingsError, match="dlinear has no codebook to draw"):
        plot_codebook(other, tmp_path / "none.png")
