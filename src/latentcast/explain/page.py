"""The page of an explanation, from its findings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentcast.core.findings import Finding
from latentcast.explain.figures import draw, number
from latentcast.reporting.html import drawing, render

CELLS = 700  # numbers of a figure that are listed; more are in the JSON alone


@dataclass(frozen=True)
class _Grid:
    """A table: the heads of its columns, and rows with their names."""

    heads: tuple[str, ...]
    rows: Sequence[tuple[str, Sequence[str]]]


@dataclass(frozen=True)
class _Figure:
    """What the template shows of one finding."""

    id: str
    title: str
    part: str
    sentence: str
    texts: tuple[tuple[str, str], ...] = ()
    table: _Grid | None = None
    drawing: Any = None
    numbers: _Grid | None = None


@dataclass(frozen=True)
class _Section:
    name: str
    figures: list[_Figure]


def page(title: str, about: Mapping[str, str], findings: Sequence[Finding], notes: Sequence[str]) -> str:
    """A page of its own: the facts, a list of sections, and each finding under its section, in their order."""
    figures = [(finding.section, _figure(finding, f"f{at}")) for at, finding in enumerate(findings)]
    sections = [
        _Section(name, [figure for section, figure in figures if section == name])
        for name in dict.fromkeys(section for section, _ in figures)
    ]
    return render(
        "latentcast.explain", "own/explanation.html", title=title, about=about, sections=sections, notes=list(notes)
    )


def _figure(finding: Finding, name: str) -> _Figure:
    common = (name, finding.title, finding.part, finding.sentence)
    if finding.kind == "text":
        return _Figure(*common, tuple((row, text) for row, (text,) in zip(finding.rows, finding.texts, strict=True)))
    if finding.kind == "table":
        rows = list(zip(finding.rows, finding.texts, strict=True))
        return _Figure(*common, table=_Grid((finding.down, *finding.columns), rows))
    return _Figure(*common, drawing=drawing(draw(finding, name)), numbers=_numbers(finding))


def _numbers(finding: Finding) -> _Grid | None:
    """The numbers that are drawn, of a forecast its own steps; None where they would fill pages."""
    values = finding.values
    assert values is not None
    rows, columns = finding.rows, finding.columns
    if finding.kind == "bars":
        values, columns = values[:, None], (finding.measure or "value",)
    elif finding.kind == "lines":
        since = finding.since or 0
        ends = [
            (f"{side} {name}", end) for name, lo, hi in finding.bands for side, end in (("lower", lo), ("upper", hi))
        ]
        lines = [(name, row) for name, row in zip(rows, values, strict=True) if np.isfinite(row[since:]).any()]
        columns, rows = tuple(name for name, _ in (*lines, *ends)), columns[since:]
        values = np.stack([row[since:] for _, row in (*lines, *ends)], 1) if columns else np.zeros((len(rows), 0))
    if not 0 < values.size <= CELLS:
        return None
    cells = [[number(value) for value in row] for row in values.tolist()]
    return _Grid((finding.down, *columns), list(zip(rows, cells, strict=True)))
