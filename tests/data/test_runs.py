"""Columns that hold long runs of one object are factorised as pandas does it."""

import numpy as np
import pandas as pd
import pytest

from latentcast.data.tables.frequency import Frequency
from latentcast.data.tables.runs import distinct_objects, factorize_ids, factorize_stamps, run_heads
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
