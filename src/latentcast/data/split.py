"""Training, validation and test parts: in order of time, never overlapping in their targets."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.data.panel import Panel
from latentcast.data.settings import Fractions, Rule
from latentcast.errors import DataError, some

Part = Literal["train", "val", "test", "all"]
PARTS: tuple[Part, ...] = ("train", "val", "test", "all")
STANDARD: Fractions = (0.7, 0.1, 0.2)


@dataclass(frozen=True)
class Split:
    """Per item, the step (counted from the item's start) at which each part ends; shape [items]."""

    train_end: NDArray[np.int64]
    val_end: NDArray[np.int64]
    test_end: NDArray[np.int64]

    def bounds(self, part: Part) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        zero = np.zeros_like(self.train_end)
        return {
            "train": (zero, self.train_end),
            "val": (self.train_end, self.val_end),
            "test": (self.val_end, self.test_end),
            "all": (zero, self.test_end),
        }[part]


def split(panel: Panel, rule: Rule) -> Split:
    """Apply a rule to every item.

    Fractions follow the usual benchmark code: n_train = ⌊0.7 n⌋, n_test = ⌊0.2 n⌋, the rest is validation. Counts
    are rows from the start, and what follows them is not used; a first count of 0 takes all rows before the other
    two. Dates are the first stamps of validation and test.
    Raises DataError when an item has fewer rows than the counts or a date is none.
    """
    lengths = panel.lengths
    if rule == "standard":
        rule = STANDARD
    if len(rule) == 2:
        val_start, test_start = (_stamp(panel, text) for text in rule)
        if not val_start < test_start:
            raise DataError(f"data.split: validation begins at {rule[0]}, not before the test part at {rule[1]}")
        return Split(_steps_before(panel, val_start), _steps_before(panel, test_start), lengths)
    first, second, third = rule
    if isinstance(first, int):
        wanted = first + second + third
        short = [panel.ids[item] or "the data" for item in np.flatnonzero(lengths < wanted)]
        if short:
            raise DataError(f"data.split wants {wanted} rows; fewer has {some(short)} (shortest: {lengths.min()})")
        train = lengths - second - third if first == 0 else np.full_like(lengths, first)
        return Split(train, train + second, train + second + third)
    everything = first + second + third > 1 - 1e-6
    test = _floor(lengths * third)
    if everything and second == 0:
        train = lengths - test
    else:
        train = _floor(lengths * first)
    val_end = lengths - test if everything else train + _floor(lengths * second)
    return Split(train, val_end, val_end + test)


def seen(panel: Panel, known: dict[str, "Seen"], fallback: Split) -> Split:
    """The split as it was when a model was fitted: by date, so that data that grew or shrank since leak nothing.

    An item that the fit did not see keeps the `fallback`.
    """
    ends = [fallback.train_end.copy(), fallback.val_end.copy(), fallback.test_end.copy()]
    for item, name in enumerate(panel.ids):
        if name in known:
            times = panel.times[panel.offsets[item] : panel.offsets[item + 1]]
            for end, stamp in zip(ends, known[name].ends, strict=True):
                end[item] = np.searchsorted(times, np.asarray(stamp, dtype=times.dtype), side="right")
    return Split(*ends)


@dataclass(frozen=True)
class Seen:
    """The last stamps of an item's training, validation and test part (the stamp before its first one when empty)."""

    ends: tuple[str | int, str | int, str | int]

    @classmethod
    def all_of(cls, panel: Panel, parts: Split) -> dict[str, "Seen"]:
        ends = np.stack([parts.train_end, parts.val_end, parts.test_end])
        known = {}
        for item, name in enumerate(panel.ids):
            times = panel.times[panel.offsets[item] : panel.offsets[item + 1]]
            stamps = [times[max(end, 1) - 1] for end in ends[:, item]]
            known[name] = cls(tuple(int(s) if panel.frequency.integer else str(s) for s in stamps))  # type: ignore[arg-type]
        return known


def without_test(parts: Split) -> Split:
    return replace(parts, test_end=parts.val_end)


def _floor(x: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.asarray(np.floor(x + 1e-9).astype(np.int64))


def _stamp(panel: Panel, text: str) -> np.datetime64 | np.int64:
    try:
        if panel.frequency.integer:
            return np.int64(text)
        return pd.Timestamp(text).to_datetime64()
    except ValueError as error:
        raise DataError(f"data.split: {text!r} is no time stamp of this data's kind") from error


def _steps_before(panel: Panel, stamp: np.datetime64 | np.int64) -> NDArray[np.int64]:
    before = (panel.times < stamp).astype(np.int64)
    return np.asarray(np.add.reduceat(before, panel.offsets[:-1]))
