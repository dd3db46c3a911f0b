"""Stop training on a signal or when its time is over, in a state from which it can go on."""

import signal
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import Any, Self

INTERRUPTED, MAX_TIME = "interrupted", "max_time"


class StopRequest:
    """Within the `with` block SIGINT and SIGTERM ask for a stop; afterwards the handlers are those from before.

    A second signal acts as it would have without this class.
    """

    def __init__(self, max_time: float | None) -> None:
        self.max_time = max_time
        self.signal: int | None = None
        self._began = time.monotonic()
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                with suppress(ValueError, OSError):  # a system without this signal
                    self._handlers[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._handlers.items():
            with suppress(ValueError, TypeError):  # a handler that Python did not install cannot be put back
                signal.signal(number, handler)
        self._handlers = {}

    def reason(self) -> str | None:
        """The reason to stop training now; None to continue."""
        if self.max_time is not None and time.monotonic() - self._began >= self.max_time:
            return MAX_TIME
        return None if self.signal is None else INTERRUPTED

    def deliver(self) -> None:
        """Re-raise a signal that arrived after training had ended."""
        if self.signal is not None:
            signal.raise_signal(self.signal)
