"""A file or any data frame → one pandas frame, and a pandas frame → the kind that came in."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd
import pyarrow as pa

from latentcast.errors import DataError

SUFFIXES = (".csv", ".parquet", ".pq")
_SEPARATORS = ",;\t"


@dataclass(frozen=True)
class Source:
    """A table, the name it goes by, and the way back to the kind of frame that it came in."""

    frame: pd.DataFrame
    name: str
    give_back: Callable[[pd.DataFrame], Any]


def read_file(path: Path) -> pd.DataFrame:
    """CSV (comma, semicolon or tab, found by itself) or Parquet.

    Raises DataError when it cannot be read or holds no row.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(f"{path} ends in {suffix or 'nothing'}; wanted one of {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    try:
        frame = _read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    except pd.errors.EmptyDataError as error:
        raise DataError(f"{path} is empty; wanted a header and rows") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not text in UTF-8 ({error}); save it in that encoding") from error
    except (OSError, ValueError, NotImplementedError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read as {suffix[1:]}: {first_line(error)}") from error
    if not len(frame):
        raise DataError(f"{path} has a header and no row")
    return frame


def _read_csv(path: Path) -> pd.DataFrame:
    with path.open(encoding="utf-8-sig") as file:
        head = file.readline()
    frame = pd.read_csv(
        path,
        sep=max(_SEPARATORS, key=head.count),
        encoding="utf-8-sig",
        float_precision="round_trip",
        low_memory=False,
    )
    if not isinstance(frame.index, pd.RangeIndex):
        raise ValueError("its rows have more fields than its header")
    return frame


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
