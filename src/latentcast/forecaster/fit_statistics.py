"""Per-series statistics of the training data, and their application to new data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcast.core.errors import shorten
from latentcast.core.notes import Note, NoteCode
from latentcast.core.task import Task
from latentcast.data.features.covariates import Covariates
from latentcast.data.features.regression import Effects
from latentcast.data.panel.padding import pad_short
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Ends, Split, seen, split
from latentcast.data.scaling.scaler import Scaler
from latentcast.data.scaling.transform import Transform
from latentcast.data.settings import DataSettings
from latentcast.data.tables.timestamps import show
from latentcast.data.windows.view import PreparedPanel
from latentcast.evaluation.metrics import seasonal_error
from latentcast.forecaster.card import RunCard


@dataclass(frozen=True)
class FitStatistics:
    """Statistics of each series in the fit, [items, channels], and the ends of its parts.

    spread   standard deviation of the training part in scaled units (`Scaler.spread`)
    """

    ids: tuple[str, ...]
    scaler: Scaler
    naive_error: Any
    spread: Any
    ends: Ends

    @classmethod
    def of(cls, panel: Panel, parts: Split, scaler: Scaler) -> "FitStatistics":
        error = seasonal_error(panel, parts.train_end, panel.season)
        return cls(panel.ids, scaler, error, scaler.spread(panel, parts.train_end), Ends.of(panel, parts))

    @cached_property
    def rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.ids)}

    @cached_property
    def _latest(self) -> dict[str, Any]:
        return {}

    def rows_of(self, panel: Panel) -> NDArray[np.int64]:
        """Return [items] the row of each item of a panel; -1 for items unknown to the fit."""
        if panel.ids == self.ids:
            return np.arange(len(self.ids))
        ids, found = self._latest.get("rows", (None, None))
        if found is None or ids is not panel.ids:  # asked several times for each panel
            found = np.array([self.rows.get(name, -1) for name in panel.ids], np.int64)
            self._latest["rows"] = panel.ids, found
        return found

    def view_of_fit(self, panel: Panel, parts: Split, task: Task) -> PreparedPanel:
        """The panel of the fit itself: as `view`, with its parts as they are known."""
        longer = pad_short(panel, parts, task.lookback, task.horizon)
        notes = (*panel.notes, *longer.notes)
        return PreparedPanel(longer.panel, longer.parts, self.scaler, self.naive_error, self.spread, notes)

    def view(
        self,
        panel: Panel,
        settings: DataSettings,
        task: Task,
        *,
        future_only: bool = False,
        among_longer: bool = False,
    ) -> PreparedPanel:
        """Apply statistics and parts of the fit to its items, and compute them by the same rules for new items.

        With `future_only` all data are past; `among_longer` as for `pad_short`.
        """
        rows = self.rows_of(panel)
        unseen, there = np.flatnonzero(rows < 0), np.flatnonzero(rows >= 0)
        whole = Split(panel.lengths, panel.lengths, panel.lengths)
        own = split(panel, settings.split) if len(unseen) and not future_only else whole
        parts = seen(panel, self.ends, rows, own)
        at = rows[there]
        scaler, error, spread, notes = self.scaler.only(at), self.naive_error[at], self.spread[at], panel.notes
        if len(unseen):
            scaler = Scaler.fit(panel, parts.train_end, settings).with_items_from(self.scaler, there, at)
            error = seasonal_error(panel, parts.train_end, panel.season)
            error[there] = self.naive_error[at]
            spread = scaler.spread(panel, parts.train_end)
            spread[there] = self.spread[at]
            notes = (*notes, *self.unseen_notes(panel))
        if future_only:
            return PreparedPanel(panel, parts, scaler, error, spread, notes)
        longer = pad_short(panel, parts, task.lookback, task.horizon, among_longer=among_longer)
        return PreparedPanel(longer.panel, longer.parts, scaler, error, spread, (*notes, *longer.notes))

    def unseen_notes(self, panel: Panel) -> tuple[Note, ...]:
        """A note on the items that the fit did not see; nothing where it saw all of them."""
        unseen = np.flatnonzero(self.rows_of(panel) < 0)
        if not len(unseen):
            return ()
        names = shorten([panel.ids[item] or "the data" for item in unseen], 3)
        were, their = ("was", "its") if len(unseen) == 1 else ("were", "their")
        text = f"{len(unseen)} series {were} not in the fit ({names}): scaled by {their} own past"
        return (Note(text, NoteCode.UNSEEN_SERIES),)

    def ends_apart(self, panel: Panel) -> Sequence[str]:
        """Notes about series that end before others, and about series of the fit that are missing."""
        notes, lasts = [], panel.times[panel.offsets[1:] - 1]
        early = np.flatnonzero(lasts < lasts.max())
        if len(early):
            whose = shorten([f"{panel.ids[item]} at {show(lasts[item])}" for item in early], 3)
            text = (
                f"{len(early)} of {len(panel.ids)} series {'ends' if len(early) == 1 else 'end'} earlier than others,"
                f" which reach {show(lasts.max())}; each is forecast from its own end: {whose}"
            )
            notes.append(Note(text, NoteCode.ENDS))
        there = set(panel.ids)
        if absent := [name or "the data" for name in self.ids if name not in there]:
            text = (
                f"{len(absent)} of {len(self.ids)} series of the fit are not in the data, and not forecast:"
                f" {shorten(absent, 3)}"
            )
            notes.append(Note(text, NoteCode.ABSENT_SERIES))
        return notes

    def dump(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Names and stamps for JSON, and one array [items, …] for each statistic."""
        stamps, which = self.ends.dump()
        arrays = {
            "mean": self.scaler.mean,
            "std": self.scaler.std,
            "spread": self.spread,
            "seasonal_error": self.naive_error,
            "parts_end": which,
            **({} if self.scaler.transform is None else {"power": self.scaler.transform.power}),
        }
        tensors = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
        return {"ids": list(self.ids), "parts_end": stamps}, tensors

    @classmethod
    def parse(
        cls,
        names: dict[str, Any],
        tensors: Mapping[str, NDArray[Any]],
        settings: DataSettings,
        effects: Effects | None,
    ) -> "FitStatistics":
        """What `dump` made. Raises KeyError or ValueError for anything else."""
        ids, arrays = names["ids"], dict(tensors)
        if not isinstance(ids, list) or not all(isinstance(name, str) for name in ids) or len(set(ids)) < len(ids):
            raise ValueError("ids: wanted a list of different names")
        for name, values in arrays.items():
            if values.dtype != (np.int64 if name == "parts_end" else np.float64) or len(values) != len(ids):
                raise ValueError(f"{name} is {values.dtype} of {len(values)} series, wanted float64 of {len(ids)}")
        bent = None if settings.transform == "none" else Transform(settings.transform, arrays["power"])
        return cls(
            tuple(ids),
            Scaler(arrays["mean"], arrays["std"], bent, effects, settings.nonnegative),
            arrays["seasonal_error"],
            arrays["spread"],
            Ends.parse(names["parts_end"], arrays["parts_end"]),
        )


