"""Data of several askers, forecast by one pass through the network: each gets the forecast it would get alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from latentcast.core.notes import Note
from latentcast.data.panel.padding import short_notes
from latentcast.data.panel.panel import Panel
from latentcast.data.sources.frames import Source
from latentcast.forecaster.ahead import Plan, forecast_values
from latentcast.forecaster.drift import Drift
from latentcast.forecaster.inputs import LastWindows, laid_out
from latentcast.forecaster.judge import outcome_notes
from latentcast.forecaster.state import FittedState


@dataclass(frozen=True)
class Asking:
    """One asker's panel on the grid of the fit.

    Attributes
    ----------
    source
        The data that it was made of; None where it was made without a frame.
    written
        A stamp as these data write it, where there is no source.
    """

    source: Source | None
    panel: Panel
    written: str = ""


@dataclass(frozen=True)
class Told:
    """One asker's forecasts.

    Attributes
    ----------
    values
        [items, steps, target] in original units.
    columns
        Further columns: one value per item, target and step.
    notes
        What the asker should know of these data.
    """

    values: Any
    columns: dict[str, Any]
    notes: tuple[Note, ...]


def joins(fitted: FittedState) -> bool:
    """Whether data of different askers can share a pass: each item is read by itself, from its values alone."""
    return fitted.known.scaler.effects is None and not fitted.run.data.future


def alike(panel: Panel) -> Any:
    """Equal for panels that may be joined."""
    own = bool(panel.covariates) or panel.said is not None
    grid = (panel.frequency, panel.clock, panel.season, panel.times.dtype.str)
    return id(panel) if own else (*grid, panel.complete, panel.ids == ("",))


def forecast_together(plan: Plan, askers: Sequence[Asking]) -> list[Told]:
    """Forecast panels that are `alike`; an error is an error of all of them."""
    fitted = plan.fitted
    whole = _joined([asker.panel for asker in askers])
    inputs, change = laid_out(fitted, whole)
    values, columns = forecast_values(plan, inputs)
    ends = np.cumsum([len(asker.panel.ids) for asker in askers])
    told = []
    for asker, end in zip(askers, ends, strict=True):
        items = slice(int(end) - len(asker.panel.ids), int(end))
        rows = slice(*(at * values.shape[1] * values.shape[2] for at in (items.start, items.stop)))
        own = values[items], {name: column[rows] for name, column in columns.items()}
        told.append(Told(*own, _notes(plan, inputs, asker.panel, items, change)))
    return told


def _joined(panels: Sequence[Panel]) -> Panel:
    """Items of all panels one after another; the same name may come several times."""
    if len(panels) == 1:
        return panels[0]
    begins = np.cumsum([0, *(len(panel.values) for panel in panels)])
    ends = [panel.offsets[1:] + begin for panel, begin in zip(panels, begins[:-1], strict=True)]
    return replace(
        panels[0],
        values=np.concatenate([panel.values for panel in panels]),
        observed=np.concatenate([panel.observed for panel in panels]),
        times=np.concatenate([panel.times for panel in panels]),
        offsets=np.concatenate([[0], *ends]).astype(np.int64),
        ids=tuple(name for panel in panels for name in panel.ids),
        notes=(),
    )


def _notes(plan: Plan, inputs: LastWindows, panel: Panel, items: slice, change: Drift) -> tuple[Note, ...]:
    """The notes that these items alone would get, in the order in which `predict` tells them."""
    fitted = plan.fitted
    own = Drift(change.steps, change.names[items], change.shift[items], change.spread[items], change.missing[items])
    windows = inputs.windows[0][items], inputs.windows[1][items]
    found = (
        *panel.notes,
        *short_notes(panel, fitted.task.lookback),
        *fitted.known.unseen_notes(panel),
        *fitted.known.ends_apart(panel),
        *own.notes(),
        *outcome_notes(fitted, inputs.prepared, windows, plan.how),
    )
    return tuple(Note.from_value(note) for note in found)
