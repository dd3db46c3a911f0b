"""Kinds of time columns that public packages ship: years without a name, years beside quarters, months first."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from latentcast.core.errors import TimeError
from latentcast.data.panel.build import build
from latentcast.data.settings import DataSettings
from latentcast.data.sources.files import read_file


def test_an_unnamed_first_column_of_years_is_the_time(tmp_path: Path) -> None:
    path = tmp_path / "lynx.csv"
    path.write_text(",0\n" + "".join(f"{year},{year % 7}\n" for year in range(1821, 1860)), encoding="utf-8")
    panel = build(read_file(path), DataSettings())
    assert panel.times[0] == 1821
    assert panel.channels == ("0",)


def test_years_beside_quarters_are_joined() -> None:
    frame = pd.DataFrame({"year": np.repeat([1998, 1999, 2000], 4), "quarter": [1, 2, 3, 4] * 3, "gdp": range(12)})
    panel = build(frame, DataSettings())
    assert panel.frequency.alias.startswith("QS")
    assert panel.times[5] == np.datetime64("1999-04-01")


@pytest.mark.parametrize(("form", "first"), [("%m/%d/%Y", "month"), ("%d/%m/%Y", "day")])
def test_months_that_follow_on_each_other_settle_which_number_is_the_month(form: str, first: str) -> None:
    months = pd.date_range("1957-01-01", periods=30, freq="MS")
    panel = build(pd.DataFrame({"Date": months.strftime(form), "cpi": np.arange(30.0)}), DataSettings())
    assert list(panel.times) == list(months.to_numpy("datetime64[ns]"))
    assert any(f"with the {first} first" in note for note in panel.notes)


def test_a_year_of_months_may_be_days() -> None:
    dates = [f"{month}/1/2020" for month in range(1, 13)]
    with pytest.raises(TimeError, match="with the month or with the day first"):
        build(pd.DataFrame({"Date": dates, "y": np.arange(12.0)}), DataSettings())


def test_row_numbers_that_look_like_years_are_left_out_where_another_column_is_the_time() -> None:
    days = pd.date_range("2024-01-01", periods=40)
    panel = build(pd.DataFrame({"": range(1800, 1840), "when": days, "y2": np.arange(40.0)}), DataSettings())
    assert panel.channels == ("y2",)
    assert panel.frequency.alias == "D"
