"""Convert any object with data to one pandas frame, and a result back to the same kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from latentcast.core.errors import DataError, TimeError
from latentcast.data.sources.formats.counted import COUNTED
from latentcast.data.sources.formats.records import is_record, long_frame
from latentcast.data.tables.timestamps import read_stamps

TIME = "ds"  # default name of the time column
_SAMPLE = 50  # entries of an index that are read to see whether they are dates
_NAMES = (TIME, "date", "datetime", "timestamp", "time")


_WRITTEN_OUT = "latentcast_written_out"


def written_out(frame: pd.DataFrame) -> pd.DataFrame:
    """Mark a frame that was read from a file or sent as plain text and numbers: its dates come back as dates."""
    frame.attrs[_WRITTEN_OUT] = True
    return frame


@dataclass(frozen=True)
class Source:
    """A table, its name, and the conversion back to its kind of frame.

    Attributes
    ----------
    in_memory
        Whether it is an object in memory: dates given as text are returned as text.
    schema
        Column types in the original library, where that is not pandas.
    """

    frame: pd.DataFrame
    name: str
    give_back: Callable[[pd.DataFrame], Any]
    in_memory: bool = False
    schema: Mapping[str, Any] = field(default_factory=dict)

    def give_back_as(self, result: pd.DataFrame, origins: Mapping[str, str]) -> Any:
        """Return the result as the original kind of frame with the original column types."""
        native = self.give_back(result)
        casts = {name: self.schema[column] for name, column in origins.items() if column in self.schema}
        if not casts:
            return native
        frame = nw.from_native(native, eager_only=True)
        return frame.with_columns(
            *(
                nw.col(name).cast(kind)
                for name, kind in casts.items()
                if name in frame.columns and _same_family(frame.schema[name], kind)
            )
        ).to_native()


def read_frame(data: Any) -> Source:
    """Take a frame of any library that narwhals knows, lazy ones too, or an object that holds series.

    These are: a pandas Series or frame with its dates in the index (a MultiIndex names the series too), a list of
    GluonTS records, a Darts TimeSeries, a numpy array [steps] or [steps, channels], whose steps are counted from 0.
    Raises DataError for anything else.
    """
    give_back: Callable[[pd.DataFrame], Any] = _as_it_is
    schema: Mapping[str, Any] = {}
    if isinstance(data, pd.DataFrame | pd.Series):
        frame = _from_pandas(data)
    elif isinstance(data, list | tuple) and data and all(isinstance(one, Mapping) and is_record(one) for one in data):
        frame = long_frame(data)
    elif isinstance(data, np.ndarray) and data.ndim in (1, 2) and data.dtype.kind in "iuf":
        frame = _from_array(data)
        frame.attrs[COUNTED] = {}
    elif callable(as_frame := getattr(data, "to_dataframe", getattr(data, "pd_dataframe", None))):
        frame = _from_pandas(as_frame())  # Darts
    else:
        eager = _eager(data)
        frame, backend, schema = eager.to_pandas(), eager.implementation, dict(eager.schema)

        def give_back(result: pd.DataFrame) -> Any:
            table = pa.Table.from_pandas(result, preserve_index=False)
            return nw.from_arrow(table, backend=backend).to_native()

    if not len(frame):
        raise DataError("the data frame has no row")
    typed = not (isinstance(data, pd.DataFrame) and data.attrs.get(_WRITTEN_OUT, False))
    return Source(frame, "frame", give_back, in_memory=typed, schema=schema)


def _eager(data: Any) -> Any:
    """Return a narwhals frame; a lazy one is collected."""
    try:
        known = nw.from_native(data)
    except TypeError as error:
        raise DataError(
            f"got {type(data).__name__}; wanted a data frame (pandas, polars, pyarrow, …), numbers [steps] or"
            " [steps, channels] as a numpy array, the path of a table, or the name of a dataset (latentcast datasets)"
        ) from error
    return known.collect() if isinstance(known, nw.LazyFrame) else known


def _from_pandas(data: pd.DataFrame | pd.Series) -> pd.DataFrame:
    """Move dates and ids from the index to columns; an index of row numbers is dropped."""
    index = data.index
    if isinstance(data, pd.Series):
        data = data.to_frame("y" if data.name is None else str(data.name))
        if isinstance(index, pd.RangeIndex):  # values alone, as in an array
            data.insert(0, TIME, np.arange(len(data)))
            data.attrs[COUNTED] = {}
            return data
    if isinstance(index, pd.MultiIndex):
        names = _level_names(index)
        if names is None:
            return data
        return data.set_axis(index.set_names(names)).reset_index()
    if isinstance(index, pd.DatetimeIndex | pd.PeriodIndex) and not _has_dates(data):
        name = str(index.name) if index.name is not None and index.name not in data.columns else TIME
        return data.set_axis(index.set_names([name])).reset_index()
    if _may_be_time(index) and not _has_dates(data):
        name = str(index.name) if index.name is not None and index.name not in data.columns else TIME
        return data.set_axis(index.set_names([name])).reset_index()
    return data


def _may_be_time(index: pd.Index) -> bool:
    """Whether an index without a type of dates holds them: texts with digits, or whole numbers with a name."""
    if not len(index):
        return False
    if pd.api.types.is_integer_dtype(index.dtype):
        return str(index.name).lower() in ("year", *_NAMES)
    first = index[0]
    if isinstance(first, date):
        return True
    return isinstance(first, str) and any(letter.isdigit() for letter in first) and _reads_as_dates(index)


def _reads_as_dates(index: pd.Index) -> bool:
    try:
        return not np.issubdtype(read_stamps(pd.Series(index[:_SAMPLE]), None).times.dtype, np.integer)
    except TimeError:
        return False


def _from_array(values: NDArray[Any]) -> pd.DataFrame:
    columns = ["y"] if values.ndim == 1 else [f"y{at}" for at in range(values.shape[1])]
    frame = pd.DataFrame(values.reshape(len(values), -1), columns=columns)
    frame.insert(0, TIME, np.arange(len(values)))
    return frame


def _has_dates(data: pd.DataFrame) -> bool:
    """Whether a column holds dates, so that the index is not needed."""
    return any(str(name).lower() in _NAMES for name in data.columns) or any(
        pd.api.types.is_datetime64_any_dtype(column) or isinstance(column.dtype, pd.PeriodDtype)
        for _, column in data.items()
    )


def _level_names(index: pd.MultiIndex) -> list[str] | None:
    """Names of the columns that the levels become; None where no level holds dates."""
    dated = [at for at, level in enumerate(index.levels) if isinstance(level, pd.DatetimeIndex | pd.PeriodIndex)]
    if len(dated) != 1:
        return None
    others = [at for at in range(index.nlevels) if at not in dated]
    names = [None if name is None else str(name) for name in index.names]
    names[dated[0]] = names[dated[0]] or TIME
    for at in others:
        names[at] = names[at] or ("unique_id" if len(others) == 1 else f"id_{at}")
    return [str(name) for name in names]


def _same_family(found: Any, wanted: Any) -> bool:
    """Whether a cast keeps the meaning: dates to dates, names to names."""
    if found == wanted:
        return False
    names = (nw.String, nw.Categorical, nw.Enum)
    return bool(found.is_temporal() and wanted.is_temporal()) or (
        isinstance(found, names) and isinstance(wanted, names)
    )


def _as_it_is(result: pd.DataFrame) -> pd.DataFrame:
    return result
