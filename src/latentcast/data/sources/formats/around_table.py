"""What stands around the table in a file: comments and headings before it, a line of units, totals after it."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import shorten

COMMENT = re.compile(r"\s*(#|//|%)")
_WORD = re.compile(r"\s*[^\W\d]")
_LEAST = 5  # lines with equally many fields that make a table
_HEADINGS = 30  # lines before it, at most
_TITLES = 3  # times as many fields as titles before it that a table has
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_WIDTHS = re.compile(r"\d+[sdn]")  # 15s: the second header line of USGS names the width and the kind
_FOOTERS = 10  # lines after it, at most
_TOTAL = re.compile(r"(sub|grand)?[ -]?(total|sum|summe|gesamt|average|mean|mittelwert)\b.*", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?.*|\d{4}/\d\d?/\d\d?.*|\d\d?[./-]\d\d?[./-]\d{4}.*")
_NUMBER = re.compile(r"\s*[+-]?\d*[.,]?\d+(?:[eE][+-]?\d+)?\s*|")


def lines_before(lines: Sequence[str], separators: str) -> int:
    """How many lines stand before the header: comments, and headings without the separator of the table."""
    begin = next((at for at, line in enumerate(lines) if line.strip() and not COMMENT.match(line)), 0)
    table = [line for line in lines[begin:] if line.strip()]
    if (under := _under_titles(lines)) is not None:
        return under
    if not table or any(separator in table[0] for separator in separators):
        return begin
    for separator in separators:
        counts = [line.count(separator) for line in table]
        usual = max(set(counts), key=counts.count, default=0)
        first = next((at for at in range(len(counts)) if counts[at : at + _LEAST] == [usual] * _LEAST), None)
        if usual > 0 and first and first <= _HEADINGS and not any(counts[:first]):
            return next(at for at in range(begin, len(lines)) if lines[at] is table[first])
    return begin


def _under_titles(lines: Sequence[str]) -> int | None:
    """The header below titles such as "Data Source","World Development Indicators", which a blank line ends; None
    without them.

    All lines behind it have its number of fields; the titles have a third of it at most.
    """
    counts = [_QUOTED.sub("", line).count(",") for line in lines]
    for at in range(1, min(len(lines), _HEADINGS + 1)):
        titles = [count for count, line in zip(counts[:at], lines[:at], strict=True) if line.strip()]
        behind = [count for count, line in zip(counts[at:], lines[at:], strict=True) if line.strip()]
        if lines[at - 1].strip() or not titles or len(behind) < 2 or len(set(behind)) > 1:
            continue
        if 0 < max(titles) * _TITLES <= behind[0]:
            return at
    return None


def is_header(fields: Sequence[str]) -> bool:
    """Whether the first line holds names, and not a date followed by numbers alone."""
    first, *others = (field.strip().strip('"') for field in fields)
    return not (_DATE.fullmatch(first) and others and all(_NUMBER.fullmatch(field) for field in others))


def without_surroundings(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The table without empty columns that have no name, repeated headers, a line of units and lines at the end, and
    a note on each."""
    notes: list[str] = []
    empty = [
        name for name in frame.columns if str(name).startswith("Unnamed: ") and len(frame) and frame[name].isna().all()
    ]
    frame = frame.drop(columns=empty) if empty else frame  # a copy of a large table takes its memory again
    if len(frame) < 2 or not any(_is_text(frame[name]) for name in frame.columns):
        return frame, notes
    headers = _repeated_headers(frame)
    if headers.any():
        frame = frame[~headers]
        notes.append(f"the header is repeated in {int(headers.sum())} rows: they were left out")
    if len(frame.columns) > 1 and all(_WIDTHS.fullmatch(str(value)) for value in frame.iloc[0]):
        frame = frame.iloc[1:]
        notes.append("the line after the header holds widths of columns and was left out")
    if len(frame.columns) > 1 and _holds_units(frame):
        units = [f"{name}: {unit}" for name, unit in frame.iloc[0].items() if isinstance(unit, str)]
        frame = frame.iloc[1:]
        notes.append(f"the line after the header holds units and was left out ({shorten(units)})")
    footers = _footers(frame)
    if footers:
        words = [str(frame.iloc[row, 0]) for row in range(len(frame) - footers, len(frame))]
        frame = frame.iloc[:-footers]
        notes.append(f"lines at the end hold no row of the table and were left out: {shorten(words)}")
    return (frame.reset_index(drop=True) if notes else frame), notes


def _repeated_headers(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """[rows] whether a row repeats the header; only columns of text can."""
    text = next(name for name in frame.columns if _is_text(frame[name]))
    same = np.array(frame[text].eq(str(text)).fillna(False), bool)
    at = np.flatnonzero(same)
    if len(at):
        same[at] = (frame.iloc[at].astype(str) == [str(name) for name in frame.columns]).all(axis=1)
    return same


def _is_text(column: pd.Series) -> bool:
    return column.dtype == object or pd.api.types.is_string_dtype(column)


def _holds_units(frame: pd.DataFrame) -> bool:
    """Whether the first row has no time and no number, and texts where all other rows have numbers."""
    first, rest = frame.iloc[0], frame.iloc[1:21]
    if not pd.isna(first.iloc[0]):
        return False
    named = [name for name in frame.columns[1:] if isinstance(first[name], str)]
    if not named or any(not isinstance(value, str) and not pd.isna(value) for value in first.iloc[1:]):
        return False
    return all(
        not _NUMBER.fullmatch(first[name]) and rest[name].dropna().astype(str).map(_NUMBER.fullmatch).notna().all()
        for name in named
    )


def _footers(frame: pd.DataFrame) -> int:
    """How many rows at the end are totals, comments or sources."""
    names = frame.iloc[:, 0]
    if not _is_text(names) or len(frame.columns) < 2:
        return 0
    dated = None
    count = 0
    for row in range(len(frame) - 1, max(len(frame) - 1 - _FOOTERS, 0), -1):
        rest, first = (frame.iloc[at, 1:].dropna().astype(str) for at in (row, 0))
        words = rest.map(_WORD.match).notna().all() and not first.map(_WORD.match).notna().any()
        name, alone = names.iloc[row], not len(rest) or words
        if pd.isna(name) or any(letter.isdigit() for letter in str(name)[:4]):
            break
        if not (alone or _TOTAL.fullmatch(str(name).strip()) or COMMENT.match(str(name))):
            break
        if dated is None:
            above = names.iloc[: -min(_FOOTERS, len(frame) - 1)].dropna().astype(str)
            dated = bool(above.str.contains(r"\d").all())
        if not dated:
            break
        count += 1
    return count
