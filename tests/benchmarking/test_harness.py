"""The harness of the benchmark scripts: turns, medians, and cells that are not run again."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import _harness as harness


def test_sides_take_turns_and_warm_up_does_not_count() -> None:
    calls: list[str] = []
    sides = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    times = harness.compare(sides, 3, warm_up=1, before=lambda: calls.append("-"))
    assert "".join(calls) == "-a-b" * 4
    assert [len(times[name].wall) for name in "ab"] == [3, 3]


def test_figures_are_medians_of_either_clock() -> None:
    slow, fast = harness.Times([9, 3, 4], [2, 2, 8]), harness.Times([2, 2, 1], [1, 4, 1])
    both = {"slow": slow, "fast": fast}
    assert harness.ratio(both, "slow", "fast", "wall") == 4 / 2
    assert harness.ratio(both, "slow", "fast") == 2 / 1
    assert slow.summary(10)["wall"] == {"median": 40, "all": [90, 30, 40]}


def test_finished_cells_are_kept_and_not_run_again(tmp_path: Path) -> None:
    path, runs = tmp_path / "cells.jsonl", []

    def measure() -> dict[str, float]:
        runs.append(1)
        return {"mse": 0.5}

    wanted = {"seed": 0, "steps": (1, 2)}
    assert harness.Cells(path).once(wanted, measure) == {"cell": {"seed": 0, "steps": [1, 2]}, "mse": 0.5}
    again = harness.Cells(path)
    assert again.once(wanted, measure)["mse"] == 0.5
    assert wanted in again
    assert {"seed": 1, "steps": (1, 2)} not in again
    assert len(runs) == 1
    assert len(path.read_text().splitlines()) == 1


def test_a_report_holds_the_machine_the_claim_and_the_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    monkeypatch.setattr(harness, "RESULTS", tmp_path)
    harness.report("a is faster", {"times": 2}, {"times": 3}, name="try", threads=1)
    written = json.loads((tmp_path / "try.json").read_text())
    assert (written["claim"], written["asked"], written["times"]) == ("a is faster", {"times": 2}, 3)
    assert written["machine"]["threads"] == 1
    assert {"cpu", "cores", "memory_gib", "gpu", "system"} <= set(written["machine"])
    assert "torch" in written["versions"]
