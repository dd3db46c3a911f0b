"""Apply the gap policy to missing values and steps: mask, fill or refuse."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.assignments import assignment
from latentcast.core.errors import GapError
from latentcast.core.notes import Note, NoteCode
from latentcast.data.tables.timestamps import show

if TYPE_CHECKING:
    from latentcast.data.panel.panel import Panel


def close(panel: "Panel", absent: int) -> "Panel":
    """Put a number at every unobserved place by the policy `panel.gaps`, with a note.

    mask          places stay masked; the numbers are those of interpolate, for models without masks
    interpolate   linear between the neighbours in time, constant before the first and after the last
    ffill         the last value before
    `absent` is the number of steps that had no row. Raises GapError when the policy is to refuse gaps, when a series
    has no value at all, or when there is nothing to carry forward.
    """
    panel = _close_covariates(panel)
    missing = int((~panel.observed).sum())
    if not missing:
        return panel
    seen = np.add.reduceat(panel.observed, panel.offsets[:-1], axis=0, dtype=np.int64)
    if not seen.all():
        item, channel = np.argwhere(seen == 0)[0]
        name = panel.series_name(int(item), int(channel))
        way = f" ({assignment('data.ignore', name)})" if panel.ids == ("",) else ""
        raise GapError(f"the series {name!r} has no value at all; leave it out{way}")
    if panel.gaps == "error":
        raise _refusal(panel, missing, absent)
    values = panel.values.copy()
    for channel in np.flatnonzero((seen < panel.lengths[:, None]).any(axis=0)):
        _fill(panel, int(channel), values)
    kept = "are masked" if panel.gaps == "mask" else "were filled, and are read as if observed"
    note = (
        f"{missing} of {values.size} values are missing and {kept} (gaps={panel.gaps});"
        " they count neither in losses nor in metrics"
    )
    return replace(panel, values=values, notes=(*panel.notes, Note(note, NoteCode.MISSING_VALUES)))


def _close_covariates(panel: "Panel") -> "Panel":
    """Fill gaps of covariates: interpolate numbers (both sides are known in advance), carry text forward."""
    covariates, counts = dict(panel.covariates), {}
    for name, column in panel.covariates.items():
        text = column.dtype == object
        missing = pd.isna(column)
        if not missing.any():
            continue
        if (lost := np.add.reduceat(~missing, panel.offsets[:-1], dtype=np.int64) == 0).any():
            whose = panel.ids[int(lost.argmax())]
            raise GapError(
                f"the covariate {name!r} has no value at all{f' in {whose!r}' if whose else ''}; leave it out"
            )
        counts[name] = int(missing.sum())
        covariates[name] = column = column.copy()
        holes, before, after, _ = _neighbours(~missing, panel.item_of_step)
        if text:
            column[holes] = column[before]
        else:
            column[holes] = column[before] + (holes - before) / np.maximum(after - before, 1) * (
                column[after] - column[before]
            )
    if not counts:
        return panel
    which = ", ".join(f"{name} ({count})" for name, count in counts.items())
    if panel.gaps == "error":
        raise GapError(
            f"covariates have missing values: {which}; say what to do with gaps: data.gaps=mask",
            setting="data.gaps",
            value="mask",
        )
    note = f"missing values of covariates were filled, numbers between their neighbours, text from before: {which}"
    return replace(panel, covariates=covariates, notes=(*panel.notes, Note(note, NoteCode.MISSING_COVARIATES)))


def _neighbours(seen: NDArray[np.bool_], item: NDArray[np.int64]) -> tuple[NDArray[Any], ...]:
    """Return the unobserved steps, the nearest observed steps before and after each in its item (the other one where
    missing), and whether it is before the first.
    """
    known, missing = np.flatnonzero(seen), np.flatnonzero(~seen)
    place = np.searchsorted(known, missing)
    before, after = known[np.maximum(place - 1, 0)], known[np.minimum(place, len(known) - 1)]
    leads = (before > missing) | (item[before] != item[missing])
    trails = (after < missing) | (item[after] != item[missing])
    return missing, np.where(leads, after, before), np.where(trails, before, after), leads


def longest_gap(panel: "Panel") -> int:
    """Return the longest run of steps without a value."""
    longest = 0
    for begin, end in zip(panel.offsets[:-1], panel.offsets[1:], strict=True):
        for seen in panel.observed[begin:end].T:
            known = np.concatenate([[-1], np.flatnonzero(seen), [len(seen)]])
            longest = max(longest, int(np.diff(known).max()) - 1)
    return longest


def _refusal(panel: "Panel", missing: int, absent: int) -> GapError:
    step, channel = np.argwhere(~panel.observed)[0]
    name = panel.series_name(int(panel.item_of_step[step]), int(channel))
    steps = f", among them {absent} whole time steps" if absent else ""
    return GapError(
        f"{missing} values are missing{steps} (first: {name} at {show(panel.times[step])}); say what to do with them:"
        " data.gaps=mask, data.gaps=interpolate or data.gaps=ffill",
        setting="data.gaps",
        value="mask",
    )


def _fill(panel: "Panel", channel: int, values: NDArray[np.float64]) -> None:
    """Fill one channel of all items at once; each item has at least one value."""
    item = panel.item_of_step
    missing, before, after, leads = _neighbours(panel.observed[:, channel], item)
    column = values[:, channel]
    if panel.gaps == "ffill":
        if leads.any():
            at = missing[leads.argmax()]
            raise GapError(
                "gaps=ffill has nothing to carry forward at the beginning of"
                f" {panel.series_name(int(item[at]), channel)!r} ({show(panel.times[at])}): cut the data there or"
                " use data.gaps=interpolate",
                setting="data.gaps",
                value="interpolate",
            )
        column[missing] = column[before]
        return
    weight = (missing - before) / np.maximum(after - before, 1)
    column[missing] = column[before] + weight * (column[after] - column[before])
