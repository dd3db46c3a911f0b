"""Figures summed over parts equal those of one table, wherever the rows of a series lie."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import latentcast
from latentcast.core.errors import DataError, SettingsError

DAYS = pd.date_range("2024-01-01", periods=60)
SIZES: dict[str, Any] = {"lookback": 14, "horizon": 3}


def panel(series: int = 12) -> pd.DataFrame:
    """Series of different lengths and levels; some short, one constant, with gaps."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(series):
        days = DAYS[: 60 - 3 * (number % 4)]
        values = 10 * number + np.arange(len(days)) % 7 + rng.normal(0, 1 + number, len(days))
        if number == 5:
            values[:] = 3.0
        if number == 7:
            values[20:24] = np.nan
        made.append(pd.DataFrame({"unique_id": f"s{number:02d}", "ds": days, "y": values}))
    made.append(pd.DataFrame({"unique_id": "short", "ds": DAYS[:20], "y": rng.normal(0, 1, 20)}))
    return pd.concat(made, ignore_index=True)


@pytest.fixture(scope="module")
def forecaster() -> latentcast.Forecaster:
    return latentcast.fit(panel(), "seasonal-naive", **SIZES)


def close(found: Any, wanted: Any, path: str = "") -> None:
    """Equal but for rounding, at any depth."""
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys(), path
        for name, value in wanted.items():
            close(found[name], value, f"{path}.{name}")
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=1e-9), path
    else:
        assert found == wanted, path


def figures(evaluation: latentcast.Evaluation) -> dict[str, Any]:
    found = evaluation.to_dict()
    return {name: value for name, value in found.items() if name not in ("data", "notes")}


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 200, 10**6])
@pytest.mark.parametrize("scattered", [False, True])
def test_any_cut_of_rows_gives_the_same_figures(
    forecaster: latentcast.Forecaster, tmp_path: Path, rows: int, scattered: bool
) -> None:
    frame = panel()
    if scattered:
        frame = frame.sort_values("ds", kind="stable", ignore_index=True)
    frame.to_parquet(tmp_path / "data.parquet", index=False, row_group_size=50)
    found = latentcast.evaluate(forecaster, tmp_path / "data.parquet", level=[80, 90], rows=rows, out=tmp_path / "out")
    whole = forecaster.evaluate(frame, level=[80, 90], forecasts=True)
    close(figures(found), figures(whole))
    assert whole.distribution is not None
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out"), whole.forecasts)


def test_deciles_are_of_the_same_windows(
    forecaster: latentcast.Forecaster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latentcast.forecaster.distribution.VALUES", 60)  # one window of several
    panel().to_parquet(tmp_path / "data.parquet", index=False)
    found = latentcast.evaluate(forecaster, tmp_path / "data.parquet", rows=100)
    whole = forecaster.evaluate(panel())
    assert whole.distribution is not None
    assert "one window of" in whole.distribution.about
    assert found.distribution is not None
    assert found.distribution.wql == pytest.approx(whole.distribution.wql, rel=1e-9)
    assert found.distribution.about == whole.distribution.about


def test_new_series_that_are_too_short_are_padded_in_a_part_of_their_own(tmp_path: Path) -> None:
    long = panel(3)[lambda frame: frame["unique_id"] != "short"]
    forecaster = latentcast.fit(long, "naive", **SIZES)
    few = pd.DataFrame({"unique_id": "new", "ds": DAYS[-21:], "y": np.arange(21.0) % 4})
    both = pd.concat([long, few], ignore_index=True)
    both.to_parquet(tmp_path / "data.parquet", index=False)
    found = latentcast.evaluate(forecaster, tmp_path / "data.parquet", rows=1)
    close(figures(found), figures(forecaster.evaluate(both)))


def test_without_any_window_there_is_an_error(forecaster: latentcast.Forecaster, tmp_path: Path) -> None:
    few = panel().groupby("unique_id").head(10)
    few.to_parquet(tmp_path / "data.parquet", index=False)
    with pytest.raises(DataError, match="the test part of data holds no window of 14 \\+ 3 steps"):
        latentcast.evaluate(forecaster, tmp_path / "data.parquet", rows=30)


def test_what_is_refused(forecaster: latentcast.Forecaster, tmp_path: Path) -> None:
    panel().to_parquet(tmp_path / "data.parquet", index=False)
    with pytest.raises(SettingsError, match="part='tests'"):
        latentcast.evaluate(forecaster, tmp_path / "data.parquet", part="tests")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="wanted a Parquet file"):
        latentcast.evaluate(forecaster, panel())
    with pytest.raises(SettingsError, match=r"workers: works part by part into a folder"):
        latentcast.impute(forecaster, panel(), workers=2)
