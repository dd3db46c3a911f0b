"""Layouts of statistical offices and markets, as the plain tables that they stand for."""

import re
from calendar import month_abbr
from collections.abc import Sequence
from typing import Any

import pandas as pd

_SDW = "Data Source in SDW"
_ANNUAL = {"M": "M13", "Q": "Q05", "S": "S03"}  # the mean of a year among its months, quarters and halves
_PERIOD = re.compile(r"([MQSA])(\d\d)")
_PLACE = ("latitude", "longitude", "elevation")


def is_sdw(head: Sequence[str]) -> bool:
    """Whether a file is an export of the ECB's warehouse: keys of series in its second line."""
    return len(head) > 2 and head[0].lstrip('"\ufeff').startswith(_SDW)


def sdw_names(head: Sequence[str]) -> tuple[list[str], int]:
    """Names of its columns, and the number of lines before the first row."""
    keys = [field.strip().strip('"') for field in head[1].split(",")[1:]]
    first = next((at for at, line in enumerate(head) if re.match(r'"?\d{4}', line)), len(head))
    return ["Period", *keys], first


def office_form(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The same table with plain names, keys of their own columns, and dates in one column; a note on each change."""
    notes: list[str] = []
    frame = _without_marks(frame)
    for step in (_eurostat, _year_and_period, _without_halves, _without_place):
        frame, note = step(frame)
        notes += [note] if note else []
    return frame, notes


def _without_marks(frame: pd.DataFrame) -> pd.DataFrame:
    """<TICKER> as TICKER, as Stooq writes all its names."""
    names = [str(name) for name in frame.columns]
    if not all(name.startswith("<") and name.endswith(">") for name in names):
        return frame
    return frame.set_axis([name[1:-1] for name in names], axis=1)


def _eurostat(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """freq,unit,geo\\TIME_PERIOD in one field → a column for each key, and the periods without blanks."""
    name = str(frame.columns[0])
    if "\\" not in name or len(frame.columns) < 3:
        return frame, ""
    keys = name.partition("\\")[0].split(",")
    parts = frame.iloc[:, 0].astype(str).str.split(",", expand=True)
    if parts.shape[1] != len(keys) or parts.isna().any(axis=None):
        return frame, ""
    rest = frame.iloc[:, 1:].rename(columns=lambda period: str(period).strip())
    for period in rest.columns:
        if not pd.api.types.is_numeric_dtype(rest[period]):
            rest[period] = rest[period].astype(str).str.strip().map(_observation)
    rest = rest[[period for period in rest.columns if not period.startswith("Unnamed")]]
    rest = rest[sorted(rest.columns)]  # some tables begin with the latest period
    varied = [at for at in range(len(keys)) if len(parts[at].unique()) > 1] or [len(keys) - 1]
    same = [f"{key} {parts[at].iloc[0]}" for at, key in enumerate(keys) if at not in varied]
    table = pd.concat([parts[varied].set_axis([keys[at].strip() for at in varied], axis=1), rest.astype(float)], axis=1)
    note = "a Eurostat table: ':' counts as missing, flags such as 'p' are left out"
    return table, note + (f", and so are keys that are the same in all rows ({', '.join(same)})" if same else "")


def _observation(text: str) -> float:
    """12.3 p → 12.3; : c → NaN. Raises ValueError for anything else."""
    if text in ("", "nan") or re.fullmatch(r":\s*[a-z]*", text):
        return float("nan")
    found = re.fullmatch(r"([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*[a-z]*", text)
    if found is None:
        raise ValueError(f"{text!r} is no observation of a Eurostat table; wanted a number, a colon, and flags")
    return float(found[1])


def _year_and_period(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """A year, and M01 to M12 in a column of its own, as one date; M13, the mean of the year, is no month."""
    by_name: dict[str, Any] = {str(name).strip().lower(): name for name in frame.columns}
    if "year" not in by_name or "period" not in by_name:
        return frame, ""
    year, period = frame[by_name["year"]], frame[by_name["period"]].astype(str).str.strip()
    kinds = {found[1] if (found := _PERIOD.fullmatch(text)) else "" for text in period.unique()}
    if len(kinds) != 1 or kinds == {""} or not pd.api.types.is_integer_dtype(year):
        return frame, ""
    (kind,) = kinds
    months = {"M": 1, "Q": 3, "S": 6, "A": 12}[kind]
    means = (period == _ANNUAL.get(kind)).to_numpy()
    number = period.str[1:].astype(int)
    if not number[~means].between(1, 12 // months).all():
        return frame, ""
    month = (number - 1) * months + 1
    table = frame.drop(columns=[by_name["year"], by_name["period"]]).rename(columns=lambda name: str(name).strip())
    for name in table.columns:
        if not pd.api.types.is_numeric_dtype(table[name]):
            table[name] = table[name].str.strip()
    dates = year.astype(str) + "-" + month.astype(str).str.zfill(2)
    table.insert(0, "date", dates)
    table = table[~means].reset_index(drop=True)
    left_out = f"; {int(means.sum())} means of a year ({_ANNUAL[kind]}) are left out" if means.any() else ""
    return table, f"the year and {period.iloc[0]}, … in 'period' make the date{left_out}"


def _without_halves(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Jan to Dec across without the means of the year and its halves."""
    names = [str(name) for name in frame.columns]
    if len(names) < 14 or names[0] != "Year" or names[1:13] != list(month_abbr)[1:]:
        return frame, ""
    means = names[13:]
    if not all(re.fullmatch(r"Annual|Annual Avg|Avg|HALF[12]", name) for name in means):
        return frame, ""
    return frame.drop(columns=means), f"means of years and halves are left out ({', '.join(means)})"


def _without_place(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Without the place of a station, which is one number in all rows."""
    same = [name for name in frame.columns if str(name).lower() in _PLACE and len(frame[name].unique()) == 1]
    if not same or len(same) + 2 > len(frame.columns):
        return frame, ""
    return frame.drop(columns=same), f"the place of the station is left out ({', '.join(map(str, same))})"
