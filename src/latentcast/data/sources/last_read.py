"""Within `read_once` a file is read once: a choice, its forecast and its plot share one table."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import pandas as pd

MOST = 1 << 26  # bytes of a file whose table is kept
_SETTLED_NS = 2_000_000_000  # a file that was written just now may change again within one tick of its clock

Key = tuple[str, int, int, int, int]


class LastRead:
    """One table and the state of its file. Tables are handed out as shallow copies, whose values are not written to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[Key, pd.DataFrame] | None = None

    def read(self, path: Path, read: Callable[[Path], pd.DataFrame]) -> pd.DataFrame:
        """The table of a file: the one that was read before where the file is as it was then."""
        key, settled = _state(path)
        with self._lock:
            kept = self._kept
        if kept is not None and kept[0] == key:
            return kept[1].copy(deep=False)
        frame = read(path)
        if settled and _state(path)[0] == key:
            with self._lock:
                self._kept = (key, frame)
            return frame.copy(deep=False)
        return frame


def _state(path: Path) -> tuple[Key, bool]:
    """What changes when a file is written, and whether its table may be kept."""
    stat = path.stat()
    key = (str(path.resolve()), stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    age = time.time_ns() - max(stat.st_mtime_ns, stat.st_ctime_ns)
    return key, stat.st_size <= MOST and age > _SETTLED_NS


_last: ContextVar[LastRead | None] = ContextVar("last_read", default=None)


@contextmanager
def read_once() -> Iterator[None]:
    """Keep the last table until the end of this context, or of one around it; outside nothing is kept."""
    if _last.get() is not None:
        yield
        return
    token = _last.set(LastRead())
    try:
        yield
    finally:
        _last.reset(token)


def read_or_kept(path: Path, read: Callable[[Path], pd.DataFrame]) -> pd.DataFrame:
    """The table of a file: read, or within `read_once` the one that was read before."""
    last = _last.get()
    return read(path) if last is None else last.read(path, read)
