"""Look-backs without any observed value, replaced by the last observed stretch; values worked by hand."""

import numpy as np

from latentcast.data.windows.silence import Silence, last_observed, silent_note

NAN = np.nan


def _silence(values: list[float], offsets: list[int], season: int) -> Silence:
    column = np.array(values, np.float32)[:, None]
    return Silence(np.nan_to_num(column), ~np.isnan(column), np.array(offsets), season)


def _read(silence: Silence, start: int, lookback: int) -> tuple[list[float], list[bool]]:
    past = np.zeros((1, lookback, 1), np.float32)
    seen = silence.observed[start : start + lookback][None]
    past, seen = silence.replace(past, seen, np.array([start]))
    return past[0, :, 0].tolist(), seen[0, :, 0].tolist()


def test_the_last_observed_step_stays_inside_its_item() -> None:
    observed = np.array([[True], [False], [False], [True], [False]])
    assert last_observed(observed, np.array([0, 2, 5]))[:, 0].tolist() == [0, 0, -1, 3, 3]


def test_a_silent_look_back_is_the_stretch_before_the_silence() -> None:
    silence = _silence([1, 2, 3, NAN, NAN, NAN, NAN], [0, 7], 1)
    assert _read(silence, 4, 3) == ([1, 2, 3], [True] * 3)  # origin after step 6, moved by 4


def test_it_is_moved_by_whole_seasons() -> None:
    # the silence is 4 steps long and the season has 3: moved by 3, the last step of the stretch is missing
    silence = _silence([1, 2, 3, 4, NAN, NAN, NAN, NAN], [0, 8], 3)
    assert _read(silence, 5, 3) == ([3, 4, 0], [True, True, False])


def test_nothing_of_another_series_is_read() -> None:
    silence = _silence([9, 9, 9, 9, 5, NAN, NAN, NAN], [0, 4, 8], 1)
    assert _read(silence, 5, 3) == ([0, 0, 5], [False, False, True])


def test_a_series_that_was_never_observed_stays_as_it_is() -> None:
    silence = _silence([9, 9, NAN, NAN, NAN], [0, 2, 5], 1)
    assert _read(silence, 2, 3) == ([0, 0, 0], [False] * 3)


def test_a_window_with_any_value_is_left_alone() -> None:
    silence = _silence([1, 2, NAN, NAN], [0, 4], 1)
    assert _read(silence, 1, 3) == ([0, 0, 0], [True, False, False])


def test_the_note_counts_windows() -> None:
    assert silent_note(np.zeros((3, 2), np.int64)) is None
    note = silent_note(np.array([[0, 4], [0, 0], [5, 5]]))
    assert note is not None
    assert note.startswith("2 of 3 windows have a look-back without any observed value")
