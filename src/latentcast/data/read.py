"""A file or any data frame → one pandas frame, and a pandas frame → the kind that came in."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd

from latentcast.errors import DataError

SUFFIXES = (".csv", ".parquet", ".pq")


@dataclass(frozen=True)
class Source:
    """A table, the name it goes by, and the way back to the kind of frame that it came in."""

    frame: pd.DataFrame
    name: str
    give_back: Callable[[pd.DataFrame], Any]


def read_file(path: Path) -> pd.DataFrame:
    """CSV (separator found by itself) or Parquet. Raises DataError when it cannot be read or holds no row."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(f"{path} ends in {suffix or 'nothing'}; wanted one of {', '.join(SUFFIXES)}")
    try:
        if suffix == ".csv":
            with path.open(encoding="utf-8-sig") as file:
                head = file.readline()
            frame = pd.read_csv(path, sep=max(",;\t", key=head.count), encoding="utf-8-sig")
        else:
            frame = pd.read_parquet(path)
    except pd.errors.EmptyDataError as error:
        raise DataError(f"{path} is empty") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    if not len(frame):
        raise DataError(f"{path} has a header and no row")
    return frame


def read_frame(data: Any) -> Source:
    """pandas, polars, or any other eager frame that narwhals knows. Raises DataError for anything else."""
    if isinstance(data, pd.DataFrame):
        frame, give_back = data, _as_it_is
    else:
        try:
            eager = nw.from_native(data, eager_only=True)
        except TypeError as error:
            raise DataError(
                f"got {type(data).__name__}; wanted a data frame (pandas, polars, …), the path of a CSV or Parquet file,"
                " or the name of a dataset (latentcast datasets)"
            ) from error
        frame = eager.to_pandas()
        backend = eager.implementation

        def give_back(result: pd.DataFrame) -> Any:
            columns = {str(name): result[name].to_numpy() for name in result.columns}
            return nw.from_dict(columns, backend=backend).to_native()

    if not len(frame):
        raise DataError("the data frame has no row")
    return Source(frame, "frame", give_back)


def _as_it_is(result: pd.DataFrame) -> pd.DataFrame:
    return result
