"""Delimited text such as CSV and TSV, with any separator, encoding and number format."""

import csv
import re
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentcast.core.errors import shorten
from latentcast.data.sources.formats.around_table import is_header, lines_before, without_surroundings
from latentcast.data.sources.formats.encoding import encoding_of
from latentcast.data.sources.formats.notes import with_notes
from latentcast.data.sources.formats.office_tables import is_sdw, office_form, sdw_names
from latentcast.data.sources.formats.plain_csv import read_plain
from latentcast.data.sources.formats.written_numbers import MISSING, as_numbers, holds_no_numbers, without_limits

_SEPARATORS = ";\t,|"  # the first wins a draw: the comma is also found in names and numbers
# the number that was printed; pandas 3.1 knows no other, and warns of the word
_PRECISION: dict[str, Any] = (
    {} if tuple(map(int, pd.__version__.split(".")[:2])) >= (3, 1) else {"float_precision": "round_trip"}
)
_ROWS = 20  # read to find the separator
_HEAD = 60  # read to find what stands before the table
_QUOTED = re.compile(r'(?<![^,;\t|\n])"(?:[^"]|"")*"')  # a field in quotes
_SPACES = r"\s+"
_LOOKED_AT = 10_000  # texts among which a first "<1" is looked for
_FEW_NOTES = 4  # columns with a note of their own
_CHUNK = 1 << 20
_DECIMAL_COMMA = r"[^\d.,+-]{0,4}[+-]?\d*,\d+(?:[eE][+-]?\d+)?[^\d.,]{0,8}"  # with a sign or a unit


@dataclass(frozen=True)
class _Layout:
    """How a file is written: `names` are given where several lines make the header, `skip` of them, or none does;
    `before` lines stand before the table."""

    path: Path
    encoding: str
    separator: str
    names: list[str] | None = None
    skip: int = 0
    before: int = 0

    def read(self, dtype: Any = None) -> pd.DataFrame:
        if (
            self.is_plain
            and dtype is None
            and (plain := read_plain(self.path, self.separator, self.before)) is not None
        ):
            return plain
        header: dict[str, Any] = {"skiprows": self.before + self.skip}
        if self.names is not None:
            header["names"] = self.names
        return pd.read_csv(
            self.path,
            sep=self.separator,
            encoding=self.encoding,
            **_PRECISION,
            keep_default_na=False,  # "NA" is Namibia in a column of ids; among numbers it is read as missing below
            na_values=[""],
            low_memory=False,
            dtype=dtype,
            **header,
        )

    @property
    def is_plain(self) -> bool:
        """Whether it is UTF-8 with a header of one line."""
        return self.names is None and not self.skip and self.encoding == "utf-8" and self.separator != _SPACES


def read_delimited(path: Path) -> pd.DataFrame:
    """Read delimited text. Ids keep their leading zeros; numbers may have decimal commas and thousands marks."""
    encoding = encoding_of(path)
    with path.open(encoding=encoding) as file:
        head = list(islice(file, _HEAD))
    before = lines_before(head, _SEPARATORS)
    separator = _separator(head[before:])
    names, skip = sdw_names(head) if is_sdw(head) else _header(path, encoding, separator, before)
    layout = _Layout(path, encoding, separator, names, skip, before)
    frame = layout.read()
    if not isinstance(frame.index, pd.RangeIndex):
        raise ValueError("its rows have more fields than its header")
    if len(frame.columns) == 1 and re.search(r"[^\w\s]|\w\s+\w", str(frame.columns[0])):
        raise ValueError(
            f"its header is one field, {str(frame.columns[0])!r}; wanted names with commas, semicolons, tabs, bars or"
            " spaces between them"
        )
    frame = _with_leading_zeros(layout, frame)
    frame, office = office_form(frame)
    frame, around = without_surroundings(frame)
    around = [*office, *around]
    frame, notes = with_numbers(frame, comma_may_be_decimal=separator != ",")
    notes = [*around, *notes]
    if before:
        lines = "the first line is" if before == 1 else f"the first {before} lines are"
        notes.insert(0, f"{lines} no part of the table and left out")
    if names is not None and not skip:
        notes.insert(0, f"the file has no header: its columns are taken as {', '.join(names)}")
    if encoding not in ("utf-8", "utf-8-sig"):
        notes.insert(0, f"the file is read in the encoding {encoding}")
    return with_notes(frame, notes)


def _separator(lines: list[str]) -> str:
    """Return the separator that splits the first rows into equally many fields; else the most frequent one in the
    header."""
    head = "".join(lines[:_ROWS])
    rows = [row for row in _QUOTED.sub("", head).split("\n") if row.strip()]
    counts = {separator: {row.count(separator) for row in rows} for separator in _SEPARATORS}
    alike = [separator for separator in _SEPARATORS if len(counts[separator]) == 1 and counts[separator] != {0}]
    if alike:
        return max(alike, key=rows[0].count)
    best = max(_SEPARATORS[::-1], key=head.partition("\n")[0].count)
    fields = {len(row.split()) for row in rows}
    return _SPACES if rows and best not in rows[0] and len(fields) == 1 and fields != {1} else best


