"""A table → a Panel: every series on its regular grid, one after another in contiguous memory."""

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.data.frequency import Frequency, infer
from latentcast.data.settings import DataSettings
from latentcast.errors import DataError, GapError, TimeError, nearest, some

TIME_NAMES = ("ds", "date", "datetime", "timestamp", "time")
SPARSEST = 10  # steps per row above which a grid is taken for a mistake


@dataclass(frozen=True)
class Panel:
    """Items (one of many series, or one multivariate block) on a regular time grid.

    values    [steps, channels] in original units, item after item; filled by the gap policy
    observed  [steps, channels] False where a value was filled
    times     [steps] datetime64[ns], or integers
    offsets   [items + 1] where each item begins
    zone      the time zone that the stamps came in (they are held in UTC)
    notes     what was done to the table, in sentences
    """

    values: NDArray[np.float64]
    observed: NDArray[np.bool_]
    times: NDArray[Any]
    offsets: NDArray[np.int64]
    ids: tuple[str, ...]
    channels: tuple[str, ...]
    frequency: Frequency
    season: int
    gaps: str
    zone: str | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.offsets)

    @property
    def item_of_step(self) -> NDArray[np.int64]:
        return np.repeat(np.arange(len(self.ids)), self.lengths)

    @property
    def complete(self) -> bool:
        return bool(self.observed.all())

    def series_name(self, item: int, channel: int) -> str:
        """`unique_id` of one series: the channel's name in one multivariate block, else the item's."""
        return self.channels[channel] if self.ids == ("",) else self.ids[item]

    def fingerprint(self) -> str:
        """Changes when any value, stamp or name changes."""
        digest = hashlib.sha256(repr((self.ids, self.channels, self.frequency.alias)).encode())
        for array in (self.values, self.observed, self.times, self.offsets):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]

    def cut(self, lengths: NDArray[np.int64]) -> "Panel":
        """Only the first `lengths[i]` steps of each item."""
        keep = np.concatenate([np.arange(n) + start for n, start in zip(lengths, self.offsets[:-1], strict=True)])
        return replace(
            self,
            values=self.values[keep],
            observed=self.observed[keep],
            times=self.times[keep],
            offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        )

    def extended(self, steps: int) -> "Panel":
        """Each item continued by unobserved steps, dated: the room in which a forecast is written."""
        rows = len(self.values) + len(self.ids) * steps
        old = np.arange(len(self.values)) + self.item_of_step * steps
        new = np.setdiff1d(np.arange(rows), old, assume_unique=True)
        values = np.zeros((rows, len(self.channels)))
        observed = np.zeros(values.shape, np.bool_)
        times = np.empty(rows, self.times.dtype)
        values[old], observed[old], times[old] = self.values, self.observed, self.times
        times[new] = self.frequency.after(self.times[self.offsets[1:] - 1], steps).reshape(-1)
        offsets = self.offsets + np.arange(len(self.offsets)) * steps
        return replace(self, values=values, observed=observed, times=times, offsets=offsets)


def build(frame: pd.DataFrame, settings: DataSettings) -> Panel:
    """Validate, sort, and lay a table on its time grid.

    Raises TimeError, GapError or DataError: each says what came, what was wanted and the mend.
    """
    notes: list[str] = []
    frame = frame.rename(columns=str)
    time = _time_column(frame, settings)
    long = _is_long(frame, settings)
    table = _long(frame, time, settings) if long else _wide(frame, time, settings)
    stamps, zone = _stamps(frame[time], settings)
    if not _in_order(stamps, table.codes):
        notes.append("the rows were not in order of time and were sorted")
    order = np.lexsort((stamps, table.codes))
    stamps, table = stamps[order], replace(table, codes=table.codes[order], values=table.values[order])
    if settings.steps == "grid":
        _no_repeats(stamps, table, settings)
    panel = _on_grid(stamps, table, settings, zone)
    if long and settings.align:
        panel, said = _align(panel)
        notes += said
    panel = _choose(panel, settings)
    filled = int((~panel.observed).sum())
    if filled:
        panel = _fill(panel)
        notes.append(
            f"{filled} of {panel.values.size} values were missing and filled (gaps={settings.gaps});"
            " they count neither in losses nor in metrics"
        )
    return replace(panel, notes=(*panel.notes, *notes))


@dataclass(frozen=True)
class _Table:
    codes: NDArray[np.int64]
    values: NDArray[np.float64]
    ids: tuple[str, ...]
    channels: tuple[str, ...]


