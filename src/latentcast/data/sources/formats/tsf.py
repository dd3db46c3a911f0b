"""Monash .tsf files (Godahewa et al. 2021): attributes with @, then one series a line."""

from pathlib import Path

import numpy as np
import pandas as pd

from latentcast.core.errors import DataError
from latentcast.data.sources.formats.encoding import encoding_of
from latentcast.data.sources.formats.records import long_frame


def read_tsf(path: Path) -> pd.DataFrame:
    """Read the long frame of all series; a series without a start counts its steps.

    Raises DataError that names the line at fault.
    """
    attributes: list[str] = []
    freq, in_data, records = None, False, []
    with path.open(encoding=encoding_of(path)) as file:
        for number, line in enumerate(map(str.strip, file), start=1):
            if not line or line.startswith("#"):
                continue
            if in_data:
                records.append(_series(path, number, line, attributes, freq))
            elif line.lower().startswith("@attribute"):
                attributes.append(line.split()[1].lower())
            elif line.lower().startswith("@frequency"):
                freq = line.split()[1]
            in_data = in_data or line.lower() == "@data"
    if not in_data:
        raise DataError(f"{path} has no line @data; wanted a Monash .tsf file")
    return long_frame(records)


def _series(path: Path, number: int, line: str, attributes: list[str], freq: str | None) -> dict[str, object]:
    *given, values = line.split(":")
    if len(given) != len(attributes):
        raise DataError(f"{path}, line {number}: {len(given)} fields before the values, wanted {len(attributes)}")
    record: dict[str, object] = dict(zip(attributes, given, strict=True))
    if "start_timestamp" in record:
        day, _, clock = str(record["start_timestamp"]).partition(" ")
        record["start_timestamp"] = f"{day} {clock.replace('-', ':')}".strip()
        record["freq"] = freq
    try:
        record["target"] = [np.nan if text.strip() in ("?", "") else float(text) for text in values.split(",")]
    except ValueError as error:
        raise DataError(f"{path}, line {number}: {error}; wanted numbers, commas between them, ? if missing") from error
    return record
