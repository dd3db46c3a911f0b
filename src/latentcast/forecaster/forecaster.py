"""A fitted forecaster: predict, evaluate, calibrate, explain and save."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np

from latentcast.core.errors import CheckpointError, LatentcastError, SettingsError, shorten, suggest
from latentcast.core.notes import Note, NoteCode
from latentcast.core.types import Task
from latentcast.data.features.covariates import Covariates
from latentcast.data.features.regression import Effects
from latentcast.data.panel.split import PARTS, Part
from latentcast.data.types import Frame, IntoFrame, Level
from latentcast.evaluation.drop_last import batch_of
from latentcast.evaluation.forecasts import ForecastBatch
from latentcast.evaluation.metrics import Evaluation
from latentcast.explain import Explanation, ExplanationRequest, check, chosen, explained
from latentcast.forecaster import storage
from latentcast.forecaster.calibration import Calibration
from latentcast.forecaster.card import RunCard
from latentcast.forecaster.drift import Drift
from latentcast.forecaster.fit_statistics import FitStatistics
from latentcast.forecaster.fitted import FittedModel
from latentcast.forecaster.inputs import drift_of, open_prepared, prepare_forecast
from latentcast.forecaster.intervals import PATHS, Intervals
from latentcast.forecaster.judge import (
    Judged,
    calibrate_on,
    choose_intervals,
    cut_windows,
    forecast_windows,
    judge,
    outcome_notes,
)
from latentcast.forecaster.output import to_frame
from latentcast.forecaster.sense import check_calibration, check_statistics, check_task
from latentcast.models.config.run import resolve_config
from latentcast.models.inspection import count_parameters, inspect
from latentcast.models.network import build as build_network


class Forecaster(FittedModel):
    """A fitted model, made by `latentcast.fit` or `latentcast.load`.

    Attributes are those of `FittedModel`: run, task, channels, known, network, card and calibration.
    """

    def __repr__(self) -> str:
        about = f"{self.name}, {self.task.lookback} → {self.task.horizon} steps"
        schema = self.card.schema
        return f"<Forecaster {about} of {schema.freq}, of {shorten(self.channels, 3)} in {schema.data}>"

    def predict(
        self,
        data: IntoFrame,
        *,
        future_covariates: IntoFrame | None = None,
        level: Level = None,
        interval_method: str = "auto",
        paths: int = PATHS,
        batch_size: int | None = None,
    ) -> Frame:
        """Forecast `horizon` steps beyond the end of each series.

        `data` is a frame, a file or a dataset's name; the last `lookback` steps of each series are read. Returns a
        frame of the kind that came in with columns unique_id, ds and the model's name, in original units.

        future     of a model that was trained with `data.future`: a frame or a file with the time column (and the ids
                   of long data) and these covariates, for every step to be forecast
        level      of prediction intervals in per cent, one or several: columns <model>-lo-90, <model>-hi-90
        intervals  auto, conformal, adaptive (which reads also what lies before the look-back), quantiles or paths
        paths      futures that are drawn from each window, where the model samples

        A series that is shorter than the look-back is forecast from what there is of it: what is missing before it is
        masked, and that is said.

        Raises DataError when the channels are not those of the fit, or a level
        needs more held-out windows than there were; SettingsError for a level or a method that cannot be had.
        """
        how = choose_intervals(self, level, interval_method, paths)
        inputs = prepare_forecast(self, data, future_covariates)
        self.told.extend((*inputs.notes, *outcome_notes(self, inputs.prepared, inputs.windows, how)))
        batches = list(forecast_windows(self, inputs.prepared, inputs.windows, batch_size, how))
        return to_frame(self, inputs, batches, how)

    def explain(
        self,
        data: IntoFrame,
        *,
        future_covariates: IntoFrame | None = None,
        level: Level | Literal["auto"] = "auto",
        interval_method: str = "auto",
        item: str | None = None,
        attribution: str = "occlusion",
        stretch: int | None = None,
        fill: str = "line",
    ) -> Explanation:
        """What the forecast beyond the end of one series is made of: the forecast, what the data are like, what the
        parts of the network say of this window, and which stretch of the past mattered.

        `data` and `future` are as in `predict`. Of the explanation there is a page (`to_html`) and JSON (`to_dict`).

        item         which series: of wide data a channel, of long data a unique_id; else the first item, with as many
                     of its channels as can be drawn
        level        of the intervals; auto: 80 and 90 where they can be had, and a note where they cannot
        attribution  occlusion (any model), gradient or none; stretch: steps that are hidden together; fill: what stands
                     there instead, a straight line, what is usual in the season, or the mean (`explaining.attributing`)

        Raises DataError for a series that is not there or of which nothing was observed, and otherwise as `predict`.
        """
        by, instead = check(attribution, fill, stretch, self.task.lookback)
        inputs = prepare_forecast(self, data, future_covariates)
        prepared, notes = inputs.prepared, inputs.notes
        number, drawn = chosen(inputs.panel, self.task.targets, item)
        one = inputs.windows[0][number : number + 1], inputs.windows[1][number : number + 1]
        wanted: Any = level
        auto = isinstance(wanted, str) and wanted == "auto"
        how: Intervals | None = None
        try:
            how = choose_intervals(self, (80, 90) if auto else wanted, interval_method)
            judged = ForecastBatch.joined(list(forecast_windows(self, prepared, one, how=how)))
        except LatentcastError as error:
            if not auto:
                raise
            judged, how = ForecastBatch.joined(list(forecast_windows(self, prepared, one))), None
            notes = (*notes, Note(f"no intervals: {error}", NoteCode.INTERVALS))
        asked = ExplanationRequest(
            self.name,
            inputs.source.name,
            self.network,
            cut_windows(self, prepared, one),
            prepared.panel,
            prepared.scaler,
            judged,
            number,
            drawn,
            inputs.panel.clock.restore,
            () if how is None else how.levels,
            None if how is None else how.words(),
            notes,
        )
        return explained(asked, attribution=by, stretch=stretch, fill=instead)

    def drift(self, data: IntoFrame) -> Drift:
        """How the last look-back of each series compares with its training part; `predict` warns where it is far off.

        Raises DataError when the data are not of the fit's kind.
        """
        _, prepared = open_prepared(self, data, future_only=True)
        return drift_of(self, prepared.panel, prepared)

    def evaluate(
        self,
        data: IntoFrame,
        *,
        part: Part = "test",
        level: Level = None,
        interval_method: str = "auto",
        paths: int = PATHS,
        batch_size: int | None = None,
        stride: int = 1,
        protocol: str | None = None,
    ) -> Evaluation:
        """Judge every window of one part of the data exactly once, in scaled and in original units.

        With `level` also the intervals that `predict` would give: `level`, `intervals` and `paths` are as there. With
        a `stride` above 1 one window of so many is judged, the last of each series among them: for models whose every
        forecast is a fit. The notes say so, for such figures are a sample. `protocol="paper-droplast:128"` puts beside
        the figures those of a test loader that drops its last incomplete batch of 128 (`Evaluation.dropped`).

        Parts are those of the fit, by date; of series that the fit did not see, by the same rule. The result does
        not depend on the batch size. Raises DataError when the part holds no window.
        """
        if part not in PARTS:
            raise SettingsError(f"part={part!r} is no part of the data; {suggest(str(part), PARTS)}")
        how = choose_intervals(self, level, interval_method, paths)
        drop = batch_of(protocol)
        if drop is not None and stride != 1:
            raise SettingsError(f"stride={stride}: a test loader drops from all windows; leave it out with {protocol}")
        source, prepared = open_prepared(self, data)
        return judge(self, prepared, Judged(part, source.name, stride, drop), how, batch_size)

    def calibrate(
        self,
        data: IntoFrame,
        *,
        part: Part = "val",
        base: str = "auto",
        paths: int = PATHS,
        batch_size: int | None = None,
        stride: int = 1,
    ) -> Evaluation:
        """Take what intervals are made of from held-out windows of the data: each window of one part, once, or one of
        `stride` so many.

        `fit` has done it with the validation part. The test part is nearer to what is to be forecast, once nothing is
        to be judged by it any more. Returns the evaluation of that part; `save` keeps the calibration.

        base   point, quantiles (of a model that learns them) or paths (of one that samples, `paths` a window); auto:
               quantiles where there are any, else point

        Raises SettingsError for a part that was trained on, or a base that this model has not; DataError when the part
        holds no window.
        """
        source, prepared = open_prepared(self, data)
        which = Judged(part, source.name, stride)
        return calibrate_on(self, prepared, which, base=base, paths=paths, batch_size=batch_size)

    def summary(self) -> dict[str, Any]:
        """The run card, the size of the network and its architecture (each stage's shapes and FLOPs), plain values."""
        return {**whole_card(self), "architecture": inspect(self.network).to_dict()}

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write the folder that `latentcast.load` reads. Raises CheckpointError when it exists already."""
        storage.replace_folder(Path(folder), lambda at: write(self, at), overwrite=overwrite)


def whole_card(fitted: FittedModel) -> dict[str, Any]:
    """What `card.json` holds: the run card, the number of parameters, and the task."""
    every, trained = count_parameters(fitted.network)
    parameters = {"all": every, "trainable": trained}
    return {**fitted.card.to_dict(), "parameters": parameters, "task": asdict(fitted.task)}


def write(fitted: FittedModel, folder: Path) -> None:
    """Save into a folder that exists. Raises CheckpointError when it cannot be written."""
    packed = None if fitted.calibration is None else fitted.calibration.dump()
    storage.write(folder, fitted.network, whole_card(fitted), fitted.known.dump(), packed)


def as_forecaster(forecaster: Forecaster | str | Path, *, device: str = "cpu") -> Forecaster:
    """The forecaster itself, or the one saved in a folder.

    Raises CheckpointError when the folder is missing, foreign, unfinished or damaged.
    """
    if isinstance(forecaster, Forecaster):
        return forecaster
    folder = Path(forecaster)
    stored, series = storage.read(folder)
    try:
        card = RunCard.from_dict(stored)
        run = resolve_config(card.settings)
        task = Task(**{**stored["task"], "targets": tuple(stored["task"]["targets"])})
        known = FitStatistics.parse(series, run.data, _effects(card))
        check_task(task, card.schema)
        check_statistics(known, task.channels)
        network = build_network(run.kind, run.model, task)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise CheckpointError(
            f"{folder / storage.CARD} cannot be understood by this version of latentcast: {error}"
        ) from error
    storage.read_weights(folder, network)
    packed = storage.read_intervals(folder, stored)
    calibration = None
    if packed is not None:
        calibration = Calibration.parse(*packed)
        try:
            check_calibration(calibration, task)
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"{folder / storage.INTERVALS} makes no sense: {error}") from error
    network.to(device).eval()
    return Forecaster(run, task, card.schema.channels, known, network, card, calibration)


def _effects(card: RunCard) -> Effects | None:
    """What was learned of covariates, as the card holds it."""
    found = card.covariates
    if found is None:
        return None
    covariates = Covariates.parse(found)
    weights = np.array(found["weights"], float).reshape(covariates.width, len(card.schema.channels))
    return Effects(covariates, weights)
