"""Steps that a reader counted, and the frequency that is set."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import latentcast
from latentcast.core.errors import TimeError
from latentcast.core.settings import validate
from latentcast.data.panel.build import build
from latentcast.data.panel.panel import Panel
from latentcast.data.settings import DataSettings
from latentcast.data.sources.frames import read_frame

VALUES = np.arange(30.0)


def panel_of(data: Any, **settings: Any) -> Panel:
    return build(read_frame(data).frame, validate(DataSettings, settings, "data."))


@pytest.mark.parametrize("start", ["2010-01-01", pd.Timestamp("2010-01-01"), np.datetime64("2010-01-01")])
def test_records_with_a_start_take_their_dates_from_the_frequency_that_is_set(start: Any) -> None:
    records = [{"start": start, "target": VALUES, "item_id": "x"}, {"start": "2011-03-01", "target": VALUES[:9]}]
    panel = panel_of(records, freq="M")
    assert (panel.frequency.alias, panel.ids) == ("MS", ("x", "1"))
    assert panel.times[[0, 1, 30]].astype("datetime64[D]").astype(str).tolist() == [
        "2010-01-01", "2010-02-01", "2011-03-01",
    ]  # fmt: skip
    assert panel_of(records).times[:2].tolist() == [0, 1]


@pytest.mark.parametrize("data", [VALUES, VALUES[:, None], pd.Series(VALUES)])
def test_values_without_dates_take_their_season_from_the_frequency_that_is_set(data: Any) -> None:
    panel = panel_of(data, freq="MS")
    assert (panel.frequency.alias, panel.season) == ("1", 12)
    assert any("freq=MS gives their season of 12 steps" in note for note in panel.notes)
    assert panel_of(data, freq="h", season=168).season == 168


@pytest.mark.parametrize(
    ("index", "first", "alias"),
    [
        (pd.RangeIndex(1960, 1990, name="year"), 1960, "1"),
        (pd.date_range("2020", periods=30).strftime("%Y-%m-%d"), np.datetime64("2020-01-01"), "D"),
        (pd.date_range("2020", periods=30).date, np.datetime64("2020-01-01"), "D"),
    ],
)
def test_an_index_that_holds_dates_without_their_type(index: Any, first: Any, alias: str) -> None:
    panel = panel_of(pd.DataFrame({"a": VALUES}, index=index))
    assert (panel.times[0], panel.frequency.alias, panel.channels) == (first, alias, ("a",))


def test_an_index_of_names_is_no_time() -> None:
    frame = pd.DataFrame({"ds": pd.date_range("2020", periods=30), "a": VALUES}, index=[f"row {n}" for n in range(30)])
    assert panel_of(frame).channels == ("a",)


@pytest.mark.parametrize("data", [VALUES, [{"target": VALUES, "item_id": "a"}]])
def test_data_without_dates_are_not_those_of_a_fit_with_dates(data: Any) -> None:
    dated = pd.DataFrame({"ds": pd.date_range("2020", periods=30, freq="h"), "unique_id": "a", "y": VALUES})
    forecaster = latentcast.fit(dated, "naive", lookback=4, horizon=2)
    with pytest.raises(TimeError, match="had dates with steps of h, and the data have none"):
        forecaster.predict(data)
    counted = latentcast.fit(VALUES, "naive", lookback=4, horizon=2, settings={"data.freq": "h"})
    assert counted.predict(VALUES).shape[0] == 2
