"""What every benchmark shares: two sides that take turns, cells that are not run again, and one file of results.

A script states its sides and its claim:

    times = compare({"plain": plain, "ours": ours}, repeats=7)
    found = {"times_faster": ratio(times, "plain", "ours")}
    report("ours is twice as fast as plain", {"times_faster": 2}, found, name="ours", threads=1)
"""

import contextlib
import json
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PACKAGES = (
    "latentcast",
    "torch",
    "transformers",
    "lightning",
    "numpy",
    "pandas",
    "neuralforecast",
    "chronos-forecasting",
    "statsforecast",
)
YARDSTICK = 4096  # rows and columns of the float64 product that seconds are compared with


@dataclass
class Times:
    """Seconds of every turn of one side, on the wall and of the processor."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def add(self, wall: float, processor: float) -> None:
        self.wall.append(wall)
        self.processor.append(processor)

    def median(self, clock: str = "processor") -> float:
        return statistics.median(self.turns(clock))

    def turns(self, clock: str = "processor") -> list[float]:
        return self.wall if clock == "wall" else self.processor

    def summary(self, unit: float = 1.0) -> dict[str, Any]:
        """Medians and every turn; `unit` 1e3 gives milliseconds."""
        return {
            clock: {"median": unit * self.median(clock), "all": [unit * each for each in self.turns(clock)]}
            for clock in ("wall", "processor")
        }


@contextlib.contextmanager
def timed(into: Times, *, children: bool = False) -> Iterator[None]:
    """Add the time of the block; with `children`, processor time is that of the processes that it starts."""
    wall, processor = time.perf_counter(), _processor(children)
    yield
    into.add(time.perf_counter() - wall, _processor(children) - processor)


def _processor(children: bool) -> float:
    if not children:
        return time.process_time()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def compare(
    sides: Mapping[Any, Callable[[], object]],
    repeats: int,
    *,
    warm_up: int = 1,
    before: Callable[[], object] = lambda: None,
    children: bool = False,
) -> dict[Any, Times]:
    """Time the sides in turns, A B A B, so that what else the machine does meets all of them.

    The first `warm_up` turns do not count. `before` runs, untimed, ahead of every side of every turn.
    """
    times = {name: Times() for name in sides}
    for turn in range(warm_up + repeats):
        for name, side in sides.items():
            before()
            with timed(times[name] if turn >= warm_up else Times(), children=children):
                side()
    return times


def ratio(times: Mapping[Any, Times], slower: Any, faster: Any, clock: str = "processor") -> float:
    """How many times faster, by medians."""
    return times[slower].median(clock) / times[faster].median(clock)


def yardstick(repeats: int = 3) -> float:
    """Processor seconds of a float64 product of 4096² matrices, the median: how fast this machine is now.

    Seconds of a claim hold for a machine; divided by these they can be compared across machines.
    """
    import torch

    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, YARDSTICK, YARDSTICK, dtype=torch.float64, generator=generator)
    return compare({"product": lambda: a @ b}, repeats)["product"].median()


class Cells:
    """Finished cells of a long run, one JSON line each. A line holds its key in `cell` and the figures after it.

    A key that is there with equal settings is not run again; other lines stay, and nothing is ever rewritten.
    """

    def __init__(self, path: Path, key: Callable[[dict[str, Any]], Any] = lambda row: row["cell"]) -> None:
        self.path, self.key = path, key
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in lines]

    def get(self, wanted: Any) -> dict[str, Any] | None:
        plain = json.loads(json.dumps(wanted))  # as a line gives it back: lists for tuples, text for keys
        return next((row for row in reversed(self.rows) if json.loads(json.dumps(self.key(row))) == plain), None)

    def __contains__(self, wanted: Any) -> bool:
        return self.get(wanted) is not None

    def append(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a finished row on disk at once; returns it as a later run will read it."""
        line = json.dumps(row)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        self.rows.append(json.loads(line))
        return self.rows[-1]

    def once(self, wanted: Any, measure: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """The row of this key; measured, printed and kept where it is not there yet."""
        known = self.get(wanted)
        if known is not None:
            return known
        row = self.append({"cell": wanted, **measure()})
        print(json.dumps(row), flush=True)
        return row


def machine(threads: int | None = None) -> dict[str, Any]:
    import os

    from latentcast.benchmarking.machine import machine as described

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    found = {**described(), "memory_gib": round(memory, 1)}
    return found if threads is None else {**found, "threads": threads}


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def report(claim: str, asked: Any, found: Mapping[str, Any], *, name: str, threads: int | None = None) -> None:
    """results/<name>.json: where and with what it was measured, the claim, what was asked, and what was found."""
    RESULTS.mkdir(exist_ok=True)
    head = {"measured": str(date.today()), "machine": machine(threads), "versions": versions()}
    path = RESULTS / f"{name}.json"
    whole = {**head, "claim": claim, "asked": asked, **found}
    path.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    print(f"\nwritten: benchmarks/results/{path.name}")


def table(head: list[str], rows: list[list[Any]]) -> None:
    cells = [head, *([f"{v:.4g}" if isinstance(v, float) else str(v) for v in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    for row in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


def show(rows: list[dict[str, Any]], columns: list[str] | None = None) -> None:
    """Print rows of equal keys as a table."""
    head = columns or list(rows[0])
    table(head, [[row.get(name) for name in head] for row in rows])


def forget_peak() -> None:
    """Linux only: the peak of memory starts again from what the process holds now."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_mib() -> float:
    """The most memory that this process held, since `forget_peak` where that was called."""
    from latentcast.benchmarking.machine import peak_mib as peak

    found = peak()
    if found is None:
        raise SystemExit("this system does not tell how much memory a process held; run this script on Linux or macOS")
    return found


def in_process(module: str, arguments: list[str]) -> Any:
    """The JSON that a script of ours prints last, run in a process of its own: `python -m module …`."""
    import subprocess

    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])
