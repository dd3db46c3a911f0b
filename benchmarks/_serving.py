"""A server process on loopback, and clients that send it requests: bounded in number, rate and connections."""

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

LOOKBACK, HORIZON, STEPS = 512, 96, 512


@dataclass
class Answers:
    """Seconds and status of every request of one run, and the seconds of the run."""

    seconds: list[float] = field(default_factory=list)
    status: Counter[int] = field(default_factory=Counter)
    wall: float = 0.0

    def figures(self) -> dict[str, Any]:
        p50, p95, p99 = np.quantile(self.seconds, [0.5, 0.95, 0.99]) * 1e3
        return {
            "requests": len(self.seconds),
            "p50_ms": round(float(p50), 2),
            "p95_ms": round(float(p95), 2),
            "p99_ms": round(float(p99), 2),
            "max_ms": round(max(self.seconds) * 1e3, 2),
            "per_second": round(len(self.seconds) / self.wall, 1),
            "status": dict(self.status),
        }


@contextlib.contextmanager
def served(*arguments: str) -> Iterator[tuple[int, int]]:
    """`latentcast serve` with these arguments: its port, and the id of its process."""
    command = [sys.executable, "-m", "latentcast", "serve", *arguments, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        log = ""
        for line in process.stdout:
            log += line
            if (found := re.search(r"running on http://127\.0\.0\.1:(\d+)", line)) is not None:
                yield int(found[1]), process.pid
                return
        raise SystemExit(f"the server did not start:\n{log}")
    finally:
        process.terminate()
        process.communicate(timeout=60)


def fitted(folder: Path) -> Path:
    """A dlinear of 512 → 96 steps, fitted to simulated hourly series."""
    import latentcast

    rng, hours = np.random.default_rng(0), np.arange(4000)
    wave = np.sin(2 * np.pi * hours / 24)
    values = np.concatenate([50 + 10 * wave, 8 - wave, 200 + 30 * wave]) + rng.normal(0, 0.5, 3 * len(hours))
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(["north", "south", "west"], len(hours)),
            "ds": np.tile(pd.date_range("2024-01-01", periods=len(hours), freq="h"), 3),
            "y": values,
        }
    )
    settings = {"training.max_epochs": 1, "training.loggers": []}
    latentcast.fit(
        frame, "dlinear", lookback=LOOKBACK, horizon=HORIZON, settings=settings, out=folder / "dlinear", overwrite=True
    )
    return folder / "dlinear"


def exported(folder: Path) -> Path:
    """The same model as an ONNX file."""
    from latentcast.workflows.load import load_folder

    load_folder(folder).export(folder.with_suffix(".onnx"))
    return folder.with_suffix(".onnx")


def bodies(count: int, seed: int = 0, steps: int = STEPS) -> list[bytes]:
    """Requests for one series each, all different."""
    rng = np.random.default_rng(seed)
    stamps = [str(stamp) for stamp in pd.date_range("2024-05-01", periods=steps, freq="h")]
    found = []
    for number in range(count):
        values = 40 + 8 * np.sin(2 * np.pi * (np.arange(steps) + number) / 24) + rng.normal(0, 0.5, steps)
        data = {"unique_id": [f"client-{number}"] * steps, "ds": stamps, "y": values.round(3).tolist()}
        found.append(json.dumps({"data": data}).encode())
    return found


def at_rate(port: int, sent: Sequence[bytes], count: int, rate: float, connections: int = 8) -> Answers:
    """`count` requests, begun `rate` times a second whatever the answers do; seconds count from the planned begin."""
    return asyncio.run(_load(port, sent, count, rate, connections))


def as_fast(port: int, sent: Sequence[bytes], count: int, connections: int) -> Answers:
    """`count` requests on so many connections, each sending as soon as it was answered."""
    return asyncio.run(_load(port, sent, count, None, connections))


async def _load(port: int, sent: Sequence[bytes], count: int, rate: float | None, connections: int) -> Answers:
    answers, numbers = Answers(), iter(range(count))
    begin = time.perf_counter() + 0.05

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in numbers:
            planned = time.perf_counter()
            if rate is not None:
                planned = begin + number / rate
                await asyncio.sleep(planned - time.perf_counter())
            body = sent[number % len(sent)]
            head = f"POST /forecast HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n"
            writer.write(f"{head}content-type: application/json\r\n\r\n".encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", answer)
            assert length is not None
            await reader.readexactly(int(length[1]))
            answers.seconds.append(time.perf_counter() - planned)
            answers.status[int(answer.split(maxsplit=2)[1])] += 1
        writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    answers.wall = time.perf_counter() - begin
    return answers


def resident_mib(process: int) -> float:
    """Resident memory of a process (Linux)."""
    text = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    assert found is not None
    return int(found[1]) / 1024


def processor_seconds(process: int) -> float:
    """Processor time of a process so far (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
