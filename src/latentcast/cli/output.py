"""What is printed: lines and notes, in one style."""

from collections.abc import Mapping
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from latentcast.cli import tables

out = Console()
err = Console(stderr=True)


def print_line(text: str) -> None:
    out.print(text, markup=False, soft_wrap=True, highlight=False)


def print_metrics(evaluation: Mapping[str, Any]) -> None:
    print_line(tables.metrics_title(evaluation))
    out.print(tables.metrics(evaluation))
    mase = evaluation["original"].get("MASE")
    if mase is not None and mase > 1 and not str(evaluation["model"]).endswith("naive"):
        print_line(
            "MASE is above 1: errors are larger than those of a seasonal-naive forecast in the training part; compare"
            " with backtest --models seasonal-naive,…, or let fit --model auto choose"
        )


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def print_notes(notes: list[str]) -> None:
    for note in dict.fromkeys(notes):
        err.print(f"[yellow]note:[/] {escape(note)}", soft_wrap=True, highlight=False)


def report_line(line: str) -> None:
    err.print(line, markup=False, soft_wrap=True, highlight=False)


def end_with_errors(errors: Mapping[str, str]) -> None:
    if errors:
        print_notes([f"{cell} failed: {why}" for cell, why in errors.items()])
        print_notes(["the same command tries failed cells again"])
        raise typer.Exit(1)
