"""JSON lines: a table, one row a line; or one series a line, as GluonTS writes them."""

import json
from pathlib import Path

import pandas as pd

from latentcast.core.errors import DataError
from latentcast.data.sources.formats.encoding import encoding_of
from latentcast.data.sources.formats.records import is_record, long_frame


def read_json_lines(path: Path) -> pd.DataFrame:
    """Read a frame of rows, or the long frame of a file of series."""
    rows = []
    with path.open(encoding=encoding_of(path)) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(f"{path}, line {number} is not JSON: {str(error) or type(error).__name__}") from error
            if not isinstance(row, dict):
                raise DataError(f"{path}, line {number} holds {type(row).__name__}; wanted an object a line")
            rows.append(row)
    if rows and is_record(rows[0]):
        return long_frame(rows, _frequency_beside(path))
    return pd.DataFrame(rows)


def _frequency_beside(path: Path) -> str | None:
    """The frequency in the metadata.json that GluonTS keeps next to the folders of a dataset."""
    for folder in (path.parent, path.parent.parent):
        file = folder / "metadata.json"
        if file.is_file():
            try:
                freq = json.loads(file.read_text(encoding="utf-8")).get("freq")
            except (ValueError, AttributeError) as error:
                raise DataError(f"{file} is not JSON with a frequency: {error}") from error
            return None if freq is None else str(freq)
    return None
