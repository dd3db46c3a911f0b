"""Pad series that are shorter than a look-back with unobserved steps at the beginning."""

from dataclasses import dataclass

import numpy as np

from latentcast.core.notes import Note, NoteCode
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Split


@dataclass(frozen=True)
class Padded:
    panel: Panel
    parts: Split
    notes: tuple[str, ...] = ()


def pad_short(panel: Panel, parts: Split, lookback: int, horizon: int, *, among_longer: bool = False) -> Padded:
    """Pad items whose training part is too short for a window, so that every window has at least as many steps of the
    past as the horizon, or the whole look-back where that is shorter.

    Padding is masked and counts nowhere. Series of one length are not padded, nor is a panel without any item of
    sufficient length: there the look-back is at fault. `among_longer` items are some of a larger panel that has one.
    """
    short = parts.train_end < lookback + horizon
    counts = np.where(short, max(lookback - horizon, 0), 0)
    if not counts.any() or (short.all() and not among_longer):
        return Padded(panel, parts)
    moved = Split(*(end + counts for end in (parts.train_end, parts.val_end, parts.test_end)))
    which = f"{int(short.sum())} of {len(panel.ids)} series"
    note = (
        f"the training part of {which} is shorter than look-back + horizon = {lookback} + {horizon}: they begin"
        f" {max(lookback - horizon, 0)} masked steps earlier"
    )
    return Padded(panel.padded(counts), moved, (Note(note, NoteCode.PADDED),))


def fill_up(panel: Panel, lookback: int) -> Padded:
    """Pad every item to at least the look-back, which a forecast from its end reads."""
    counts = np.maximum(lookback - panel.lengths, 0)
    if not counts.any():
        return Padded(panel, Split(panel.lengths, panel.lengths, panel.lengths))
    longer = panel.padded(counts)
    return Padded(longer, Split(longer.lengths, longer.lengths, longer.lengths), short_notes(panel, lookback))


def short_notes(panel: Panel, lookback: int) -> tuple[Note, ...]:
    """A note on items that are shorter than the look-back; nothing where none is."""
    count = int((panel.lengths < lookback).sum())
    if not count:
        return ()
    short = f"{count} of {len(panel.ids)} series" if len(panel.ids) > 1 else "the data"
    text = f"{short} are shorter than the look-back of {lookback} steps: what is missing before them is masked"
    return (Note(text, NoteCode.PADDED),)
