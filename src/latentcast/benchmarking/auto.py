"""Choose a model for a table: judge candidates at rolling origins of the validation part, and weigh an ensemble."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcast.benchmarking.auto_result import AutoFit, Trial, line_of
from latentcast.benchmarking.candidates import Candidate, candidates
from latentcast.benchmarking.ensemble import ensemble_weights, scaled_error
from latentcast.benchmarking.few_origins import FEW, reading_all, weights_of_few
from latentcast.core.errors import DataError, Fault, Interrupted, LatentcastError, SettingsError
from latentcast.core.nested import merge
from latentcast.core.notes import Note, NoteCode, NoteLog
from latentcast.data.panel.build import build
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Split, split
from latentcast.data.sources.open import open_data
from latentcast.data.types import IntoFrame
from latentcast.forecaster.card import FusionReport
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.inputs import prepare
from latentcast.forecaster.judge import calibrate_on, forecast_windows
from latentcast.forecaster.judged_sums import Judged
from latentcast.models.config.run import RunConfig, merge_user_settings, resolve_config
from latentcast.workflows.fitting.fit import with_stages
from latentcast.workflows.fitting.pipeline import (
    build_untrained,
    check_trainable,
    own_random_state,
    train,
    training_folder,
)
from latentcast.workflows.fitting.spec import FitOptions, FitSpec, TrainingData
from latentcast.workflows.fitting.untrained import untrained

log = logging.getLogger("latentcast")

HORIZONS = 10  # of the validation part, at most
ORIGINS = (3, 30)  # rolling origins of each series: of many, and of few
FORECASTS = 1200  # that are judged of each candidate, about: origins of all series
VALUES = 2**21  # forecast values that are judged of each candidate, at most
CALIBRATED = 2000  # windows that intervals are made of, about
CHECKED = 16  # series that are fitted between two looks at the clock
Starts = tuple[NDArray[np.int64], NDArray[np.int64]]


def fit_auto(
    data: IntoFrame,
    *,
    horizon: int | None = None,
    time_limit: float | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    config: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    report: Callable[[str], None] | None = None,
    whole: bool = False,
) -> AutoFit:
    """Choose a model for a table, fit it and calibrate its intervals.

    Candidates follow from the shape of the data (`candidates`). Each is fitted on the training part and forecasts from
    rolling origins of the validation part; a weighted mean of several is used where it is better than the best one.
    The test part is never read.

    Parameters
    ----------
    data
        As in `fit`.
    horizon
        Steps to forecast; None takes one season, at most a quarter of the usual length of a series.
    time_limit
        Seconds after which no further candidate is begun, and training ends: a candidate counts as far as it was
        trained, and is left out when its forecasts are not made in time. None tries all; the result is then the same
        for equal seeds and numbers of threads. 0 tries the naive and the pretrained model alone.
    seed, config
        As in `fit`.
    settings
        Settings of the data (`data.…`) and of the training of every candidate.
    out, overwrite
        As in `fit`. The folder also holds `auto.yaml`, with which `fit --config` fits the same model again.
    report
        Called with one line for each candidate.
    whole
        Hold out no test part: the last fifth of the shortest series, or ten horizons where that is less, validates.
        `data.split` sets other parts.

    Returns
    -------
    AutoFit

    Raises
    ------
    DataError
        The data cannot be read, or no candidate can forecast them.
    SettingsError
        Settings are wrong.
    CheckpointError
        `out` is not empty, or cannot be written.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> days = pd.date_range("2024-01-01", periods=100)
    >>> frame = pd.DataFrame({"ds": days, "sales": 10.0 + np.arange(100) % 7})
    >>> fit_auto(frame, horizon=7, time_limit=0).forecaster.name
    'seasonal-naive'
    """
    check_time_limit(time_limit)
    values = merge_user_settings(None, None, None, None, seed, settings, config)
    source, defaults = open_data(data)
    asked = values.get("horizon")
    first = resolve_config({**_with(values, Candidate("naive", 1)), "horizon": asked or horizon or 1}, defaults)
    panel = build(source.frame, first.data)
    horizon = horizon or asked or default_horizon(panel)
    if whole and "split" not in values.get("data", {}):
        values = merge(values, {"data": {"split": whole_split(panel, horizon)}})
        first = resolve_config({**_with(values, Candidate("naive", 1)), "horizon": horizon}, defaults)
    task = Searched(source.name, panel, split(panel, first.data.split), horizon, values, defaults)
    found = search(task, time_limit, report)
    if out is not None:
        from latentcast.core.parsing import write_yaml

        found.forecaster.save(out, overwrite=overwrite)
        write_yaml(Path(out) / "auto.yaml", found.forecaster.run.dump())
    return found


def default_horizon(panel: Panel) -> int:
    """One season, or 12 steps where there is none; at most a quarter of the usual length."""
    return max(1, min(panel.season if panel.season > 1 else 12, int(np.median(panel.lengths)) // 4))


def whole_split(panel: Panel, horizon: int) -> tuple[float, float, float] | tuple[int, int, int]:
    """Parts without a test part: counts of the last steps, or fractions where a series is too short for these."""
    shortest = int(panel.lengths.min())
    held = min(max(horizon, int(np.median(panel.lengths)) // 5), HORIZONS * horizon)
    # of one step, 0, 1, 0 would be shares
    return (0, held, 0) if shortest >= 2 * held and held > 1 else (0.7, 0.3, 0.0)


def _with(values: Mapping[str, Any], candidate: Candidate) -> dict[str, Any]:
    return with_stages(merge(candidate.settings(), {key: value for key, value in values.items() if key != "model"}))


@dataclass(frozen=True)
class Searched:
    """The data of a choice, and the settings that all candidates share; `longest` limits look-backs."""

    name: str
    panel: Panel
    parts: Split
    horizon: int
    values: Mapping[str, Any]
    defaults: Mapping[str, Any]
    longest: int | None = None

    def resolved(self, candidate: Candidate) -> RunConfig:
        """Every setting of a candidate."""
        return resolve_config({**_with(self.values, candidate), "horizon": self.horizon}, self.defaults)


@dataclass(frozen=True)
class _Judged:
    """A candidate that has forecast from all origins: values, outcomes and scales are [origin, horizon, target]."""

    trial: Trial
    forecaster: Forecaster
    values: Any
    target: Any
    scale: Any


class _OutOfTime(Exception):
    """The limit passed while forecasts were made."""


def check_time_limit(limit: object) -> None:
    """Raise SettingsError for anything else than None and seconds from zero up."""
    number = isinstance(limit, int | float | np.number) and not isinstance(limit, bool)
    if limit is not None and not (number and float(str(limit)) >= 0):
        raise SettingsError(Fault("time_limit", f"={limit!r}: wanted seconds as a number, such as 60; None: no limit"))


def search(task: Searched, time_limit: float | None = None, report: Callable[[str], None] | None = None) -> AutoFit:
    """Try every candidate, weigh them, and build the forecaster. Raises DataError when none can forecast."""
    began = time.monotonic()
    try:
        origins = _origins(task)
    except DataError as error:
        return _unjudged(task, str(error))
    count = len(origins[0]) * len(task.panel.channels)
    tried = candidates(task.panel, task.parts, task.horizon, count, task.longest)
    tried = tried[:2] if time_limit == 0 else tried
    trials, judged = [], []
    for number, candidate in enumerate(tried):
        left = None if not time_limit or number < 2 else time_limit - (time.monotonic() - began)
        if left is not None and left <= 0:
            trials.append(Trial(candidate, why=f"not tried: {time_limit:g} s were over"))
            (report or log.info)(line_of(trials[-1]))
            continue
        found = _try(task, candidate, origins, left)
        trials.append(found if isinstance(found, Trial) else found.trial)
        judged += [] if isinstance(found, Trial) else [found]
        (report or log.info)(line_of(trials[-1]))
    if not judged:
        reasons = "; ".join(f"{t.candidate.title}: {t.why}" for t in trials)
        raise DataError(f"no candidate can forecast {task.name}: {reasons}")
    return _choose(task, trials, judged, origins)


def _unjudged(task: Searched, why: str) -> AutoFit:
    """The pretrained generalist, with all of the past: no model can be judged at a horizon as long as the data."""
    candidate = reading_all(Candidate("generalist", 1), int(task.panel.lengths.max()))
    trial = Trial(candidate, weight=1.0, why=f"not judged: {why}")
    found = AutoFit(_fit(task, candidate, None), (trial,), np.nan, ("none", np.nan), 0)
    found.forecaster.card = replace(
        found.forecaster.card, notes=(*found.forecaster.card.notes, Note(found.summary(), NoteCode.MODEL))
    )
    return found


def _origins(task: Searched) -> Starts:
    """Items and the step at which each forecast begins: evenly spaced in the validation part, the last included."""
    low = np.maximum(task.parts.train_end, task.horizon)  # padded series have as many steps of the past
    high = task.parts.val_end - task.horizon
    items = np.flatnonzero(high >= low)
    if not len(items):
        raise DataError(
            f"{task.name}: the validation part of no series holds a forecast of {task.horizon} steps; shorten the"
            " horizon, or lengthen the part (data.split)",
            setting="data.split",
        )
    each = max(1, VALUES // (task.horizon * len(task.panel.channels)))
    if len(items) > each:
        items = items[np.linspace(0, len(items) - 1, each).round().astype(int)]
    few, many = ORIGINS
    wanted = min(many, max(few, FORECASTS // (len(items) * len(task.panel.channels))))
    count = max(1, min(wanted, each // len(items)))
    pairs = [
        (item, step)
        for item in items
        for step in np.unique(np.linspace(high[item], low[item], count).round().astype(np.int64))
    ]
    chosen = np.array(pairs, dtype=np.int64)
    return chosen[:, 0], chosen[:, 1]


def _try(task: Searched, candidate: Candidate, origins: Starts, left: float | None) -> "Trial | _Judged":
    """Fit a candidate and forecast from the origins, within the seconds that are left."""
    began = time.monotonic()
    deadline = None if left is None else began + left
    try:
        forecaster = _fit(task, candidate, left)
        values, target, scale = _forecast(task, forecaster, origins, deadline)
    except Interrupted:
        raise
    except _OutOfTime:
        late = "left out: the time limit passed before its forecasts were made"
        return Trial(candidate, seconds=time.monotonic() - began, why=late)
    except LatentcastError as fault:
        return Trial(candidate, seconds=time.monotonic() - began, why=str(fault))
    error = scaled_error(values, target, scale)
    report = forecaster.card.training
    cut = report is not None and report.stages[-1].stopped_by == "max_time"
    why = "trained in part: the time limit ended its training" if cut else None
    return _Judged(
        Trial(candidate, error, seconds=time.monotonic() - began, why=why), forecaster, values, target, scale
    )


def _fit(task: Searched, candidate: Candidate, left: float | None) -> Forecaster:
    run = task.resolved(candidate)
    if left is not None:
        run = replace(run, training=run.training.model_copy(update={"max_time": left}))
    spec, data = FitSpec(run), TrainingData(task.name, task.panel, parts=task.parts)
    notes, options = NoteLog(), FitOptions()
    with own_random_state():
        prepared = build_untrained(spec, check_trainable(spec, data, notes), options, notes)
        with training_folder(prepared.forecaster, options) as folder:
            train(spec, prepared, folder, options, notes)
    prepared.forecaster.card = replace(prepared.forecaster.card, notes=tuple(notes))
    return prepared.forecaster


def _forecast(task: Searched, forecaster: Forecaster, origins: Starts, deadline: float | None) -> tuple[Any, Any, Any]:
    """Forecasts, observed values and scales, [origin, horizon, target] in original units."""
    items, steps = origins
    prepared = prepare(forecaster, task.panel)
    pads = prepared.panel.lengths - task.panel.lengths
    starts = prepared.panel.offsets[items] + pads[items] + steps - forecaster.task.lookback
    slow = deadline is not None and not forecaster.network.calibrates  # each forecast is a fit
    together = max(1, CHECKED // len(task.panel.channels)) if slow else None
    batches = []
    for batch in forecast_windows(forecaster, prepared, (starts, items), together):
        batches.append(batch)
        done = sum(len(one.original) for one in batches)
        if deadline is not None and time.monotonic() > deadline and done < len(items):
            raise _OutOfTime
    values = np.concatenate([batch.original for batch in batches])
    outcomes = [batch.outcome for batch in batches]
    target = np.concatenate(
        [one.original if one.observed is None else np.where(one.observed, one.original, np.nan) for one in outcomes]
    )
    scale = prepared.naive_error[:, list(forecaster.task.targets)]
    usual = np.nanmean(scale) if np.isfinite(scale).any() else 1.0
    return values, target, np.where(np.isfinite(scale), scale, usual)[items][:, None]


def _choose(task: Searched, trials: list[Trial], judged: list[_Judged], origins: Starts) -> AutoFit:
    target, scale = judged[0].target, judged[0].scale
    few = weights_of_few([one.trial.candidate for one in judged]) if len(origins[0]) < FEW else None
    weights = ensemble_weights([one.values for one in judged], target, scale, origins[0]) if few is None else few
    used = [(one, float(weight)) for one, weight in zip(judged, weights, strict=True) if weight > 0]
    shares = {id(one.trial): weight for one, weight in used}
    trials = [replace(trial, weight=shares.get(id(trial), 0.0)) for trial in trials]
    mixed = sum(weight * one.values for one, weight in used)
    error = scaled_error(np.asarray(mixed), target, scale)
    forecaster = used[0][0].forecaster if len(used) == 1 else _hybrid(task, used)
    if few is not None:
        forecaster = _fit(task, reading_all(used[0][0].trial.candidate, int(task.panel.lengths.max())), None)
    first = judged[0].trial
    naive = first.candidate.name if first.candidate.name.endswith("naive") else "none"
    found = AutoFit(forecaster, tuple(trials), error, (naive, float(first.error or 0.0)), len(origins[0]))
    if few is None:
        _calibrate(task, forecaster, [one.trial.candidate for one, _ in used])
    notes = [Note(line_of(trial), NoteCode.MODEL) for trial in trials]
    notes = [Note(found.summary(), NoteCode.MODEL), *notes]
    forecaster.card = replace(forecaster.card, notes=(*forecaster.card.notes, *notes))
    return found


def _hybrid(task: Searched, used: list[tuple[_Judged, float]]) -> Forecaster:
    """A hybrid with fixed weights around the networks that are fitted already."""
    chosen = [one.trial.candidate for one, _ in used]
    members = tuple({"label": one.title, **one.settings()} for one in chosen)
    longest = max(one.lookback for one in chosen)
    whole = Candidate("hybrid", longest, {"members": members, "fusion": "fixed", "weights": [w for _, w in used]})
    forecaster, notes = untrained(task.resolved(whole), task.panel, task.parts, task.name)
    for one, _ in used:
        forecaster.network.model.networks[one.trial.candidate.title] = one.forecaster.network
    forecaster.network.eval()
    forecaster.card = replace(forecaster.card, notes=tuple(notes), fusion=FusionReport("fixed"))
    return forecaster


def _calibrate(task: Searched, forecaster: Forecaster, used: list[Candidate]) -> None:
    """Intervals from windows of the validation part, about `CALIBRATED` of them; fewer where forecasts take long."""
    prepared = prepare(forecaster, task.panel)
    windows = len(prepared.starts("val", forecaster.task.lookback, task.horizon)[0])
    if windows:
        searches = any(one.name == "generalist" and (task.panel.season == 1 or one.model) for one in used)
        most = CALIBRATED // 4 if searches else CALIBRATED
        most = most if forecaster.network.calibrates else CALIBRATED // 40
        stride = max(1, windows * len(task.panel.channels) // most)
        judged = calibrate_on(forecaster, prepared, Judged("val", task.name, stride))
        forecaster.card = replace(forecaster.card, validation=judged.to_dict())
