"""Texts that name the beginning and the end of a step count by their beginning."""

import pandas as pd
import pytest

from latentcast.core.errors import TimeError
from latentcast.data.tables.timestamps import read_stamps


@pytest.mark.parametrize(
    ("texts", "begins"),
    [
        (["13.01.2023 00:00 - 13.01.2023 01:00", "13.01.2023 01:00 - 13.01.2023 02:00"], "2023-01-13 01:00"),
        (
            ["13.01.2023 00:00 - 13.01.2023 01:00 (CET)", "13.01.2023 01:00 - 13.01.2023 02:00 (CET)"],
            "2023-01-13 01:00",
        ),
        (["02.01.2023-08.01.2023", "09.01.2023-15.01.2023", "16.01.2023-22.01.2023"], "2023-01-16"),
        (["2023-01-02/2023-01-08", "2023-01-09/2023-01-15"], "2023-01-09"),
        (["2023-01-02 to 2023-01-08", "2023-01-09 to 2023-01-15"], "2023-01-09"),
    ],
)
def test_the_beginning_counts(texts: list[str], begins: str) -> None:
    read = read_stamps(pd.Series(texts, name="week"), None)
    assert read.times[-1] == pd.Timestamp(begins)
    assert any("names a beginning and an end" in note for note in read.notes)
    assert read.written is None


@pytest.mark.parametrize("texts", [["2023-01-02", "2023-01-09"], ["2023-01-02 10:00", "2023-01-02 11:00"]])
def test_single_dates_are_no_ranges(texts: list[str]) -> None:
    assert read_stamps(pd.Series(texts), None).notes == ()


def test_a_text_that_is_no_range_among_others_is_refused() -> None:
    with pytest.raises(TimeError, match=r"2 of 2 entries .* are no dates"):
        read_stamps(pd.Series(["2023-01-02/2023-01-08", "soon"]), None)
