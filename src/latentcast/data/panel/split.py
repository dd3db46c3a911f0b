"""Split into training, validation and test part, in order of time and with disjoint targets."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import DataError, shorten
from latentcast.data.panel.blocks import in_blocks
from latentcast.data.panel.panel import Panel
from latentcast.data.settings import Counts, Dates, Fractions, Rule

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
    if rule == "standard":
        rule = STANDARD
    if len(rule) == 2:
        return _by_dates(panel, rule)
    if isinstance(rule[0], int):
        return _by_counts(panel, rule)  # type: ignore[arg-type]  # a rule is of one kind throughout
    return _by_fractions(panel.lengths, rule)


def _by_dates(panel: Panel, rule: Dates) -> Split:
    val_start, test_start = (_stamp(panel, text) for text in rule)
    if not val_start < test_start:
        raise DataError(
            f"data.split: validation begins at {rule[0]}, not before the test part at {rule[1]}", setting="data.split"
        )
    return Split(_steps_before(panel, val_start), _steps_before(panel, test_start), panel.lengths)


def _by_counts(panel: Panel, rule: Counts) -> Split:
    lengths, wanted = panel.lengths, sum(rule)
    short = [panel.ids[item] or "the data" for item in np.flatnonzero(lengths < wanted)]
    if short:
        raise DataError(
            f"data.split wants {wanted} rows; fewer has {shorten(short)} (shortest: {lengths.min()})",
            setting="data.split",
        )
    first, second, third = rule
    train = lengths - second - third if first == 0 else np.full_like(lengths, first)
    return Split(train, train + second, train + second + third)


def _by_fractions(lengths: NDArray[np.int64], rule: Fractions) -> Split:
    first, second, third = rule
    train, val, test = (_floor(lengths, share) for share in rule)
    if first + second + third < 1 - 1e-6:
        return Split(train, train + val, train + val + test)
    if second == 0:  # steps lost by rounding go to validation, or to training without a validation part
        train = lengths - test
    return Split(train, lengths - test, lengths)


def first_share(train_end: NDArray[np.int64], share: float, lookback: int) -> NDArray[np.int64]:
    """Return the end of training when only the first share of the training part is used, [items].

    As in the few-shot protocol of GPT4TS (Zhou et al. 2023, section 4.5) and Time-LLM (Jin et al. 2024, section 4.3):
    the first look-back is read in any case, and of the n − lookback steps after it the first ⌊share · (n − lookback)⌋
    are kept.
    """
    after = np.maximum(train_end - lookback, 0)
    return train_end - after + _floor(after, share)


@dataclass(frozen=True)
class Ends:
    """Where the training, validation and test part of each item of a fit end, as stamps.

    Attributes
    ----------
    stamps
        [items, 3] datetime64[ns], or step numbers; the smallest number there is (NaT) where nothing lies before an end.
    """

    stamps: NDArray[Any]

    @classmethod
    def of(cls, panel: Panel, parts: Split) -> "Ends":
        """The stamps of the last step of each part."""
        columns = []
        for end in (parts.train_end, parts.val_end, parts.test_end):
            stamps = panel.times[panel.offsets[:-1] + np.maximum(end, 1) - 1]
            columns.append(np.where(end > 0, stamps, _none(stamps.dtype)))
        return cls(np.stack(columns, axis=1))

    def known(self, column: int) -> NDArray[Any]:
        """Return the stamps of one end for the items that have it."""
        stamps = self.stamps[:, column]
        return stamps[stamps.astype(np.int64) != _NONE]

    def dump(self) -> tuple[list[str] | list[int], NDArray[np.int64]]:
        """Return the distinct stamps in order and their indices [items, 3]; -1 without a stamp."""
        distinct, which = np.unique(self.stamps.astype(np.int64), return_inverse=True)
        which = which.reshape(self.stamps.shape).astype(np.int64)
        if len(distinct) and distinct[0] == _NONE:
            distinct, which = distinct[1:], which - 1
        plain = distinct.astype(self.stamps.dtype)
        return (plain.tolist() if plain.dtype.kind == "i" else [str(stamp) for stamp in plain]), which

    @classmethod
    def parse(cls, distinct: Any, which: NDArray[np.int64]) -> "Ends":
        """Read the result of `dump`. Raises ValueError for other values or sizes."""
        if not isinstance(distinct, list) or any(
            isinstance(stamp, bool) or not isinstance(stamp, str | int) for stamp in distinct
        ):
            raise ValueError("parts_end: wanted time stamps or step numbers")
        if len({type(stamp) for stamp in distinct}) > 1:
            raise ValueError("parts_end: got time stamps and step numbers together")
        if which.ndim != 2 or which.shape[1] != 3 or (which < -1).any() or (which >= len(distinct)).any():
            raise ValueError("parts_end: wanted three ends for each series")
        kind = "datetime64[ns]" if distinct and isinstance(distinct[0], str) else np.int64
        stamps = np.concatenate([np.array(distinct, kind), np.array([_NONE]).astype(kind)])
        return cls(stamps[which])


_NONE = np.iinfo(np.int64).min  # as datetime64: NaT


def _none(kind: Any) -> Any:
    return np.array(_NONE).astype(kind)


def seen(panel: Panel, known: Ends, rows: NDArray[np.int64], fallback: Split) -> Split:
    """Return the split of the fit by date, so that data that grew or shrank since do not leak.

    `rows` [items] gives the row of `known` for each item; an item unknown to the fit (-1) keeps the `fallback`.
    """
    ends, there = [], rows >= 0
    for column, own in enumerate((fallback.train_end, fallback.val_end, fallback.test_end)):
        stamps = known.stamps[rows, column].astype(panel.times.dtype) if len(known.stamps) else panel.times[:0]
        count = np.zeros(len(rows), np.int64)
        if there.any():
            counts = (_until(part, stamps[items]) for items, part in in_blocks(panel))
            count = np.concatenate(list(counts))
        ends.append(np.where(there, count, own))
    return Split(*ends)


def _until(panel: Panel, stamps: NDArray[Any]) -> NDArray[np.int64]:
    """[items] steps of each item up to its stamp."""
    inside = panel.times <= np.repeat(stamps, panel.lengths)
    return np.add.reduceat(inside, panel.offsets[:-1], dtype=np.int64)


def _floor(lengths: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """Return ⌊share · n⌋ of the decimal share: 0.7 · 10 is 7."""
    return np.floor(lengths * share + 1e-9).astype(np.int64)


def _stamp(panel: Panel, text: str) -> np.datetime64 | np.int64:
    try:
        if panel.frequency.integer:
            return np.int64(text)
        return panel.clock.hold(pd.Timestamp(text))
    except ValueError as error:
        raise DataError(
            f"data.split: {text!r} is no time stamp of this data's kind ({error})", setting="data.split"
        ) from error


def _steps_before(panel: Panel, stamp: np.datetime64 | np.int64) -> NDArray[np.int64]:
    return np.add.reduceat(panel.times < stamp, panel.offsets[:-1], dtype=np.int64)
