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
_FIRST = 1 << 21  # bytes by which the kinds of columns are inferred
_BLOCK = 1 << 19  # bytes of a block; the reader holds 32 of them
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
    with path.open("rb") as file:
        head = file.read(_FIRST)
    head = head[: head.rfind(b"\n") + 1]  # whole lines
    try:
        with csv.open_csv(pa.BufferReader(head), *_options(separator, before, {}, _FIRST)) as first:
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
    separator: str, before: int, kinds: dict[str, pa.DataType], block: int = _BLOCK
) -> tuple[csv.ReadOptions, csv.ParseOptions, csv.ConvertOptions]:
    return (
        csv.ReadOptions(use_threads=False, block_size=block, skip_rows=before),
        csv.ParseOptions(delimiter=separator, newlines_in_values=False),
        csv.ConvertOptions(
            column_types=kinds, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=True
        ),
    )


def _frame(path: Path, separator: str, before: int, kinds: dict[str, pa.DataType]) -> pd.DataFrame:
    columns: dict[str, _Column] = {name: _Texts() if kind == _TEXT else _Column() for name, kind in kinds.items()}
    size, rows = path.stat().st_size, 0
    with csv.open_csv(path, *_options(separator, before, kinds), pa.system_memory_pool()) as reader:
        for batch in reader:
            # rows of the first block say how many the file holds
            room = int(1.02 * size / min(_BLOCK, size) * batch.num_rows) if not rows else 0
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                columns[name].add(column, rows, room)
            rows += batch.num_rows
    return pd.DataFrame({name: column.values(rows) for name, column in columns.items()}, copy=False)


class _Column:
    """Numbers block by block in one array, whose memory is taken as it is filled: nothing is joined in the end."""

    def __init__(self) -> None:
        self._all: NDArray[Any] | None = None

    def add(self, block: pa.Array, at: int, room: int) -> None:
        values = self.converted(block)
        if self._all is None:
            self._all = np.empty(max(room, len(values)), values.dtype)
        if self._all.dtype != values.dtype:  # whole numbers, and one of them is missing
            self._all = self._all.astype(np.float64)
        if at + len(values) > len(self._all):
            self._all.resize(int(1.05 * (at + len(values))), refcheck=False)
        self._all[at : at + len(values)] = values

    def converted(self, block: pa.Array) -> NDArray[Any]:
        """Numbers; whole ones with a missing one are float."""
        if block.null_count and pa.types.is_integer(block.type):
            block = block.cast(pa.float64())
        return np.asarray(block.to_numpy(zero_copy_only=False))

    def values(self, rows: int) -> NDArray[Any]:
        """All of them."""
        assert self._all is not None
        self._all.resize(rows, refcheck=False)
        return self._all


class _Texts(_Column):
    """Texts, each distinct one once in memory; NaN where there is none."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, str] | None = {}
        self._repeat = False

    def converted(self, block: pa.DictionaryArray) -> NDArray[Any]:
        distinct = block.dictionary.to_pandas(deduplicate_objects=False).to_numpy(object)
        known = self._known
        if known is not None:
            before = len(known)
            distinct = np.array([known.setdefault(text, text) for text in distinct], dtype=object)
            self._repeat |= len(known) < before + len(distinct)
            if len(known) > _KNOWN:  # stamps of one series come once, and ids in rows one after the other
                self._known = {} if self._repeat else None
        codes = block.indices.fill_null(len(distinct)).to_numpy(zero_copy_only=False)
        return np.asarray(np.append(distinct, np.nan)[codes])
