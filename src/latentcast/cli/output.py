"""What is printed: lines and notes, in one style."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from latentcast.cli import tables
from latentcast.core.log_capture import PACE

out = Console()
err = Console(stderr=True)


def print_line(text: str) -> None:
    out.print(text, markup=False, soft_wrap=True, highlight=False)


def print_metrics(evaluation: Mapping[str, Any]) -> None:
    """The figures with the line of seasonal-naive beside them, and a hint where that one is better."""
    print_line(tables.metrics_title(evaluation))
    out.print(tables.metrics(evaluation))
    if (scores := evaluation.get("distribution")) is not None:
        figures = ", ".join(f"{name} {tables.figure(scores[name])}" for name in ("WQL", "CRPS"))
        print_line(f"{figures} in original units ({scores['about']})")
    print_hint(str(evaluation["model"]), evaluation["original"].get("MASE"), evaluation.get("baseline"))


def print_hint(model: str, mase: float | None, baseline: Mapping[str, Any] | None) -> None:
    """One sentence with what to try where the seasonal-naive forecast is better."""
    beside = 1.0 if baseline is None else baseline["original"].get("MASE")
    if mase is None or beside is None or not mase > beside or model.endswith("naive"):
        return
    name = "a seasonal-naive forecast in the training part" if baseline is None else str(baseline["model"])
    print_line(
        f"MASE {mase:.3f} is above that of {name} ({beside:.3f}): try fit --model auto, --set model.normalise=true, a"
        " longer --lookback, or forecast"
    )


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def print_notes(notes: list[str]) -> None:
    for note in dict.fromkeys(notes):
        err.print(f"[yellow]note:[/] {escape(note)}", soft_wrap=True, highlight=False)


def report_line(line: str) -> None:
    err.print(line, markup=False, soft_wrap=True, highlight=False)


@contextmanager
def showing_pace() -> Iterator[None]:
    """Print what training says of its steps and its time."""

    class Show(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            report_line(record.getMessage())

    logger, handler = logging.getLogger(PACE), Show()
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


def end_with_errors(errors: Mapping[str, str]) -> None:
    if errors:
        print_notes([f"{cell} failed: {why}" for cell, why in errors.items()])
        print_notes(["the same command tries failed cells again"])
        raise typer.Exit(1)