def _time_column(frame: pd.DataFrame, settings: DataSettings) -> str:
    columns = list(frame.columns)
    if len(set(columns)) < len(columns):
        twice = sorted({name for name in columns if columns.count(name) > 1})
        raise DataError(f"columns share a name: {some(twice)}; rename them")
    if settings.time is not None:
        if settings.time not in columns:
            raise TimeError(f"there is no time column {settings.time!r}; {nearest(settings.time, columns)}")
        return settings.time
    found = [name for wanted in TIME_NAMES for name in columns if name.lower() == wanted]
    if not found:
        raise TimeError(
            f"no time column found among {some(columns, 8)}: name it {TIME_NAMES[0]} or state it (data.time)"
        )
    return found[0]


def _is_long(frame: pd.DataFrame, settings: DataSettings) -> bool:
    if settings.layout != "auto":
        return settings.layout == "long"
    return settings.id is not None or settings.align or "unique_id" in frame.columns


def _check_columns(frame: pd.DataFrame, settings: DataSettings) -> None:
    named = (*settings.ignore, *(settings.columns or ()))
    faults = [f"{name!r} ({nearest(name, frame.columns)})" for name in named if name not in frame.columns]
    if faults:
        raise DataError(f"no such column: {', '.join(faults)}")


def _long(frame: pd.DataFrame, time: str, settings: DataSettings) -> _Table:
    _check_columns(frame, settings)
    id_name, value = settings.id or "unique_id", settings.value or "y"
    for name, setting in ((id_name, "data.id"), (value, "data.value")):
        if name not in frame.columns:
            raise DataError(
                f"long data need a column {name!r}; there are {some(list(frame.columns), 8)}: state it ({setting})"
            )
    extra = [name for name in frame.columns if name not in (time, id_name, value, *settings.ignore)]
    if extra:
        raise DataError(
            f"long data have columns that no model would use: {some(extra)};"
            f" leave them out on purpose (data.ignore={','.join(extra)})"
        )
    if frame[id_name].isna().any():
        raise DataError(f"{int(frame[id_name].isna().sum())} rows have no {id_name}")
    codes, ids = pd.factorize(frame[id_name])
    return _Table(codes.astype(np.int64), _numbers(frame, [value]), tuple(str(name) for name in ids), (value,))


def _wide(frame: pd.DataFrame, time: str, settings: DataSettings) -> _Table:
    _check_columns(frame, settings)
    used = settings.columns or tuple(name for name in frame.columns if name not in (time, *settings.ignore))
    if time in used:
        raise DataError(f"{time!r} is the time column and cannot be a variate too (data.columns)")
    if not used:
        raise DataError(f"there is no value column beside the time column {time!r}")
    return _Table(np.zeros(len(frame), np.int64), _numbers(frame, list(used)), ("",), tuple(used))


def _numbers(frame: pd.DataFrame, names: list[str]) -> NDArray[np.float64]:
    texts = [
        name
        for name in names
        if not pd.api.types.is_numeric_dtype(frame[name]) and not pd.api.types.is_bool_dtype(frame[name])
    ]
    all_missing = [name for name in texts if frame[name].isna().all()]
    texts = [name for name in texts if name not in all_missing]
    if texts:
        column = frame[texts[0]]
        numeric = pd.to_numeric(column, errors="coerce")
        bad = column[numeric.isna() & column.notna()]
        example = f": {bad.iloc[0]!r} in row {bad.index[0]}" if len(bad) else f" ({column.dtype})"
        raise DataError(
            f"values must be numbers; {some(texts)} hold{'s' if len(texts) == 1 else ''} something else"
            f"{example}. Mend the values or leave the column out (data.ignore={','.join(texts)})"
        )
    values = frame[names].to_numpy(dtype=np.float64, na_value=np.nan)
    infinite = np.isinf(values)
    if infinite.any():
        row, column_at = np.argwhere(infinite)[0]
        raise DataError(
            f"{int(infinite.sum())} values are infinite (first: {names[column_at]}, row {row});"
            " remove them or make them missing"
        )
    return np.ascontiguousarray(values)


def _stamps(column: pd.Series, settings: DataSettings) -> tuple[NDArray[Any], str | None]:
    if column.isna().any():
        raise TimeError(f"{int(column.isna().sum())} rows have no time in {column.name!r}")
    if pd.api.types.is_integer_dtype(column):
        return column.to_numpy(np.int64), None
    if pd.api.types.is_numeric_dtype(column):
        raise TimeError(f"the time column {column.name!r} holds fractions; wanted dates or whole numbers")
    zone = None
    if not pd.api.types.is_datetime64_any_dtype(column):
        text = column.astype(str)
        # one format for the whole column, taken from its first stamp: nothing is guessed row by row
        form = settings.time_format or pd.tseries.api.guess_datetime_format(text.iloc[0]) or "ISO8601"
        try:
            parsed = pd.to_datetime(text, errors="coerce", format=form)
        except ValueError as error:
            raise TimeError(
                f"the time column {column.name!r} mixes time zones or none: give all stamps one ({error})"
            ) from error
        if parsed.isna().any() and settings.time_format is None:
            parsed = pd.to_datetime(text, errors="coerce", format="ISO8601")
        bad = column[parsed.isna()]
        if len(bad):
            raise TimeError(
                f"{len(bad)} of {len(column)} entries of the time column {column.name!r} are no dates (first:"
                f" {bad.iloc[0]!r}, row {bad.index[0]}); mend them or state their format (data.time_format)"
            )
        column = parsed
    if column.dt.tz is not None:
        zone = str(column.dt.tz)
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    return column.to_numpy("datetime64[ns]"), zone


