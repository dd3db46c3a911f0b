"""Parquet, Feather and Arrow files: a table, or one series a row with lists of values."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from latentcast.core.errors import DataError
from latentcast.data.sources.formats.records import long_frame

_ROWS = 2**18  # read at a time


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a Parquet file; an index that pandas stored becomes columns.

    Column by column, and text by its distinct values: a third of the time and half of the memory of pandas' own way.
    """
    schema = pq.read_schema(path)
    if not _is_usual(schema) or not pq.read_metadata(path).num_rows:
        return _table(pd.read_parquet(path))
    return _table(pd.DataFrame({name: _column(path, name) for name in schema.names}, copy=False))


def plain_frame(table: pa.Table, texts: Collection[str]) -> pd.DataFrame:
    """A table whose `texts` were read by their distinct values, in the types of `read_parquet`; categories stay."""
    columns: dict[str, Any] = {}
    for name in table.column_names:
        column = table.column(name)
        frame = pa.table({name: column}).to_pandas(split_blocks=True)
        if name in texts:
            columns[name] = pd.Series(_array(frame.iloc[:, 0]), name=name, dtype=_text_type(), copy=False)
        else:
            columns[name] = frame.iloc[:, 0]
    return _table(pd.DataFrame(columns, copy=False))


def _is_usual(schema: pa.Schema) -> bool:
    """Whether each column is one that numpy holds, with no more to it that only pandas' own way restores."""
    stored: Mapping[str, Any] = schema.pandas_metadata or {}
    own = {column["name"]: column["numpy_type"] for column in stored.get("columns", [])}
    texts = [name for name in schema.names if _is_text(schema.field(name).type)]
    return (
        len(set(schema.names)) == len(schema.names)
        and all(_is_plain(kind) for kind in schema.types)
        and all(own.get(name, "object") in ("object", "str") for name in texts)
        and not any(kind[:1].isupper() for kind in own.values())  # Int64 and others that hold missing values
        and not _has_index(stored)
    )


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_plain(kind: pa.DataType) -> bool:
    """Whether numpy holds the type as pandas reads it."""
    stamps = pa.types.is_timestamp(kind) and kind.tz is None
    return _is_text(kind) or stamps or pa.types.is_floating(kind) or pa.types.is_integer(kind)


def _has_index(metadata: Mapping[str, Any]) -> bool:
    """Whether pandas stored an index that is more than the number of each row, or names that are no text."""
    index = metadata.get("index_columns", [])
    names = [level.get("pandas_type") for level in metadata.get("column_indexes", [])]
    return any(not isinstance(one, dict) or one["start"] or one["step"] != 1 for one in index) or any(
        name not in ("unicode", "string") for name in names
    )


def _column(path: Path, name: str) -> pd.Series:
    """A column, filled batch by batch; equal texts are one object."""
    whole, at = np.empty(0), 0
    for batch in _batches(path, name):
        column = batch.column(0)
        texts = pa.types.is_dictionary(column.type)
        part = _array(batch.to_pandas().iloc[:, 0]) if texts else column.to_numpy(zero_copy_only=False)
        if not at:
            whole = np.empty(pq.read_metadata(path).num_rows, part.dtype)
        elif part.dtype != whole.dtype:  # whole numbers of which some are missing
            whole = whole.astype(np.result_type(part.dtype, whole.dtype))
        whole[at : at + len(part)] = part
        at += len(part)
        del batch, column, part  # else what arrow keeps of them cannot be released
    pa.default_memory_pool().release_unused()
    return pd.Series(whole, name=name, dtype=_text_type() if whole.dtype == object else None, copy=False)


def _batches(path: Path, name: str) -> Iterator[pa.RecordBatch]:
    """Rows of a column, text as dictionaries. The file is opened for each row group: it keeps what it has read."""
    schema, metadata = pq.read_schema(path), pq.read_metadata(path)
    texts = [name] if _is_text(schema.field(name).type) else []
    for group in range(metadata.num_row_groups):
        with pq.ParquetFile(path, metadata=metadata, read_dictionary=texts) as file:
            yield from file.iter_batches(_ROWS, row_groups=[group], columns=[name], use_threads=False)


def _array(column: pd.Series) -> NDArray[Any]:
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return column.to_numpy()
    texts = np.full(len(column.cat.categories) + 1, None, dtype=object)  # the last is what is missing
    texts[:-1] = column.cat.categories
    return texts.take(column.cat.codes)


def _text_type() -> Any:
    """The type that this pandas reads text as."""
    return pd.Series(["a"]).dtype


def read_arrow(path: Path) -> pd.DataFrame:
    """Read a Feather file, an Arrow file or an Arrow stream."""
    with pa.memory_map(str(path)) as source:
        try:
            table = pa.ipc.open_file(source).read_all()
        except pa.ArrowInvalid:
            source.seek(0)
            table = pa.ipc.open_stream(source).read_all()
        return _table(table.to_pandas())


def read_dataset_folder(folder: Path) -> pd.DataFrame | None:
    """Read a folder that Hugging Face `datasets` saved (GIFT-Eval, fev); None for any other folder."""
    files = sorted(folder.glob("data-*.arrow"))
    if not files or not (folder / "dataset_info.json").is_file():
        return None
    frames = [read_arrow(file) for file in files]
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def _table(frame: pd.DataFrame) -> pd.DataFrame:
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    lists = [name for name, column in frame.items() if len(column) and isinstance(column.iloc[0], np.ndarray | list)]
    if not lists:
        return frame
    if "target" in frame.columns:
        return long_frame({str(key): value for key, value in row.items()} for row in frame.to_dict("records"))
    raise DataError(
        f"the column {lists[0]!r} holds lists; wanted numbers, or one series a row with its values in a column 'target'"
        " with 'item_id', 'start' and 'freq'"
    )
