"""Long data with several value columns: the values of each are series of their own."""

import pandas as pd

from latentcast.core.assignments import assignment
from latentcast.core.errors import DataError, shorten, suggest
from latentcast.data.settings import DataSettings

_VARIABLE, _VALUE = ("variable", "column", "value_column"), ("value", "y", "values")  # the first that is free


def one_value(frame: pd.DataFrame, settings: DataSettings) -> tuple[pd.DataFrame, DataSettings]:
    """The table with one value column, and settings that say so; as it came where one value is set.

    The names of the columns become one more id. A series without any value is left out.
    Raises DataError where a column is missing.
    """
    if not isinstance(settings.value, tuple):
        return frame, settings
    columns, names = list(frame.columns), list(settings.value)
    if missing := [f"{name!r} ({suggest(name, columns)})" for name in names if name not in columns]:
        raise DataError(f"no such column: {', '.join(missing)}", setting="data.value")
    rest = [name for name in columns if name not in (*names, *settings.ignore)]
    ids = settings.id_names or ("unique_id",)
    if absent := [name for name in ids if name not in rest]:
        raise DataError(
            f"several values (data.value) need the column that tells series apart; there is no {shorten(absent)}: set"
            " it (data.id), or leave data.value out where each column is one series",
            setting="data.id",
        )
    variable = next(name for name in _VARIABLE if name not in rest)
    value = next(name for name in _VALUE if name not in rest)
    long = frame.melt(rest, names, var_name=variable, value_name=value)
    long[variable] = long[variable].astype(object)
    seen = long[value].notna().groupby([long[name] for name in (*ids, variable)], observed=True, sort=False)
    filled = seen.transform("any")
    long = long if filled.all() or not filled.any() else long[filled].reset_index(drop=True)
    long.attrs.update(frame.attrs)
    ignore = tuple(name for name in settings.ignore if name not in columns)  # unknown names, an error of `read_table`
    return long, settings.model_copy(update={"id": (*ids, variable), "value": value, "ignore": ignore})


def words_of(settings: DataSettings) -> tuple[str, ...]:
    """What a note says of several value columns."""
    if not isinstance(settings.value, tuple):
        return ()
    chosen = assignment("data.value", *settings.value)
    return (f"the values of {shorten(list(map(repr, settings.value)))} are series of their own ({chosen})",)
