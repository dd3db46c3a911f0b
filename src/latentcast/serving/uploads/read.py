"""An upload as a frame: the child process from the server's side."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from typing import Any

import pandas as pd
import pyarrow as pa
from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from latentcast.data.sources.formats import COMPRESSED, SUFFIXES
from latentcast.serving.problems import Problem, too_large
from latentcast.serving.settings import TOKEN, Limits

AT_ONCE = 2  # uploads that are read at the same time


class Reader:
    """Reads uploads, each in a child process of its own that limits itself and ends.

    One child has always imported what it needs and waits, so that an upload does not wait for it.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._lock, self._open = threading.Lock(), False
        self._spare: subprocess.Popen[bytes] | None = None
        self._limiter: CapacityLimiter | None = None

    def prepare(self) -> None:
        """Start the child that waits."""
        with self._lock:
            self._open, self._spare = True, self._spare or _started()

    async def read(self, name: str, content: bytes) -> pd.DataFrame:
        """The table of an uploaded file; of its name only the suffix counts. Raises Problem."""
        suffix = suffix_of(name)
        self._limiter = self._limiter or CapacityLimiter(AT_ONCE)
        return await run_sync(self.read_now, suffix, content, limiter=self._limiter)

    def read_now(self, suffix: str, content: bytes) -> pd.DataFrame:
        """As `read`, in this thread."""
        child = self._take()
        limits = self.limits
        with tempfile.TemporaryDirectory(prefix="latentcast-upload-") as folder:
            order = {**limits.model_dump(mode="json"), "suffix": suffix, "folder": folder}
            try:
                out, _ = child.communicate(json.dumps(order).encode() + b"\n" + content, timeout=2 * limits.seconds)
            except subprocess.TimeoutExpired:
                child.kill()
                out, _ = child.communicate()
        if child.returncode != 0:
            detail = (
                f"reading the upload took more than {limits.parse_seconds} seconds or {limits.parse_bytes} bytes of"
                " memory; send a smaller file"
            )
            raise too_large("parse_seconds", limits.parse_seconds, detail)
        line, _, table = out.removeprefix(b"ready\n").partition(b"\n")
        if (error := json.loads(line)) is not None:
            raise _problem(error)
        return pa.ipc.open_stream(table).read_pandas()

    def close(self) -> None:
        """End the child that waits."""
        with self._lock:
            self._open, spare, self._spare = False, self._spare, None
        if spare is not None:
            spare.kill()
            spare.communicate()

    def _take(self) -> "subprocess.Popen[bytes]":
        with self._lock:
            taken, self._spare = self._spare, _started() if self._open else None
        return taken if taken is not None and taken.poll() is None else _started()


def suffix_of(name: str) -> str:
    """The suffix of a file's name, with that of its packing: `.csv.gz`. Raises Problem for a file of no known kind."""
    lower, packed = name.lower(), ""
    for end in COMPRESSED:
        if lower.endswith(end):
            lower, packed = lower[: -len(end)], end
    for suffix in SUFFIXES:
        if lower.endswith(suffix):
            return suffix + packed
    if packed == ".zip":
        return packed
    kinds = ", ".join(SUFFIXES)
    raise Problem(415, "file", f"the file's name tells its kind by its suffix; wanted one of {kinds}, packed or not")


def _started() -> "subprocess.Popen[bytes]":
    kept = {name: value for name, value in os.environ.items() if name != TOKEN}
    return subprocess.Popen(
        [sys.executable, "-m", "latentcast.serving.uploads.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**kept, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        start_new_session=True,  # Ctrl-C in the server's terminal is the server's
    )


def _problem(error: list[Any]) -> Problem:
    kind, *rest = error
    return too_large(*rest) if kind == "too-large" else Problem(422, "data", rest[0])
