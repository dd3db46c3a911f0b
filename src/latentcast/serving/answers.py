"""Frames as answers."""

from typing import Any

import pandas as pd


def columns_of(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Columns of plain values: dates as ISO 8601, missing numbers as null."""
    return {str(name): _plain(column) for name, column in frame.items()}


def _plain(column: pd.Series) -> list[Any]:
    if pd.api.types.is_datetime64_any_dtype(column):
        return [None if stamp is pd.NaT else stamp.isoformat() for stamp in column]
    if pd.api.types.is_float_dtype(column):
        return [value if value - value == 0 else None for value in column.tolist()]
    return [value.isoformat() if isinstance(value, pd.Timestamp) else value for value in column.tolist()]
