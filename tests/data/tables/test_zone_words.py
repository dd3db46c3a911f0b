"""Abbreviations of time zones behind stamps: offsets, clocks that change, and words with several meanings."""

import warnings

import pandas as pd
import pytest

from latentcast.core.errors import TimeError
from latentcast.data.panel.build import build
from latentcast.data.settings import DataSettings
from latentcast.data.tables.timestamps import Stamps, read_stamps

HOURS = pd.date_range("2018-03-20", periods=200, freq="h")


def read(texts: pd.Index | list[str], form: str | None = None) -> Stamps:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_stamps(pd.Series(texts, name="when"), form)


@pytest.mark.parametrize(
    ("form", "word", "first"),
    [
        ("%Y-%m-%d %H:%M", "CET", "2018-03-19 23:00"),
        ("%Y-%m-%d %H:%M", "EST", "2018-03-20 05:00"),
        ("%d.%m.%Y %H:%M:%S", "PDT", "2018-03-20 07:00"),
        ("%Y-%m-%dT%H:%M", "JST", "2018-03-19 15:00"),
        ("%m/%d/%Y %I:%M %p", "EST", "2018-03-20 05:00"),
        ("%Y-%m-%d %H:%M", "GMT", "2018-03-20 00:00"),
    ],
)
def test_an_abbreviation_is_its_offset(form: str, word: str, first: str) -> None:
    found = read(HOURS.strftime(f"{form} {word}"))
    assert (found.times == (HOURS - HOURS[0] + pd.Timestamp(first)).to_numpy()).all()
    assert found.clock.zone is not None
    assert bool(found.notes) == (word != "GMT")


def test_the_zone_before_the_year_and_in_a_format() -> None:
    wanted = (HOURS - pd.Timedelta(hours=1)).to_numpy()
    assert (read(HOURS.strftime("%a %b %d %H:%M:%S CET %Y")).times == wanted).all()
    assert (read(HOURS.strftime("%Y-%m-%d %H:%M CET"), "%Y-%m-%d %H:%M %Z").times == wanted).all()


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Chicago", "Europe/London"])
@pytest.mark.parametrize("freq", ["h", "D"])
def test_two_abbreviations_of_one_clock_are_its_zone(zone: str, freq: str) -> None:
    stamps = pd.date_range("2018-03-01", periods=900, freq=freq, tz=zone)
    found = read(stamps.strftime("%Y-%m-%d %H:%M %Z"))
    assert found.clock.zone == zone
    assert (pd.DatetimeIndex(found.clock.restore(found.times)) == stamps).all()


def test_a_word_with_several_meanings_is_refused_and_the_advice_works() -> None:
    texts = HOURS.strftime("%Y-%m-%d %H:%M IST")
    with pytest.raises(TimeError, match=r"IST names several zones .*Asia/Kolkata") as caught:
        read(texts)
    frame = pd.DataFrame({"ds": texts, "y": range(200)})
    panel = build(frame, DataSettings(zone="Asia/Kolkata", time_format=str(caught.value.value)))
    assert panel.times[0] == (HOURS[0] - pd.Timedelta("5h30min")).to_datetime64()
    with pytest.raises(TimeError, match=r"XYZ names no zone"):
        read(HOURS.strftime("%Y-%m-%d %H:%M XYZ"))
