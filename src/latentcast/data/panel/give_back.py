"""Return series and stamps of a result in the types of the input data."""

from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from latentcast.data.panel.panel import Panel
from latentcast.data.settings import DataSettings
from latentcast.data.sources.frames import Source
from latentcast.data.tables.date_numbers import NumberCode
from latentcast.data.tables.id_text import id_text
from latentcast.data.tables.ids import first_rows
from latentcast.data.tables.runs import distinct_objects, factorize_ids
from latentcast.data.tables.several_values import one_value
from latentcast.data.tables.table import with_text_names
from latentcast.data.tables.time_column import joined_time, time_column

_STAMPS = ("ds", "cutoff")


def as_it_came(frame: pd.DataFrame, source: Source, panel: Panel, settings: DataSettings) -> pd.DataFrame:
    """unique_id, ds and cutoff in the types of the data, so that the two can be merged on them.

    Text comes back as text, where later stamps can be written alike: not where the texts are written in several ways,
    with offsets that change, or with 24:00. Dates from a file, which has no types, come back as dates.
    """
    came, settings = one_value(with_text_names(source.frame), settings)
    if isinstance(settings.id, tuple):
        frame = _with_id_columns(frame, came, settings)
    ids = came.get(settings.id_name)
    if (panel.ids != ("",) or settings.align) and "unique_id" in frame and ids is not None:
        frame["unique_id"] = _ids(frame["unique_id"], ids)
    times = came.get(name_of_time(source.frame, settings))
    for name in frame.columns.intersection(list(_STAMPS)):
        frame[name] = _stamps(_local(frame[name], settings), times, panel, in_memory=source.in_memory)
    return frame


def _with_id_columns(frame: pd.DataFrame, came: pd.DataFrame, settings: DataSettings) -> pd.DataFrame:
    """Add the id columns after `unique_id`, in the types of the data."""
    first = first_rows(came, settings)
    rows = first.index.get_indexer(pd.Index(frame["unique_id"], dtype=object))
    for place, name in enumerate((name for name in settings.id_names if name != "unique_id"), start=1):
        column = first[name].take(rows) if (rows >= 0).all() else first[name].astype(object).reindex(frame["unique_id"])
        frame.insert(place, name, column.array)
    return frame


def origins(source: Source, settings: DataSettings) -> dict[str, str]:
    """Map each column of a result to its column of the data."""
    time = name_of_time(source.frame, settings)
    names = settings.id_names if isinstance(settings.id, tuple) else ()
    names = tuple(name for name in names if name != "unique_id")
    return {"unique_id": settings.id_name, **dict.fromkeys(_STAMPS, time), **{name: name for name in names}}


def name_of_time(frame: pd.DataFrame, settings: DataSettings) -> str:
    """Return the time column of an earlier read table; of several columns, the joined one."""
    return time_column(joined_time(with_text_names(frame), settings)[0], settings)


def _ids(texts: pd.Series, came: pd.Series) -> Any:
    """Return series names as the values of the data."""
    codes, names = factorize_ids(texts)
    if pd.api.types.infer_dtype(distinct_objects(came), skipna=True) == "string":
        found = list(names)  # each is its own text
    else:
        values: dict[str, Any] = {id_text(value): value for value in came.dropna().unique()}
        found = [values.get(name, name) for name in names]
    if isinstance(came.dtype, pd.CategoricalDtype):
        return pd.Categorical(found, dtype=came.dtype).take(codes)
    try:
        return pd.Series(found, dtype=came.dtype).array.take(codes)
    except (TypeError, ValueError):  # a result may name series that the data do not have
        return np.array(found, dtype=object)[codes]


def _local(column: pd.Series, settings: DataSettings) -> pd.Series:
    """Remove the zone that the settings added."""
    zoned = settings.zone is not None and isinstance(column.dtype, pd.DatetimeTZDtype)
    return column.dt.tz_localize(None) if zoned else column


def _stamps(column: pd.Series, came: pd.Series | None, panel: Panel, *, in_memory: bool) -> pd.Series:
    if came is None:
        return column
    if pd.api.types.is_numeric_dtype(column):
        kind = came.dtype
        return column.astype(kind) if pd.api.types.is_numeric_dtype(kind) and panel.frequency.integer else column
    written = panel.written
    if isinstance(written, NumberCode) or (written is not None and in_memory):
        return _written(column, came, panel)
    if isinstance(came.dtype, pd.PeriodDtype):
        return column.dt.to_period(came.dtype.freq)
    if isinstance(came.dtype, pd.ArrowDtype):
        return column.astype(came.dtype)
    if pd.api.types.is_datetime64_any_dtype(came):
        return column.dt.as_unit(came.dt.unit)
    if came.dtype == object and len(came):
        return _objects(column, came.iloc[0])
    return column


def _written(column: pd.Series, came: pd.Series, panel: Panel) -> pd.Series:
    assert panel.written is not None
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_localize(None)  # the offset is part of the form
    texts = pd.Series(panel.written.write(column.to_numpy("datetime64[ns]")), index=column.index)
    if pd.api.types.is_numeric_dtype(texts) and not pd.api.types.is_numeric_dtype(came):
        texts = texts.astype(str)
        return texts.astype(object if isinstance(came.dtype, pd.CategoricalDtype) else came.dtype)
    return texts if isinstance(came.dtype, pd.CategoricalDtype) else texts.astype(came.dtype)


def _objects(column: pd.Series, first: Any) -> pd.Series:
    """Convert to Python dates or periods where the data hold such objects."""
    if isinstance(first, pd.Period):
        return column.dt.to_period(first.freq).astype(object)
    if isinstance(first, date) and not isinstance(first, datetime):
        return pd.Series(column.dt.date, dtype=object)
    return column
