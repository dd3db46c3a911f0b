"""Excel workbooks, through openpyxl (extra `excel`)."""

import re
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentcast.core.errors import DataError, MissingExtra, shorten
from latentcast.data.sources.formats.around_table import without_surroundings
from latentcast.data.sources.formats.delimited import with_numbers
from latentcast.data.sources.formats.notes import with_notes

_STYLES = "xl/styles.xml"
_EMPTY_FILL = re.compile(rb"<fill\s*/>|<fill>\s*</fill>")


def read_excel(path: Path) -> pd.DataFrame:
    """Read the only sheet with rows, or the first of several that holds a table of numbers, which a note says.

    Raises MissingExtra without openpyxl, and DataError for a workbook without rows.
    """
    try:
        import openpyxl  # noqa: F401
    except ImportError as error:
        raise MissingExtra("openpyxl", "excel", f"reading {path.name}") from error
    sheets = {name: frame for name, frame in _sheets(path).items() if len(frame)}
    if not sheets:
        raise DataError(f"{path} has no sheet with a header and rows")
    first = next((name for name, frame in sheets.items() if _holds_numbers(frame)), next(iter(sheets)))
    others = [name for name in sheets if name != first]
    notes = [f"the sheet {first!r} is read, and not {shorten(others)}"] if others else []
    frame, above = sheets[first], 0
    if any(str(name).startswith("Unnamed: ") for name in frame.columns) and (above := _rows_above(frame)):
        frame = _sheets(path, first, above)[first]
        notes.append(f"the first {above} rows are no part of the table and were left out")
    frame, around = without_surroundings(frame)
    frame, filled = _with_merged_names(frame)
    frame, more = with_numbers(frame, comma_may_be_decimal=True)
    return with_notes(frame, [*notes, *around, *filled, *more])


def _sheets(path: Path, name: str | None = None, above: int = 0) -> dict[str, pd.DataFrame]:
    # "NA" is Namibia in a column of ids
    asked: Any = None if name is None else [name]
    how: dict[str, Any] = {"sheet_name": asked, "skiprows": above, "keep_default_na": False, "na_values": [""]}
    try:
        read = pd.read_excel(path, **how)
    except TypeError as error:  # openpyxl wants a pattern in every fill, and R's packages write fills without one
        if (whole := _with_patterns(path)) is None:
            raise ValueError(f"openpyxl cannot read its styles: {error}") from error
        read = pd.read_excel(whole, **how)
    return {str(sheet): frame for sheet, frame in read.items()}


def _with_patterns(path: Path) -> BytesIO | None:
    """The workbook with a pattern in each empty fill; None where none is empty, or it is no archive."""
    made, found = BytesIO(), 0
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == _STYLES:
                content, found = _EMPTY_FILL.subn(b"<fill><patternFill/></fill>", content)
            new.writestr(name, content)
    made.seek(0)
    return made if found else None


def _holds_numbers(frame: pd.DataFrame) -> bool:
    """Whether a sheet may hold a table: several columns, with numbers in one of them."""
    shares = [pd.to_numeric(frame[name], errors="coerce").notna().to_numpy().mean() for name in frame.columns]
    return len(shares) > 1 and max(shares) > 0.5


def _rows_above(frame: pd.DataFrame) -> int:
    """Rows of the sheet before the header: titles, which fill fewer cells than the rows of the table."""
    cells = frame.notna().sum(axis=1).to_numpy()
    usual = int(np.bincount(cells).argmax())
    titled = sum(not str(name).startswith("Unnamed: ") for name in frame.columns)
    return 0 if titled >= usual or usual < 2 else int((cells == usual).argmax()) + 1


def _with_merged_names(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Names in merged cells, which stand in the first row of each, repeated in the rows below, and a note."""
    notes = []
    for name in frame.columns[:-1]:
        column = frame[name]
        blank = column.isna()
        text = column.dropna().map(lambda value: isinstance(value, str)).all()
        if not text or len(frame) < 2 or blank.iloc[0] or not 0.5 < blank.mean() < 1:
            break
        frame = frame.assign(**{str(name): column.ffill()})
        notes.append(f"{name}: blank cells repeat the name above them, as in merged cells")
    return frame, notes
