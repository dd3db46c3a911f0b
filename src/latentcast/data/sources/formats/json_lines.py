"""JSON lines: a table, one row a line; or one series a line, as GluonTS writes them. JSON: a list of such objects."""

import json
from pathlib import Path

import pandas as pd

from latentcast.core.errors import DataError
from latentcast.data.sources.formats.delimited import with_numbers
from latentcast.data.sources.formats.encoding import encoding_of
from latentcast.data.sources.formats.notes import with_notes
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


def read_json(path: Path) -> pd.DataFrame:
    """Read a list of rows or series, an object of columns, or one that holds such a list as its only one."""
    try:
        whole = json.loads(path.read_text(encoding=encoding_of(path)))
    except RecursionError as error:
        raise DataError(f"{path} is nested too deeply for a table") from error
    except ValueError as error:
        if "Extra data" not in str(error):
            raise DataError(f"{path} is not JSON: {error}") from error
        return read_json_lines(path)
    if isinstance(whole, dict):
        lists = {name: value for name, value in whole.items() if isinstance(value, list)}
        rows = [value for value in lists.values() if value and all(isinstance(row, dict) for row in value)]
        if len(rows) == 1:
            whole = rows[0]
        elif lists and len(lists) == len(whole) and len({len(value) for value in lists.values()}) == 1:
            return pd.DataFrame(lists)
    if not isinstance(whole, list) or not whole or not all(isinstance(row, dict) for row in whole):
        raise DataError(f"{path} holds no table; wanted a list of objects, one for each row")
    if is_record(whole[0]):
        return long_frame(whole, _frequency_beside(path))
    frame, notes = with_numbers(pd.json_normalize(whole), comma_may_be_decimal=False)
    return with_notes(frame, notes)


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
