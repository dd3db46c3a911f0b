"""Tables of a request as columns and frames, within the limits of the server."""

from typing import Any

import pandas as pd

from latentcast.data.panel.panel import Panel
from latentcast.serving.problems import Problem, too_large
from latentcast.serving.requests import ForecastOptions
from latentcast.serving.settings import Limits


def columns_in(table: Any, limits: Limits) -> dict[str, list[Any]]:
    """Columns or records as columns; what a record lacks is missing. Raises Problem for no row, or beyond a limit."""
    if isinstance(table, dict):
        check_size(len(next(iter(table.values()), ())), len(table), limits)
        return table
    names = dict.fromkeys(name for record in table for name in record)
    check_size(len(table), len(names), limits)
    return {name: [record.get(name) for record in table] for name in names}


def as_frame(table: Any, limits: Limits) -> pd.DataFrame:
    """The frame of an upload as it is; plain values as one."""
    return table if isinstance(table, pd.DataFrame) else pd.DataFrame(columns_in(table, limits))


def check_size(rows: int, columns: int, limits: Limits) -> None:
    """Raises Problem for a table that is empty or too large."""
    if not rows or not columns:
        raise Problem(422, "data", "the table has no row; send at least one look-back of the model")
    for name, found, most in (("rows", rows, limits.rows), ("columns", columns, limits.columns)):
        if found > most:
            raise too_large(name, most, f"the table has {found} {name}, and this server takes {most}; send fewer")


def check_panel(panel: Panel, limits: Limits) -> None:
    """Raises Problem for more series than one request may have."""
    series = len(panel.ids) * len(panel.channels)
    if series > limits.series:
        detail = f"the table has {series} series, and this server takes {limits.series} a request; send fewer"
        raise too_large("series", limits.series, detail)


def check_options(options: ForecastOptions, limits: Limits) -> None:
    """Raises Problem for a horizon, levels or paths beyond a limit, before anything is built for them."""
    several = [
        one if isinstance(one, list) else [] if one is None else [one] for one in (options.level, options.quantiles)
    ]
    asked = {"horizon": options.horizon or 1, "levels": sum(map(len, several)), "paths": options.paths}
    for name, found in asked.items():
        most = getattr(limits, name)
        if found > most:
            raise too_large(name, most, f"{name}={str(found)[:20]}: this server takes at most {most}")


def check_answer(series: int, horizon: int, columns: int, limits: Limits) -> None:
    """Raises Problem for more steps, or more numbers, than one answer may hold."""
    if horizon > limits.horizon:
        detail = f"horizon={str(horizon)[:20]}: this server gives at most {limits.horizon} steps"
        raise too_large("horizon", limits.horizon, detail)
    values = series * horizon * columns
    if values > limits.values:
        detail = (
            f"the answer would take {values} numbers ({series} series x {horizon} steps x {columns} columns or paths),"
            f" and this server gives {limits.values}; ask for fewer series, steps, levels or paths"
        )
        raise too_large("values", limits.values, detail)
