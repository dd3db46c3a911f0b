"""What every benchmark writes: the machine, the versions, and the figures, as one JSON file."""

import json
import os
import platform
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
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


def machine(threads: int | None = None) -> dict[str, Any]:
    import torch

    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": models[0] if models else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": platform.system(),
        "threads": threads or torch.get_num_threads(),
    }


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def write(name: str, results: dict[str, Any], *, threads: int | None = None) -> None:
    """results/<name>.json: where and with what it was measured, then what was measured."""
    RESULTS.mkdir(exist_ok=True)
    whole = {"measured": str(date.today()), "machine": machine(threads), "versions": versions(), **results}
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    print(f"\nwritten: benchmarks/results/{path.name}")


def table(head: list[str], rows: list[list[Any]]) -> None:
    cells = [head, *([f"{v:.4g}" if isinstance(v, float) else str(v) for v in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    for row in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
