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
        return long_frame(rows)
    return pd.DataFrame(rows)
