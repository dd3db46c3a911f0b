"""A panel split into parts: which windows a part has, and what is said of those it lacks."""

import numpy as np
import pandas as pd
import pytest

from latentcast.core.errors import SettingsError
from latentcast.data.panel.build import build
from latentcast.data.panel.split import Split
from latentcast.data.settings import DataSettings
from latentcast.data.windows.view import PreparedPanel


def prepared(lengths: dict[str, int], parts: tuple[list[int], list[int], list[int]]) -> PreparedPanel:
    table = pd.concat(
        pd.DataFrame({"unique_id": name, "ds": pd.date_range("2024-01-01", periods=n), "y": np.arange(n) * 1.0})
        for name, n in lengths.items()
    )
    return PreparedPanel(build(table, DataSettings()), Split(*map(np.array, parts)), None, None, None)  # type: ignore[arg-type]


def test_windows_of_a_part_forecast_inside_it_and_look_back_before_it() -> None:
    # 10 steps: training 6, validation 2, test 2; look-back 3, horizon 2
    view = prepared({"a": 10}, ([6], [8], [10]))
    assert view.starts("train", 3, 2)[0].tolist() == [0, 1]
    assert view.starts("val", 3, 2)[0].tolist() == [3]
    assert view.starts("test", 3, 2)[0].tolist() == [5]


def test_windows_of_several_items_are_counted_over_all_steps() -> None:
    view = prepared({"a": 10, "b": 8}, ([6, 5], [8, 6], [10, 8]))
    starts, items = view.starts("test", 3, 2)
    assert (starts.tolist(), items.tolist()) == ([5, 10 + 3], [0, 1])
    assert view.starts("train", 3, 2, 2)[0].tolist() == [1, 10]  # the last window of each item is always judged


@pytest.mark.parametrize("stride", [0, -1, 1.5, True, "2"])
def test_a_stride_that_is_none_is_refused(stride: object) -> None:
    with pytest.raises(SettingsError, match="stride"):
        prepared({"a": 10}, ([6], [8], [10])).starts("test", 3, 2, stride)  # type: ignore[arg-type]


def test_short_series_later_steps_and_samples_are_noted() -> None:
    view = prepared({"a": 12, "b": 4}, ([6, 2], [8, 3], [10, 4]))
    _, items = view.starts("test", 3, 2)
    notes = view.said("test", items, np.datetime64("2024-01-10"), stride=3)
    assert [str(note) for note in notes] == [
        "1 of 2 series is too short for a window of the test part",
        "2 steps lie after the test part of the fit and are not judged; fit again to include them",
        "one window of 3 was judged: these figures are a sample",
    ]
