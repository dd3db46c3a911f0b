"""Build an explanation from one window and its forecast."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from latentcast.core.errors import DataError, suggest
from latentcast.core.findings import Array, Finding, WindowLabels
from latentcast.core.types import Batch, Scale, Steps, Task
from latentcast.data.panel.panel import Panel
from latentcast.data.scaling.scaler import Scaler
from latentcast.data.windows.windows import Windows
from latentcast.evaluation.forecasts import ForecastBatch
from latentcast.evaluation.interval_metrics import named
from latentcast.explain.attribution import (
    Fill,
    Method,
    Told,
    occlude,
    sensitivity,
    without_channels,
)
from latentcast.explain.attribution_findings import of_channels, of_gradient, of_stretches, span
from latentcast.explain.collect import collect_findings
from latentcast.explain.explanation import Explanation
from latentcast.explain.series_statistics import Traits, series_statistics
from latentcast.models.inspection import count_parameters
from latentcast.models.network import Network

DRAWN = 8  # channels with figures of their own
SEASONS = 4  # of the past that the data are described by, where there are as many

FORECAST, DATA = "The forecast", "The data"


@dataclass(frozen=True)
class ExplanationRequest:
    """The forecast to explain, as the forecaster passes it.

    panel   ends with room for the forecast; `item` is one of its items, `drawn` are channels of it
    stamps  steps of the panel as dates in their own zone
    levels  of the intervals in `judged`, ascending; `intervals` says in words how they were made
    """

    model: str
    data: str
    network: Network
    windows: Windows
    panel: Panel
    scaler: Scaler
    judged: ForecastBatch
    item: int
    drawn: tuple[int, ...]
    stamps: Callable[[Any], Any]
    levels: tuple[float, ...] = ()
    intervals: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def task(self) -> Task:
        return self.network.task


def chosen(panel: Panel, targets: Sequence[int], name: str | None) -> tuple[int, tuple[int, ...]]:
    """(item, channels that are drawn) of the series of that name; the first item where none is named.

    Raises DataError for a name that is not there.
    """
    if name is None:
        return 0, tuple(targets[:DRAWN])
    if panel.ids == ("",):
        names: dict[str, tuple[int, tuple[int, ...]]] = {panel.channels[at]: (0, (at,)) for at in targets}
    else:
        names = {item: (number, tuple(targets[:DRAWN])) for number, item in enumerate(panel.ids)}
    if name not in names:
        raise DataError(f"there is no series {name!r} that is forecast; {suggest(name, names)}")
    return names[name]


def explained(
    asked: ExplanationRequest, *, attribution: Method = "occlusion", stretch: int | None = None, fill: Fill = "line"
) -> Explanation:
    """Raises DataError when nothing of the look-back was observed, SettingsError as `attributing.sensitivity` does."""
    task, panel, network = asked.task, asked.panel, asked.network
    names = _names(asked)
    end = int(panel.offsets[asked.item + 1]) - task.horizon
    if not panel.observed[end - task.lookback : end].any():
        raise DataError(
            f"of the look-back of {names[asked.drawn[0]]}, {task.lookback} steps, nothing was observed: there is"
            " nothing that a forecast could be explained by"
        )
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    batch = asked.windows.batch(torch.tensor([0])).to(device)
    past, ahead = _dates(asked, end - task.lookback, end), _dates(asked, end, end + task.horizon)
    units = asked.scaler.units(panel, list(range(task.channels)))
    here = units.at(
        asked.judged.index.items, asked.judged.index.starts[:, None] + task.lookback + np.arange(task.horizon)
    )
    shown = WindowLabels(
        names, asked.drawn, task.targets, past, ahead, lambda x: np.asarray(here.to_original(x[None])[0])
    )
    findings = [*_forecast(asked, names, end), *_data(asked, names, end), *collect_findings(network, batch, shown)]
    told = _teller(asked, batch)
    places = [task.targets.index(at) for at in asked.drawn]
    if attribution == "occlusion":
        found = occlude(network, batch, told, length=stretch, fill=fill, season=panel.season)
        observed = np.stack([_history(asked, at, end - task.lookback, end) for at in shown.drawn])
        findings += of_stretches(found, places, shown, observed, _unit(asked))
        if network.mixes_channels and task.channels > 1:
            moved = np.abs(without_channels(network, batch, told, range(task.channels))).mean(1)[:, places]
            findings.append(of_channels(moved, shown, _unit(asked)))
    elif attribution == "gradient":
        findings.append(of_gradient(sensitivity(network, batch, told, places), shown))
    series = tuple(names[at] for at in asked.drawn)
    left_out = len(task.targets) - len(asked.drawn) if panel.ids == ("",) else len(panel.ids) - 1
    return Explanation(
        asked.model,
        asked.data,
        _about(asked, series, left_out, past, ahead),
        series,
        left_out,
        {names[at]: _values(asked, task.targets.index(at), ahead) for at in asked.drawn},
        tuple(findings),
        tuple(dict.fromkeys((*asked.notes, *network.notes))),
    )


def _names(asked: ExplanationRequest) -> tuple[str, ...]:
    """Of a multivariate block its channels; of one of many series its own, with the channel's where it has several."""
    panel, whose = asked.panel, asked.panel.ids[asked.item]
    if not whose:
        return panel.channels
    return (whose,) if len(panel.channels) == 1 else tuple(f"{whose}: {name}" for name in panel.channels)


