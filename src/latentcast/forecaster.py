"""A fitted forecaster: a network, and what it must know of the data to forecast in dates and units."""

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from latentcast import hub
from latentcast.data import calendar, catalog
from latentcast.data.descriptions import described
from latentcast.data.frequency import DAY_NS
from latentcast.data.panel import Panel, build
from latentcast.data.read import SUFFIXES, Source, read_file, read_frame
from latentcast.data.scaler import Scaler
from latentcast.data.split import PARTS, Part, Seen, Split, seen, split
from latentcast.data.stamps import Clock, show
from latentcast.data.windows import at_once, make_windows, window_starts
from latentcast.errors import CheckpointError, DataError, GapError, SettingsError, TimeError, nearest, some
from latentcast.evaluation.judge import Judged, forecasts, judge
from latentcast.evaluation.metrics import Evaluation, seasonal_error
from latentcast.inspecting import inspect
from latentcast.network import Network
from latentcast.network import build as build_network
from latentcast.run import Run, resolve
from latentcast.training.stages import RECONSTRUCT
from latentcast.types import Task, count_parameters

log = logging.getLogger("latentcast")


def open_data(data: Any) -> tuple[Source, dict[str, Any]]:
    """A frame, a file or a dataset's name → its table, and the settings its protocol asks for.

    Raises DataError when it is none of these or cannot be read.
    """
    if not isinstance(data, str | Path):
        return read_frame(data), {}
    path = Path(data)
    if path.is_file():
        return replace(read_frame(read_file(path)), name=path.name), {}
    if path.is_dir():
        raise DataError(f"{data} is a folder; wanted a CSV or Parquet file in it, or the name of a dataset")
    if path.suffix.lower() in SUFFIXES or len(path.parts) > 1:
        raise DataError(f"there is no file {path}{_near(path)}")
    dataset = catalog.find(str(data))
    return catalog.load(dataset), {**described(dataset.name), **dataset.defaults}


def _near(path: Path) -> str:
    """Files beside it with a similar name, as a hint."""
    if not path.parent.is_dir():
        return f", and no folder {path.parent}"
    close = get_close_matches(path.name, [file.name for file in path.parent.iterdir()], n=2)
    return f"; did you mean {' or '.join(close)}?" if close else ""


@dataclass(frozen=True)
class Known:
    """What the fit saw of each series: statistics [items, channels], and where its parts end."""

    ids: tuple[str, ...]
    scaler: Scaler
    naive_error: Any
    ends: dict[str, Seen]

    def dump(self) -> dict[str, Any]:
        return {
            name: {
                "mean": self.scaler.mean[row].tolist(),
                "std": self.scaler.std[row].tolist(),
                "seasonal_error": [None if np.isnan(value) else value for value in self.naive_error[row]],
                "parts_end": list(self.ends[name].ends),
            }
            for row, name in enumerate(self.ids)
        }

    @classmethod
    def parse(cls, values: dict[str, Any]) -> "Known":
        rows = list(values.values())
        error = [[np.nan if value is None else value for value in row["seasonal_error"]] for row in rows]
        return cls(
            tuple(values),
            Scaler(np.array([row["mean"] for row in rows], float), np.array([row["std"] for row in rows], float)),
            np.array(error, float),
            {name: Seen(tuple(row["parts_end"])) for name, row in values.items()},
        )


@dataclass(frozen=True)
class View:
    """A panel as a forecaster sees it: split, with the statistics that apply to each of its items."""

    panel: Panel
    parts: Split
    scaler: Scaler
    naive_error: Any
    notes: tuple[str, ...] = ()