def _in_order(stamps: NDArray[Any], codes: NDArray[np.int64]) -> bool:
    by_series = np.argsort(codes, kind="stable")
    same = np.diff(codes[by_series]) == 0
    steps = np.diff(stamps[by_series].astype(np.int64))
    return bool((steps[same] >= 0).all())


def _no_repeats(stamps: NDArray[Any], table: _Table, settings: DataSettings) -> None:
    repeated = (np.diff(stamps.astype(np.int64)) == 0) & (np.diff(table.codes) == 0)
    if repeated.any():
        at = int(repeated.argmax())
        name = table.ids[table.codes[at]]
        whose = f" of series {name!r}" if name else ""
        hint = "" if name else " (many series? name the column that tells them apart: data.id)"
        raise TimeError(
            f"{int(repeated.sum())} time stamps occur twice (first: {_show(stamps[at])}{whose});"
            f" keep one row of each, or aggregate them{hint}"
        )


def _show(stamp: Any) -> str:
    return str(pd.Timestamp(stamp)) if isinstance(stamp, np.datetime64) else str(stamp)


def _on_grid(stamps: NDArray[Any], table: _Table, settings: DataSettings, zone: str | None) -> Panel:
    codes = table.codes
    starts = np.flatnonzero(np.concatenate([[True], np.diff(codes) != 0]))
    counts = np.diff(np.concatenate([starts, [len(codes)]]))
    ids = tuple(table.ids[code] for code in codes[starts])
    item = np.repeat(np.arange(len(starts)), counts)
    integer = np.issubdtype(stamps.dtype, np.integer)
    frequency = Frequency.of(settings.freq) if settings.freq is not None else None
    if frequency is not None and frequency.integer != integer:
        kind = "whole numbers" if integer else "dates"
        raise TimeError(f"freq={settings.freq!r} does not suit a time column of {kind}")
    if settings.steps == "rows":
        if frequency is None:
            frequency = _usual_step(stamps, item)
        place, lengths = np.arange(len(codes)), counts
    else:
        if frequency is None:
            frequency = infer(stamps, item)
        ordinals = frequency.ordinals(stamps, stamps[starts][item])
        if (ordinals < 0).any():
            at = int((ordinals < 0).argmax())
            raise TimeError(
                f"{int((ordinals < 0).sum())} of {len(stamps)} stamps do not lie on steps of {frequency}"
                f" (first: {_show(stamps[at])}); state another frequency, resample, or use data.steps=rows"
            )
        lengths = ordinals[starts + counts - 1] + 1
        if lengths.sum() > SPARSEST * len(codes) + 1000:
            raise TimeError(
                f"with steps of {frequency} only {len(codes)} of {lengths.sum()} steps have a row:"
                " state a longer frequency (data.freq) or resample"
            )
        place = ordinals + (np.cumsum(lengths) - lengths)[item]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    total, channels = int(offsets[-1]), table.values.shape[1]
    if total == len(codes):
        values, times = table.values, stamps
    else:
        values = np.full((total, channels), np.nan)
        values[place] = table.values
        within = np.arange(total) - np.repeat(offsets[:-1], lengths)
        if frequency.step is not None:
            scale = within * frequency.step
            begin = np.repeat(stamps[starts], lengths)
            times = begin + (scale if integer else scale.astype("timedelta64[ns]"))
        else:
            grid = pd.date_range(stamps.min(), stamps.max(), freq=frequency.alias).values
            times = grid[np.repeat(np.searchsorted(grid, stamps[starts]), lengths) + within]
    observed = ~np.isnan(values)
    if settings.gaps == "error" and not settings.align:
        _refuse_gaps(values, times, offsets, ids, table.channels, rows=len(codes))
    season = settings.season or frequency.season
    return Panel(values, observed, times, offsets, ids, table.channels, frequency, season, settings.gaps, zone)