def _dates(asked: ExplanationRequest, begin: int, end: int) -> tuple[str, ...]:
    """Format stamps as short as possible."""
    times = asked.panel.times[begin:end]
    if asked.panel.frequency.integer:
        return tuple(str(stamp) for stamp in times)
    whole = pd.Series(asked.stamps(asked.panel.times[int(asked.panel.offsets[asked.item]) :]))
    days = bool((whole.dt.normalize() == whole).all())
    form = "%Y-%m-%d" if days else "%Y-%m-%d %H:%M" if bool((whole.dt.second == 0).all()) else "%Y-%m-%d %H:%M:%S"
    return tuple(pd.Series(asked.stamps(times)).dt.strftime(form))


def _teller(asked: ExplanationRequest, batch: Batch) -> Told:
    """Rewrite prompts for changed values, with the same units and notes."""
    windows, prompting = asked.windows, asked.windows.prompting
    if prompting is None:
        return lambda batch: batch
    notes = prompting.notes_of(windows.starts, windows.items, windows.lookback)
    units_of_item = windows.known.units_of(windows.items)

    def told(changed: Batch) -> Batch:
        many, units = len(changed), None
        if units_of_item is not None:
            each = units_of_item.loc, units_of_item.scale
            units = Scale(*(torch.from_numpy(x).expand(many, -1, -1) for x in each))
        observed = None if changed.observed is None else changed.observed.cpu()
        prompt = prompting.prompter(changed.past.cpu(), observed, units, None if notes is None else list(notes) * many)
        return replace(changed, prompt=prompt.to(batch.past.device))

    return told


def _about(
    asked: ExplanationRequest, series: tuple[str, ...], left_out: int, past: tuple[str, ...], ahead: tuple[str, ...]
) -> dict[str, str]:
    task, frequency = asked.task, asked.panel.frequency

    def steps(count: int) -> str:
        time = frequency.in_words(Steps(count))
        return f"{count} step{'' if count == 1 else 's'}" + (f" ({time})" if time else "")

    more = f"; {left_out} more in the data, {'drawn' if left_out == 1 else 'each drawn'} when it is named (item)"
    read = f", which reads {task.channels} channels" if task.channels > len(series) else ""
    every, trained = count_parameters(asked.network)
    return {
        "model": f"{asked.model}, {every:,} parameters, {trained:,} of them trained{read}",
        "data": asked.data,
        "series": ", ".join(series) + (more if left_out else ""),
        "look-back": f"{steps(task.lookback)}: {span(past[0], past[-1])}",
        "horizon": f"{steps(task.horizon)}: {span(ahead[0], ahead[-1])}",
        "intervals": asked.intervals or "none",
    }


def _unit(asked: ExplanationRequest) -> str:
    plain = (asked.scaler.std == 1).all() and (asked.scaler.mean == 0).all()
    return "in the data's own units" if plain else "in standard deviations of the training part"


