"""Dates of other calendars are refused by name, and the conversion in the message works."""

import re

import pandas as pd
import pytest

from latentcast.core.errors import TimeError
from latentcast.data.panel.build import build
from latentcast.data.settings import DataSettings
from latentcast.data.tables.timestamps import read_stamps

DAYS = pd.date_range("2018-03-20", periods=60)
MONTHS = pd.date_range("2018-03-01", periods=30, freq="MS")


@pytest.mark.parametrize(
    ("entries", "calendar", "days"),
    [
        ([int(f"{day.year - 1911}{day:%m%d}") for day in DAYS], "Minguo", DAYS),
        ([int(f"{day.year - 1911}{day:%m}") for day in MONTHS], "Minguo", MONTHS),
        ([f"{day.year - 1911}/{day:%m/%d}" for day in DAYS], "Minguo", DAYS),
        ([f"民國{day.year - 1911}年{day.month}月{day.day}日" for day in DAYS], "Minguo", DAYS),
        ([int(f"{day.year + 543}{day:%m%d}") for day in DAYS], "Buddhist", DAYS),
        ([f"{day.year + 543}-{day:%m-%d}" for day in DAYS], "Buddhist", DAYS),
        ([f"{day:%d/%m}/{day.year + 543}" for day in DAYS], "Buddhist", DAYS),
        ([f"平成30年{day.month}月{day.day}日" for day in DAYS], "Japanese", DAYS),
        ([f"H30.{day.month}.{day.day}" for day in DAYS], "Japanese", DAYS),
    ],
)
def test_the_calendar_is_named_and_the_conversion_works(
    entries: list[int | str], calendar: str, days: pd.DatetimeIndex
) -> None:
    frame = pd.DataFrame({"date": entries, "y": range(len(entries))})
    with pytest.raises(TimeError, match=calendar) as caught:
        build(frame, DataSettings())
    advice = re.search(r"convert it \((.*)\), or count", str(caught.value))
    assert advice is not None
    exec(advice[1], {"frame": frame})
    assert (build(frame, DataSettings()).times == days.to_numpy()).all()


@pytest.mark.parametrize("entries", [[f"1439-01-{day:02d}" for day in range(1, 30)], list(range(14390101, 14390130))])
def test_lunar_dates_are_refused_and_rows_can_be_counted(entries: list[int | str]) -> None:
    frame = pd.DataFrame({"date": entries, "y": range(29)})
    with pytest.raises(TimeError, match=r"Islamic \(Hijri\) or the Persian calendar"):
        build(frame, DataSettings())
    assert build(frame, DataSettings(steps="rows")).times[:2].tolist() == [1, 2]


def test_counters_and_typing_errors_are_no_calendar() -> None:
    assert read_stamps(pd.Series(range(1_070_101, 1_070_131), name="step"), None).times[0] == 1_070_101
    assert read_stamps(pd.Series(range(2540, 2562), name="index"), None).times[0] == 2540
    texts = [*DAYS.strftime("%Y-%m-%d"), "1439-01-01"]
    with pytest.raises(TimeError, match="1 of 61 entries"):
        read_stamps(pd.Series(texts, name="date"), None)
