"""Numbers written as text in frames of Python, read as they are in files: $1,210.50, 10 %, 5 kWh, 1.2K, (1,234)."""

import pandas as pd

from latentcast.data.settings import DataSettings
from latentcast.data.sources.formats.delimited import with_numbers

_MARKED = r".*[^\d\s+-].*"  # more than digits, of which ids and dates may be made
_TIMES = ("ds", "date", "datetime", "timestamp", "time", "month", "quarter", "week", "day", "period", "year", "datum")
_FEW = 20


def with_text_numbers(frame: pd.DataFrame, settings: DataSettings) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table with such columns as numbers, and a note on each; those that the settings name as ids, time, covariates
    or ignored stay as they are, and so do texts of digits alone."""
    declared = {settings.time, *settings.id_names, *settings.ignore, *settings.future, *settings.static, "unique_id"}
    if not frame.columns.is_unique:
        return frame, ()
    names = [
        name
        for name, column in frame.items()
        if name not in declared and str(name).strip().lower() not in _TIMES and _is_marked(column)
    ]
    if not names:
        return frame, ()
    read, notes = with_numbers(frame[names].astype(object), comma_may_be_decimal=False)
    found = [name for name in names if pd.api.types.is_numeric_dtype(read[name])]
    if not found:
        return frame, ()
    made = frame.copy(deep=False)
    for name in found:
        made[name] = read[name]
    noted = {str(name) for name in found if any(note.startswith(f"{name}: ") for note in notes)}
    plain = (
        f"{name}: its texts are numbers, and {frame[name].dropna().iloc[0]!r} is {read[name].dropna().iloc[0]:g}"
        for name in found
        if name not in noted
    )
    return made, (*notes, *plain)


def _is_marked(column: pd.Series) -> bool:
    if not (column.dtype == object or pd.api.types.is_string_dtype(column)):
        return False
    seen = column.dropna()
    first = seen.iloc[:_FEW]
    return (
        bool(len(first))
        and all(isinstance(value, str) for value in first)
        and bool(first.str.contains(r"\d").any())
        and bool(first.str.fullmatch(_MARKED).any())
        and all(isinstance(value, str) for value in seen)
    )
