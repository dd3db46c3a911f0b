"""Frames as answers: JSON in columns or records, CSV, or Parquet."""

import io
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from pydantic_core import to_json
from starlette.responses import Response

from latentcast.core.notes import Note
from latentcast.serving.problems import Problem

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"


def wanted(accept: str) -> str:
    """The media type to answer with. Raises Problem where none of ours is accepted."""
    names = [part.partition(";")[0].strip().lower() for part in accept.split(",")] or ["*/*"]
    for name in names:
        if name in (JSON, CSV, PARQUET):
            return name
        if name in ("", "*/*", "application/*"):
            return JSON
    raise Problem(406, "accept", f"Accept: {accept[:100]} names none of {JSON}, {CSV} and {PARQUET}")


def table_answer(model: str, frame: pd.DataFrame, notes: Iterable[str], media: str, orient: str) -> Response:
    """A frame and what should be known of it."""
    if media == CSV:
        return Response(frame.to_csv(index=False), media_type=CSV)
    if media == PARQUET:
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False)
        return Response(buffer.getvalue(), media_type=PARQUET)
    return columns_answer(model, columns_of(frame), notes, orient)


def columns_answer(model: str, columns: Mapping[str, list[Any]], notes: Iterable[str], orient: str) -> Response:
    """Columns of plain values as JSON."""
    data: Any = columns
    if orient == "records":
        data = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return json_answer({"model": model, "data": data, "notes": [Note.from_value(note).to_dict() for note in notes]})


def json_answer(values: Any) -> Response:
    """Plain values as JSON; numbers that are not finite are null."""
    return Response(to_json(values, inf_nan_mode="null"), media_type=JSON)


def columns_of(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Columns of plain values: dates as ISO 8601."""
    return {str(name): _plain(column) for name, column in frame.items()}


def _plain(column: pd.Series) -> list[Any]:
    if pd.api.types.is_datetime64_any_dtype(column):
        return [None if stamp is pd.NaT else stamp.isoformat() for stamp in column]
    if pd.api.types.is_numeric_dtype(column):
        return column.tolist()
    return [value if isinstance(value, str | int | float | None) else str(value) for value in column.tolist()]
