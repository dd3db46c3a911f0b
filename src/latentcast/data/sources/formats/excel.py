"""Excel workbooks, through openpyxl (extra `excel`)."""

from pathlib import Path

import pandas as pd

from latentcast.core.errors import DataError, MissingExtra, shorten
from latentcast.data.sources.formats.around_table import without_surroundings
from latentcast.data.sources.formats.delimited import with_numbers
from latentcast.data.sources.formats.notes import with_notes


def read_excel(path: Path) -> pd.DataFrame:
    """Read the only sheet with rows, or the first of several, which a note says.

    Raises MissingExtra without openpyxl, and DataError for a workbook without rows.
    """
    try:
        import openpyxl  # noqa: F401
    except ImportError as error:
        raise MissingExtra("openpyxl", "excel", f"reading {path.name}") from error
    # "NA" is Namibia in a column of ids
    read = pd.read_excel(path, sheet_name=None, keep_default_na=False, na_values=[""])
    sheets = {str(name): frame for name, frame in read.items() if len(frame)}
    if not sheets:
        raise DataError(f"{path} has no sheet with a header and rows")
    first, *others = sheets
    notes = [f"the sheet {first!r} is read, and not {shorten(others)}"] if others else []
    frame, around = without_surroundings(sheets[first])
    frame, more = with_numbers(frame, comma_may_be_decimal=True)
    return with_notes(frame, [*notes, *around, *more])