def effects_of(card: RunCard) -> Effects | None:
    """What was learned of covariates, as the run card holds it. Raises KeyError or ValueError for anything else."""
    found = card.covariates
    if found is None:
        return None
    covariates = Covariates.parse(found)
    weights = np.array(found["weights"], float).reshape(covariates.width, len(card.schema.channels))
    return Effects(covariates, weights)


def from_rows(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Statistics that a folder up to latentcast/3 holds, one JSON object for each series, as `dump` makes them now.

    Raises KeyError or ValueError for anything else.
    """
    rows = list(values.values())
    ends = [row["parts_end"] for row in rows]
    if not all(isinstance(own, list) and len(own) == 3 for own in ends):
        raise ValueError("parts_end: wanted three ends for each series")
    distinct = sorted({end for own in ends for end in own if end is not None})
    number = {None: -1, **{stamp: at for at, stamp in enumerate(distinct)}}
    found: dict[str, Any] = {name: [row[name] for row in rows] for name in ("mean", "std")}
    # folders that were saved before it was kept: 1 is what standardising makes of a series
    found["spread"] = [row.get("spread", [1.0] * len(row["mean"])) for row in rows]
    found["seasonal_error"] = [[np.nan if value is None else value for value in row["seasonal_error"]] for row in rows]
    if all("power" in row for row in rows):
        found["power"] = [row["power"] for row in rows]
    tensors: dict[str, NDArray[Any]] = {name: np.array(column, np.float64) for name, column in found.items()}
    tensors["parts_end"] = np.array([[number[end] for end in own] for own in ends], np.int64)
    return {"ids": list(values), "parts_end": distinct}, tensors
