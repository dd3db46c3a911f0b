"""Columns that hold long runs of one object are factorised as pandas does it."""

import numpy as np
import pandas as pd
import pytest

import latentcast
from latentcast.data.tables.frequency import Frequency
from latentcast.data.tables.infer import infer
from latentcast.data.tables.runs import distinct_objects, factorize_ids, factorize_stamps, run_heads, shared_stamps
from latentcast.data.tables.sentinels import without_lone_outliers


def test_ids_in_runs_are_numbered_as_by_pandas() -> None:
    names = np.array(["b", "a", None, "b"], dtype=object)
    equal = "".join(["a"])  # equal text, possibly another object
    column = pd.Series([*np.repeat(names, 20), *[equal] * 20])
    codes, distinct = factorize_ids(column)
    assert codes.tolist() == [0] * 20 + [1] * 20 + [-1] * 20 + [0] * 20 + [1] * 20
    assert list(distinct) == ["b", "a"]
    assert set(distinct_objects(column).dropna()) == {"a", "b"}


def test_objects_that_alternate_make_runs_of_one() -> None:
    column = pd.Series(["x", "y"] * 10)
    assert len(run_heads(column.to_numpy())) == 20
    assert factorize_ids(column)[0].tolist() == [0, 1] * 10


@pytest.mark.parametrize("every", [1, 2])
def test_objects_of_a_view_with_strides(every: int) -> None:
    values = np.repeat(np.array(["x", "y"], dtype=object), 4)[::every]
    assert run_heads(values).tolist() == [0, 4 // every]


def test_stamps_shared_by_all_series_are_numbered_as_by_pandas() -> None:
    times = np.tile(pd.date_range("2020-01-01", periods=5).to_numpy(), 3)
    codes, distinct = factorize_stamps(times, np.array([0, 5, 10]))
    assert codes.tolist() == [0, 1, 2, 3, 4] * 3
    assert (distinct == times[:5]).all()
    codes, distinct = factorize_stamps(times[:-1], np.array([0, 5, 10]))
    assert (distinct[codes] == times[:-1]).all()


def test_ordinals_of_whole_series_and_of_one_with_a_gap() -> None:
    times = np.tile(pd.date_range("2020-01-01", periods=4, freq="D").to_numpy("datetime64[ns]"), 2)
    heads = np.array([0, 4])
    assert Frequency.of("D").ordinals(times, heads).tolist() == [0, 1, 2, 3] * 2
    times[7] += np.timedelta64(2, "D")
    assert Frequency.of("D").ordinals(times, heads).tolist() == [0, 1, 2, 3, 0, 1, 2, 5]


def test_a_lone_outlier_is_found_in_sorted_and_in_mixed_rows() -> None:
    codes = np.repeat([0, 1], 10)
    values = np.ones((20, 1))
    values[13] = 1e9
    for order in (np.arange(20), np.arange(20).reshape(2, 10).T.reshape(-1)):
        cleaned, notes = without_lone_outliers(values[order], codes[order], ("y",), ("a", "b"))
        assert np.flatnonzero(np.isnan(cleaned[:, 0])).tolist() == np.flatnonzero(order == 13).tolist()
        assert "'y' of 'b' holds 1e+09" in notes[0]


def test_stamps_are_shared_where_every_series_has_them() -> None:
    days = np.array(["2024-01-01", "2024-01-02", "2024-01-05"], "datetime64[ns]")
    found = shared_stamps(np.tile(days, 4), np.arange(0, 12, 3))
    assert found is not None
    assert found.tolist() == days.tolist()
    assert shared_stamps(days, np.array([0])) is not None
    later = np.concatenate([days, days + np.timedelta64(1, "D")])
    assert shared_stamps(later, np.array([0, 3])) is None
    assert shared_stamps(np.concatenate([days, days[:2]]), np.array([0, 3])) is None
    assert shared_stamps(np.concatenate([days, days[:2], days, days[:1]]), np.array([0, 3, 5])) is None


@pytest.mark.parametrize("freq", ["MS", "ME", "B", "QS", "D", "BME", "WOM-2TUE", "30min"])
def test_the_frequency_of_shared_stamps_is_that_of_one_series(freq: str) -> None:
    own = pd.date_range("2023-01-02", periods=40, freq=freq).to_numpy("datetime64[ns]")
    series = np.repeat(np.arange(3), 40)
    found = infer(np.tile(own, 3), series)
    assert found == infer(own, np.zeros(40, np.int64))
    heads = np.array([0, 40, 80])
    assert found.unbroken(np.tile(own, 3), heads)
    assert found.ordinals(np.tile(own, 3), heads).tolist() == list(range(40)) * 3
    gap = np.tile(np.delete(own, 7), 3)
    assert not found.unbroken(gap, np.array([0, 39, 78]))
    assert infer(gap, np.repeat(np.arange(3), 39)).alias == found.alias


def test_irregular_stamps_are_counted_over_all_series() -> None:
    own = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9.5]) * np.timedelta64(86_400_000_000_000, "ns")
    with pytest.raises(latentcast.TimeError, match="2 of 20 stamps are off"):
        infer(np.tile(np.datetime64("2024-01-01", "ns") + own, 2), np.repeat([0, 1], 10))
