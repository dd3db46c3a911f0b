"""Kinds of time columns that public packages ship: years without a name, years beside quarters, months first."""

from pathlib import Path
from typing import Any

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


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@pytest.mark.parametrize(
    ("names", "numbers", "alias", "second"),
    [
        (("year", "week"), range(1, 53), "W-MON", "2018-01-08"),
        (("Jahr", "Monat"), range(1, 13), "MS", "2018-02-01"),
        (("Year", "Month"), MONTHS, "MS", "2018-02-01"),
        (("year", "half"), (1, 2), "6MS", "2018-07-01"),
    ],
)
def test_years_beside_their_units(names: tuple[str, str], numbers: Any, alias: str, second: str) -> None:
    units = list(numbers)
    frame = pd.DataFrame({names[0]: np.repeat([2018, 2019], len(units)), names[1]: units * 2})
    panel = build(frame.assign(sales=np.arange(len(frame)) % 5), DataSettings())
    assert (panel.frequency.alias, str(panel.times[1])[:10]) == (alias, second)


def test_a_week_that_a_year_does_not_have_is_named() -> None:
    frame = pd.DataFrame({"year": [2018] * 3, "week": [51, 52, 53], "y": [1.0, 2.0, 3.0]})
    with pytest.raises(TimeError, match=r"row 2 has 53 as 'week' of 2018, and there is no such week"):
        build(frame, DataSettings())


def test_a_column_a_month_is_laid_out_as_a_series() -> None:
    rows = [[2019, *range(13, 20), *[None] * 5, 0], [2018, *range(1, 13), 78]]
    frame = pd.DataFrame(rows, columns=["Year", *MONTHS, "Total"])
    panel = build(frame, DataSettings())
    assert panel.values[:, 0].tolist() == list(range(1, 20))
    assert (panel.frequency.alias, str(panel.times[-1])[:10]) == ("MS", "2019-07-01")
    assert "'Year', as the series 'value'; Total left out" in panel.notes[0]


@pytest.mark.parametrize("texts", [[f"{y}-P{p}" for y in (2018, 2019, 2020) for p in range(50, 63)], ["soon"] * 39])
def test_rows_count_as_steps_where_nothing_reads_their_stamps(texts: list[str]) -> None:
    frame = pd.DataFrame({"ds": texts, "y": np.arange(39.0)})
    with pytest.raises(TimeError):
        build(frame, DataSettings())
    panel = build(frame, DataSettings(steps="rows"))
    assert panel.values[:, 0].tolist() == frame["y"].tolist()
    assert panel.future_times(2).tolist() == [[40, 41]]
    assert "rows count as steps in the order in which they stand" in panel.notes[0]


def test_rows_that_begin_anew_are_noted() -> None:
    frame = pd.DataFrame({"period": [*range(1, 14)] * 3, "year": np.repeat([1, 2, 3], 13), "y": np.arange(39.0)})
    panel = build(frame, DataSettings(time="period", steps="rows", ignore=("year",)))
    assert "occur again after other ones (first: 1, row 13)" in panel.notes[0]
    panel = build(frame, DataSettings(time="year", steps="rows", ignore=("period",)))
    assert panel.values[:, 0].tolist() == frame["y"].tolist()
    assert panel.notes == ()
    assert panel.future_times(1).tolist() == [[40]]
