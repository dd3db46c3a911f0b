"""What a table looks like to a model, before anything is trained."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from latentcast.config import leaves, merge, nested, validate
from latentcast.data.panel import build
from latentcast.data.scaler import constant_series
from latentcast.data.settings import DataSettings
from latentcast.data.split import split
from latentcast.errors import GapError, SettingsError, some
from latentcast.forecaster import open_data


@dataclass(frozen=True)
class Description:
    """What a table looks like to a model: facts by name, and notes."""

    facts: dict[str, str]
    notes: tuple[str, ...]


def describe(data: Any, settings: Mapping[str, Any] | None = None) -> Description:
    """Layout, series, span, frequency, gaps and parts of the data, before anything is trained.

    Raises DataError as `fit` does, but for missing values, which become a note; SettingsError for settings of
    anything else than data.
    """
    stated_values = nested(settings or {})
    stray = [f"{path}: describe takes settings of the data alone (data.…)" for path, _ in leaves(stated_values)
             if not path.startswith("data.")]  # fmt: skip
    if stray:
        raise SettingsError(stray)
    source, defaults = open_data(data)
    values = merge(defaults, stated_values.get("data", {}))
    stated = validate(DataSettings, values, "data.")
    notes: list[str] = []
    try:
        panel = build(source.frame, stated)
    except GapError as error:
        notes.append(f"a fit would refuse this: {error}")
        panel = build(source.frame, stated.model_copy(update={"gaps": "interpolate"}))
        panel = replace(panel, notes=tuple(note for note in panel.notes if "filled" not in note))
    parts = split(panel, stated.split)
    sizes = [part.sum() for part in (parts.train_end, parts.val_end - parts.train_end, parts.test_end - parts.val_end)]
    lengths = panel.lengths
    integer = panel.frequency.integer
    span = [str(stamp) if integer else str(pd.Timestamp(stamp)) for stamp in (panel.times.min(), panel.times.max())]
    missing = int((~panel.observed).sum())
    facts = {
        "data": source.name,
        "layout": f"wide: {len(panel.channels)} channels" if panel.ids == ("",) else f"long: {len(panel.ids)} series",
        "channels": some(panel.channels, 8),
        "steps": str(lengths[0])
        if len(lengths) == 1
        else f"{lengths.min()} to {lengths.max()} a series, {lengths.sum()} in all",
        "span": " .. ".join(span),
        "frequency": f"{panel.frequency} (season of {panel.season} steps)",
        "missing": f"{missing} of {panel.values.size} values ({missing / panel.values.size:.1%})",
        "parts": f"train {sizes[0]}, validation {sizes[1]}, test {sizes[2]} steps",
        "fingerprint": panel.fingerprint(),
    }
    constant = constant_series(panel, parts.train_end)
    if constant:
        notes.append(f"constant in the training part: {some(constant)}")
    return Description(facts, (*notes, *panel.notes))
