"""Rows at any time → one row for each step in which there are rows."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.data.table import Table
from latentcast.errors import TimeError


def resampled(stamps: NDArray[Any], table: Table, alias: str, how: str) -> tuple[NDArray[Any], Table, str]:
    """Sorted rows → the steps of a frequency, by pandas: a step begins at its stamp (month and quarter ends close it).

    A step without a row has none after this either: it is a gap. Missing values take no part. Raises TimeError for
    whole numbers, and for what is no frequency.
    """
    if not np.issubdtype(stamps.dtype, np.datetime64):
        raise TimeError("data.resample brings dates to steps, and the time column holds whole numbers; leave it out")
    names = [f"v{at}" for at in range(table.values.shape[1])]
    frame = pd.DataFrame(table.values, columns=names)
    frame["code"], frame["ds"] = table.codes, stamps
    for name, column in table.beside.items():
        frame[f"b{name}"] = column
    try:
        grouped = frame.groupby(["code", pd.Grouper(key="ds", freq=alias)], sort=True)
    except ValueError as error:
        raise TimeError(f"data.resample={alias!r} is no frequency ({error})") from error
    rows = grouped.size()
    there = rows[rows > 0].index
    values = (grouped[names].sum(min_count=1) if how == "sum" else grouped[names].agg(how)).loc[there]
    beside = {
        name: grouped[f"b{name}"].last().loc[there].to_numpy(column.dtype) for name, column in table.beside.items()
    }
    made = replace(
        table,
        codes=there.get_level_values(0).to_numpy(np.int64),
        values=values.to_numpy(np.float64),
        beside=beside,
    )
    new = there.get_level_values(1).to_numpy("datetime64[ns]")
    return new, made, f"{len(stamps)} rows were brought to {len(new)} steps of {alias} ({how})"
