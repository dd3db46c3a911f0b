"""The last moment that a model learned from, and which windows lie before it."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from latentcast.core.notes import Note, NoteCode
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Split
from latentcast.data.tables.timestamps import show
from latentcast.data.windows.view import PreparedPanel
from latentcast.data.windows.windows import Starts
from latentcast.forecaster.card import RunCard
from latentcast.forecaster.state import FittedState


def learned_until(datasets: Iterable[tuple[Panel, Split]], before: str | None = None) -> str | None:
    """The last step of the training and validation parts of some data, or `before` where that is later.

    Dates and step numbers cannot be compared: of both, that of the first dataset counts.
    """
    ends = [panel.times[panel.offsets[:-1] + at - 1][at > 0] for panel, parts in datasets for at in (parts.val_end,)]
    last = [end.max() for end in ends if len(end)]
    if not last:
        return before
    last = [stamp for stamp in last if stamp.dtype == last[0].dtype]
    if before is not None and (earlier := _stamp(before, last[0].dtype)) is not None:
        last.append(earlier)
    return str(max(last))


def trained_until(fitted: FittedState) -> str | None:
    """The last step that the weights, or their choice, depend on; None for a model that learned nothing.

    Cards of older versions do not hold it: it is that of the parts of the fit then.
    """
    card = fitted.card
    if card.trained_until is not None:
        return card.trained_until
    if card.transferred or (card.training is None and card.solved is None and card.members is None):
        return None if card.start is None else card.start.trained_until
    known = fitted.known.ends.known(1)
    return str(known.max()) if len(known) else None


def early_windows_note(fitted: FittedState, prepared: PreparedPanel, starts_items: Starts) -> Note | None:
    """A note where windows forecast steps that lie before the moment that the model was trained until.

    A series of the fit has an end of its own, after which its test part begins; for all other data it is the last of
    the fit.
    """
    text = trained_until(fitted)
    until = None if text is None else _stamp(text, prepared.panel.times.dtype)
    if text is None or until is None:
        return None
    starts, items = starts_items
    first = prepared.panel.times[starts + fitted.task.lookback]
    ends = np.full(len(prepared.panel.ids), until)
    rows = fitted.known.rows_of(prepared.panel)
    if not fitted.card.transferred and not _has_later_start(fitted.card, until):
        own = fitted.known.ends.stamps[:, 1]
        if own.dtype.kind == until.dtype.kind:
            ends[rows >= 0] = own[rows[rows >= 0]].astype(until.dtype)
    early = int((first <= ends[items]).sum())
    if not early:
        return None
    whose = f"{early} of {len(first)} windows forecast" if early > 1 else f"1 of {len(first)} windows forecasts"
    return Note(
        f"{whose} steps that are not after the time until which {fitted.name} was trained"
        f" ({show(until)}): figures of them say little about new data",
        NoteCode.TRAINED_UNTIL,
    )


def check_stamp(card: RunCard) -> None:
    """Raise ValueError for a text that is neither a date nor a step number."""
    for text in (card.trained_until, None if card.start is None else card.start.trained_until):
        if text is not None and _stamp(text, np.dtype(np.int64)) is None and _stamp(text, _DATES) is None:
            raise ValueError(f"trained_until={text!r} is no time stamp")


_DATES = np.dtype("datetime64[ns]")


def _has_later_start(card: RunCard, until: Any) -> bool:
    """Whether the weights that training began with had seen later data than the fit itself."""
    if card.start is None or card.start.trained_until is None:
        return False
    return bool(_stamp(card.start.trained_until, until.dtype) == until)


def _stamp(text: str, kind: Any) -> Any:
    """The stamp in the type of a panel's times; None for one of another kind."""
    try:
        return np.int64(text) if kind.kind in "iu" else np.datetime64(text).astype(kind)
    except ValueError:
        return None
