"""How fast a server answers: dlinear, one series of 512 steps a request, on loopback.

Latency at 50 requests a second, begun on time whatever the answers do; and requests a second on 32 connections, with
requests forecast together and each by itself, in turns.

    python -m benchmarks.speed.serving [--quick]

Results: benchmarks/results/serving.json
"""

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks._harness import report, show
from benchmarks._serving import as_fast, at_rate, bodies, fitted, served

ASKED = {"p50_ms": 5, "p99_ms": 25, "per_second": 300}
RATE, CONNECTIONS = 50, 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few requests, one turn; nothing is written")
    parser.add_argument(
        "--model", type=Path, help="a saved model or an ONNX file of 512 steps; none: dlinear is fitted"
    )
    quick = (given := parser.parse_args()).quick
    sent = bodies(64)
    with tempfile.TemporaryDirectory() as place:
        model = str(given.model or fitted(Path(place)))
        with served(model) as (port, _), served(model, "--limit", "together=1") as (alone, _):
            for each in (port, alone):
                as_fast(each, sent, 200, 8)
            latency = at_rate(port, sent, 250 if quick else 1500, RATE).figures()
            turns: dict[str, list[dict[str, Any]]] = {"together": [], "alone": []}
            for _ in range(1 if quick else 5):
                turns["together"].append(as_fast(port, sent, 400 if quick else 2000, CONNECTIONS).figures())
                turns["alone"].append(as_fast(alone, sent, 400 if quick else 2000, CONNECTIONS).figures())
    show(
        [
            {"run": f"{RATE} a second", **latency},
            *({"run": name, **one} for name, all_ in turns.items() for one in all_),
        ]
    )
    if quick:
        return
    rates = {name: statistics.median(one["per_second"] for one in runs) for name, runs in turns.items()}
    report(
        f"one series of 512 steps, dlinear, loopback: latency at {RATE} requests a second, and requests a second on"
        f" {CONNECTIONS} connections; server and clients share the cores",
        ASKED,
        {
            "model": "onnx" if given.model else "torch",
            "latency": latency,
            "per_second": rates,
            "times_faster_together": round(rates["together"] / rates["alone"], 2),
            "turns": turns,
        },
        name="serving_onnx" if given.model else "serving",
        threads=1,
    )


if __name__ == "__main__":
    main()
