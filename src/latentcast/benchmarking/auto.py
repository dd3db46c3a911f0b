"""A model chosen for a table: candidates judged at rolling origins of the validation part, and a weighted ensemble."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from latentcast.benchmarking.candidates import Candidate, candidates, usable_lookback
from latentcast.benchmarking.ensemble import greedy_weights, scaled_error
from latentcast.core.errors import DataError, Interrupted, LatentcastError
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
from latentcast.forecaster.judge import Judged, calibrate_on, forecast_windows
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

ORIGINS = 10  # rolling origins of each series
VALUES = 2**21  # forecast values that are judged of each candidate, at most
CALIBRATED = 2000  # windows that intervals are made of, about
PAYS = 0.005  # share of the error that an ensemble must save to be worth its members
Starts = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class Trial:
    """What became of one candidate.

    Attributes
    ----------
    candidate
        The model, its look-back and settings.
    error
        Mean absolute error over that of seasonal-naive in the training part (MASE) at the origins; None if it failed.
    weight
        Its share of the forecasts; 0 if it is not used.
    seconds
        Time of its fit and of its forecasts at the origins.
    why
        Why it failed or was not tried.
    """

    candidate: Candidate
    error: float | None = None
    weight: float = 0.0
    seconds: float = 0.0
    why: str | None = None


@dataclass(frozen=True)
class AutoFit:
    """A forecaster that was chosen, and what it was chosen among.

    Attributes
    ----------
    forecaster
        The best candidate, or a hybrid of several with fixed weights; calibrated on the validation part.
    trials
        Every candidate.
    error
        Validation MASE of the forecaster.
    baseline
        Name and validation MASE of the naive candidate.
    origins
        Forecasts that each candidate was judged by.
    """

    forecaster: Forecaster
    trials: tuple[Trial, ...]
    error: float
    baseline: tuple[str, float]
    origins: int

    def table(self) -> pd.DataFrame:
        """One row for each candidate, the best first."""
        rows = [
            {
                "model": trial.candidate.name,
                "look-back": trial.candidate.lookback,
                "validation MASE": trial.error,
                "weight": trial.weight,
                "seconds": round(trial.seconds, 1),
                "note": trial.why or "",
            }
            for trial in self.trials
        ]
        return pd.DataFrame(rows).sort_values("validation MASE", kind="stable", ignore_index=True)

    def summary(self) -> str:
        """One sentence: what was chosen, and how it compares with the naive forecast at the validation origins."""
        used = [trial for trial in self.trials if trial.weight > 0]
        chosen = " + ".join(f"{trial.weight:.2f} {trial.candidate.name}" for trial in used)
        chosen = used[0].candidate.name if len(used) == 1 else chosen
        name, naive = self.baseline
        if used[0].candidate.name == name and len(used) == 1:
            return f"chosen: {name}; no other candidate is better at the validation origins (MASE {naive:.3f})"
        gain = f", {1 - self.error / naive:.0%} below {name} ({naive:.3f})" if 0 < naive < np.inf else ""
        origins = f"{self.origins} validation origin{'' if self.origins == 1 else 's'}"
        return f"chosen: {chosen}; MASE {self.error:.3f} at {origins}{gain}"

    def _repr_html_(self) -> str:
        return self.table().to_html(index=False, float_format="{:.3f}".format)


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
        Seconds after which no further candidate is begun. None tries all; the result is then the same for equal seeds
        and numbers of threads. 0 tries the naive and the pretrained model alone.
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
    values = merge_user_settings(None, None, None, None, seed, settings, config)
    source, defaults = open_data(data)
    asked = values.get("horizon")
    first = resolve_config({**_with(values, Candidate("naive", 1)), "horizon": asked or horizon or 1}, defaults)
    panel = build(source.frame, first.data)
    horizon = horizon or asked or default_horizon(panel)
    if whole and "split" not in values.get("data", {}):
        values = merge(values, {"data": {"split": whole_split(panel, horizon)}})
        first = resolve_config({**_with(values, Candidate("naive", 1)), "horizon": horizon}, defaults)
    search = _Search(source.name, panel, split(panel, first.data.split), horizon, values, defaults)
    found = search.run(time_limit, report or log.info)
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
    held = min(max(horizon, int(np.median(panel.lengths)) // 5), ORIGINS * horizon)
    return (0, held, 0) if shortest >= 2 * held else (0.7, 0.3, 0.0)


def _with(values: Mapping[str, Any], candidate: Candidate) -> dict[str, Any]:
    return with_stages(merge(candidate.settings(), {key: value for key, value in values.items() if key != "model"}))


@dataclass
class _Search:
    """The data of a choice, and the settings that all candidates share."""

    name: str
    panel: Panel
    parts: Split
    horizon: int
    values: Mapping[str, Any]
    defaults: Mapping[str, Any]

    def run(self, time_limit: float | None, report: Callable[[str], None]) -> AutoFit:
        """Try every candidate, weigh them, and build the forecaster."""
        began = time.monotonic()
        origins = self._origins()
        tried = candidates(self.panel, self.parts, self.horizon, len(origins[0]) * len(self.panel.channels))
        tried = tried[:2] if time_limit == 0 else tried
        trials, fitted, forecasts = [], [], []
        for number, candidate in enumerate(tried):
            spent = time.monotonic() - began
            if time_limit and spent > time_limit and number > 1:
                trials.append(Trial(candidate, why=f"not tried: {time_limit:g} s were over"))
                continue
            left = None if not time_limit else max(1.0, time_limit - spent)
            trial, forecaster, values = self._try(candidate, origins, left)
            trials.append(trial)
            report(_line(trial))
            if forecaster is not None:
                fitted.append(forecaster)
                forecasts.append(values)
        if not fitted:
            raise DataError(
                f"no candidate can forecast {self.name}: {'; '.join(f'{t.candidate.name}: {t.why}' for t in trials)}"
            )
        return self._choose(trials, fitted, forecasts, origins)

    def _origins(self) -> Starts:
        """Items and the step at which each forecast begins: evenly spaced in the validation part, the last included."""
        low = np.maximum(self.parts.train_end, usable_lookback(self.parts, self.horizon))
        high = self.parts.val_end - self.horizon
        items = np.flatnonzero(high >= low)
        if not len(items):
            raise DataError(
                f"{self.name}: the validation part of no series holds a forecast of {self.horizon} steps; shorten the"
                " horizon, or lengthen the part (data.split)",
                setting="data.split",
            )
        each = VALUES // (self.horizon * len(self.panel.channels))
        if len(items) > each:
            items = items[np.linspace(0, len(items) - 1, each).round().astype(int)]
        count = max(1, min(ORIGINS, each // len(items)))
        pairs = [
            (item, step)
            for item in items
            for step in np.unique(np.linspace(high[item], low[item], count).round().astype(np.int64))
        ]
        chosen = np.array(pairs, dtype=np.int64)
        return chosen[:, 0], chosen[:, 1]

    def _try(self, candidate: Candidate, origins: Starts, left: float | None) -> tuple[Trial, Forecaster | None, Any]:
        began = time.monotonic()
        try:
            forecaster = self._fit(candidate, left)
            values, target, scale = self._forecast(forecaster, origins)
        except Interrupted:
            raise
        except LatentcastError as fault:
            return Trial(candidate, seconds=time.monotonic() - began, why=str(fault)), None, None
        error = scaled_error(values, target, scale)
        trial = Trial(candidate, error, seconds=time.monotonic() - began)
        return trial, forecaster, (values, target, scale)

    def resolved(self, candidate: Candidate) -> RunConfig:
        """Every setting of a candidate."""
        return resolve_config({**_with(self.values, candidate), "horizon": self.horizon}, self.defaults)

    def _fit(self, candidate: Candidate, left: float | None) -> Forecaster:
        run = self.resolved(candidate)
        if left is not None:
            run = replace(run, training=run.training.model_copy(update={"max_time": left}))
        spec, data = FitSpec(run), TrainingData(self.name, self.panel, parts=self.parts)
        notes, options = NoteLog(), FitOptions()
        with own_random_state():
            prepared = build_untrained(spec, check_trainable(spec, data, notes), options, notes)
            with training_folder(prepared.forecaster, options) as folder:
                train(spec, prepared, folder, options, notes)
        prepared.forecaster.card = replace(prepared.forecaster.card, notes=tuple(notes))
        return prepared.forecaster

    def _forecast(self, forecaster: Forecaster, origins: Starts) -> tuple[Any, Any, Any]:
        """Forecasts, observed values and scales, [origin, horizon, target] in original units."""
        items, steps = origins
        prepared = prepare(forecaster, self.panel)
        starts = torch.from_numpy(self.panel.offsets[items] + steps - forecaster.task.lookback)
        batches = list(forecast_windows(forecaster, prepared, (starts, torch.from_numpy(items))))
        values = np.concatenate([batch.original for batch in batches])
        outcomes = [batch.outcome for batch in batches]
        target = np.concatenate(
            [one.original if one.observed is None else np.where(one.observed, one.original, np.nan) for one in outcomes]
        )
        scale = prepared.naive_error[:, list(forecaster.task.targets)]
        usual = np.nanmean(scale) if np.isfinite(scale).any() else 1.0
        return values, target, np.where(np.isfinite(scale), scale, usual)[items][:, None]

    def _choose(self, trials: list[Trial], fitted: list[Forecaster], forecasts: list[Any], origins: Starts) -> AutoFit:
        judged = [trial for trial in trials if trial.error is not None]
        _, target, scale = forecasts[0]
        errors = [float(trial.error or 0.0) for trial in judged]
        best = int(np.argmin(errors))
        weights, error = greedy_weights([values for values, _, _ in forecasts], target, scale)
        if not error < (1 - PAYS) * errors[best]:
            weights, error = np.eye(len(judged))[best], errors[best]
        used = [(trial, one, w) for trial, one, w in zip(judged, fitted, weights, strict=True) if w > 0]
        shares = {id(trial): float(w) for trial, _, w in used}
        trials = [replace(trial, weight=shares.get(id(trial), 0.0)) for trial in trials]
        forecaster = used[0][1] if len(used) == 1 else self._hybrid(used)
        naive = judged[0].candidate.name if judged[0].candidate.name.endswith("naive") else "none"
        found = AutoFit(forecaster, tuple(trials), error, (naive, errors[0]), len(origins[0]))
        self._calibrate(forecaster)
        notes = [Note(_line(trial), NoteCode.MODEL) for trial in trials]
        notes = [Note(found.summary(), NoteCode.MODEL), *notes]
        forecaster.card = replace(forecaster.card, notes=(*forecaster.card.notes, *notes))
        return found

    def _hybrid(self, used: list[tuple[Trial, Forecaster, float]]) -> Forecaster:
        """A hybrid with fixed weights around the networks that are fitted already."""
        members = tuple({"label": trial.candidate.name, **trial.candidate.settings()} for trial, _, _ in used)
        longest = max(trial.candidate.lookback for trial, _, _ in used)
        whole = Candidate(
            "hybrid", longest, {"members": members, "fusion": "fixed", "weights": [w for _, _, w in used]}
        )
        forecaster, notes = untrained(self.resolved(whole), self.panel, self.parts, self.name)
        for trial, one, _ in used:
            forecaster.network.model.networks[trial.candidate.name] = one.network
        forecaster.network.eval()
        forecaster.card = replace(forecaster.card, notes=tuple(notes), fusion=FusionReport("fixed"))
        return forecaster

    def _calibrate(self, forecaster: Forecaster) -> None:
        """Intervals from windows of the validation part, about `CALIBRATED` of them."""
        prepared = prepare(forecaster, self.panel)
        windows = len(prepared.starts("val", forecaster.task.lookback, self.horizon)[0])
        if windows:
            most = CALIBRATED if forecaster.network.calibrates else CALIBRATED // 20
            stride = max(1, windows * len(self.panel.channels) // most)
            judged = calibrate_on(forecaster, prepared, Judged("val", self.name, stride))
            forecaster.card = replace(forecaster.card, validation=judged.to_dict())


def _line(trial: Trial) -> str:
    what = f"{trial.candidate.name} (look-back {trial.candidate.lookback})"
    if trial.error is None:
        return f"{what}: {trial.why}"
    share = f", weight {trial.weight:.2f}" if trial.weight else ""
    return f"{what}: validation MASE {trial.error:.3f}, {trial.seconds:.1f} s{share}"
