"""Zero-shot forecasts of tables, without torch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from latentcast.core.errors import DataError, SettingsError
from latentcast.models.pretrained.network import LEVELS
from latentcast.models.pretrained.ragged import forecast_rows
from latentcast.models.pretrained.weights import load_weights
from latentcast.models.pretrained.widths import widened, width_factor
from latentcast.workflows.zero_shot import zero_shot


def hourly(count: int = 300) -> pd.DataFrame:
    time = np.arange(count)
    wave = 10 + 3 * np.sin(2 * np.pi * time / 24) + np.random.default_rng(0).normal(0, 0.2, count)
    return pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=count, freq="h"), "load": wave, "twice": 2 * wave})


def test_a_wide_frame_comes_back_dated() -> None:
    frame = hourly()
    found = zero_shot(frame, 5, level=[80, 95])
    assert list(found["unique_id"]) == ["load"] * 5 + ["twice"] * 5
    assert found["ds"].iloc[0] == frame["ds"].iloc[-1] + pd.Timedelta("1h")
    names = [f"generalist-{end}" for end in ("lo-95", "lo-80", "hi-80", "hi-95")]
    assert list(found.columns) == ["unique_id", "ds", "generalist", *names]
    ordered = found[[*names[:2], "generalist", *names[2:]]].to_numpy()
    assert (np.diff(ordered, axis=1) > 0).all()
    rows = frame[["load", "twice"]].to_numpy().T
    expected = forecast_rows(load_weights(), rows, ((24, 168),), 5)[0]
    factor = width_factor(load_weights(), rows, ((24, 168),), 5)
    np.testing.assert_allclose(found["generalist"][:5], expected[:, LEVELS.index(0.5)], rtol=1e-6)
    low = widened(expected[None], factor)[0, :, LEVELS.index(0.1)]
    np.testing.assert_allclose(found["generalist-lo-80"][:5], low, rtol=1e-6)


def test_long_frames_of_unequal_lengths_and_gaps() -> None:
    frame = hourly()
    parts = [frame[["ds"]].assign(unique_id=7, y=frame["load"]), frame[["ds"]][:40].assign(unique_id=9, y=1.5)]
    whole = pd.concat(parts).drop(index=20)
    found = zero_shot(whole, 3)
    assert list(found["unique_id"]) == [7, 7, 7, 9, 9, 9]
    assert (found["generalist"][3:] == 1.5).all()
    assert found["ds"].iloc[3] == frame["ds"].iloc[40]


def test_counts_stay_counts_on_request() -> None:
    counts = pd.DataFrame(
        {"ds": pd.date_range("2024-01-01", periods=100), "y": np.random.default_rng(0).poisson(1.2, 100)}
    )
    found = zero_shot(counts, 14, level=90, nonnegative=True, integer=True)
    values = found.select_dtypes("number").to_numpy()
    np.testing.assert_array_equal(values, np.round(values))
    assert values.min() >= 0
    with pytest.raises(DataError, match="hold -"):
        zero_shot(counts.assign(y=-counts["y"]), 14, nonnegative=True)


def test_the_default_horizon_is_a_season() -> None:
    assert len(zero_shot(hourly()[["ds", "load"]])) == 24


def test_faults_are_said() -> None:
    with pytest.raises(SettingsError, match="horizon"):
        zero_shot(hourly(), 0)
    with pytest.raises(SettingsError, match="per cent"):
        zero_shot(hourly(), 3, level=[0.8])
    with pytest.raises(SettingsError, match="lookback"):
        zero_shot(hourly(), 3, settings={"lookback": 5})
    with pytest.raises(DataError, match="has no value at all"):
        zero_shot(hourly().assign(twice=np.nan), 3)


def test_no_torch_is_imported(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    hourly().to_csv(path, index=False)
    code = (
        "import sys; from latentcast.workflows.zero_shot import zero_shot;"
        f" zero_shot({str(path)!r}, 3, level=80); print('torch' in sys.modules, 'scipy' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "False"]


def dated(values: np.ndarray, freq: str = "D") -> pd.DataFrame:
    return pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=len(values), freq=freq), "y": values})


WAVE = np.sin(np.arange(45.0))


@pytest.mark.parametrize(
    ("frame", "horizon", "note"),
    [
        (dated(np.full(40, 7.5)), 5, "one value all along"),
        (dated(np.zeros(40)), 5, "one value all along"),
        (dated(np.r_[np.full(39, np.nan), 3.0]), 5, "one value all along"),
        (dated(np.array([1.0, 3.0, 2.0])), 5, "fewer than 8 observed values"),
        (dated(np.arange(10.0) ** 1.5, "YS"), 6, None),
        (dated(WAVE), 1000, "horizon=1000"),
        (dated(WAVE[:30], "h"), 48, "shorter than two seasons of 24 steps"),
        (dated(np.r_[WAVE, np.full(15, np.nan)]), 7, "the last 15 steps are not observed"),
    ],
    ids=["constant", "zeros", "one", "three", "ten-years", "far", "long-season", "gap-at-the-end"],
)
def test_hard_series_are_forecast_and_noted(
    frame: pd.DataFrame, horizon: int, note: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    found = zero_shot(frame, horizon, level=80)
    values = found[["generalist-lo-80", "generalist", "generalist-hi-80"]].to_numpy()
    assert np.isfinite(values).all()
    assert (np.diff(values, axis=1) >= 0).all()
    assert len(found) == horizon
    there = frame["y"].dropna()
    reach = there.max() - there.min()
    assert values.min() >= there.min() - 20 * reach
    assert values.max() <= there.max() + 20 * reach
    notes = [record.message for record in caplog.records if "missing" not in record.message]
    assert [note is not None and note in text for text in notes] == ([] if note is None else [True])