@dataclass
class Forecaster:
    """Made by `latentcast.fit` or `latentcast.load`.

    card   settings, schema, versions, fingerprint of the data, training and validation figures, notes
    """

    run: Run
    task: Task
    channels: tuple[str, ...]
    known: Known
    network: Network
    card: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def device(self) -> torch.device:
        return next((p.device for p in self.network.parameters()), torch.device("cpu"))

    def predict(self, data: Any, *, batch_size: int | None = None) -> Any:
        """Forecast `horizon` steps beyond the end of each series.

        `data` is a frame, a file or a dataset's name; the last `lookback` steps of each series are read. Returns a
        frame of the kind that came in with columns unique_id, ds and the model's name, in original units.

        Raises DataError when the channels are not those of the fit or a series is shorter than the look-back.
        """
        source, _ = open_data(data)
        panel = self.panel(source)
        if short := panel.shorter_than(self.task.lookback):
            raise DataError(
                f"a forecast reads the last {self.task.lookback} steps (the look-back of the fit); shorter:"
                f" {some(short)}. Give more of their past, or leave them out"
            )
        view = self.view(panel, future_only=True)
        for note in view.notes[len(panel.notes) :]:
            log.warning(note)
        room = panel.extended(self.task.horizon)
        starts = torch.from_numpy(room.offsets[1:] - self.task.lookback - self.task.horizon)
        view = replace(view, panel=room)
        batches = self.forecasts(view, (starts, torch.arange(len(panel.ids))), batch_size)
        values = np.concatenate([batch.original for batch in batches])
        ends = panel.times[panel.offsets[1:] - 1]
        times = panel.frequency.after(ends, self.task.horizon)
        return self.give_back(source, panel, self._frame(panel, times, values))

    def evaluate(self, data: Any, *, split: Part = "test", batch_size: int | None = None) -> Evaluation:
        """Judge every window of one part of the data exactly once, in scaled and in original units.

        Parts are those of the fit, by date; of series that the fit did not see, by the same rule. The result does
        not depend on the batch size. Raises DataError when the part holds no window.
        """
        if split not in PARTS:
            raise SettingsError(f"split={split!r} is no part of the data; {nearest(str(split), PARTS)}")
        source, _ = open_data(data)
        return self.judge(self.view(self.panel(source)), split, source.name, batch_size)

    def judge(self, view: View, part: Part, name: str, batch_size: int | None = None) -> Evaluation:
        low, high = view.parts.bounds(part)
        panel = view.panel
        starts_items = window_starts(panel, low, high, self.task.lookback, self.task.horizon)
        if not len(starts_items[0]):
            raise DataError(
                f"the {part} part of {name} holds no window of {self.task.lookback} + {self.task.horizon} steps"
                f" ({self._why_none(panel, part, int((high - low).max()))})"
            )
        without = len(panel.ids) - len(torch.unique(starts_items[1]))
        notes = view.notes
        if without:
            are = "is" if without == 1 else "are"
            notes = (*notes, f"{without} of {len(panel.ids)} series {are} too short for a window of the {part} part")
        later = int(panel.lengths.sum() - view.parts.test_end.sum())
        grown = panel.times.max() > np.asarray(self.card["schema"]["last"]).astype(panel.times.dtype)
        if part in ("test", "all") and grown:
            steps = "1 step lies" if later == 1 else f"{later} steps lie"
            are = "is" if later == 1 else "are"
            notes = (*notes, f"{steps} after the test part of the fit and {are} not judged; fit again to include them")
        columns = list(self.task.targets)
        batches = self.forecasts(view, starts_items, batch_size)
        scaled, original = judge(batches, view.naive_error[:, columns], view.scaler.std[:, columns])
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
        )

    def _why_none(self, panel: Panel, part: Part, longest: int) -> str:
        """Where the data lie beside a part of the fit; how long the part is where they lie in it."""
        ends = [self.known.ends[item].ends for item in panel.ids if item in self.known.ends]
        first, last = panel.times.min(), panel.times.max()

        def dates(column: int) -> list[Any]:
            return [np.asarray(end[column], panel.times.dtype)[()] for end in ends if end[column] is not None]

        begins = dates({"val": 0, "test": 1}[part]) if part in ("val", "test") else []
        closes = dates({"train": 0, "val": 1, "test": 2, "all": 2}[part])
        if longest or len(ends) < len(panel.ids) or not closes:
            return f"its longest has {longest} {'step' if longest == 1 else 'steps'} to forecast"
        stretch = f"{f'from after {show(min(begins))} ' if begins else ''}until {show(max(closes))}"
        span = f"the data reach from {show(first)} to {show(last)}"
        if first > max(closes):
            return f"at the fit it reached {stretch}, and {span}: after it; fit again with data that reach as far"
        if begins and last <= min(begins):
            return (
                f"at the fit it reached {stretch}, and {span}: before it; judge them with split=all, or give newer data"
            )
        return f"at the fit it reached {stretch}, and {span}"

    def view(self, panel: Panel, *, future_only: bool = False) -> View:
        """Statistics and parts of the fit for the items it saw; by the same rules from its own data for any other.

        With `future_only` nothing is split: everything given is past.
        """
        rows = {name: row for row, name in enumerate(self.known.ids)}
        unseen = [item for item, name in enumerate(panel.ids) if name not in rows]
        whole = Split(panel.lengths, panel.lengths, panel.lengths)
        rule = split(panel, self.run.data.split) if unseen and not future_only else whole
        parts = seen(panel, self.known.ends, rule)
        at = [rows[name] for name in panel.ids if name in rows]
        fitted, error = self.known.scaler, self.known.naive_error
        if not unseen:
            return View(panel, parts, Scaler(fitted.mean[at], fitted.std[at]), error[at], panel.notes)
        own = Scaler.fit(panel, parts.train_end) if self.run.data.scale else Scaler.identity(panel)
        own_error = seasonal_error(panel, parts.train_end, panel.season)
        there = [item for item, name in enumerate(panel.ids) if name in rows]
        own.mean[there], own.std[there], own_error[there] = fitted.mean[at], fitted.std[at], error[at]
        names = some([panel.ids[item] or "the data" for item in unseen], 3)
        were, their = ("was", "its") if len(unseen) == 1 else ("were", "their")
        note = f"{len(unseen)} series {were} not in the fit ({names}): scaled by {their} own past"
        return View(panel, parts, own, own_error, (*panel.notes, note))

    @property
    def reconstructs(self) -> bool:
        """Whether the last thing it learned was to fill the look-back, and not yet to forecast."""
        stages: list[str] = self.card.get("stages", [])
        return stages[-1:] == [RECONSTRUCT]

    def panel(self, source: Source, *, gaps: str | None = None) -> Panel:
        """The data as in the fit: same columns, frequency and clock; `gaps` is another policy than its own.

        Raises DataError when they are others.
        """
        frequency = self.run.data.freq or self.card["schema"]["freq"]
        settings = self.run.data.model_copy(update={"freq": frequency, "gaps": gaps or self.run.data.gaps})
        try:
            panel = build(source.frame, settings)
        except GapError as error:
            if gaps is not None:
                raise GapError(f"{error.args[0].split(';')[0]}: there is nothing to fill it from") from error
            raise GapError(f"{error}, when the model is fitted: what it was fitted with holds here too") from error
        except TimeError as error:
            raise TimeError(f"{error} (the fit had steps of {frequency}, and its settings hold here too)") from error
        panel = self._on_the_clock_of_the_fit(panel)
        wanted = set(self.channels)
        if panel.channels != self.channels and set(panel.channels) == wanted:
            order = [panel.channels.index(name) for name in self.channels]
            panel = replace(
                panel,
                values=panel.values[:, order],
                observed=panel.observed[:, order],
                channels=self.channels,
            )
        if panel.channels != self.channels:
            missing = [name for name in self.channels if name not in panel.channels]
            extra = [name for name in panel.channels if name not in wanted]
            what = [f"missing: {some(missing)}"] * bool(missing) + [f"not in the fit: {some(extra)}"] * bool(extra)
            raise DataError(f"the channels are not those of the fit ({'; '.join(what)})")
        if gaps is None:
            for note in panel.notes:
                log.warning(note)
        return panel

    def _on_the_clock_of_the_fit(self, panel: Panel) -> Panel:
        """Stamps held as the fit held its own, since its parts end at such stamps. Raises TimeError otherwise.

        Steps shorter than a day are held in UTC, and their zone may differ. Longer ones are held as local clocks show:
        their zone may differ where they have the same time of day.
        """
        schema, came = self.card["schema"], panel.clock
        zone = schema.get("zone")
        fitted = Clock(zone, wall=schema.get("wall", came.wall and zone is not None))
        if came == fitted:
            return panel
        if came.zone and fitted.zone and not fitted.wall:
            if came.wall:  # so few rows that they all have one time of day
                utc = came.restore(panel.times).dt.tz_convert("UTC").dt.tz_localize(None)
                return replace(panel, times=utc.to_numpy(panel.times.dtype), clock=Clock(came.zone))
            return panel
        # daily dates written with offsets come without a zone where summer time changes the offset, else with one
        zones = [str(clock.zone) for clock in (came, fitted) if clock.zone]
        local = all(clock.wall for clock in (came, fitted) if clock.zone) and (panel.frequency.step or DAY_NS) >= DAY_NS
        if local and (len(zones) == 2 or zones[0].startswith("UTC")):
            first, last = np.datetime64(schema["first"], "ns"), panel.times[-1]
            if first - first.astype("datetime64[D]") == last - last.astype("datetime64[D]"):
                return panel
        if came.zone is None:
            mend = f"give them the zone they were recorded in (.dt.tz_localize({zone!r}))"
        elif fitted.zone is None:
            mend = (
                "leave the zone away as at the fit (.dt.tz_localize(None), after .dt.tz_convert where it was another)"
            )
        else:
            mend = f"bring them into the zone of the fit (.dt.tz_convert({zone!r}))"
        raise TimeError(
            f"the time stamps have {_in_words(came)}, those of the fit had {_in_words(fitted)}: its parts would end at"
            f" other rows; {mend}"
        )

    def forecasts(
        self, view: View, starts_items: tuple[torch.Tensor, torch.Tensor], batch_size: int | None = None
    ) -> Iterator[Judged]:
        """Forecast from the windows that start at the given steps of the given items, in order.

        Raises SettingsError for what was pretrained only.
        """
        if self.reconstructs:
            raise SettingsError(
                f"this {self.name} was pretrained to fill gaps and has not learned to forecast: go on with"
                " latentcast fit … --from DIR"
            )
        task = self.task
        batch_size = at_once(task.lookback + task.horizon, task.channels, stated=batch_size)
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
        self.network.eval()
        return forecasts(
            self.network,
            windows,
            view.panel.values,
            view.scaler,
            task.targets,
            batch_size=batch_size,
            device=self.device,
        )

    def _frame(self, panel: Panel, times: Any, values: Any) -> pd.DataFrame:
        """[items, horizon] stamps and [items, horizon, target] values → one row per series and step."""
        targets = self.task.targets
        names = [panel.series_name(item, channel) for item in range(len(values)) for channel in targets]
        return pd.DataFrame(
            {
                "unique_id": np.repeat(np.array(names, dtype=object), values.shape[1]),
                "ds": self.stamps(panel, np.repeat(times, len(targets), axis=0).reshape(-1)),
                self.name: values.transpose(0, 2, 1).reshape(-1),
            }
        )

    @staticmethod
    def stamps(panel: Panel, times: Any) -> Any:
        """Stamps as they came in: in their own time zone where they had one."""
        return panel.clock.restore(times)

    def give_back(self, source: Source, panel: Panel, frame: pd.DataFrame) -> Any:
        """A frame with unique_id and dates, in the kind, number type and time unit of the data it belongs to."""
        return source.give_back(self.as_it_came(source, panel, frame))

    def as_it_came(self, source: Source, panel: Panel, frame: pd.DataFrame) -> pd.DataFrame:
        """unique_id in the number type, dates in the time unit of the data."""
        ids = source.frame.get(self.run.data.id or "unique_id")
        long = panel.ids != ("",) or self.run.data.align
        if long and "unique_id" in frame and ids is not None and pd.api.types.is_integer_dtype(ids):
            frame["unique_id"] = pd.to_numeric(frame["unique_id"]).astype(ids.dtype)
        dates = source.frame.select_dtypes(["datetime", "datetimetz"])
        if dates.shape[1] and not panel.frequency.integer:
            unit = dates.iloc[:, 0].dt.unit
            for column in frame.columns.intersection(["ds", "cutoff"]):
                frame[column] = frame[column].dt.as_unit(unit)
        return frame

    def summary(self) -> dict[str, Any]:
        """The run card, the size of the network and its architecture (each stage's shapes and FLOPs), plain values."""
        return {**self._whole_card(), "architecture": inspect(self.network).to_dict()}

    def _whole_card(self) -> dict[str, Any]:
        every, trained = count_parameters(self.network)
        return {**self.card, "parameters": {"all": every, "trainable": trained}, "task": asdict(self.task)}

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write the folder that `latentcast.load` reads. Raises CheckpointError when it exists already."""
        hub.make_folder(Path(folder), overwrite=overwrite)
        self.write(Path(folder))

    def write(self, folder: Path) -> None:
        """`save` into a folder that is there. Raises CheckpointError when it cannot be written."""
        hub.write(folder, self.network, self._whole_card(), self.known.dump())

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "cpu") -> "Forecaster":
        """Read a saved folder. Raises CheckpointError when it is missing, foreign, unfinished or damaged."""
        folder = Path(folder)
        card, series = hub.read(folder)
        try:
            run = resolve(card["settings"])
            task = Task(**{**card["task"], "targets": tuple(card["task"]["targets"])})
            known = Known.parse(series)
            channels = tuple(card["schema"]["channels"])
            if known.scaler.mean.shape != (len(known.ids), task.channels):
                raise ValueError(f"{hub.SERIES} holds statistics of another shape than the card's channels")
            network = build_network(run.kind, run.model, task)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(
                f"{folder / hub.CARD} cannot be understood by this version of latentcast: {error}"
            ) from error
        hub.read_weights(folder, network)
        network.to(device).eval()
        return cls(run, task, channels, known, network, card)


def _in_words(clock: Clock) -> str:
    if clock.zone is None:
        return "no time zone"
    return f"the time zone {clock.zone}" + (" and one time of day there" if clock.wall else "")


def make_task(run: Run, panel: Panel) -> Task:
    targets = tuple(range(len(panel.channels)))
    if run.data.features == "MS":
        targets = (panel.channels.index(str(run.data.target)),)
    known = len(calendar.feature_names(panel.frequency))
    return Task(run.lookback, run.horizon, len(panel.channels), targets, known, panel.season, run.data.description)


def load(folder: str | Path, *, device: str = "cpu") -> Forecaster:
    """Read a saved forecaster; what a GPU saved a CPU loads. Raises CheckpointError."""
    return Forecaster.load(folder, device=device)
