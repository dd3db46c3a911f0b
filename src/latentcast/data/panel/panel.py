"""The Panel: every series on its regular grid, one after another in contiguous memory."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcast.data.panel.annotations import Notes
from latentcast.data.tables.clock import Clock
from latentcast.data.tables.date_numbers import NumberCode
from latentcast.data.tables.frequency import DAY_NS, Frequency
from latentcast.data.tables.infer import REGULAR
from latentcast.data.tables.text_form import TextForm


@dataclass(frozen=True)
class Panel:
    """Items (one of many series, or one multivariate block) on a regular time grid.

    values    [steps, channels] in original units, item after item; filled by the gap policy
    observed  [steps, channels] False where a value was filled
    times     [steps] datetime64[ns], or integers
    offsets   [items + 1] where each item begins
    pads      [items] padding steps before each item; None: none
    clock     the time zone of the stamps, and how they are stored
    said      dated notes
    written   how stamps are written, unless as dates or steps
    covariates      known in advance and static ones, [steps] each: numbers, or text
    notes     changes made to the table
    found     column settings that were inferred: id, value, ignore
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
    pads: NDArray[np.int64] | None = None
    clock: Clock = field(default=Clock())
    covariates: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    said: Notes | None = None
    written: TextForm | NumberCode | None = None
    notes: tuple[str, ...] = field(default=())
    found: Mapping[str, Any] = field(default_factory=dict)

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.offsets)

    @property
    def item_of_step(self) -> NDArray[np.int64]:
        return np.repeat(np.arange(len(self.ids)), self.lengths)

    @property
    def within(self) -> NDArray[np.int64]:
        """[steps] number of each step in its item, counted from 0."""
        return np.arange(len(self.values)) - np.repeat(self.offsets[:-1], self.lengths)

    @property
    def zone(self) -> str | None:
        return self.clock.zone

    @property
    def shown(self) -> NDArray[np.bool_]:
        """[steps, channels] mask of a look-back: observed values, or with filled gaps all but the padding."""
        if self.gaps in ("mask", "error"):
            return self.observed
        pads = np.zeros(len(self.ids), np.int64) if self.pads is None else self.pads
        return np.repeat((self.within >= np.repeat(pads, self.lengths))[:, None], len(self.channels), axis=1)

    @property
    def complete(self) -> bool:
        return bool(self.observed.all())

    def series_name(self, item: int, channel: int) -> str:
        """Return the `unique_id` of one series: the channel's name in one multivariate block, else the item's."""
        return self.channels[channel] if self.ids == ("",) else self.ids[item]

    def shorter_than(self, steps: int) -> list[str]:
        """Return the items with fewer steps, with their lengths."""
        short = np.flatnonzero(self.lengths < steps)
        return [f"{self.ids[i] or 'the data'} ({self.lengths[i]} steps)" for i in short]

    def fingerprint(self) -> str:
        """Digest that changes with any value, stamp or name."""
        digest = hashlib.sha256(repr((self.ids, self.channels, self.frequency.alias)).encode())
        for array in (self.values, self.observed, self.times, self.offsets):
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        if self.said is not None:
            digest.update(repr((self.said.times.tolist(), self.said.items.tolist(), self.said.texts)).encode())
        for name, column in sorted(self.covariates.items()):
            digest.update(repr((name, column.tolist())).encode())
        return digest.hexdigest()[:16]

    def cut(self, lengths: NDArray[np.int64]) -> "Panel":
        """Keep only the first `lengths[i]` ≥ 1 steps of each item."""
        keep = np.arange(len(self.times)) < np.repeat(self.offsets[:-1] + lengths, self.lengths)
        return replace(
            self,
            values=self.values[keep],
            observed=self.observed[keep],
            times=self.times[keep],
            offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            covariates={name: column[keep] for name, column in self.covariates.items()},
        )

    def last(self, steps: int) -> "Panel":
        """Keep only the last `steps` steps of each item, or all where it has fewer."""
        counts = np.minimum(self.lengths, steps)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        rows = np.arange(offsets[-1]) + np.repeat(self.offsets[1:] - offsets[1:], counts)
        return replace(
            self,
            values=self.values[rows],
            observed=self.observed[rows],
            times=self.times[rows],
            offsets=offsets,
            pads=None if self.pads is None else np.maximum(self.pads - (self.lengths - counts), 0),
            covariates={name: column[rows] for name, column in self.covariates.items()},
        )

    def future_times(self, horizon: int) -> NDArray[Any]:
        """Return the stamps of the steps after the end of each item, [items, horizon].

        Where rows count as steps and stamps follow no rule, these are step numbers from 1.
        """
        later = self.frequency.after(self.times[self.offsets[1:] - 1], horizon)
        if self.frequency.exact or self._goes_on(later):
            return later
        return np.asarray(self.lengths[:, None] + np.arange(1, horizon + 1))

    def _goes_on(self, later: NDArray[Any]) -> bool:
        """Whether nearly all rows are one usual step apart, and continued stamps fall on known times of a week."""
        inside = np.diff(self.item_of_step) == 0
        usual = np.diff(self.times.astype(np.int64))[inside] == self.frequency.step
        if not len(usual) or usual.mean() < REGULAR:
            return False
        week = np.int64(7) * DAY_NS
        seen = np.unique(self.times.astype(np.int64) % week)
        return bool((self.frequency.step or 0) % week == 0 or np.isin(later.astype(np.int64) % week, seen).all())

    def extended(self, steps: int) -> "Panel":
        """Extend each item by dated unobserved steps, which the forecast fills."""
        return self._with_room(np.zeros(len(self.ids), np.int64), np.full(len(self.ids), steps))

    def padded(self, counts: NDArray[np.int64]) -> "Panel":
        """Pad each item with `counts[i]` unobserved steps at the beginning that repeat its first value."""
        if not counts.any():
            return self
        pads = counts if self.pads is None else self.pads + counts
        return replace(self._with_room(counts, np.zeros_like(counts)), pads=pads)

    def _with_room(self, before: NDArray[np.int64], after: NDArray[np.int64]) -> "Panel":
        """Pad each item with dated unobserved steps on both sides that repeat its first and its last value."""
        lengths = before + self.lengths + after
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1] + before, lengths)  # 0 at an item's first old step
        source = np.repeat(self.offsets[:-1], lengths) + np.clip(within, 0, np.repeat(self.lengths - 1, lengths))
        old = (within >= 0) & (within < np.repeat(self.lengths, lengths))
        times = self.times[source]
        early, late = within < 0, within >= np.repeat(self.lengths, lengths)
        times[early] = self.frequency.advance(times[early], within[early])
        times[late] = self.frequency.advance(times[late], (within - np.repeat(self.lengths - 1, lengths))[late])
        return replace(
            self,
            values=self.values[source],
            observed=self.observed[source] & old[:, None],
            times=times,
            offsets=offsets,
            covariates={name: column[source] for name, column in self.covariates.items()},
        )
