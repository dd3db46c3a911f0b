"""What each column of an upload holds and what it is taken for, also where the table as a whole cannot be read."""

import contextlib
from collections.abc import Mapping
from typing import Any

import pandas as pd

from latentcast.core.errors import LatentcastError
from latentcast.core.settings import validate
from latentcast.data.settings import DataSettings
from latentcast.data.tables.ids import settle
from latentcast.data.tables.table import is_long, with_text_names, without_row_numbers
from latentcast.data.tables.time_column import joined_time, time_column

SHOWN = 200  # columns of which kind and samples are sent
SAMPLES = 3


def columns_of(frame: pd.DataFrame, data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Name, kind (date, number, text), first values and role of each column, in their order.

    Roles are time, id, value, covariate and ignored; a column whose role cannot be found has none.
    """
    frame = with_text_names(frame)
    roles = _roles(frame, validate(DataSettings, data, "data."))
    return [
        {"name": name, "kind": _kind(frame[name]), "sample": _sample(frame[name]), "role": roles.get(name)}
        for name in dict.fromkeys(frame.columns[:SHOWN])
        if isinstance(frame[name], pd.Series)  # two columns of one name are a fault, which is reported by itself
    ]


def _roles(frame: pd.DataFrame, settings: DataSettings) -> dict[str, str]:
    """As far as they can be found: each step needs the one before."""
    roles: dict[str, str] = {}
    with contextlib.suppress(LatentcastError):
        whole = list(frame.columns)
        frame, _ = without_row_numbers(frame, settings)
        roles |= dict.fromkeys(set(whole) - set(frame.columns), "ignored")
        before = list(frame.columns)
        frame, _ = joined_time(frame, settings)
        roles |= dict.fromkeys(set(before) - set(frame.columns), "time")
        roles |= _found(frame, settings)
    return roles


def _found(frame: pd.DataFrame, settings: DataSettings) -> dict[str, str]:
    roles: dict[str, str] = {}
    with contextlib.suppress(LatentcastError):
        roles[time_column(frame, settings)] = "time"
    settings, _ = settle(frame, settings)
    covariates = (*settings.future, *settings.past, *settings.static)
    roles |= dict.fromkeys(settings.ignore, "ignored") | dict.fromkeys(covariates, "covariate")
    free = [name for name in frame.columns if name not in roles]
    if not is_long(frame, settings):
        chosen = free if settings.columns is None else [name for name in free if name in settings.columns]
        if "time" not in roles.values():  # a text may be the time that was not found
            chosen = [name for name in chosen if _kind(frame[name]) == "number"]
        return roles | dict.fromkeys(free, "ignored") | dict.fromkeys(chosen, "value")
    ids = settings.id_names or ("unique_id",)
    values = settings.value_names or ("y",)
    roles |= {name: "id" for name in ids if name in free}
    return roles | {name: "value" for name in values if name in free}


def _kind(column: pd.Series) -> str:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return "date"
    return "number" if pd.api.types.is_numeric_dtype(column.dtype) else "text"


def _sample(column: pd.Series) -> list[str]:
    return [str(value)[:40] for value in column.dropna().head(SAMPLES)]
