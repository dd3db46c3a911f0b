"""What a fit keeps of its series, and how data come into a fitted model: values worked by hand."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

import latentcast
from latentcast.core.errors import DataError
from latentcast.core.notes import NoteCode
from latentcast.data.sources.frames import read_frame
from latentcast.forecaster.compatibility import misfits
from latentcast.forecaster.fit_statistics import FitStatistics
from latentcast.forecaster.inputs import open_prepared, prepare, prepare_forecast, read_panel
from latentcast.forecaster.judge import constant_of, held_until, judge
from latentcast.forecaster.judged_sums import Judged

DAYS = pd.date_range("2024-01-01", periods=20)
SPLIT = {"data.split": [10, 5, 5], "data.season": 2}


def long(**series: Sequence[float]) -> pd.DataFrame:
    parts = [pd.DataFrame({"unique_id": name, "ds": DAYS[: len(y)], "y": y}) for name, y in series.items()]
    return pd.concat(parts, ignore_index=True)


def fitted(frame: pd.DataFrame, model: str = "naive", **settings: object) -> latentcast.Forecaster:
    return latentcast.fit(frame, model, lookback=4, horizon=2, settings={**SPLIT, **settings})


UP = np.arange(20.0)  # the training part 0 … 9: mean 4.5, standard deviation √8.25, seasonal difference 2
ZIGZAG = np.tile([1.0, 3.0], 10)  # mean 2, standard deviation 1, repeats itself by the season


@pytest.fixture(scope="module")
def forecaster() -> latentcast.Forecaster:
    return fitted(long(a=UP, b=ZIGZAG))


def test_statistics_are_those_of_the_training_part(forecaster: latentcast.Forecaster) -> None:
    known = forecaster.known
    assert known.ids == ("a", "b")
    np.testing.assert_allclose(known.scaler.mean[:, 0], [4.5, 2.0])
    np.testing.assert_allclose(known.scaler.std[:, 0], [8.25**0.5, 1.0])
    np.testing.assert_allclose(known.naive_error[:, 0], [2.0, np.nan])
    np.testing.assert_allclose(known.spread[:, 0], [1.0, 1.0])


def test_what_is_dumped_is_parsed_again(forecaster: latentcast.Forecaster) -> None:
    names, arrays = forecaster.known.dump()
    again = FitStatistics.parse(names, arrays, forecaster.run.data, None)
    assert again.ids == ("a", "b")
    np.testing.assert_array_equal(again.naive_error, forecaster.known.naive_error)
    with pytest.raises(ValueError, match="list of different names"):
        FitStatistics.parse({**names, "ids": ["a", "a"]}, arrays, forecaster.run.data, None)


def test_a_new_series_is_scaled_by_its_own_past_and_noted(forecaster: latentcast.Forecaster) -> None:
    panel = read_panel(forecaster, read_frame(long(b=ZIGZAG, c=10 * UP)))
    assert forecaster.known.rows_of(panel).tolist() == [1, -1]
    ready = prepare(forecaster, panel, future_only=True)
    np.testing.assert_allclose(ready.scaler.mean[:, 0], [2.0, 95.0])  # c: the mean of 0, 10 … 190
    (note,) = forecaster.known.unseen_notes(panel)
    assert note == "1 series was not in the fit (c): scaled by its own past"
    assert note.code is NoteCode.UNSEEN_SERIES


def test_absent_series_and_early_ends_are_noted(forecaster: latentcast.Forecaster) -> None:
    panel = read_panel(forecaster, read_frame(long(a=UP[:18], c=UP)))
    early, absent = forecaster.known.ends_apart(panel)
    assert "1 of 2 series ends earlier than others, which reach 2024-01-20" in early
    assert "a at 2024-01-18" in early
    assert absent == "1 of 2 series of the fit are not in the data, and not forecast: b"


def test_parts_end_at_the_dates_of_the_fit_whatever_data_follow(forecaster: latentcast.Forecaster) -> None:
    longer = pd.concat([long(a=UP, b=ZIGZAG), long(a=UP, b=ZIGZAG).assign(ds=lambda x: x["ds"] + pd.Timedelta("20D"))])
    _, prepared = open_prepared(forecaster, longer)
    assert prepared.parts.train_end.tolist() == [10, 10]
    assert prepared.parts.val_end.tolist() == [15, 15]


def test_a_forecast_reads_the_last_window_of_each_series(forecaster: latentcast.Forecaster) -> None:
    inputs = prepare_forecast(forecaster, long(a=UP, b=ZIGZAG))
    starts, items = inputs.windows
    assert np.asarray(items).tolist() == [0, 1]
    assert np.asarray(starts).tolist() == [16, 38]  # each series has 20 steps and room for 2 more
    with pytest.raises(DataError):
        prepare_forecast(forecaster, long(a=UP, b=ZIGZAG).rename(columns={"y": "z"}))


def test_windows_of_a_part_are_judged_once(forecaster: latentcast.Forecaster) -> None:
    _, prepared = open_prepared(forecaster, long(a=UP, b=ZIGZAG))
    found = judge(forecaster, prepared, Judged("test", "frame"))
    assert found.windows == 8  # 4 origins of 2 series, whose 2 steps lie in the last 5
    # a: 1 and 2 steps too low; b: off by 2 at one of the two steps
    assert found.original["MAE"] == pytest.approx((1.5 + 1.0) / 2)
    assert held_until(forecaster, prepared).tolist() == [15, 15]


def test_a_series_that_never_moves_has_no_scale() -> None:
    flat = fitted(long(a=UP, b=np.full(20, 7.0)))
    _, prepared = open_prepared(flat, long(a=UP, b=np.full(20, 7.0)))
    constant = constant_of(flat, prepared)
    assert constant is not None
    assert constant[:, 0].tolist() == [False, True]


@pytest.mark.slow
def test_weights_of_each_channel_depend_on_their_number() -> None:
    wide = pd.DataFrame({"ds": DAYS, "a": UP, "b": ZIGZAG})
    quick = {"training.max_steps": 1, "training.loggers": []}
    shared, own = (fitted(wide, "dlinear", **quick, **{"model.individual": each}) for each in (False, True))
    assert misfits(shared, 3, shared.task.known) == []
    assert misfits(own, 3, own.task.known) == ["channels"]
    assert misfits(own, 2, own.task.known) == []
