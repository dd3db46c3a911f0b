"""A file or any data frame → one pandas frame, and a pandas frame → the kind that came in."""

import gzip
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from latentcast.core.errors import DataError

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".parquet", ".pq")
_SEPARATORS = ";\t,|"  # in doubt the first: the comma is also found in names and numbers
_ROWS = 20  # that tell the separator
_QUOTED = re.compile(r'(?<![^,;\t|\n])"(?:[^"]|"")*"')  # a field in quotes
_DECIMAL_COMMA = r"\s*[+-]?\d*,\d+(?:[eE][+-]?\d+)?\s*"


@dataclass(frozen=True)
class Source:
    """A table, the name it goes by, and the way back to the kind of frame that it came in."""

    frame: pd.DataFrame
    name: str
    give_back: Callable[[pd.DataFrame], Any]


def read_file(path: Path) -> pd.DataFrame:
    """CSV (comma, semicolon, tab or bar, found by itself; decimal commas with all but the first; as it is or in gzip)
    or Parquet.

    Raises DataError when it cannot be read or holds no row.
    """
    if not is_table(path):
        raise DataError(f"{path} ends in {path.suffix.lower() or 'nothing'}; wanted one of {', '.join(SUFFIXES)}")
    kind = "parquet" if path.suffix.lower() in (".parquet", ".pq") else "csv"
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    try:
        frame = _read_csv(path) if kind == "csv" else pd.read_parquet(path)
    except pd.errors.EmptyDataError as error:
        raise DataError(f"{path} is empty; wanted a header and rows") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not text in UTF-8 ({error}); save it in that encoding") from error
    except (OSError, EOFError, zlib.error, ValueError, NotImplementedError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read as {kind}: {first_line(error)}") from error
    if not len(frame):
        raise DataError(f"{path} has a header and no row")
    return frame


def is_table(path: Path) -> bool:
    """Whether a file has the name of a table, be it there or not."""
    return path.name.lower().endswith(SUFFIXES)


def _read_csv(path: Path) -> pd.DataFrame:
    separator = _separator(path)

    def read(decimal: str) -> pd.DataFrame:
        return pd.read_csv(
            path,
            sep=separator,
            decimal=decimal,
            encoding="utf-8-sig",
            float_precision="round_trip",
            low_memory=False,
        )

    frame = read(".")
    if not isinstance(frame.index, pd.RangeIndex):
        raise ValueError("its rows have more fields than its header")
    if len(frame.columns) == 1 and re.search(r"[^\w\s]|\w\s+\w", str(frame.columns[0])):
        raise ValueError(
            f"its header is one field, {str(frame.columns[0])!r}; wanted names with commas, semicolons, tabs or bars"
            " between them"
        )
    return read(",") if separator != "," and _has_decimal_commas(frame) else frame


def _separator(path: Path) -> str:
    """The one that parts each of the first rows into equally many fields; else the most frequent in the header."""
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig") as file:
        head = "".join(islice(file, _ROWS))
    rows = [row for row in _QUOTED.sub("", head).split("\n") if row.strip()]
    counts = {separator: {row.count(separator) for row in rows} for separator in _SEPARATORS}
    alike = [separator for separator in _SEPARATORS if len(counts[separator]) == 1 and counts[separator] != {0}]
    if alike:
        return max(alike, key=rows[0].count)
    return max(_SEPARATORS[::-1], key=head.partition("\n")[0].count)


def _has_decimal_commas(frame: pd.DataFrame) -> bool:
    """Whether a column holds numbers such as 50,4 and none has them with a point."""
    texts = [column for _, column in frame.items() if column.dtype == object]
    if not any(column.astype(str).str.fullmatch(_DECIMAL_COMMA).any() for column in texts):
        return False
    numbers = frame.select_dtypes("float").to_numpy()
    return bool((np.isnan(numbers) | (numbers == np.round(numbers))).all())


def first_line(error: Exception) -> str:
    """What an error of another library says, in one line."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def read_frame(data: Any) -> Source:
    """pandas, polars, pyarrow, or any other eager frame that narwhals knows. Raises DataError for anything else."""
    give_back: Callable[[pd.DataFrame], Any] = _as_it_is
    if isinstance(data, pd.DataFrame):
        frame = data
    else:
        try:
            eager = nw.from_native(data, eager_only=True)
        except TypeError as error:
            raise DataError(
                f"got {type(data).__name__}; wanted a data frame in memory (pandas, polars, pyarrow, …), the path of a"
                " CSV or Parquet file, or the name of a dataset (latentcast datasets)"
            ) from error
        frame = eager.to_pandas()
        backend = eager.implementation

        def give_back(result: pd.DataFrame) -> Any:
            table = pa.Table.from_pandas(result, preserve_index=False)
            return nw.from_arrow(table, backend=backend).to_native()

    if not len(frame):
        raise DataError("the data frame has no row")
    return Source(frame, "frame", give_back)


def _as_it_is(result: pd.DataFrame) -> pd.DataFrame:
    return result
