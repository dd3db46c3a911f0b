"""Parquet files of many series → parts that hold whole series each, in the order in which the series first appear."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from latentcast.core.errors import DataError, shorten
from latentcast.data.sources.formats.columnar import plain_frame
from latentcast.data.sources.remote import address_of

_BATCH = 2**18  # rows of ids that are read at a time
_NOT_DATA = ("_", ".")  # begin the names of files that other programs keep beside the data


@dataclass(frozen=True)
class Shard:
    """Rows [begin, end) of files that are read one after another; `number` is its place among all parts."""

    number: int
    files: tuple[str, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Runs:
    """Stretches of rows of one series each: the hash of its ids and its first row; `rows` in all."""

    hashes: NDArray[np.uint64]
    begins: NDArray[np.int64]
    rows: int

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.begins, append=self.rows)


def parquet_files(data: str | Path) -> tuple[str, ...]:
    """The Parquet files of a folder in the order of their names, or the file itself. Raises DataError without any."""
    address = address_of(data)
    if address is not None and address.scheme != "file":
        raise DataError(
            f"{data} is an address, and parts are read from files that all workers see: mount or copy it, or name a"
            " file for the result, which reads the table at an address whole"
        )
    path = Path(data if address is None else address.path)
    if path.is_file():
        return (str(path),)
    found = [
        str(file)
        for file in sorted(path.rglob("*.parquet"))
        if not any(part.startswith(_NOT_DATA) for part in file.relative_to(path).parts)
    ]
    if not found:
        raise DataError(f"there is no Parquet file in {data}")
    return tuple(found)


def plan(data: str | Path, ids: Sequence[str], most: int, spare: Path) -> list[Shard]:
    """Parts of about `most` rows that hold whole series.

    Series whose rows lie in several places are gathered first, in files below `spare`. Raises DataError where an id
    column is missing.
    """
    files = parquet_files(data)
    columns = pq.read_schema(files[0]).names
    if missing := [name for name in ids if name not in columns]:
        if len(missing) < len(ids) or len(files) > 1:
            raise DataError(f"{files[0]} has no id column {shorten(missing)}; there are {shorten(columns, 8)}")
        return [Shard(0, files, 0, pq.read_metadata(files[0]).num_rows)]  # wide: one series of several channels
    runs = _runs(files, list(ids))
    series, first = pd.factorize(runs.hashes)
    if len(first) < len(runs.hashes):
        return _gathered(files, runs, series, most, spare)
    cuts = _cuts(runs.lengths, most)
    edges = [*runs.begins[cuts].tolist(), runs.rows]
    return [Shard(number, files, edges[number], edges[number + 1]) for number in range(len(cuts))]


def read(shard: Shard) -> pd.DataFrame:
    """The rows of one part, as a whole file of them would be read."""
    tables, texts, before = [], set[str](), 0
    for file in shard.files:
        edges = before + _edges(file)
        if edges[-1] > shard.begin and before < shard.end:
            groups = np.flatnonzero((edges[1:] > shard.begin) & (edges[:-1] < shard.end)).tolist()
            first = int(edges[groups[0]])
            table = _open(file).read_row_groups(groups, use_threads=False)
            texts.update(_texts(pq.read_schema(file)))
            low = max(shard.begin - first, 0)
            tables.append(table.slice(low, shard.end - first - low))
        before = int(edges[-1])
    return plain_frame(pa.concat_tables(tables, promote_options="default"), texts)


def _cuts(lengths: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """The first series of each part, so that parts have about `most` rows."""
    part = (np.cumsum(lengths) - 1) // most
    return np.flatnonzero(np.diff(part, prepend=-1))


def _runs(files: Sequence[str], ids: list[str]) -> Runs:
    """Where the id changes, over all files; only the id columns are read."""
    hashes, begins, rows, last = [np.empty(0, np.uint64)], [np.empty(0, np.int64)], 0, None
    for frame in _batches(files, ids):
        own = _hashes(frame)
        new = np.concatenate([[last is None or own[0] != last], own[1:] != own[:-1]])
        at = np.flatnonzero(new)
        hashes.append(own[at])
        begins.append(at + rows)
        rows, last = rows + len(own), own[-1]
    return Runs(np.concatenate(hashes), np.concatenate(begins), rows)


def _batches(files: Sequence[str], columns: list[str] | None) -> Iterator[pd.DataFrame]:
    for file in files:
        schema = pq.read_schema(file)
        texts = [name for name in columns or () if pa.types.is_string(schema.field(name).type)]
        with pq.ParquetFile(file, read_dictionary=texts) as opened:
            for batch in opened.iter_batches(_BATCH, columns=columns, use_threads=False):
                if batch.num_rows:
                    yield batch.to_pandas()


def _hashes(frame: pd.DataFrame) -> NDArray[np.uint64]:
    """64 bits of the ids of each row."""
    found = np.zeros(len(frame), np.uint64)
    for _, column in frame.items():
        codes, distinct = pd.factorize(column, use_na_sentinel=False)
        each = pd.util.hash_array(np.array([str(value) for value in distinct], dtype=object), categorize=False)
        found = found * np.uint64(1_000_003) ^ each[codes]
    return found


def _gathered(files: Sequence[str], runs: Runs, series: NDArray[np.int64], most: int, spare: Path) -> list[Shard]:
    """Parts of series whose rows are scattered: written again, each part into a file of its own."""
    lengths = np.bincount(series, weights=runs.lengths).astype(np.int64)
    cuts = _cuts(lengths, most)
    part_of_series = np.searchsorted(cuts, np.arange(len(lengths)), side="right") - 1
    part_of_run = part_of_series[series]
    writers: dict[int, pq.ParquetWriter] = {}
    paths = [spare / f"series-{number:05d}.parquet" for number in range(len(cuts))]
    schema, row = pa.unify_schemas([pq.read_schema(file) for file in files]), 0
    try:
        for file in files:
            with pq.ParquetFile(file) as opened:
                for batch in opened.iter_batches(_BATCH, use_threads=False):
                    at = np.searchsorted(runs.begins, np.arange(row, row + batch.num_rows), side="right") - 1
                    table, parts = pa.Table.from_batches([batch]).cast(schema), part_of_run[at]
                    for number in np.unique(parts).tolist():
                        if number not in writers:
                            writers[number] = pq.ParquetWriter(paths[number], schema)
                        writers[number].write_table(table.filter(pa.array(parts == number)))
                    row += batch.num_rows
    finally:
        for writer in writers.values():
            writer.close()
    rows = np.add.reduceat(lengths, cuts)
    return [Shard(number, (str(path),), 0, int(rows[number])) for number, path in enumerate(paths)]


@lru_cache(maxsize=64)
def _open(file: str) -> pq.ParquetFile:
    return pq.ParquetFile(file, read_dictionary=_texts(pq.read_schema(file)))


def _texts(schema: pa.Schema) -> list[str]:
    return [name for name in schema.names if pa.types.is_string(schema.field(name).type)]


def _edges(file: str) -> NDArray[np.int64]:
    """[row groups + 1] the row at which each row group begins, and how many rows there are."""
    metadata = _open(file).metadata
    counts = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
