"""Large plain CSV by pyarrow's reader, block by block: the same frame as pandas', with less memory and time."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

LEAST = 1 << 20  # bytes from which on it pays
_BLOCK = 1 << 21
_RETRIES = 8  # columns that may turn out to hold something else than their first block
_TEXT = pa.dictionary(pa.int32(), pa.string())  # ids and dates of panels repeat
_KNOWN = 100_000  # distinct texts of a column that are looked up
_COLUMN = re.compile(r"In CSV column #(\d+)")


def read_plain(path: Path, separator: str, before: int = 0) -> pd.DataFrame | None:
    """Read UTF-8 text with a header of one line; None for what pandas may read in another way.

    Dates, times and ids come back as the text that they are written as; whole numbers and numbers as pandas infers
    them.
    """
    if path.stat().st_size < LEAST:
        return None
    try:
        with csv.open_csv(path, *_options(separator, before, {}), pa.system_memory_pool()) as first:
            schema = first.schema
    except pa.ArrowException:
        return None
    names = schema.names
    kinds = {field.name: _TEXT if _is_text(field.type) else field.type for field in schema}
    # pandas numbers names that occur twice, and names empty ones; it keeps truth values next to other text
    if len(kinds) < len(names) or "" in kinds or any(pa.types.is_boolean(kind) for kind in kinds.values()):
        return None
    for _ in range(_RETRIES):
        kinds = {name: pa.float64() if pa.types.is_null(kind) else kind for name, kind in kinds.items()}
        try:
            return _frame(path, separator, before, kinds)
        except pa.ArrowException as error:
            found = _COLUMN.search(str(error))
            if found is None:
                return None  # rows of other lengths, text that is damaged: pandas' errors name the line
            name = names[int(found[1])]
            if kinds[name] == _TEXT:
                return None
            kinds[name] = pa.float64() if pa.types.is_integer(kinds[name]) else _TEXT
    return None


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_temporal(kind) or pa.types.is_string(kind))


def _options(
    separator: str, before: int, kinds: dict[str, pa.DataType]
) -> tuple[csv.ReadOptions, csv.ParseOptions, csv.ConvertOptions]:
    return (
        csv.ReadOptions(use_threads=False, block_size=_BLOCK, skip_rows=before),
        csv.ParseOptions(delimiter=separator, newlines_in_values=False),
        csv.ConvertOptions(
            column_types=kinds, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=True
        ),
    )


def _frame(path: Path, separator: str, before: int, kinds: dict[str, pa.DataType]) -> pd.DataFrame:
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in kinds}
    texts: dict[str, dict[str, str]] = {name: {} for name in kinds}
    with csv.open_csv(path, *_options(separator, before, kinds), pa.system_memory_pool()) as reader:
        for batch in reader:
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                known = texts[name]
                parts[name].append(_texts(column, known) if kinds[name] == _TEXT else _numbers(column))
    columns = {}
    for name in list(parts):
        columns[name] = np.concatenate(parts.pop(name))
    return pd.DataFrame(columns, copy=False)


def _numbers(column: pa.Array) -> NDArray[Any]:
    """Numbers that own their memory; whole ones with a missing one become float."""
    if column.null_count and pa.types.is_integer(column.type):
        column = column.cast(pa.float64())
    return np.array(column.to_numpy(zero_copy_only=False))


def _texts(column: pa.DictionaryArray, known: dict[str, str]) -> NDArray[Any]:
    """Texts, each distinct one once in memory; NaN where there is none."""
    distinct = column.dictionary.to_pylist()
    if len(known) > _KNOWN:
        known.clear()  # stamps of one series, of which none comes again
    objects = np.array([*(known.setdefault(text, text) for text in distinct), np.nan], dtype=object)
    codes = column.indices.fill_null(len(distinct)).to_numpy(zero_copy_only=False)
    return np.asarray(objects[codes])
