"""An upload as a frame: the child process from the server's side."""

import contextlib
import io
import json
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time
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
    """Reads uploads, each in a process of its own that limits itself and ends."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._lock = threading.Lock()
        self._origin: tuple[subprocess.Popen[bytes], socket.socket] | None = None
        self._limiter: CapacityLimiter | None = None

    def prepare(self) -> None:
        """Start the process that others are forked from, where it does not run."""
        with self._lock:
            if self._origin is None or self._origin[0].poll() is not None:
                self._origin = _started()

    async def read(self, name: str, content: bytes) -> pd.DataFrame:
        """The table of an uploaded file; of its name only the suffix counts. Raises Problem."""
        suffix = suffix_of(name)
        self._limiter = self._limiter or CapacityLimiter(AT_ONCE)
        return await run_sync(self.read_now, suffix, content, limiter=self._limiter)

    def read_now(self, suffix: str, content: bytes) -> pd.DataFrame:
        """As `read`, in this thread."""
        with tempfile.TemporaryDirectory(prefix="latentcast-upload-") as folder:
            order = {**self.limits.model_dump(mode="json"), "suffix": suffix, "folder": folder}
            out = self._asked(json.dumps(order).encode() + b"\n" + content)
        line, _, table = out.partition(b"\n")
        try:
            if (error := json.loads(line)) is None:
                return pa.ipc.open_stream(table).read_pandas()
        except (ValueError, pa.ArrowException):  # it was killed before it had written all
            seconds, memory = self.limits.parse_seconds, self.limits.parse_bytes
            detail = f"reading the upload took more than {seconds} seconds or {memory} bytes of memory; send fewer rows"
            raise too_large("parse_seconds", seconds, detail) from None
        raise _problem(error)

    def close(self) -> None:
        """End the process that others are forked from."""
        with self._lock:
            origin, self._origin = self._origin, None
        if origin is not None:
            origin[1].close()
            origin[0].wait()

    def _asked(self, given: bytes) -> bytes:
        """What a process of its own answers; what it wrote so far where it was killed or takes too long."""
        self.prepare()
        inside, ours = os.pipe()
        answers, outside = os.pipe()
        with self._lock:
            assert self._origin is not None
            socket.send_fds(self._origin[1], [b"1"], [inside, outside])
        os.close(inside)
        os.close(outside)
        with os.fdopen(answers, "rb", buffering=0) as answer:
            with contextlib.suppress(BrokenPipeError), os.fdopen(ours, "wb") as pipe:
                pipe.write(given)
            return _until(answer, time.monotonic() + 2 * self.limits.seconds)


def _until(answer: io.FileIO, deadline: float) -> bytes:
    """All bytes of a pipe, or those that came before a moment of the monotonic clock."""
    parts = []
    with selectors.DefaultSelector() as ready:  # select itself refuses file handles from 1024 on
        ready.register(answer, selectors.EVENT_READ)
        while ready.select(max(deadline - time.monotonic(), 0)):
            if not (part := answer.read(2**20)):
                break
            parts.append(part)
    return b"".join(parts)


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


def _started() -> tuple["subprocess.Popen[bytes]", socket.socket]:
    ours, theirs = socket.socketpair()
    kept = {name: value for name, value in os.environ.items() if name != TOKEN}
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "latentcast.serving.uploads.child"],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # its own allocator reserves a gigabyte of addresses at once, which the limit on memory refuses
            env={**kept, "ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,  # Ctrl-C in the server's terminal is the server's
        )
    return process, ours


def _problem(error: list[Any]) -> Problem:
    kind, *rest = error
    return too_large(*rest) if kind == "too-large" else Problem(422, "data", rest[0])
