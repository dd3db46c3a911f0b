import numpy as np
import pandas as pd
import pytest

from latentcast.data.panel.build import build
from latentcast.data.panel.padding import fill_up, pad_short
from latentcast.data.panel.split import Split
from latentcast.data.settings import DataSettings
from latentcast.data.windows.windows import window_starts


def panel_of(*lengths: int, freq: str = "D"):
    frames = [
        pd.DataFrame(
            {
                "unique_id": f"s{i}",
                "ds": pd.date_range("2024-01-31", periods=n, freq=freq),
                "y": np.arange(n) + 100.0 * i,
            }
        )
        for i, n in enumerate(lengths)
    ]
    return build(pd.concat(frames), DataSettings())


@pytest.mark.parametrize("freq", ["h", "D", "B", "ME", "W-SUN", "QE"])
def test_what_stands_before_a_series_is_dated_and_masked(freq: str) -> None:
    panel = panel_of(3, 9, freq=freq)
    longer = panel.padded(np.array([4, 0]))
    assert longer.lengths.tolist() == [7, 9]
    first = longer.times[:7]
    backwards = pd.date_range(end=pd.Timestamp(panel.times[0]), periods=5, freq=freq)
    np.testing.assert_array_equal(first[:5], backwards.to_numpy())
    np.testing.assert_array_equal(first[4:], panel.times[:3])
    assert longer.observed[:7, 0].tolist() == [False] * 4 + [True] * 3
    assert longer.values[:4, 0].tolist() == [0.0] * 4
    np.testing.assert_array_equal(longer.values[7:], panel.values[3:])


def test_short_training_parts_are_padded_so_that_they_hold_windows() -> None:
    panel = panel_of(20, 60)
    parts = Split(np.array([14, 42]), np.array([16, 48]), panel.lengths)
    padded = pad_short(panel, parts, 16, 4)
    assert padded.panel.lengths.tolist() == [32, 60]
    assert "1 of 2 series" in padded.notes[0]
    starts, items = window_starts(padded.panel, *padded.parts.bounds("train"), 16, 4)
    mine = starts[items == 0]
    assert len(mine) == 14 - 2 * 4 + 1  # as many steps of the past as are forecast, and the horizon in the part
    known = [padded.panel.observed[start : start + 16].sum() for start in mine.tolist()]
    assert known == list(range(4, 11))
    same = pad_short(panel, parts, 8, 4)
    assert same.panel is panel
    assert not same.notes


def test_a_panel_without_any_item_that_is_long_enough_is_left_as_it_is() -> None:
    panel = panel_of(10, 12)
    parts = Split(panel.lengths, panel.lengths, panel.lengths)
    assert pad_short(panel, parts, 16, 4).panel is panel


@pytest.mark.parametrize("gaps", ["mask", "interpolate", "ffill"])
def test_a_look_back_never_shows_what_stands_before_a_series(gaps: str) -> None:
    frame = pd.DataFrame({"ds": pd.date_range("2024", periods=6), "y": [1.0, 2, np.nan, 4, 5, 6]})
    panel = build(frame, DataSettings(gaps=gaps))
    longer = fill_up(panel, 10).panel
    inside = [True, True, gaps != "mask", True, True, True]
    assert longer.shown[:, 0].tolist() == [False] * 4 + inside
    assert longer.observed[:, 0].tolist() == [False] * 4 + [True, True, False, True, True, True]
