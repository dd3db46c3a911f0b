"""How fast a server answers: dlinear, one series of 512 steps a request, on loopback.

Latency at 50 requests a second, begun on time whatever the answers do; and requests a second on 32 connections.
Sides, in turns: the model's folder (torch) and its export (ONNX), with requests forecast together, and ONNX with each
by itself.
`processor_ms` is the processor time of the server for one request, which other work on the machine changes little.

    python -m benchmarks.speed.serving [--quick]

Results: benchmarks/results/serving.json
"""

import argparse
import contextlib
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks._harness import report, show
from benchmarks._serving import Answers, as_fast, at_rate, bodies, exported, fitted, processor_seconds, served

ASKED = {"p50_ms": 5, "p99_ms": 25, "per_second": 300}
RATE, CONNECTIONS = 50, 32


def measured(port: int, process: int, sent: list[bytes], count: int, rate: float | None) -> dict[str, Any]:
    """One run, with the server's processor time and what else the machine did."""
    before = processor_seconds(process)
    found: Answers = as_fast(port, sent, count, CONNECTIONS) if rate is None else at_rate(port, sent, count, rate)
    used = processor_seconds(process) - before
    return {**found.figures(), "processor_ms": round(used / count * 1e3, 2), "load": round(os.getloadavg()[0], 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few requests, one turn; nothing is written")
    parser.add_argument("--turns", type=int, default=5)
    quick = (given := parser.parse_args()).quick
    sent = bodies(64)
    turns: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as stack:
        folder = fitted(Path(place))
        graph = exported(folder)
        sides = {"onnx": [str(graph)], "torch": [str(folder)], "onnx, alone": [str(graph), "--limit", "together=1"]}
        servers = {name: stack.enter_context(served(*arguments)) for name, arguments in sides.items()}
        for port, _ in servers.values():
            as_fast(port, sent, 200, 8)
        for _ in range(1 if quick else given.turns):
            for name, server in servers.items():
                runs = turns.setdefault(f"{name}, {RATE} a second", [])
                runs.append(measured(*server, sent, 100 if quick else 500, RATE))
            for name, server in servers.items():
                turns.setdefault(name, []).append(measured(*server, sent, 200 if quick else 1500, None))
    show([{"run": name, **one} for name, runs in turns.items() for one in runs])
    if quick:
        return
    figures = ("p50_ms", "p95_ms", "p99_ms", "per_second", "processor_ms")
    medians = {
        name: {key: statistics.median(one[key] for one in runs) for key in figures} for name, runs in turns.items()
    }
    best = {name: {key: min(one[key] for one in runs) for key in figures[:3]} for name, runs in turns.items()}
    report(
        f"one series of 512 steps, dlinear, loopback: latency at {RATE} requests a second, and requests a second on"
        f" {CONNECTIONS} connections; servers and clients share the cores with whatever else runs (load)",
        ASKED,
        {"medians": medians, "quietest_turn": best, "turns": turns},
        name="serving",
        threads=1,
    )


if __name__ == "__main__":
    main()
