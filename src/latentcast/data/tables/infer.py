"""Infer the frequency of a table from its stamps."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import TimeError, shorten
from latentcast.data.tables.frequency import DAY_NS, Frequency, day_of, of_length
from latentcast.data.tables.near_regular import moved_onto_grid
from latentcast.data.tables.row_calendars import fill_of, infer_days, infer_sessions, infer_weekdays
from latentcast.data.tables.runs import factorize_stamps, heads_of, shared_stamps

# business days at the ends of months, quarters and years; sparser ones first, for denser ones hold them too
_BUSINESS = ("BYE-DEC", "BYS-JAN", "BQE-DEC", "BQE-JAN", "BQE-FEB", "BQS-JAN", "BQS-FEB", "BQS-MAR", "BME", "BMS")

REGULAR = 0.95  # share of rows one step after the row before, from which on others follow by the same step
_JITTER = 0.25  # of a step, as far as a stamp may lie from it to be moved there
_PARTS_OF_60 = (1, 2, 5, 10, 15, 20, 30)
_ROUND = tuple(
    count * unit * 1_000_000_000
    for unit, counts in (
        (1, (1, 2, 5, 10, 15, 20, 30)),
        (60, (1, 2, 5, 10, 15, 20, 30)),
        (3600, (1, 2, 3, 4, 6, 8, 12, 24)),
    )
    for count in counts
)
_FILLED = 0.9  # share of steps that follow the one before, by which rows are resampled
_BLOCK = 2**16  # rows whose differences are counted at a time
_LONGER = 1.5  # times the shortest distance: months differ less
_FAR = np.iinfo(np.int64).max
_USUAL = 0.5  # share of a series' own distances that make a step of its own


def infer(times: NDArray[Any], series: NDArray[np.int64]) -> Frequency:
    """Return the frequency under which every stamp of every series lies on a step.

    `times` sorted within each series, shape [rows]; `series` the number of each row's series. Tried in turn: the
    calendar (months, quarters and years where all stamps are first or all are last days of a month; business days
    where weekends are skipped), then the most frequent difference.

    Raises TimeError when no stamp has a successor, or when no frequency fits, naming the first stamps that do not.
    """
    heads = heads_of(series)
    if len(heads) > 1 and (first := shared_stamps(times, heads)) is not None:
        try:
            return infer(first, series[: len(first)])
        except TimeError:  # raised again below, with the rows of all series
            pass
    usual = _of_difference(usual_difference(times, series), times)
    for frequency in (*_calendar(times, heads, series, usual), usual):
        if frequency.unbroken(times, heads):
            return _sessions(times, frequency) or frequency
        off = frequency.ordinals(times, heads) < 0
        if not off.any():
            return _sessions(times, frequency) or frequency
    if (own := _own_calendar(times, heads, usual)) is not None:
        return own
    near = not usual.integer and (nearest_step(times, series) or moved_onto_grid(times, series)) is not None
    alias = None if usual.integer or near else filled_step(times, series)
    grid = f"data.resample={alias}" if alias else "data.resample"
    jitter = ", move stamps to their usual place (data.snap=true)" if near else ""
    raise TimeError(
        f"the time steps are irregular: most are {frequency} long, but {off.sum()} of {len(times)} stamps are off"
        f" that grid (first: {shorten([str(stamp) for stamp in times[off][:3]])}). Resample the data"
        f" ({grid}){jitter}, set the frequency (data.freq), or count rows as steps whatever their stamps"
        " (data.steps=rows)",
        setting="data.snap" if near else "data.resample",
        value="true" if near else alias,
    )


def filled_step(times: NDArray[Any], series: NDArray[np.int64]) -> str | None:
    """The shortest round step, no shorter than rows usually lie apart, that nearly all steps have rows in."""
    exact = times.astype(np.int64)
    inside = np.diff(series) == 0
    apart = np.diff(exact)[inside]
    apart = apart[apart > 0]
    if not len(apart):
        return None
    for step in (*_ROUND, 7 * DAY_NS):
        numbers = np.diff(exact // step)[inside]
        if step >= _JITTER * 2 * np.median(apart) and (numbers[numbers > 0] == 1).mean() >= _FILLED:
            weeks = f"W-{pd.Timestamp(times[-1]).day_name()[:3].upper()}"
            return weeks if step > DAY_NS else of_length(step)
    return "MS" if (np.diff(times.astype("datetime64[M]").astype(np.int64))[inside] <= 1).all() else None


def _own_calendar(times: NDArray[Any], heads: NDArray[np.int64], usual: Frequency) -> Frequency | None:
    """Business days at the end or the beginning of months, or days of a month or a year, on which all stamps lie."""
    if (business := _business(times, heads, usual)) is not None:
        return Frequency.of(business)
    if usual.integer or (usual.step or 0) < DAY_NS:
        return None
    distinct = np.unique(times)
    if (weekly := infer_weekdays(distinct)) is not None and (Frequency.by(weekly).ordinals(times, heads) >= 0).all():
        return Frequency.by(weekly)
    if (usual.step or 0) < 4 * DAY_NS:
        return None
    for calendar in infer_days(distinct):
        found = Frequency.by(calendar)
        if fill_of(calendar, distinct) > 0.5 / found.multiple and (found.ordinals(times, heads) >= 0).all():
            return found
    return None


def _business(times: NDArray[Any], heads: NDArray[np.int64], usual: Frequency) -> str | None:
    """Return the first or last business days of months, quarters or years, or the n-th weekday of months."""
    if usual.integer or (usual.step or 0) < 28 * DAY_NS:
        return None
    day = pd.Timestamp(times[0]).day_name()[:3].upper()
    of_month = (f"WOM-{number}{day}" for number in (1, 2, 3, 4))
    return next(
        (alias for alias in (*_BUSINESS, *of_month) if (Frequency.of(alias).ordinals(times, heads) >= 0).all()), None
    )


def _sessions(times: NDArray[Any], frequency: Frequency) -> Frequency | None:
    """The sessions of a day in which stamps lie that leave much of the week empty."""
    if frequency.integer or frequency.step is None or frequency.step >= DAY_NS:
        return None
    found = infer_sessions(np.unique(times), frequency.step)
    return None if found is None else Frequency.by(found)


def usual_step(times: NDArray[Any], series: NDArray[np.int64]) -> Frequency:
    """The frequency of most steps, for data whose rows count as steps even where their stamps are irregular."""
    try:
        found = infer(times, series)
    except TimeError:
        found = _of_difference(usual_difference(times, series), times)
    return replace(found, exact=follows(found, times, series))


def follows(frequency: Frequency, times: NDArray[Any], series: NDArray[np.int64]) -> bool:
    """Whether nearly all rows are one step of a frequency after the row before."""
    if frequency.integer:
        return bool((np.diff(times)[np.diff(series) == 0] > 0).all())
    ordinals = frequency.ordinals(times, heads_of(series))
    next_one = np.diff(ordinals)[np.diff(series) == 0] == 1
    return bool((ordinals >= 0).all() and (not len(next_one) or next_one.mean() >= REGULAR))


def usual_difference(times: NDArray[Any], series: NDArray[np.int64]) -> int:
    """The most frequent positive difference of neighbours in a series. Raises TimeError when there is none."""
    counts: Counter[int] = Counter()
    for begin in range(0, len(times) - 1, _BLOCK):
        rows = slice(begin, begin + _BLOCK + 1)
        gaps = np.diff(times[rows].astype(np.int64))
        gaps = gaps[(series[rows][1:] == series[rows][:-1]) & (gaps > 0)]
        if len(gaps) and (gaps == gaps[0]).all():
            counts[int(gaps[0])] += len(gaps)
            continue
        codes, lengths = pd.factorize(gaps)
        counts.update(dict(zip(lengths.tolist(), np.bincount(codes).tolist(), strict=True)))
    if not counts:
        raise TimeError(
            "the frequency cannot be inferred: no series has two different time stamps; set it (data.freq)",
            setting="data.freq",
        )
    return min(counts, key=lambda length: (-counts[length], length))


def _of_difference(step: int, times: NDArray[Any]) -> Frequency:
    if np.issubdtype(times.dtype, np.integer):
        return Frequency(str(step), step, integer=True)
    weeks, rest = divmod(step, 7 * DAY_NS)
    if rest:
        return Frequency(of_length(step), step)
    day = pd.Timestamp(times[0]).day_name()[:3].upper()
    return Frequency(f"{weeks if weeks > 1 else ''}W-{day}", step)


def _calendar(
    times: NDArray[Any], heads: NDArray[np.int64], series: NDArray[np.int64], usual: Frequency
) -> list[Frequency]:
    """The calendar frequency that the stamps suggest: none or one."""
    if usual.integer or usual.step is None:
        return []
    if usual.step < 28 * DAY_NS and usual.step != DAY_NS:
        return []
    codes, distinct = factorize_stamps(times, heads)
    if usual.step == DAY_NS:
        weekday = (distinct.astype("datetime64[D]").astype(np.int64) + 3) % 7  # Monday is 0
        if weekday.max() > 4:
            weekly = infer_weekdays(np.unique(distinct))
            return [] if weekly is None else [Frequency.by(weekly)]
        weekend_between = (np.diff(weekday[codes]) < 0) & (np.diff(series) == 0)
        return [Frequency.of("B")] if weekend_between.any() else []
    day, month = distinct.astype("datetime64[D]"), distinct.astype("datetime64[M]")
    at_end = bool((day == day_of(month, True)).all())
    if not at_end and not (day == day_of(month, False)).all():
        return []
    number = month.astype(np.int64).astype(np.int32)
    months = usual_difference(number[codes], series)
    phases = np.unique(number[codes[heads]] % months)
    return [Frequency.of(_month_alias(months, at_end, int(phases[0]) if len(phases) == 1 else None))]


def _month_alias(months: int, at_end: bool, phase: int | None) -> str:
    """QS-FEB, YE-DEC, … where all series are in phase; else a count of months, which has no anchor."""
    letter = "E" if at_end else "S"
    if phase is None or months not in (3, 12):
        return f"{months if months > 1 else ''}M{letter}"
    if months == 3:
        return f"Q{letter}-{('OCT', 'NOV', 'DEC')[phase] if at_end else ('JAN', 'FEB', 'MAR')[phase]}"
    names = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
    return f"Y{letter}-{names[phase]}"


def with_other_steps(times: NDArray[Any], series: NDArray[np.int64], frequency: Frequency) -> dict[int, int]:
    """Series whose rows all lie a multiple of the step apart, as daily ones among hourly ones: each with its multiple.

    Only where others follow the step itself; a series of fewer than four rows does not tell.
    """
    heads = heads_of(series)
    if len(heads) < 2 or frequency.unbroken(times, heads):
        return {}
    inside = np.diff(series) == 0
    apart = np.append(np.where(inside, np.diff(times.astype(np.int64)), _FAR), _FAR)
    nearest = np.minimum.reduceat(apart, heads)
    if (nearest[nearest < _FAR] <= _LONGER * apart.min()).all():
        return {}  # the usual case, without looking up a calendar
    ordinals = frequency.ordinals(times, heads)
    distances = np.diff(ordinals)
    if (ordinals < 0).any() or not (distances[inside] == 1).any():
        return {}
    counts = np.diff(heads, append=len(times))
    shortest = np.minimum.reduceat(np.append(np.where(inside, distances, _FAR), _FAR), heads)
    found = {}
    for number in np.flatnonzero((shortest > 1) & (counts > 3)):
        own = distances[heads[number] : heads[number] + counts[number] - 1]
        lengths, often = np.unique(own, return_counts=True)
        step = int(np.gcd.reduce(own))
        if step > 1 and often.max() / len(own) > _USUAL and lengths[often.argmax()] == step:
            found[int(series[heads[number]])] = step
    return found


def nearest_step(times: NDArray[Any], series: NDArray[np.int64]) -> int | None:
    """The round length near the usual step, in nanoseconds; None unless every stamp lies near a multiple of it."""
    exact = times.astype(np.int64)
    gaps = np.diff(exact)[np.diff(series) == 0]
    if not len(gaps) or (usual := float(np.median(gaps))) <= 0:
        return None
    step = min(_ROUND, key=lambda length: abs(length - usual))
    off = np.abs(exact - (exact + step // 2) // step * step)
    snapped = (exact + step // 2) // step
    apart = np.diff(snapped)[np.diff(series) == 0]
    return step if abs(step - usual) <= _JITTER * step and off.max() <= _JITTER * step and (apart > 0).all() else None
