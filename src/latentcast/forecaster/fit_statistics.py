"""What a fit saw of its data, and what of that applies to the data that it is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from latentcast.core.errors import shorten
from latentcast.core.notes import Note, NoteCode
from latentcast.core.types import Task
from latentcast.data.features.regression import Effects
from latentcast.data.panel.padding import pad_short
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Seen, Split, seen, split
from latentcast.data.scaling.scaler import Scaler
from latentcast.data.scaling.transform import Transform
from latentcast.data.settings import DataSettings
from latentcast.data.tables.timestamps import show
from latentcast.data.windows.view import PreparedPanel
from latentcast.evaluation.metrics import seasonal_error


@dataclass(frozen=True)
class FitStatistics:
    """What the fit saw of each series: statistics [items, channels], and where its parts end.

    spread   standard deviation of the training part as networks see it (`Scaler.spread`)
    """

    ids: tuple[str, ...]
    scaler: Scaler
    naive_error: Any
    spread: Any
    ends: dict[str, Seen]

    @classmethod
    def of(cls, panel: Panel, parts: Split, scaler: Scaler) -> "FitStatistics":
        error = seasonal_error(panel, parts.train_end, panel.season)
        return cls(panel.ids, scaler, error, scaler.spread(panel, parts.train_end), Seen.all_of(panel, parts))

    @cached_property
    def rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.ids)}

    def rows_of(self, panel: Panel) -> torch.Tensor:
        """[items] rows of a panel's items; -1 where the fit did not see one."""
        return torch.tensor([self.rows.get(name, -1) for name in panel.ids])

    def view(self, panel: Panel, settings: DataSettings, task: Task, *, future_only: bool = False) -> PreparedPanel:
        """Statistics and parts of the fit for the items it saw; by the same rules from its own data for any other.

        With `future_only` nothing is split: everything given is past.
        """
        unseen = [item for item, name in enumerate(panel.ids) if name not in self.rows]
        whole = Split(panel.lengths, panel.lengths, panel.lengths)
        parts = seen(panel, self.ends, split(panel, settings.split) if unseen and not future_only else whole)
        at = [self.rows[name] for name in panel.ids if name in self.rows]
        scaler, error, spread, notes = self.scaler.only(at), self.naive_error[at], self.spread[at], panel.notes
        if unseen:
            there = [item for item, name in enumerate(panel.ids) if name in self.rows]
            scaler = Scaler.fit(panel, parts.train_end, settings).with_items_from(self.scaler, there, at)
            error = seasonal_error(panel, parts.train_end, panel.season)
            error[there] = self.naive_error[at]
            spread = scaler.spread(panel, parts.train_end)
            spread[there] = self.spread[at]
            names = shorten([panel.ids[item] or "the data" for item in unseen], 3)
            were, their = ("was", "its") if len(unseen) == 1 else ("were", "their")
            text = f"{len(unseen)} series {were} not in the fit ({names}): scaled by {their} own past"
            notes = (*notes, Note(text, NoteCode.UNSEEN_SERIES))
        if future_only:
            return PreparedPanel(panel, parts, scaler, error, spread, notes)
        longer = pad_short(panel, parts, task.lookback, task.horizon)
        return PreparedPanel(longer.panel, longer.parts, scaler, error, spread, (*notes, *longer.notes))

    def ends_apart(self, panel: Panel) -> Sequence[str]:
        """What is to be said before series are forecast each from its own end: those that end before others, and those
        of the fit that are not there.
        """
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

    def dump(self) -> dict[str, Any]:
        return {
            name: {
                "mean": self.scaler.mean[row].tolist(),
                "std": self.scaler.std[row].tolist(),
                "spread": self.spread[row].tolist(),
                "seasonal_error": [None if np.isnan(value) else value for value in self.naive_error[row]],
                "parts_end": list(self.ends[name].ends),
                **({} if self.scaler.transform is None else {"power": self.scaler.transform.power[row].tolist()}),
            }
            for row, name in enumerate(self.ids)
        }

    @classmethod
    def parse(cls, values: dict[str, Any], settings: DataSettings, effects: Effects | None) -> "FitStatistics":
        rows = list(values.values())
        bent = None
        if settings.transform != "none":
            bent = Transform(settings.transform, np.array([row["power"] for row in rows], float))
        mean, std = (np.array([row[key] for row in rows], float) for key in ("mean", "std"))
        # folders that were saved before it was kept: 1 is what standardising makes of a series
        spread = np.array([row.get("spread", [1.0] * len(row["mean"])) for row in rows], float)
        error = [[np.nan if value is None else value for value in row["seasonal_error"]] for row in rows]
        return cls(
            tuple(values),
            Scaler(mean, std, bent, effects, settings.nonnegative),
            np.array(error, float),
            spread,
            {name: _seen(row["parts_end"]) for name, row in values.items()},
        )


def _seen(ends: Any) -> Seen:
    """Where the parts of an item end. Raises ValueError for what is neither a stamp, a step number nor None."""
    if not isinstance(ends, list | tuple) or len(ends) != 3:
        raise ValueError(f"parts_end: got {ends!r}, wanted three ends")
    for end in ends:
        if isinstance(end, bool) or not isinstance(end, str | int | None):
            raise ValueError(f"parts_end: got {end!r}, wanted a time stamp or a step number")
        if isinstance(end, str):
            np.datetime64(end)
    return Seen((ends[0], ends[1], ends[2]))
