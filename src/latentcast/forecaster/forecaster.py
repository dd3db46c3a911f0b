"""A fitted forecaster: a network, and what it must know of the data to forecast in dates and units."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from latentcast.core.errors import (
    CheckpointError,
    DataError,
    LatentcastError,
    SettingsError,
    shorten,
    suggest,
)
from latentcast.core.nested import python_values
from latentcast.core.types import Task
from latentcast.data.features import calendar
from latentcast.data.features.covariates import Covariates
from latentcast.data.features.future import lay_ahead
from latentcast.data.features.regression import Effects
from latentcast.data.panel.build import build
from latentcast.data.panel.conform import as_it_came, read_alike
from latentcast.data.panel.padding import fill_up
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import PARTS, Part
from latentcast.data.sources.frames import Source
from latentcast.data.sources.open import open_data
from latentcast.data.windows.view import PreparedPanel
from latentcast.data.windows.windows import Windows, batch_size_for_memory, make_windows, window_seeds
from latentcast.evaluation.drop_last import DropLast, batch_of
from latentcast.evaluation.forecasts import ForecastBatch, accumulate_errors, forecasts
from latentcast.evaluation.interval_metrics import IntervalErrors, IntervalFigures
from latentcast.evaluation.metrics import Evaluation
from latentcast.evaluation.window_order import check_outcomes, consecutive_origins, select_requested
from latentcast.explain import Explanation, ExplanationRequest, check, chosen, explained
from latentcast.forecaster import storage
from latentcast.forecaster.calibration import Calibration, Scores, check_base
from latentcast.forecaster.card import RunCard
from latentcast.forecaster.drift import Drift, drift
from latentcast.forecaster.fit_statistics import FitStatistics
from latentcast.forecaster.intervals import PATHS, Intervals, check_unasked, choose, interval_columns
from latentcast.models.config.run import RunConfig, resolve_config
from latentcast.models.config.training import CODEC, RECONSTRUCT
from latentcast.models.inspection import count_parameters, inspect
from latentcast.models.network import Network
from latentcast.models.network import build as build_network

log = logging.getLogger("latentcast")


@dataclass
class Forecaster:
    """Made by `latentcast.fit` or `latentcast.load`.

    card   settings, schema, versions, fingerprint of the data, training and validation figures, notes
    """

    run: RunConfig
    task: Task
    channels: tuple[str, ...]
    known: FitStatistics
    network: Network
    card: RunCard
    calibration: Calibration | None = None

    def __repr__(self) -> str:
        about = f"{self.name}, {self.task.lookback} → {self.task.horizon} steps"
        schema = self.card.schema
        return f"<Forecaster {about} of {schema.freq}, of {shorten(self.channels, 3)} in {schema.data}>"

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def device(self) -> torch.device:
        return next((p.device for p in self.network.parameters()), torch.device("cpu"))

    def predict(
        self,
        data: Any,
        *,
        future: Any = None,
        level: Any = None,
        intervals: str = "auto",
        paths: int = PATHS,
        batch_size: int | None = None,
    ) -> Any:
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
        how = self._intervals(level, intervals, paths)
        source, panel, view, starts_items = self.ahead(data, future)
        if how is not None and how.method == "adaptive":
            for note in check_outcomes(
                view.panel, starts_items[0].numpy(), self._held(view), self.task.lookback, how.stride
            ):
                log.warning(note)
        batches = list(self.forecasts(view, starts_items, batch_size, how))
        values = np.concatenate([batch.original for batch in batches])
        beside = {} if how is None else interval_columns(self.name, how.levels, batches)
        return self.give_back(source, panel, self.frame(panel, values, beside))

    def ahead(
        self, data: Any, future: Any = None
    ) -> tuple[Source, Panel, PreparedPanel, tuple[torch.Tensor, torch.Tensor]]:
        """The data as read, and the last window of each series, with room for what is to be forecast behind it.

        Raises DataError and SettingsError as `predict` does.
        """
        source, _ = open_data(data)
        panel = self.panel(source)
        view, starts, notes = self._ahead(panel, future)
        for note in notes:
            log.warning(note)
        return source, panel, view, (starts, torch.arange(len(panel.ids)))

    def _ahead(self, panel: Panel, future: Any) -> tuple[PreparedPanel, torch.Tensor, tuple[str, ...]]:
        """The data with room for a forecast beyond the end of each item, [items] first steps of the windows that end
        there, and what is to be said of them.
        """
        filled = fill_up(panel, self.task.lookback)
        view = self.view(filled.panel, future_only=True)
        now = self._drift(panel, view)
        said = [*self.known.ends_apart(panel), *(note for note in (now.unseen(), now.note()) if note is not None)]
        notes = (*filled.notes, *view.notes[len(panel.notes) :], *said)
        room = filled.panel.extended(self.task.horizon)
        if self.known.scaler.effects is not None:
            ahead = None if future is None else open_data(future)[0].frame
            room = lay_ahead(room, ahead, self.known.scaler.effects, self.run.data, self.task.horizon)
        elif future is not None:
            raise SettingsError(f"future: this {self.name} was trained with nothing known in advance (data.future)")
        starts = torch.from_numpy(room.offsets[1:] - self.task.lookback - self.task.horizon)
        return replace(view, panel=room), starts, notes

    def explain(
        self,
        data: Any,
        *,
        future: Any = None,
        level: Any = "auto",
        intervals: str = "auto",
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
        task = self.task
        by, instead = check(attribution, fill, stretch, task.lookback)
        source, _ = open_data(data)
        panel = self.panel(source)
        view, starts, notes = self._ahead(panel, future)
        number, drawn = chosen(panel, task.targets, item)
        one = starts[number : number + 1], torch.tensor([number])
        how: Intervals | None = None
        try:
            if level is not None:
                how = self.interval_maker((80, 90) if isinstance(level, str) and level == "auto" else level, intervals)
            judged = ForecastBatch.joined(list(self.forecasts(view, one, how=how)))
        except LatentcastError as error:
            if not (isinstance(level, str) and level == "auto"):
                raise
            judged, how = ForecastBatch.joined(list(self.forecasts(view, one))), None
            notes = (*notes, f"no intervals: {error}")
        asked = ExplanationRequest(
            self.name,
            source.name,
            self.network,
            self.windows(view, one),
            view.panel,
            view.scaler,
            judged,
            number,
            drawn,
            lambda times: self.stamps(panel, times),
            () if how is None else how.levels,
            None if how is None else how.words(),
            notes,
        )
        return explained(asked, attribution=by, stretch=stretch, fill=instead)

    def drift(self, data: Any) -> Drift:
        """How the last look-back of each series compares with its training part; `predict` warns where it is far off.

        Raises DataError when the data are not of the fit's kind.
        """
        panel = self.panel(open_data(data)[0])
        return self._drift(panel, self.view(panel, future_only=True))

    def _drift(self, panel: Panel, view: PreparedPanel) -> Drift:
        return drift(panel, view.scaler, self.task.lookback, scaled=self.run.data.scale)

    def evaluate(
        self,
        data: Any,
        *,
        split: Part = "test",
        level: Any = None,
        intervals: str = "auto",
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
        if split not in PARTS:
            raise SettingsError(f"split={split!r} is no part of the data; {suggest(str(split), PARTS)}")
        how = self._intervals(level, intervals, paths)
        dropping = batch_of(protocol)
        if dropping is not None and stride != 1:
            raise SettingsError(f"stride={stride}: a test loader drops from all windows; leave it out with {protocol}")
        source, _ = open_data(data)
        return self.judge(self.view(self.panel(source)), split, source.name, batch_size, how, stride, dropping)

    def calibrate(
        self,
        data: Any,
        *,
        split: Part = "val",
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
        source, _ = open_data(data)
        view = self.view(self.panel(source))
        return self.calibrate_on(view, split, source.name, base, paths, batch_size, stride)

    def calibrate_on(
        self,
        view: PreparedPanel,
        part: Part,
        name: str,
        base: str = "auto",
        paths: int = PATHS,
        batch_size: int | None = None,
        stride: int = 1,
    ) -> Evaluation:
        """`calibrate` on data that were read already, while they are judged."""
        task, levels = self.task, self.network.quantile_levels
        chosen = check_base(base, part, self.name, levels, samples=self.network.samples)
        windows = len(view.starts(part, task.lookback, task.horizon, stride)[0])
        scores = Scores(chosen, levels, paths, windows, task.horizon * len(task.targets), stride)
        evaluation = self.judge(view, part, name, batch_size, scores, stride)
        self.calibration = scores.calibration(view.panel, part)
        intervals = None
        if self.calibration is not None:
            chose = part == "val" and self.card.training is not None and self.run.training.chooses
            intervals = {"method": "conformal", **self.calibration.about(), "chose_weights": chose}
        self.card = replace(self.card, intervals=intervals)
        return evaluation

    def _intervals(self, level: Any, intervals: str, paths: int) -> Intervals | None:
        """None where no level was asked for. Raises SettingsError where it was said all the same how to make them."""
        if level is not None:
            return self.interval_maker(level, intervals, paths)
        check_unasked(intervals, paths)
        return None

    def interval_maker(self, level: Any, intervals: str = "auto", paths: int = PATHS) -> Intervals:
        """How intervals of these levels are made here. Raises SettingsError or DataError as `predict` does."""
        self._must_forecast()
        network, paths = self.network, python_values(paths)
        how = choose(
            level,
            intervals,
            model=self.name,
            calibration=self.calibration,
            quantile_levels=network.quantile_levels,
            samples=network.samples,
            paths=paths,
        )
        if paths != PATHS and how.base != "paths":
            raise SettingsError(
                f"paths={paths}: {how.method} intervals of this {self.name} draw no paths; leave it out"
            )
        return how

    def judge(
        self,
        view: PreparedPanel,
        part: Part,
        name: str,
        batch_size: int | None = None,
        how: Intervals | Scores | None = None,
        stride: int = 1,
        dropping: int | None = None,
    ) -> Evaluation:
        task = self.task
        starts_items = view.starts(part, task.lookback, task.horizon, stride)
        if not len(starts_items[0]):
            raise DataError(
                f"the {part} part of {name} holds no window of {task.lookback} + {task.horizon} steps"
                f" ({view.why_none(part, self.known.ends)})"
            )
        notes = view.said(part, starts_items[1], self.card.schema.last, stride)
        columns = list(self.task.targets)
        batches = self.forecasts(view, starts_items, batch_size, how)
        short = None
        if dropping is not None:
            short = DropLast(dropping, len(starts_items[0]), view.naive_error[:, columns])
            batches = short.around(batches)
        found = None
        if isinstance(how, Intervals):
            found = IntervalErrors(how.levels, how.quantile_levels), IntervalErrors(how.levels, how.quantile_levels)
            if how.calibration is not None and part in (how.calibration.part, "all"):
                notes = (*notes, "these intervals are judged on windows that they were calibrated on")
        scaled, original = accumulate_errors(batches, view.naive_error[:, columns], None, found)
        return Evaluation(
            self.name,
            name,
            part,
            len(starts_items[0]),
            original.counts["all"],
            original.zeros,
            scaled.result(),
            original.result(),
            notes,
            None
            if not isinstance(how, Intervals) or found is None
            else IntervalFigures(how.method, how.words(), found[0].result(), found[1].result()),
            None if short is None else short.result(),
        )

    @property
    def parameters(self) -> int:
        """How many there are, trained or not."""
        return count_parameters(self.network)[0]

    @property
    def learned(self) -> tuple[str, ...]:
        """The stages that its weights went through, those of the weights it began with among them."""
        return self.card.learned

    @property
    def found(self) -> dict[str, Mapping[str, Any]]:
        """Stage → what it came to, where it is checked; of the stages that it began with too."""
        return self.card.found

    @property
    def reconstructs(self) -> bool:
        """Whether the last thing it learned was to fill the look-back, and not yet to forecast."""
        return self.card.stages[-1:] == (RECONSTRUCT,)

    def panel(self, source: Source, *, gaps: str | None = None) -> Panel:
        """The data as in the fit: same columns, frequency and clock; `gaps` is another policy than its own.

        Raises DataError when they are others.
        """
        panel = read_alike(source, self.run.data, self.card.schema.to_dict(), gaps=gaps, mend=self._elsewhere)
        if gaps is None:
            for note in panel.notes:
                log.warning(note)
        return panel

    def view(self, panel: Panel, *, future_only: bool = False) -> PreparedPanel:
        """The panel split and with statistics, as the fit knows them; with `future_only` everything given is past."""
        return self.known.view(panel, self.run.data, self.task, future_only=future_only)

    def misfits(self, channels: int, known: int) -> list[str]:
        """Which of `channels` and `known` the weights depend on, where data have another number of them."""
        tasks = {
            "channels": replace(self.task, channels=channels, targets=tuple(range(channels))),
            "known": replace(self.task, known=known),
        }
        same = {"channels": channels == self.task.channels, "known": known == self.task.known}
        return [name for name, task in tasks.items() if not (same[name] or self._suits(task))]

    def _suits(self, task: Task) -> bool:
        if self.network.mixes_channels and task.channels != self.task.channels:
            return False
        try:
            with torch.device("meta"):  # shapes alone
                other = build_network(self.run.kind, self.run.model, task)
        except SettingsError:
            return False
        mine, its = ({name: t.shape for name, t in one.state_dict().items()} for one in (self.network, other))
        return mine == its

    def _elsewhere(self, source: Source) -> str:
        """The end of an error about other channels or another frequency, where the weights would serve these too."""
        try:
            panel = build(source.frame, self.run.data.model_copy(update={"freq": None}))
        except DataError:
            return ""
        if self.misfits(len(panel.channels), len(calendar.feature_names(panel.frequency))):
            return ""
        return "; to use its weights on other data without training: --transfer (latentcast.transfer)"

    def forecasts(
        self,
        view: PreparedPanel,
        starts_items: tuple[torch.Tensor, torch.Tensor],
        batch_size: int | None = None,
        how: Intervals | Scores | None = None,
    ) -> Iterator[ForecastBatch]:
        """Forecast from the windows that start at the given steps of the given items, in order; where it is said `how`,
        with intervals, or with what scores of them need.

        Raises SettingsError for what was pretrained only.
        """
        self._must_forecast()
        task = self.task
        batch_size = batch_size_for_memory(task.lookback + task.horizon, task.channels, stated=batch_size)
        asked = starts_items[0].numpy()
        pace = 1
        if how is not None and how.in_a_row:
            items, held = starts_items[1].numpy(), self._held(view)
            starts_items, pace = consecutive_origins(view.panel, asked, items, held, task.lookback, how.stride)
        windows = self.windows(view, starts_items)
        self.network.eval()
        sample = seeds = None
        if how is not None and how.base == "paths":
            sample = partial(self.network.sample, paths=how.paths)
            seeds = window_seeds(view.panel, *starts_items, task.lookback, self.run.seed)
        batches = forecasts(
            self.network,
            windows,
            view.panel.values,
            view.scaler.units(view.panel, list(task.targets)),
            task.targets,
            batch_size=batch_size,
            device=self.device,
            spread=None if how is None else view.spread[:, list(task.targets)],
            sample=sample,
            seeds=seeds,
        )
        if how is None:
            return batches
        batches = how.around(batches, view.panel, pace)
        return select_requested(batches, asked) if how.in_a_row else batches

    def windows(self, view: PreparedPanel, starts_items: tuple[torch.Tensor, torch.Tensor]) -> Windows:
        """The windows that start at the given steps of the given items, as the network reads them."""
        task = self.task
        windows = make_windows(
            view.panel,
            view.scaler,
            starts_items,
            task.lookback,
            task.horizon,
            targets=task.targets,
            with_known=self.network.uses_known,
            prompter=self.network.prompter,
        )
        return replace(windows, known=replace(windows.known, item_numbers=self.known.rows_of(view.panel)))

    def _must_forecast(self) -> None:
        last = self.card.stages[-1:]
        if last in ((RECONSTRUCT,), (CODEC,)):
            learned = "to fill gaps" if last == (RECONSTRUCT,) else "its codes alone"
            raise SettingsError(
                f"this {self.name} was pretrained: it learned {learned}, and not to forecast. Go on with"
                " latentcast fit … --from DIR"
            )

    def _held(self, view: PreparedPanel) -> Any:
        """[items] steps, counted from an item's start, before which outcomes were calibrated on; 0 of a new series."""
        ends = view.parts.test_end if self.calibration and self.calibration.part == "test" else view.parts.val_end
        return np.array([end if name in self.known.ends else 0 for name, end in zip(view.panel.ids, ends, strict=True)])

    def frame(self, panel: Panel, values: Any, beside: dict[str, Any]) -> pd.DataFrame:
        """[items, horizon, target] values beyond the end of a panel → one row per series and step."""
        targets = self.task.targets
        times = panel.frequency.after(panel.times[panel.offsets[1:] - 1], self.task.horizon)
        names = [panel.series_name(item, channel) for item in range(len(values)) for channel in targets]
        return pd.DataFrame(
            {
                "unique_id": np.repeat(np.array(names, dtype=object), values.shape[1]),
                "ds": self.stamps(panel, np.repeat(times, len(targets), axis=0).reshape(-1)),
                self.name: values.transpose(0, 2, 1).reshape(-1),
                **beside,
            }
        )

    @staticmethod
    def stamps(panel: Panel, times: Any) -> Any:
        """Stamps as they came in: in their own time zone where they had one."""
        return panel.clock.restore(times)

    def give_back(self, source: Source, panel: Panel, frame: pd.DataFrame) -> Any:
        """A frame with unique_id and dates, in the kind, number type and time unit of the data it belongs to."""
        return source.give_back(as_it_came(frame, source, panel, self.run.data))

    def summary(self) -> dict[str, Any]:
        """The run card, the size of the network and its architecture (each stage's shapes and FLOPs), plain values."""
        return {**self._whole_card(), "architecture": inspect(self.network).to_dict()}

    def _whole_card(self) -> dict[str, Any]:
        every, trained = count_parameters(self.network)
        return {**self.card.to_dict(), "parameters": {"all": every, "trainable": trained}, "task": asdict(self.task)}

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write the folder that `latentcast.load` reads. Raises CheckpointError when it exists already."""
        storage.make_folder(Path(folder), overwrite=overwrite)
        self.write(Path(folder))

    def write(self, folder: Path) -> None:
        """`save` into a folder that is there. Raises CheckpointError when it cannot be written."""
        packed = None if self.calibration is None else self.calibration.dump()
        storage.write(folder, self.network, self._whole_card(), self.known.dump(), packed)

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "cpu") -> "Forecaster":
        """Read a saved folder. Raises CheckpointError when it is missing, foreign, unfinished or damaged."""
        folder = Path(folder)
        stored, series = storage.read(folder)
        try:
            card = RunCard.from_dict(stored)
            run = resolve_config(card.settings)
            task = Task(**{**stored["task"], "targets": tuple(stored["task"]["targets"])})
            known = FitStatistics.parse(series, run.data, _effects(card))
            channels = card.schema.channels
            if known.scaler.mean.shape != (len(known.ids), task.channels):
                raise ValueError(f"{storage.SERIES} holds statistics of another shape than the card's channels")
            network = build_network(run.kind, run.model, task)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(
                f"{folder / storage.CARD} cannot be understood by this version of latentcast: {error}"
            ) from error
        storage.read_weights(folder, network)
        packed = storage.read_intervals(folder, stored)
        network.to(device).eval()
        return cls(run, task, channels, known, network, card, Calibration.parse(*packed) if packed else None)


def _effects(card: RunCard) -> Effects | None:
    """What was learned of covariates, as the card holds it."""
    found = card.covariates
    if found is None:
        return None
    covariates = Covariates.parse(found)
    weights = np.array(found["weights"], float).reshape(covariates.width, len(card.schema.channels))
    return Effects(covariates, weights)