def _values(asked: ExplanationRequest, place: int, ahead: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {"ds": list(ahead), "values": asked.judged.original[0, :, place]}
    for name, lo, hi in _bands(asked, place):
        found |= {f"lo-{name}": lo, f"hi-{name}": hi}
    return found


def _bands(asked: ExplanationRequest, place: int) -> tuple[tuple[str, Array, Array], ...]:
    """(level, lo, hi) in original units, the widest first."""
    judged = asked.judged
    if judged.bands is None:
        return ()
    lo, hi = judged.in_original(judged.bands.lo), judged.in_original(judged.bands.hi)
    pairs = enumerate(asked.levels)
    return tuple((named(level), lo[0, :, place, n], hi[0, :, place, n]) for n, level in pairs)[::-1]


def _history(asked: ExplanationRequest, channel: int, begin: int, end: int) -> Array:
    panel = asked.panel
    return np.where(panel.observed[begin:end, channel], panel.values[begin:end, channel], np.nan)


def _forecast(asked: ExplanationRequest, names: tuple[str, ...], end: int) -> list[Finding]:
    task, first = asked.task, int(asked.panel.offsets[asked.item])
    begin = max(first, end - max(task.lookback, min(2 * task.horizon, 96)))
    more = end - begin - task.lookback
    before = f" The first {more} steps drawn lie before the look-back." if more > 0 else ""
    made = []
    for at in asked.drawn:
        place = task.targets.index(at)
        past, values = _history(asked, at, begin, end), asked.judged.original[0, :, place]
        lines = np.full((2, len(past) + task.horizon), np.nan)
        lines[0, : len(past)], lines[1, len(past) :] = past, values
        if len(past):
            lines[1, len(past) - 1] = past[-1]  # joined to the last observation
        bands = tuple(
            (f"{level} %", *(np.r_[np.full(len(past), np.nan), ends] for ends in (lo, hi)))
            for level, lo, hi in _bands(asked, place)
        )
        last, low, high = past[~np.isnan(past)][-1:], f"{values.min():.4g}", f"{values.max():.4g}"
        since = f", after a last value of {last[0]:.4g}" if len(last) else ""
        what = f"is {low}" if low == high else f"lies between {low} and {high}, mean {values.mean():.4g}"
        made.append(
            Finding(
                FORECAST,
                names[at],
                f"The forecast {what}{since}.{before}",
                "lines",
                ("observed", f"forecast of {asked.model}"),
                _dates(asked, begin, end + task.horizon),
                lines,
                bands=bands,
                since=len(past),
            )
        )
    return made


def _data(asked: ExplanationRequest, names: tuple[str, ...], end: int) -> list[Finding]:
    panel, task = asked.panel, asked.task
    begin = max(int(panel.offsets[asked.item]), end - max(task.lookback, SEASONS * panel.season))
    found: dict[str, Traits] = {}
    for at in asked.drawn:
        seen = panel.observed[begin:end, at]
        if seen.any():
            found[names[at]] = series_statistics(panel.values[begin:end, at], panel.season, seen)
    columns = (
        "mean, standard deviation",
        "range",
        "stationary",
        "trend strength, direction",
        "season strength",
        "dominant periods",
        "noise",
    )
    rows = tuple(_in_words(one) for one in found.values())
    return [
        Finding(
            DATA,
            f"the last {end - begin} steps",
            "Stationary: augmented Dickey-Fuller test at 5 %. Strength of trend and season (0 to 1, by STL): the part"
            " of the variance that each explains, compared with the remainder. Dominant periods: peaks of the spectrum"
            " in steps, with their share of the variance. Noise: standard deviation of the differences over that of the"
            " series; 0 for a straight line, 1.41 for white noise.",
            "table",
            tuple(found),
            columns,
            texts=rows,
            down="series",
            facts={name: {**vars(one), "stationary": one.stationary} for name, one in found.items()},
        )
    ]


def _in_words(one: Traits) -> tuple[str, ...]:
    stationary = (
        "not tested" if one.unit_root is None else f"{'yes' if one.stationary else 'no'} (p = {one.unit_root:.2g})"
    )
    season = "too short, or none" if one.season is None else f"{one.season:.2f} (period {one.period})"
    missing = f", {one.missing} missing" if one.missing else ""
    periods = ", ".join(f"{steps:.3g} ({share:.0%})" for steps, share in one.periods)
    return (
        f"{one.mean:.4g}, {one.deviation:.3g}{missing}",
        f"{one.least:.4g} to {one.most:.4g}",
        stationary if one.deviation else "constant",
        "too short" if one.trend is None else f"{one.trend:.2f}, {one.direction}",
        season,
        periods or "none",
        f"{one.noise:.2f}",
    )