def _usual_step(stamps: NDArray[Any], item: NDArray[np.int64]) -> Frequency:
    steps = np.diff(stamps.astype(np.int64))[np.diff(item) == 0]
    if not len(steps):
        raise TimeError("the frequency cannot be inferred: no series has two rows; state it (data.freq)")
    lengths, counts = np.unique(steps[steps > 0], return_counts=True)
    step = int(lengths[counts.argmax()])
    if np.issubdtype(stamps.dtype, np.integer):
        return Frequency(str(step), step, integer=True)
    regular = stamps[:1] + (np.arange(3) * step).astype("timedelta64[ns]")
    return infer(regular, np.zeros(3, np.int64))


def _refuse_gaps(
    values: NDArray[np.float64],
    times: NDArray[Any],
    offsets: NDArray[np.int64],
    ids: tuple[str, ...],
    channels: tuple[str, ...],
    rows: int,
) -> None:
    missing = np.isnan(values)
    if not missing.any():
        return
    step, channel = np.argwhere(missing)[0]
    item = int(np.searchsorted(offsets, step, side="right")) - 1
    name = ids[item] or channels[channel]
    absent = len(values) - rows
    what = f"{int(missing.sum())} values are missing" + (f", among them {absent} whole time steps" if absent else "")
    raise GapError(
        f"{what} (first: {name} at {_show(times[step])}); say what to do with them:"
        " data.gaps=interpolate or data.gaps=ffill"
    )


def _align(panel: Panel) -> tuple[Panel, list[str]]:
    """Each item becomes a channel, on the span that all of them share."""
    firsts, lasts = panel.times[panel.offsets[:-1]], panel.times[panel.offsets[1:] - 1]
    begin, end = firsts.max(), lasts.min()
    if begin > end:
        raise DataError(
            f"the series share no time: {panel.ids[int(firsts.argmax())]!r} begins at {_show(begin)} and"
            f" {panel.ids[int(lasts.argmin())]!r} ends at {_show(end)}; leave data.align off"
        )
    inside = (panel.times >= begin) & (panel.times <= end)
    counts = np.add.reduceat(inside, panel.offsets[:-1])
    if len(set(counts.tolist())) > 1 or len(set(panel.times[inside].tolist())) != counts[0]:
        raise TimeError("the series have different time steps and cannot be aligned; resample them to one grid")
    n, steps = len(panel.ids), int(counts[0])
    values = np.ascontiguousarray(panel.values[inside, 0].reshape(n, steps).T)
    observed = ~np.isnan(values)
    times = panel.times[inside][:steps]
    dropped = len(panel.times) - inside.sum()
    notes = [f"{n} series were aligned on their common span {_show(begin)} .. {_show(end)}"]
    if dropped:
        notes[0] += f"; {dropped} steps outside it were left out"
    offsets = np.array([0, steps], np.int64)
    if panel.gaps == "error":
        _refuse_gaps(values, times, offsets, ("",), panel.ids, rows=steps)
    return replace(
        panel, values=values, observed=observed, times=times, offsets=offsets, ids=("",), channels=panel.ids
    ), notes


def _choose(panel: Panel, settings: DataSettings) -> Panel:
    """Mode S keeps the target alone; S and MS need it to exist."""
    if settings.features == "M":
        return panel
    target = str(settings.target)
    if target not in panel.channels:
        raise DataError(f"the target {target!r} is not among the channels; {nearest(target, panel.channels)}")
    if settings.features == "MS":
        return panel
    at = panel.channels.index(target)
    return replace(
        panel,
        values=np.ascontiguousarray(panel.values[:, at : at + 1]),
        observed=np.ascontiguousarray(panel.observed[:, at : at + 1]),
        channels=(target,),
    )


def _fill(panel: Panel) -> Panel:
    counts = np.add.reduceat(panel.observed, panel.offsets[:-1], axis=0)
    if not counts.all():
        item, channel = np.argwhere(counts == 0)[0]
        raise GapError(f"the series {panel.series_name(int(item), int(channel))!r} has no value at all")
    values = panel.values.copy()
    for item, channel in np.argwhere(counts < panel.lengths[:, None]):
        span = slice(panel.offsets[item], panel.offsets[item + 1])
        seen = panel.observed[span, channel]
        known = np.flatnonzero(seen)
        if panel.gaps == "interpolate":  # linear between neighbours, constant at the ends
            values[span, channel] = np.interp(np.arange(len(seen)), known, values[span, channel][known])
            continue
        if known[0] > 0:
            raise GapError(
                "gaps=ffill has nothing to carry forward at the beginning of"
                f" {panel.series_name(int(item), int(channel))!r} ({_show(panel.times[span][0])}):"
                " cut the data there or use data.gaps=interpolate"
            )
        last_seen = np.maximum.accumulate(np.where(seen, np.arange(len(seen)), 0))
        values[span, channel] = values[span, channel][last_seen]
    return replace(panel, values=values)
