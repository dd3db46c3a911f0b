"""Resampling and snapping: shares of rows, aggregates of covariates, stamps with jitter."""

import numpy as np
import pandas as pd
import pytest

from latentcast.core.errors import SettingsError, TimeError
from latentcast.core.settings import validate
from latentcast.data.panel.build import build
from latentcast.data.panel.panel import Panel
from latentcast.data.settings import DataSettings

HOURS = pd.date_range("2023-01-01", periods=24 * 8, freq="h")


def make(frame: pd.DataFrame, **settings: object) -> Panel:
    return build(frame, validate(DataSettings, settings))


def test_an_inner_day_with_a_quarter_of_its_hours_is_missing_and_named() -> None:
    hours = HOURS.delete(range(3 * 24 + 6, 4 * 24))
    panel = make(pd.DataFrame({"ds": hours, "kwh": 1.0}), resample="D", aggregate="sum")
    assert panel.observed[:, 0].tolist() == [True] * 3 + [False] + [True] * 4
    assert panel.values[panel.observed].tolist() == [24.0] * 7
    assert "1 steps of D have less than 0.75 of the usual number of rows" in " ".join(panel.notes)
    assert "2023-01-04" in " ".join(panel.notes)
    kept = make(pd.DataFrame({"ds": hours, "kwh": 1.0}), resample="D", aggregate="sum", resample_share=0.2)
    assert kept.values[3, 0] == 6


def test_rows_at_any_time_have_no_usual_number() -> None:
    minutes = np.random.default_rng(0).integers(1, 600, 400).cumsum()
    ds = pd.Timestamp("2023-01-01") + pd.to_timedelta(minutes, unit="min")
    panel = make(pd.DataFrame({"ds": ds, "n": 1.0}), resample="D", aggregate="sum")
    assert panel.complete
    counts = pd.Series(1, index=ds).resample("D").sum()
    assert panel.values[:, 0].sum() == counts.reindex(pd.DatetimeIndex(panel.times)).sum()


@pytest.mark.parametrize(
    ("how", "wanted"),
    [
        ("mean", 10 / 24),
        ("max", 1.0),
        ("last", 0.0),
        ("sum", 10.0),
        ({"promo": "max"}, 1.0),
        ({"other": "max"}, 10 / 24),
    ],
)
def test_covariates_have_an_aggregate_of_their_own(how: object, wanted: float) -> None:
    promo = (HOURS.hour < 10).astype(int)
    frame = pd.DataFrame({"ds": HOURS, "sales": 1.0, "promo": promo})
    panel = make(frame, resample="D", aggregate="sum", future="promo", covariate_aggregate=how)
    assert panel.values[:, 0].tolist() == [24.0] * 8
    np.testing.assert_allclose(panel.covariates["promo"], wanted)


def test_of_text_the_most_frequent_value_counts_or_the_last() -> None:
    kind = np.where(HOURS.hour < 15, "open", "closed")
    frame = pd.DataFrame({"ds": HOURS, "sales": 1.0, "kind": kind})
    assert make(frame, resample="D", future="kind").covariates["kind"].tolist() == ["open"] * 8
    last = make(frame, resample="D", future="kind", covariate_aggregate="last")
    assert last.covariates["kind"].tolist() == ["closed"] * 8


@pytest.mark.parametrize("freq", [None, "10min"])
def test_stamps_that_are_seconds_late_are_moved_when_that_is_asked(freq: str | None) -> None:
    exact = pd.date_range("2023-01-01", periods=200, freq="10min")
    late = exact + pd.to_timedelta(np.random.default_rng(1).integers(-3, 4, 200), unit="s")
    frame = pd.DataFrame({"ds": late, "v": np.arange(200.0)})
    with pytest.raises(TimeError, match=r"irregular.*data\.snap=true"):
        make(frame)
    panel = make(frame, snap=True, freq=freq)
    np.testing.assert_array_equal(panel.times, exact)
    assert panel.complete
    assert "nearest step of 10min, by at most 3 s" in panel.notes[0]
    assert make(pd.DataFrame({"ds": exact, "v": 1.0}), snap=True).notes == ()


def test_snapping_needs_steps_of_one_length_or_periods() -> None:
    frame = pd.DataFrame({"ds": pd.date_range("2023-01-01", periods=20, freq="SMS"), "v": 1.0})
    with pytest.raises(TimeError, match=r"needs steps of one length"):
        make(frame, snap=True, freq="SMS")
    with pytest.raises(SettingsError, match="snap moves stamps to a grid"):
        make(frame, snap=True, resample="MS")


def test_jitter_that_is_no_jitter_gets_no_advice_to_snap() -> None:
    minutes = np.random.default_rng(0).integers(1, 600, 40).cumsum()
    ds = pd.Timestamp("2023-01-01") + pd.to_timedelta(minutes * 7, unit="s")
    with pytest.raises(TimeError) as caught:
        make(pd.DataFrame({"ds": ds, "v": 1.0}))
    assert "snap" not in str(caught.value)
