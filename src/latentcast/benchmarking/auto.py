"""Choose a model for a table: judge candidates at rolling origins of the validation part, and weigh an ensemble."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from latentcast.benchmarking.auto_result import AutoFit, Trial, line_of
from latentcast.benchmarking.candidate_fit import fit_candidate
from latentcast.benchmarking.candidates import Candidate, candidates
from latentcast.benchmarking.chosen_intervals import calibrate_chosen
from latentcast.benchmarking.ensemble import ensemble_weights, scaled_error
from latentcast.benchmarking.few_origins import FEW, TRIED, reading_all
from latentcast.benchmarking.origins import (
    JudgedCandidate,
    OutOfTime,
    Searched,
    forecast_origins,
    origins_of,
    settings_with,
)
from latentcast.core.errors import DataError, Fault, Interrupted, LatentcastError, SettingsError
from latentcast.core.nested import merge
from latentcast.core.notes import Note, NoteCode
from latentcast.data.panel.build import build
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import split
from latentcast.data.sources.open import open_data
from latentcast.data.types import IntoFrame
from latentcast.data.windows.origins import Origins
from latentcast.forecaster.card import FusionReport
from latentcast.forecaster.forecaster import Forecaster
from latentcast.models.config.run import merge_user_settings, resolve_config
from latentcast.training.interrupt import MAX_TIME
from latentcast.workflows.fitting.untrained import untrained

log = logging.getLogger("latentcast")

HORIZONS = 40  # of the validation part, at most


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
        Hold out no test part: the last fifth of the shortest series, or 40 horizons where that is less, validates.
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
    first = resolve_config({**settings_with(values, Candidate("naive", 1)), "horizon": asked or horizon or 1}, defaults)
    panel = build(source.frame, first.data)
    horizon = horizon or asked or default_horizon(panel)
    if whole and "split" not in values.get("data", {}):
        values = merge(values, {"data": {"split": whole_split(panel, horizon)}})
        first = resolve_config({**settings_with(values, Candidate("naive", 1)), "horizon": horizon}, defaults)
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


def check_time_limit(limit: object) -> None:
    """Raise SettingsError for anything else than None and seconds from zero up."""
    number = isinstance(limit, int | float | np.number) and not isinstance(limit, bool)
    if limit is not None and not (number and float(str(limit)) >= 0):
        raise SettingsError(Fault("time_limit", f"={limit!r}: wanted seconds as a number, such as 60; None: no limit"))


def search(task: Searched, time_limit: float | None = None, report: Callable[[str], None] | None = None) -> AutoFit:
    """Try every candidate, weigh them, and build the forecaster. Raises DataError when none can forecast."""
    began = time.monotonic()
    try:
        origins = origins_of(task)
    except DataError as error:
        return _unjudged(task, str(error))
    count = len(origins[0]) * len(task.panel.channels)
    tried = candidates(task.panel, task.parts, task.horizon, count, task.longest)
    tried = tried[:TRIED] if time_limit == 0 or len(origins[0]) < FEW else tried
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
    found = AutoFit(fit_candidate(task, candidate, None), (trial,), np.nan, ("none", np.nan), 0)
    found.forecaster.card = replace(
        found.forecaster.card, notes=(*found.forecaster.card.notes, Note(found.summary(), NoteCode.MODEL))
    )
    return found


def _try(task: Searched, candidate: Candidate, origins: Origins, left: float | None) -> "Trial | JudgedCandidate":
    """Fit a candidate and forecast from the origins, within the seconds that are left."""
    began = time.monotonic()
    deadline = None if left is None else began + left
    try:
        forecaster = fit_candidate(task, candidate, left)
        values, target, scale, made = forecast_origins(task, forecaster, origins, deadline)
    except Interrupted:
        raise
    except OutOfTime:
        late = "left out: the time limit passed before its forecasts were made"
        return Trial(candidate, seconds=time.monotonic() - began, why=late)
    except LatentcastError as fault:
        return Trial(candidate, seconds=time.monotonic() - began, why=str(fault))
    error = scaled_error(values, target, scale)
    why = None
    if (made_steps := _steps_until_cut(forecaster)) is not None:
        why = "trained in part: the time limit ended its training"
        candidate = replace(candidate, training={**candidate.training, "stop_at": made_steps})
    if left is not None:  # fitted again it makes the same steps, however long they take
        forecaster.run = task.resolved(candidate)
    scaled = np.isfinite(forecaster.known.naive_error[:, list(forecaster.task.targets)]).any()
    measure = "MASE" if scaled else "MAE"
    trial = Trial(candidate, error, seconds=time.monotonic() - began, why=why, measure=measure)
    return JudgedCandidate(trial, forecaster, values, target, scale, made)


def _steps_until_cut(forecaster: Forecaster) -> int | None:
    """The optimiser steps after which the time limit ended the training; None where it did not."""
    report = forecaster.card.training
    last = None if report is None else report.stages[-1]
    return last.steps if last is not None and last.stopped_by == MAX_TIME else None


def _choose(task: Searched, trials: list[Trial], judged: list[JudgedCandidate], origins: Origins) -> AutoFit:
    target, scale = judged[0].target, judged[0].scale
    few = len(origins[0]) < FEW
    pretrained = [at for at, one in enumerate(judged) if one.trial.candidate.name == "generalist"]
    weights = ensemble_weights([one.values for one in judged], target, scale, pretrained, alone=few)
    used = [(one, float(weight)) for one, weight in zip(judged, weights, strict=True) if weight > 0]
    shares = {id(one.trial): weight for one, weight in used}
    trials = [replace(trial, weight=shares.get(id(trial), 0.0)) for trial in trials]
    mixed = sum(weight * one.values for one, weight in used)
    error = scaled_error(np.asarray(mixed), target, scale)
    forecaster = used[0][0].forecaster if len(used) == 1 else _hybrid(task, used)
    if few and used[0][0].trial.candidate.name == "generalist":
        forecaster = fit_candidate(task, reading_all(used[0][0].trial.candidate, int(task.panel.lengths.max())), None)
    first = judged[0].trial
    naive = first.candidate.name if first.candidate.name.endswith("naive") else "none"
    found = AutoFit(forecaster, tuple(trials), error, (naive, float(first.error or 0.0)), len(origins[0]))
    if not few:
        calibrate_chosen(task, forecaster, used, origins)
    notes = [Note(line_of(trial), NoteCode.MODEL) for trial in trials]
    notes = [Note(found.summary(), NoteCode.MODEL), *notes]
    forecaster.card = replace(forecaster.card, notes=(*forecaster.card.notes, *notes))
    return found


def _hybrid(task: Searched, used: list[tuple[JudgedCandidate, float]]) -> Forecaster:
    """A hybrid with fixed weights around the networks that are fitted already."""
    chosen = [one.trial.candidate for one, _ in used]
    members = tuple({"label": one.title, **one.settings()} for one in chosen)
    longest = max(one.lookback for one in chosen)
    whole = Candidate("hybrid", longest, {"members": members, "fusion": "fixed", "weights": [w for _, w in used]})
    forecaster, notes = untrained(task.resolved(whole), task.panel, task.parts, task.name)
    for one, _ in used:
        forecaster.network.model.networks[one.trial.candidate.title] = one.forecaster.network
    forecaster.network.eval()
    notes = [*task.panel.notes, *notes]
    forecaster.card = replace(forecaster.card, notes=tuple(notes), fusion=FusionReport("fixed"))
    return forecaster
