"""The last look-back of each series beside its training part, in its standard deviations."""

import numpy as np
import pandas as pd
import pytest

from latentcast.data.panel.panel import Panel
from latentcast.data.scaling.scaler import Scaler
from latentcast.data.tables.frequency import Frequency
from latentcast.forecaster.drift import drift


def panel(values: list[list[float]]) -> Panel:
    offsets = np.concatenate([[0], np.cumsum([len(each) for each in values])])
    column = np.concatenate(values)[:, None]
    times = np.concatenate([pd.date_range("2024-01-01", periods=len(each)).to_numpy() for each in values])
    ids = tuple("abc"[: len(values)])
    seen = ~np.isnan(column)
    return Panel(np.nan_to_num(column), seen, times, offsets, ids, ("y",), Frequency.of("D"), 7, "mask")


# training part of the first two steps: mean 2, standard deviation 1
SCALER_OF = np.array([2])


def of(values: list[float], steps: int = 2, *, scaled: bool = True) -> object:
    whole = panel([values])
    return drift(whole, Scaler.fit(whole, SCALER_OF), steps, scaled=scaled)


def test_shift_and_spread_are_those_of_the_last_steps() -> None:
    found = of([1, 3, 4, 8])  # mean 6, standard deviation 2, in units of 1 around 2
    assert found.shift.tolist() == [[4]]
    assert found.spread.tolist() == [[2]]
    assert found.far.tolist() == [[True]]
    assert "a: mean +4.0 standard deviations from training, spread 2.0 times" in found.note()


def test_a_series_like_its_training_part_has_no_note() -> None:
    found = of([1, 3, 1, 3])
    assert found.shift.tolist() == [[0]]
    assert found.spread.tolist() == [[1]]
    assert found.notes() == ()


def test_unobserved_steps_take_no_part_and_silence_is_named() -> None:
    found = of([1, 3, np.nan, 8])
    assert (found.shift.tolist(), found.spread.tolist(), found.missing.tolist()) == ([[6]], [[0]], [[0.5]])
    silent = of([1, 3, np.nan, np.nan])
    assert silent.missing.tolist() == [[1]]
    assert np.isnan(silent.shift).all()
    assert "the look-back of a holds no value" in silent.unseen()


def test_a_series_shorter_than_the_look_back_is_compared_whole() -> None:
    both = panel([[1, 3, 4, 8], [2, 4]])
    found = drift(both, Scaler.fit(both, np.array([2, 2])), 4, scaled=True)
    assert found.shift[:, 0].tolist() == [2, 0]  # mean 4 around 2 by 1; itself


def test_without_a_scale_only_missing_values_are_known() -> None:
    found = of([1, 3, 40, 80], scaled=False)
    assert np.isnan(found.shift).all()
    assert np.isnan(found.spread).all()
    assert not found.far.any()


@pytest.mark.parametrize(("level", "far"), [(5.0, False), (5.1, True)])
def test_more_than_three_standard_deviations_are_far(level: float, far: bool) -> None:
    assert of([1, 3, level, level]).far.tolist() == [[far]]
