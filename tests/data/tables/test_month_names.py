"""Months of other languages are read, and later dates are written in the same words."""

import pandas as pd
import pytest

from latentcast.data.tables.timestamps import read_stamps

GERMAN = ["Jan", "Feb", "Mär", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez"]
FRENCH = ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."]
SPANISH = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
]
MONTHS = pd.date_range("2020-01-01", periods=24, freq="MS")


@pytest.mark.parametrize("words", [GERMAN, FRENCH, SPANISH], ids=["German", "French", "Spanish"])
@pytest.mark.parametrize("form", ["{word} {year}", "{word}-{year}", "1. {word} {year}"])
def test_months_are_read_and_written_in_their_language(words: list[str], form: str) -> None:
    texts = [form.format(word=words[day.month - 1], year=day.year) for day in MONTHS]
    read = read_stamps(pd.Series(texts[:18], name="month"), None)
    assert list(read.times) == list(MONTHS[:18].to_numpy())
    assert read.written is not None
    assert list(read.written.write(MONTHS[18:].to_numpy())) == texts[18:]


@pytest.mark.parametrize(
    ("texts", "later"), [(["1991 Aug", "1991 Sept"], "1991 Oct"), (["July 2001", "Aug. 2001"], None)]
)
def test_other_short_forms_of_english_months(texts: list[str], later: str | None) -> None:
    read = read_stamps(pd.Series(texts), None)
    assert [str(day)[5:10] for day in read.times] == (["08-01", "09-01"] if later else ["07-01", "08-01"])
    if later:
        assert list(read.written.write(pd.DatetimeIndex(["1991-10-01"]).to_numpy())) == [later]


def test_words_of_months_that_were_not_seen_follow_those_that_were() -> None:
    read = read_stamps(pd.Series(["Mai 2020", "Juni 2020", "Juli 2020"]), None)
    assert read.written is not None
    assert list(read.written.write(MONTHS[7:10].to_numpy())) == ["August 2020", "September 2020", "Oktober 2020"]


@pytest.mark.parametrize(
    ("texts", "later"),
    [(["2020年1月", "2020年2月"], "2020年3月"), (["2020年01月31日", "2020年02月29日"], "2020年03月01日")],
)
def test_chinese_dates(texts: list[str], later: str) -> None:
    read = read_stamps(pd.Series(texts), None)
    assert read.written is not None
    assert list(read.written.write(MONTHS[2:3].to_numpy())) == [later]
