"""What a server answers to bodies that are wrong, and what it keeps in memory.

Malformed: valid requests changed at random (bytes, values, types, headers, files), from a seed. No answer may be a 5xx.
Memory: resident memory of the process after 5 000 requests, and after many more, each with one series of 96 steps;
fewer than asked for where the minutes end first.

    python -m benchmarks.reliability.serving [--malformed 1000] [--requests 100000] [--minutes 60]

Results: benchmarks/results/reliability/serving.json
"""

import argparse
import gzip
import http.client
import io
import json
import os
import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks._harness import report
from benchmarks._serving import as_fast, bodies, fitted, resident_mib, served

ASKED = {"malformed": 1000, "status_5xx": 0, "memory_growth": 0.05, "requests": 100_000}
PATHS = ("/forecast", "/explain", "/anomaly-scores", "/impute")
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 10**400, 1e308, -1e-320, float("nan"), "", "x", "NaN", "Infinity", "now", "ETTh1",
    "/etc/passwd", "\x00", "9999-12-31", "0000-00-00", "2024-02-30", "２０２４-01-01",
    [], {}, [[]], {"a": {}}, ["1", 2, None], "a" * 70_000,
)  # fmt: skip
KEYS = (
    "data",
    "model",
    "horizon",
    "level",
    "quantiles",
    "interval_method",
    "paths",
    "orient",
    "future_covariates",
    "odd",
)
KINDS = ("csv", "csv.gz", "zip", "parquet", "xlsx", "jsonl", "feather", "tsf", "ts", "exe")


def steps_of(rng: random.Random) -> dict[str, Any]:
    """A valid request of few steps."""
    count = rng.randrange(1, 80)
    stamps = pd.date_range("2024-05-01", periods=count, freq=rng.choice(["h"] * 9 + ["D", "7min", "MS"]))
    columns = {
        "unique_id": ["a"] * count,
        "ds": [str(one) for one in stamps],
        "y": [float(n % 7) for n in range(count)],
    }
    return {"data": columns, "horizon": rng.choice([None, 1, 96, 200]), "level": rng.choice([None, [80], [80, 95]])}


def wrong(rng: random.Random, path: str) -> bytes:
    """A valid request with one to three changes."""
    request = steps_of(rng)
    if path != "/forecast":
        del request["horizon"]
    if path not in ("/forecast", "/explain"):
        del request["level"]
    for _ in range(rng.randrange(1, 4)):
        table = request.get("data")
        name = rng.choice(("unique_id", "ds", "y"))
        change = rng.randrange(7)
        if change == 0:
            request[rng.choice(KEYS)] = rng.choice(ODD)
        elif not isinstance(table, dict) or not isinstance(table.get(name), list) or not table[name]:
            continue
        elif change == 1:
            table[name][rng.randrange(len(table[name]))] = rng.choice(ODD)
        elif change == 2:
            table[name] = [rng.choice(ODD)] * len(table[name])
        elif change == 3:
            table[name].pop()
        elif change == 4:
            table[rng.choice(("", "y", "ds", "odd", "0"))] = table.pop(name)
        elif change == 5:
            rng.shuffle(table[name])
        else:
            table[name] = [rng.choice(ODD) for _ in table[name]]
    text = json.dumps(request, allow_nan=True).encode("utf-8", "surrogatepass")
    return changed(rng, text) if rng.random() < 0.3 else text


def changed(rng: random.Random, content: bytes) -> bytes:
    """Bytes cut, repeated or replaced."""
    found = bytearray(content)
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(found) + 1)
        found[at : at + rng.randrange(20)] = rng.choice(
            [b"", b"\x00", b"\xff\xfe", b"{", b"[" * 3000, b'"', b"1e999", b","]
        )
    return bytes(found)


def file(rng: random.Random) -> tuple[bytes, str]:
    """A form with a file that is damaged, or of another kind than its name says."""
    frame = pd.DataFrame(steps_of(rng)["data"])
    buffer = io.BytesIO()
    kind = rng.choice(KINDS)
    if kind == "parquet":
        frame.to_parquet(buffer)
    elif kind == "xlsx":
        frame.to_excel(buffer, index=False)
    elif kind == "feather":
        frame.to_feather(buffer)
    else:
        frame.to_csv(buffer, index=False)
    content = gzip.compress(buffer.getvalue()) if kind == "csv.gz" else buffer.getvalue()
    content = changed(rng, content) if rng.random() < 0.8 else content
    name = f"a.{rng.choice((kind, kind, rng.choice(KINDS)))}"
    head = f'--X\r\nContent-Disposition: form-data; name="data"; filename="{name}"\r\n\r\n'.encode()
    body = head + content + b"\r\n--X--\r\n"
    return (changed(rng, body) if rng.random() < 0.2 else body), "multipart/form-data; boundary=X"


def malformed(port: int, count: int) -> dict[str, Any]:
    """Send wrong bodies; count statuses and keep those that are a failure of the server."""
    rng, status, failures = random.Random(0), Counter[int](), []
    for number in range(count):
        path = rng.choice((PATHS[0], PATHS[0], *PATHS))
        if number % 4 == 3:
            body, kind = file(rng)
        else:
            kind = rng.choice(["application/json"] * 8 + ["text/plain", "", "application/JSON; x=1"])
            body = wrong(rng, path)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        connection.request("POST", path, body, {"content-type": kind, "host": "localhost"})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        status[answer.status] += 1
        if answer.status >= 500:
            failures.append(
                {"number": number, "path": path, "body": body[:400].decode("latin-1"), "answer": text.decode()}
            )
    return {"bodies": count, "status": dict(sorted(status.items())), "failures": failures}


def memory(port: int, process: int, count: int, minutes: float) -> dict[str, Any]:
    """Resident memory every 5 000 requests."""
    sent, found, ends = bodies(256, steps=96), {}, time.monotonic() + 60 * minutes
    for done in range(5000, count + 1, 5000):
        if time.monotonic() > ends:
            break
        assert set(as_fast(port, sent, 5000, 16).status) == {200}
        found[done] = round(resident_mib(process), 1)
        print(done, found[done], flush=True)
    first, last = found[5000], found[max(found)]
    return {"requests": max(found), "resident_mib": found, "growth": round(last / first - 1, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--malformed", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=60)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        model = str(fitted(Path(place)))
        with served(model) as (port, _):
            wrongs = malformed(port, given.malformed)
        print(json.dumps(wrongs, indent=1))
        with served(model) as (port, process):
            kept = memory(port, process, given.requests, given.minutes)
    report(
        "wrong bodies are answered by 4xx alone, and memory does not grow with requests",
        ASKED,
        {"malformed": wrongs, "memory": kept, "load": os.getloadavg()},
        name="reliability/serving",
        threads=1,
    )


if __name__ == "__main__":
    main()
