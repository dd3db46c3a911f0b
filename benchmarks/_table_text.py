"""Markdown of the documentation's tables: numbers, spreads, rows; and how results are read."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
Row = list[str]


def result(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def number(value: float, digits: int = 3) -> str:
    """.368: without the zero before the point."""
    text = f"{value:.{digits}f}"
    return text.removeprefix("0") if text.startswith("0.") else text


def spread(mean: float, deviation: float, digits: int = 3) -> str:
    return f"{number(mean, digits)}\u00a0±\u00a0{number(deviation, digits)}"  # kept on one line


def table(head: Iterable[str], rows: Iterable[Row]) -> str:
    lines = [list(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], ["---"] * len(lines[0]), *lines[1:]]) + "\n"