def _header(path: Path, encoding: str, separator: str, before: int) -> tuple[list[str] | None, int]:
    """Names and number of header lines where the header takes several or none; (None, 0) where it takes one.

    pandas writes columns of several levels so: the levels line by line, then the name of the index alone in a line.
    """
    if separator == _SPACES:
        return None, 0
    lines: list[list[str]] = []
    with path.open(encoding=encoding, newline="") as file, suppress(csv.Error):  # a field beyond the limit of csv
        lines = list(islice(csv.reader(islice(file, before, None), delimiter=separator), 5))
    if lines and len(lines[0]) > 1 and not is_header(lines[0]):
        values = ["y"] if len(lines[0]) == 2 else [f"y{at}" for at in range(1, len(lines[0]))]
        return ["ds", *values], 0
    for at, line in enumerate(lines[1:4], start=1):
        if len(line) > 1 and line[0].strip() and not any(field.strip() for field in line[1:]):
            levels = [level for level in lines[:at] if len(level) == len(line)]
            if len(levels) < at or at + 1 >= len(lines) or not all(level[0].strip() for level in levels):
                return None, 0
            varied = [level[1:] for level in levels if len(set(level[1:])) > 1] or [levels[0][1:]]
            return [line[0], *(" ".join(filter(None, names)) for names in zip(*varied, strict=True))], at + 1
    return None, 0


def _with_leading_zeros(layout: _Layout, frame: pd.DataFrame) -> pd.DataFrame:
    """Whole numbers such as 00101 as the text that they are written as."""
    whole = [name for name, column in frame.items() if column.dtype.kind in "iu"]
    if not whole or layout.separator == _SPACES or not _has_leading_zeros(layout):
        return frame
    texts = layout.read(dtype=dict.fromkeys(whole, str))
    for name in whole:
        if texts[name].str.fullmatch(r"\s*[+-]?0\d+\s*").any():
            frame[name] = texts[name].str.strip()
    return frame


def _may_have_leading_zeros(layout: _Layout) -> bool:
    """Whether a zero and a digit follow on a separator, an end of line or a quote: found quickly in large files."""
    if layout.encoding not in ("utf-8", "utf-8-sig") or not layout.path.stat().st_size:
        return True
    begins, signs, digits = np.zeros((3, 256), np.bool_)
    begins[list(layout.separator.encode() + b'\n"')] = signs[list(b" -+")] = digits[list(b"0123456789")] = True
    rest = b""
    with layout.path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            read = np.frombuffer(rest + chunk, np.uint8)
            at = np.flatnonzero(read[2:-1] == ord("0")) + 2
            before, two_before = read[at - 1], read[at - 2]
            if (digits[read[at + 1]] & (begins[before] | (signs[before] & begins[two_before]))).any():
                return True
            rest = (rest + chunk)[-3:]
    return False


def _has_leading_zeros(layout: _Layout) -> bool:
    if not _may_have_leading_zeros(layout):
        return False
    field = re.escape(layout.separator)
    pattern = re.compile(rf'(?:^|[{field}\n"])\s*[+-]?0\d+\s*(?=[{field}\r\n"]|$)')
    with layout.path.open(encoding=layout.encoding, newline="") as file:
        rest = ""
        while chunk := file.read(_CHUNK):
            if pattern.search(rest + chunk):
                return True
            rest = chunk[-64:]
    return False


def with_numbers(frame: pd.DataFrame, *, comma_may_be_decimal: bool) -> tuple[pd.DataFrame, list[str]]:
    """Columns of text that hold numbers as numbers, and notes on marks that count as missing."""
    texts = [name for name, column in frame.items() if column.dtype == object or pd.api.types.is_string_dtype(column)]
    notes: list[str] = []
    for name in texts:
        if frame[name].iloc[:_LOOKED_AT].astype(str).str.startswith("<").any() and (
            limited := without_limits(frame[name])
        ):
            frame[name] = limited[0]
            notes.append(limited[1])
    texts = [name for name in texts if not holds_no_numbers(frame[name])]
    decimal = comma_may_be_decimal and _has_decimal_commas(frame, texts)
    missing: dict[str, tuple[int, str]] = {}
    for name in texts:
        column = frame[name]
        if not column.isna().all() and column.dropna().astype(str).str.fullmatch(r"0\d+").any():
            continue  # a code with leading zeros
        filled = column.where(column.notna(), "")
        if (numbers := as_numbers(filled, comma_is_decimal=decimal)) is None:
            continue
        values, marks, sign = numbers
        whole = bool((values == np.round(values)).all() and not column.astype(str).str.contains(r"[.,eE]").any())
        frame[name] = values.astype(np.int64) if whole else values
        if sign:
            row = int(column.astype(str).str.contains(sign, regex=False).to_numpy().argmax())
            notes.append(f"{name}: {sign!r} was left out, and {column.iloc[row]!r} is {values.iloc[row]:g}")
        if marks:
            missing[str(name)] = marks, _first_mark(column)
    return frame, [*notes, *_missing_notes(missing)]


def _missing_notes(missing: dict[str, tuple[int, str]]) -> list[str]:
    """A note on the marks of each column, or one on all of many."""
    if len(missing) <= _FEW_NOTES:
        return [f"{name}: {count} entries such as {mark!r} count as missing" for name, (count, mark) in missing.items()]
    total, marks = sum(count for count, _ in missing.values()), sorted({mark for _, mark in missing.values()})
    where = f"{len(missing)} columns: {shorten(list(missing))}"
    return [f"{total} entries such as {shorten(marks)} count as missing, in {where}"]


def _first_mark(column: pd.Series) -> str:
    """The first entry that is no number."""
    bad = column.astype(str).str.strip().str.lower().isin(MISSING) & column.notna()
    return str(column[bad].iloc[0])


def _has_decimal_commas(frame: pd.DataFrame, texts: list[Any]) -> bool:
    """Whether a column holds numbers such as 50,4 and none has them with a point."""
    if not any(frame[name].astype(str).str.fullmatch(_DECIMAL_COMMA).any() for name in texts):
        return False
    numbers = frame.select_dtypes("float").to_numpy()
    return bool((np.isnan(numbers) | (numbers == np.round(numbers))).all())
