"""The .ts files of sktime and aeon: one case a line, its channels parted by colons."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from latentcast.core.errors import DataError
from latentcast.data.sources.formats.encoding import encoding_of
from latentcast.data.sources.formats.notes import with_notes
from latentcast.data.sources.formats.records import long_frame

_STAMPED = re.compile(r"\(([^,()]+),([^()]+)\)")


def read_ts(path: Path) -> pd.DataFrame:
    """Read the long frame of all cases: case 0, or 0.0, 0.1, … where it has several channels.

    Class labels are left out, which a note says. Raises DataError that names the line at fault.
    """
    header: dict[str, str] = {}
    records: list[dict[str, object]] = []
    in_data = False
    with path.open(encoding=encoding_of(path)) as file:
        for number, line in enumerate(map(str.strip, file), start=1):
            if not line or line.startswith(("#", "%")):
                continue
            if line.startswith("@"):
                key, _, value = line[1:].partition(" ")
                header[key.lower()] = value.strip()
                in_data = in_data or key.lower() == "data"
            elif in_data:
                records.append(_case(path, number, line, str(len(records)), labelled=_labelled(header)))
    if not in_data:
        raise DataError(f"{path} has no line @data; wanted a .ts file of sktime or aeon")
    notes = ["the labels of the series are left out"] if _labelled(header) else []
    return with_notes(long_frame(records), notes)


def _labelled(header: dict[str, str]) -> bool:
    return any(header.get(key, "false").lower().startswith("true") for key in ("classlabel", "targetlabel"))


def _case(path: Path, number: int, line: str, name: str, *, labelled: bool) -> dict[str, object]:
    stamped = _STAMPED.findall(line)
    if stamped:
        values = [_number(path, number, value) for _, value in stamped]
        return {"item_id": name, "timestamp": [date.strip() for date, _ in stamped], "target": values}
    channels = line.split(":")[: -1 if labelled else None]
    rows = [[_number(path, number, text) for text in channel.split(",")] for channel in channels]
    if len({len(row) for row in rows}) != 1:
        raise DataError(f"{path}, line {number}: its channels differ in length")
    return {"item_id": name, "target": rows[0] if len(rows) == 1 else rows}


def _number(path: Path, number: int, text: str) -> float:
    try:
        return np.nan if text.strip() in ("?", "NaN", "") else float(text)
    except ValueError as error:
        raise DataError(f"{path}, line {number}: {error}") from error
