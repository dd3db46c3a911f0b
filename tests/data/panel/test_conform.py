"""New data read with the columns, the frequency and the clock of a fit."""

import numpy as np
import pandas as pd
import pytest

from latentcast.core.errors import DataError, GapError, TimeError
from latentcast.data.panel.conform import read_alike
from latentcast.data.panel.panel import Panel
from latentcast.data.settings import DataSettings
from latentcast.data.sources.open import open_data

SCHEMA = {"freq": "D", "channels": ["a", "b"], "first": "2024-01-01 00:00:00", "zone": None}


def frame(freq: str = "D", **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"ds": pd.date_range("2024-02-01", periods=4, freq=freq), **columns})


def read(table: pd.DataFrame, settings: DataSettings | None = None, gaps: str | None = None) -> Panel:
    source, _ = open_data(table)
    return read_alike(source, settings or DataSettings(), SCHEMA, gaps=gaps, remedy=lambda other: "; the remedy")


def test_channels_are_put_in_the_order_of_the_fit() -> None:
    panel = read(frame(b=[10, 20, 30, 40], a=[1, 2, 3, 4]))
    assert panel.channels == ("a", "b")
    assert panel.values.tolist() == [[1, 10], [2, 20], [3, 30], [4, 40]]


def test_missing_and_extra_channels_are_named_with_the_remedy() -> None:
    with pytest.raises(DataError) as raised:
        read(frame(a=[1, 2, 3, 4], c=[0, 0, 0, 1]))
    message = str(raised.value)
    assert "missing: b; not in the fit: c" in message
    assert "drop c from the data" in message
    assert message.endswith("; the remedy")


def test_another_frequency_says_that_of_the_fit() -> None:
    with pytest.raises(TimeError, match=r"the fit had steps of D.*the remedy$"):
        read(frame("h", a=[1, 2, 3, 4], b=[1, 2, 3, 4]))


def test_the_gap_policy_of_the_fit_holds_and_can_be_replaced() -> None:
    table, strict = frame(a=[1, np.nan, 3, 4], b=[1, 2, 3, 4]), DataSettings(gaps="error")
    with pytest.raises(GapError, match="what it was fitted with holds here too"):
        read(table, strict)
    assert read(table, strict, gaps="interpolate").values[:, 0].tolist() == [1, 2, 3, 4]


def test_a_gap_that_no_policy_can_fill_says_so() -> None:
    with pytest.raises(GapError, match="there is nothing to fill it from"):
        read(frame(a=[np.nan, 2, 3, 4], b=[1, 2, 3, 4]), gaps="ffill")


def test_rows_at_longer_steps_than_those_of_the_fit_are_refused() -> None:
    weekly = pd.DataFrame({"ds": pd.date_range("2024-02-01", periods=8, freq="7D"), "a": 1.0, "b": np.arange(8.0)})
    with pytest.raises(TimeError, match=r"steps of D, and the rows of the data lie 7 of them apart.*; the remedy"):
        read(weekly)
    assert read(weekly, DataSettings(freq="D")).values.shape == (50, 2)  # as set for the fit too
    assert read(weekly[:5]).values.shape == (29, 2)  # too few to tell


def test_a_channel_without_a_value_is_named_with_its_setting() -> None:
    with pytest.raises(GapError, match=r"'a' has no value at all; leave it out \(data.ignore=a\)"):
        read(frame(a=[np.nan] * 4, b=[1, 2, 3, 4]))
