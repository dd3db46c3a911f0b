"""The page of a model on a hub, made from its run card."""

import re
from typing import Any

from latentcast.core.errors import shorten
from latentcast.forecaster.fitted import FittedModel
from latentcast.forecaster.trained_until import trained_until
from latentcast.models.inspection import count_parameters

FIGURES = ("MSE", "MAE", "RMSE", "MASE", "sMAPE")
_HEAD = """---
library_name: latentcast
pipeline_tag: time-series-forecasting
tags:
- time-series
- forecasting
- latentcast
---
"""


def model_card(fitted: FittedModel, repo: str) -> str:
    """Markdown: what the model forecasts, from which data it learned until when, its figures and its notes."""
    card, task, schema = fitted.card, fitted.task, fitted.card.schema
    facts: dict[str, Any] = {
        "look-back, horizon": f"{task.lookback} → {task.horizon} steps of {schema.freq}",
        "data": f"{schema.data}: {schema.series} series, {schema.steps} steps",
        "from, to": f"{_moment(schema.first)}, {_moment(schema.last)}",
        "channels": shorten(schema.channels, 8),
        "data fingerprint": f"`{schema.fingerprint}`",
        "trained until": _moment(trained_until(fitted) or "nothing was learned from data"),
        "learned from": ", ".join(f"{one.data} (`{one.fingerprint}`)" for one in card.learned_from) or "nothing",
        "parameters": f"{count_parameters(fitted.network)[0]:,}",
        "versions": ", ".join(f"{name} {number}" for name, number in card.versions.items()),
    }
    if card.training is not None:
        last = card.training.stages[-1]
        facts["training"] = f"{last.steps} optimiser steps, {card.training.seconds:.1f} s, ended by {last.stopped_by}"
    if card.imported is not None:
        facts["weights from"] = f"{card.imported.source}, {card.imported.file} (`{card.imported.sha256}`)"
    parts = [
        f"# {_cell(fitted.name)} of {_cell(schema.data)}",
        "A forecaster of the Python package latentcast: safetensors and JSON, no code.\n\n"
        f"```python\nimport latentcast\n\nforecaster = latentcast.load({f'hf://{repo}'!r})\n"
        "forecaster.predict(frame)\n```",
        _table(("", ""), facts.items()),
        _validation(card.validation),
        _notes(card.notes),
        "Figures on data before *trained until* are not those of new data; `evaluate` reports such windows in a note.",
    ]
    return _HEAD + "\n" + "\n\n".join(part for part in parts if part) + "\n"


def _validation(found: Any) -> str:
    """Figures on the validation part, next to seasonal-naive's for the same windows."""
    if found is None:
        return ""
    baseline = found.get("baseline")
    sides = [("scaled", found)] if baseline is None else [("scaled", found), ("scaled", baseline)]
    sides += [("original", found)] if baseline is None else [("original", found), ("original", baseline)]
    heads = [f"{side.get('model', 'model')}, {unit} units" for unit, side in sides]
    rows = [(name, *(_figure(side[unit].get(name)) for unit, side in sides)) for name in FIGURES]
    rows = [row for row in rows if any(row[1:])]
    return f"## Validation part: {found.get('windows', '?')} windows\n\n{_table(('', *heads), rows)}"


def _notes(notes: tuple[str, ...]) -> str:
    return "## Notes\n\n" + "\n".join(f"- {_cell(note)}" for note in notes) if notes else ""


def _table(head: tuple[str, ...], rows: Any) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(_cell(value) for value in line)} |" for line in lines)


def _cell(value: object) -> str:
    """Text of data and settings as Markdown shows it: one line, no table border, no HTML."""
    text = re.sub(r"\s+", " ", str(value)).replace("|", "\\|")
    return text.replace("<", "&lt;")


def _moment(stamp: str) -> str:
    return stamp.removesuffix(".000000000").removesuffix("T00:00:00").replace("T", " ")


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
