"""Dates as people write them, read column by column."""

import pandas as pd
import pytest

from latentcast.core.errors import TimeError
from latentcast.data.tables.date_texts import read_texts


def days(*texts: str, form: str | None = None) -> list[str]:
    read = read_texts(pd.Series(texts, name="when"), form, None)
    return [str(day)[:10] for day in pd.Series(read.dates)]


def test_the_day_comes_first_where_one_entry_says_so() -> None:
    assert days("01/02/2024", "13/02/2024") == ["2024-02-01", "2024-02-13"]
    assert days("01/02/2024", "02/13/2024") == ["2024-01-02", "2024-02-13"]


def test_a_stated_form_is_followed() -> None:
    assert days("01.02.2024", "02.02.2024", form="%d.%m.%Y") == ["2024-02-01", "2024-02-02"]


def test_what_is_no_date_is_named() -> None:
    with pytest.raises(TimeError, match="soon"):
        days("2024-01-01", "soon")
