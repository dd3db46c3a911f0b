"""Long data with several value columns."""

import numpy as np
import pandas as pd
import pytest

from latentcast.core.errors import DataError, SettingsError
from latentcast.core.settings import validate
from latentcast.data.panel.build import build
from latentcast.data.settings import DataSettings

QUARTERS = pd.date_range("1998-01-01", periods=8, freq="QS")


def hotels(**more: object) -> pd.DataFrame:
    one = pd.DataFrame({"Date": QUARTERS, "Takings": np.arange(8.0), "Occupancy": 60 + np.arange(8.0)})
    two = one.assign(Takings=one["Takings"] * 10, Occupancy=np.nan)
    return pd.concat([one.assign(State="Victoria"), two.assign(State="Tasmania")], ignore_index=True).assign(**more)


def panel_of(frame: pd.DataFrame, **settings: object):
    return build(frame, validate(DataSettings, settings, "data."))


def test_each_value_of_each_id_is_a_series_and_one_without_values_is_left_out() -> None:
    panel = panel_of(hotels(stars=4), id="State", value=["Takings", "Occupancy"], ignore=["stars"])
    assert panel.ids == ("Victoria/Takings", "Tasmania/Takings", "Victoria/Occupancy")
    assert panel.lengths.tolist() == [8, 8, 8]
    assert panel.values[8:16, 0].tolist() == [10.0 * at for at in range(8)]
    assert panel.found == {}
    assert any("'Takings', 'Occupancy' are series of their own" in note for note in panel.notes)


def test_a_column_that_is_not_there_is_named_and_so_is_a_missing_id() -> None:
    with pytest.raises(DataError, match=r"no such column: 'Taking' \(did you mean Takings\?\)"):
        panel_of(hotels(), id="State", value=["Taking", "Occupancy"])
    with pytest.raises(DataError, match=r"need the column that tells series apart.*unique_id.*data\.id"):
        panel_of(hotels().drop(columns="State")[:8], value=["Takings", "Occupancy"])
    with pytest.raises(DataError, match=r"no such column: 'star'"):
        panel_of(hotels(), id="State", value=["Takings", "Occupancy"], ignore=["star"])


def test_covariates_are_of_one_value() -> None:
    with pytest.raises(SettingsError, match="several values make a series of each column"):
        panel_of(hotels(price=1.0), id="State", value=["Takings", "Occupancy"], future=["price"])
