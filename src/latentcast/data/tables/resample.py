"""Rows at any time → one row for each step in which there are rows."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import TimeError, shorten
from latentcast.core.notes import Note, NoteCode
from latentcast.data.tables.frequency import NO_FREQUENCY, Frequency, to_frequency
from latentcast.data.tables.table import Table
from latentcast.data.tables.timestamps import show

USUAL = 0.9  # share of the steps inside a series whose rows may lie as far from an edge: one in ten may hold a hole


def resampled(stamps: NDArray[Any], table: Table, alias: str, how: str) -> tuple[NDArray[Any], Table, tuple[str, ...]]:
    """Sorted rows → the steps of a frequency, by pandas: a step begins at its stamp (week, month, quarter and year
    ends close it), and notes.

    A step without a row has none after this either: it is a gap. Missing values take no part. The first and the last
    step of a series are left out where its rows cover a part of them only: three days are no month, whatever is made of
    them. Raises TimeError for whole numbers, for what is no frequency, and for a series that covers no step.
    """
    if to_frequency(alias) is None:
        raise TimeError(f"resample={alias!r} is {NO_FREQUENCY}")
    if not np.issubdtype(stamps.dtype, np.datetime64):
        raise TimeError("data.resample brings dates to steps, and the time column holds whole numbers; leave it out")
    names = [f"v{at}" for at in range(table.values.shape[1])]
    frame = pd.DataFrame(table.values, columns=names)
    frame["code"], frame["ds"] = table.codes, stamps
    for name, column in table.beside.items():
        frame[f"b{name}"] = column
    try:  # a frequency that leads nowhere, as 0D
        grouped = frame.groupby(["code", pd.Grouper(key="ds", freq=alias)], sort=True)
    except ValueError as error:
        raise TimeError(f"data.resample={alias!r} is no frequency ({error})") from error
    rows = grouped.size()
    there = rows[rows > 0].index
    whole = _whole(stamps, table.codes, np.asarray(rows[there], np.int64), there, alias)
    notes = [f"{len(stamps)} rows were brought to {int(whole.sum())} steps of {alias} ({how})"]
    if not whole.all():
        notes.append(_left_out(there[~whole], table, alias))
        there = there[whole]
        if lost := sorted(set(table.codes.tolist()) - set(there.get_level_values(0))):
            whose = f" of {shorten([table.ids[code] for code in lost])}" if table.ids != ("",) else ""
            raise TimeError(
                f"data.resample={alias}: the rows{whose} cover no whole step of {alias}; resample to shorter steps, or"
                " leave such series out"
            )
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
    return new, made, tuple(Note(note, NoteCode.RESAMPLED) for note in notes)


def _whole(
    stamps: NDArray[Any], codes: NDArray[np.int64], counts: NDArray[np.int64], steps: pd.Index, alias: str
) -> NDArray[np.bool_]:
    """[steps] False of a first or last one of a series of which rows are lacking at the edge: one more would find room
    there at the usual distance of two rows, and most of the steps inside the series have them nearer to the edge.
    """
    code, label = steps.get_level_values(0).to_numpy(), steps.get_level_values(1).to_numpy("datetime64[ns]")
    distances = np.diff(stamps).astype(np.int64)[np.diff(codes) == 0]
    if not (distances > 0).any():
        return np.ones(len(code), np.bool_)
    usual = np.median(distances[distances > 0])
    frequency, one = Frequency.of(alias), np.ones(len(label), np.int64)
    if pd.Grouper(freq=alias).closed == "right":  # named by its last day
        day = np.timedelta64(1, "D")
        begins, ends = frequency.advance(label, -one) + day, label + day
    else:
        begins, ends = label, frequency.advance(label, one)
    last = np.cumsum(counts) - 1
    before = (stamps[last - counts + 1] - begins).astype(np.int64)
    after = (ends - stamps[last]).astype(np.int64)
    opens, closes = np.diff(code, prepend=-1) != 0, np.diff(code, append=-1) != 0
    inside = ~(opens | closes)
    near = [np.quantile(gap[inside], USUAL) if inside.any() else -1 for gap in (before, after)]
    late = opens & (before >= usual) & (before > near[0])
    early = closes & (after > usual) & (after > near[1])
    return np.asarray(~(late | early))


def _left_out(steps: pd.Index, table: Table, alias: str) -> str:
    named = [
        f"{table.ids[code]} {show(stamp)}".strip()
        for code, stamp in zip(
            steps.get_level_values(0), steps.get_level_values(1).to_numpy("datetime64[ns]"), strict=True
        )
    ]
    return f"left out at the ends, where rows cover a part of a step of {alias} only: {shorten(named)}"
