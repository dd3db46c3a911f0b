"""Resample rows at any time to one row for each step with data."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import TimeError, shorten
from latentcast.core.notes import Note, NoteCode
from latentcast.data.settings import DataSettings
from latentcast.data.tables.frequency import DAY_NS, NO_FREQUENCY, SECOND_NS, Frequency, of_length, to_frequency
from latentcast.data.tables.infer import nearest_step
from latentcast.data.tables.near_regular import moved_onto_grid
from latentcast.data.tables.table import Table
from latentcast.data.tables.timestamps import show

_ALIKE = 0.1  # relative tolerance of the usual number of rows
_REGULAR = 0.75  # share of inner steps with the usual number, without which no number is usual
USUAL = 0.9  # share of the steps inside a series whose rows may lie as far from an edge: one in ten may hold a hole


def resampled(
    stamps: NDArray[Any], table: Table, settings: DataSettings
) -> tuple[NDArray[Any], Table, tuple[str, ...]]:
    """Sorted rows → the steps of `settings.resample`: stamps, table and notes.

    A step begins at its stamp; week, month, quarter and year ends close it. A step without a row stays a gap, and
    missing values take no part. The first and the last step of a series are left out where its rows cover a part of
    them only, and so are inner steps with too few rows (`settings.resample_share`).

    Raises TimeError for whole numbers, for what is no frequency, and for a series that covers no step.
    """
    alias = str(settings.resample)
    if to_frequency(alias) is None:
        raise TimeError(f"resample={alias!r} is {NO_FREQUENCY}")
    if not np.issubdtype(stamps.dtype, np.datetime64):
        raise TimeError("data.resample brings dates to steps, and the time column holds whole numbers; leave it out")
    frame = pd.DataFrame({"code": table.codes, "ds": stamps})
    try:  # a frequency of length 0, such as 0D
        grouped = frame.groupby(["code", pd.Grouper(key="ds", freq=alias)], sort=True)
        rows = grouped.size()
    except ValueError as error:
        raise TimeError(f"data.resample={alias!r} is no frequency ({error})", setting="data.resample") from error
    there = rows[rows > 0].index
    counts = np.asarray(rows[there], np.int64)
    whole = _whole(stamps, table.codes, counts, there, alias)
    short = whole & _short(counts, there, settings.resample_share)
    notes = [f"{len(stamps)} rows were brought to {int(whole.sum())} steps of {alias} ({settings.aggregate})"]
    if not whole.all():
        named = shorten(_names(there[~whole], table))
        notes.append(f"left out at the ends, where rows cover a part of a step of {alias} only: {named}")
    if short.any():
        notes.append(
            f"{int(short.sum())} steps of {alias} have less than {settings.resample_share:g} of the usual number of"
            f" rows and count as missing: {shorten(_names(there[short], table))} (data.resample_share)"
        )
    kept = there[whole & ~short]
    if lost := sorted(set(table.codes.tolist()) - set(kept.get_level_values(0))):
        whose = f" of {shorten([table.ids[code] for code in lost])}" if table.ids != ("",) else ""
        raise TimeError(
            f"data.resample={alias}: the rows{whose} cover no whole step of {alias}; resample to shorter steps, or"
            " leave such series out",
            setting="data.resample",
        )
    steps = np.repeat(np.arange(len(there)), counts)  # rows are sorted as steps are
    at = np.flatnonzero(whole & ~short)
    values = np.column_stack([_aggregated(column, steps, settings.aggregate)[at] for column in table.values.T])
    covariates = {
        name: _aggregated(column, steps, _how(name, settings))[at] for name, column in table.covariates.items()
    }
    codes = kept.get_level_values(0).to_numpy(np.int64)
    return (
        kept.get_level_values(1).to_numpy("datetime64[ns]"),
        replace(table, codes=codes, values=values, covariates=covariates),
        tuple(Note(note, NoteCode.RESAMPLED) for note in notes),
    )


def _how(name: str, settings: DataSettings) -> str:
    """The aggregate of a covariate."""
    how = settings.covariate_aggregate
    return how if isinstance(how, str) else how.get(name, "mean")


def _aggregated(column: NDArray[Any], steps: NDArray[np.int64], how: str) -> NDArray[Any]:
    """[rows] → [steps]; of text the most frequent value, or with `last` the last one."""
    grouped = pd.Series(column).groupby(steps)
    if column.dtype != object:
        return (grouped.sum(min_count=1) if how == "sum" else grouped.agg(how)).to_numpy(np.float64)
    if how == "last":
        return grouped.last().to_numpy(object)
    codes, texts = pd.factorize(column)  # -1 where missing
    found = np.full(int(steps[-1]) + 1, None, object)
    pairs = pd.DataFrame({"step": steps, "code": codes})[codes >= 0].value_counts(sort=False).reset_index()
    pairs = pairs.sort_values(["step", "count"], kind="stable").drop_duplicates("step", keep="last")
    found[pairs["step"].to_numpy()] = np.asarray(texts, object)[pairs["code"].to_numpy()]
    return found


def _short(counts: NDArray[np.int64], steps: pd.Index, share: float) -> NDArray[np.bool_]:
    """[steps] True of inner steps with too few rows, in series most of whose steps have the usual number."""
    code = steps.get_level_values(0).to_numpy()
    inner = (np.diff(code, prepend=-1) == 0) & (np.diff(code, append=-1) == 0)
    if not inner.any():
        return inner
    usual = pd.Series(counts[inner]).groupby(code[inner]).median().reindex(code).to_numpy()
    near = np.abs(counts - usual) <= _ALIKE * usual
    regular = pd.Series(near[inner]).groupby(code[inner]).mean().reindex(code).to_numpy() >= _REGULAR
    return np.asarray(inner & regular & (counts < share * usual))


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


def _names(steps: pd.Index, table: Table) -> list[str]:
    stamps = steps.get_level_values(1).to_numpy("datetime64[ns]")
    return [
        f"{table.ids[code]} {show(stamp)}".strip()
        for code, stamp in zip(steps.get_level_values(0), stamps, strict=True)
    ]


def snapped(stamps: NDArray[Any], codes: NDArray[np.int64], freq: str | None) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Each stamp moved to the nearest step, counted from midnight, or to its day, week, month, quarter or year where
    each has one, and a note.

    Raises TimeError where two stamps meet, or no usual step is found.
    """
    if not np.issubdtype(stamps.dtype, np.datetime64):
        raise TimeError("data.snap moves dates to steps, and the time column holds whole numbers; leave it out")
    step = nearest_step(stamps, codes) if freq is None else Frequency.of(freq).step
    found = None
    if step is None or step >= DAY_NS:
        found = moved_onto_grid(stamps, codes, freq)
    elif freq is None or (step and DAY_NS % step == 0):
        found = _to_nearest(stamps, step), f"the nearest step of {of_length(step)}"
    else:
        found = moved_onto_grid(stamps, codes)
    if found is None:
        raise TimeError(
            "data.snap needs steps of one length, or one stamp for each period: set the frequency (data.freq=10min), or"
            " resample (data.resample)",
            setting="data.freq",
            value="10min",
        )
    moved, where = found
    far = np.abs(moved.astype(np.int64) - stamps.astype(np.int64))
    if not far.any():
        return stamps, ()
    days = far.max() / DAY_NS
    most = (
        f"{far.max() / SECOND_NS:g} s"
        if days < 0.25
        else f"{days:.{2 if days < 10 else 3}g} day{'' if days == 1 else 's'}"
    )
    note = f"{int((far > 0).sum())} of {len(stamps)} stamps were moved to {where}, by at most {most} (data.snap)"
    return moved, (note,)


def _to_nearest(stamps: NDArray[Any], step: int) -> NDArray[Any]:
    exact = stamps.astype(np.int64)
    return ((exact + step // 2) // step * step).astype("datetime64[ns]")
