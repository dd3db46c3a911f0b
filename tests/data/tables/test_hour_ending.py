"""Hours that are named by their ends."""

import numpy as np
import pandas as pd
import pytest

from latentcast.data.panel.build import build
from latentcast.data.settings import DataSettings
from latentcast.data.tables.time_column import joined_time

STAMPS = pd.date_range("2018-03-20", periods=96, freq="h")


@pytest.mark.parametrize("name", ["Hour Ending", "HE", "HourEnding"])
@pytest.mark.parametrize("text", [True, False])
def test_ends_next_to_a_date_begin_an_hour_before(name: str, text: bool) -> None:
    numbers = np.tile(np.arange(1, 25), 4)
    hours = [f"{number:02d}:00" for number in numbers] if text else numbers
    frame = pd.DataFrame({"date": STAMPS.strftime("%Y-%m-%d"), name: hours, "y": range(96)})
    panel = build(frame, DataSettings())
    assert (panel.times == STAMPS.to_numpy()).all()
    assert any("begins at 00:00" in note or "60 minutes earlier" in note for note in panel.notes)


def test_the_name_decides_and_the_other_way_is_noted() -> None:
    ends = STAMPS + pd.Timedelta(hours=1)
    hours = [f"{number:02d}:00" for number in np.tile(np.arange(1, 25), 4)]
    frame = pd.DataFrame({"date": STAMPS.strftime("%Y-%m-%d"), "hour": hours, "y": range(96)})
    panel = build(frame, DataSettings())
    assert (panel.times == ends.to_numpy()).all()
    assert any("rename the column to 'hour ending'" in note for note in panel.notes)
    named = frame.rename(columns={"hour": "hour ending"})
    assert (build(named, DataSettings()).times == STAMPS.to_numpy()).all()
    few, _ = joined_time(named[named["hour ending"].isin(["13:00", "15:00"])], DataSettings())
    assert list(few["ds"].dt.hour) == [12, 14] * 4


def test_hours_that_begin_stay() -> None:
    frame = pd.DataFrame({"date": STAMPS.strftime("%Y-%m-%d"), "time": STAMPS.strftime("%H:%M"), "y": range(96)})
    assert (build(frame, DataSettings()).times == STAMPS.to_numpy()).all()


def test_whole_stamps_are_kept_and_the_other_way_is_noted() -> None:
    ends = STAMPS + pd.Timedelta(hours=1)
    frame = pd.DataFrame({"Hour Ending": ends.strftime("%Y-%m-%d %H:%M"), "y": range(96)})
    panel = build(frame, DataSettings())
    assert (panel.times == ends.to_numpy()).all()
    (note,) = (note for note in panel.notes if "kept as written" in note)
    exec(note.split("for beginnings: ")[1], {"frame": frame, "pd": pd})
    assert (build(frame, DataSettings()).times == STAMPS.to_numpy()).all()
