"""The events of one job: kept in order, and followed by any number of clients as they happen."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

MOST = 2000  # events of a job; beyond it only its end is kept
ALIVE = 15.0  # seconds after which a silent stream sends a comment, so that no proxy closes it


@dataclass(frozen=True)
class Event:
    """One event: its number in the job, counted from 1, its kind, and plain values."""

    number: int
    kind: str
    data: dict[str, Any]

    def encoded(self) -> str:
        """As a server-sent event."""
        return f"id: {self.number}\nevent: {self.kind}\ndata: {json.dumps(self.data, allow_nan=False)}\n\n"


@dataclass
class EventLog:
    """Events are added by any thread and followed by coroutines."""

    _events: list[Event] = field(default_factory=list)
    _closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = field(default_factory=dict)

    def add(self, kind: str, data: dict[str, Any], *, last: bool = False) -> None:
        """Keep an event and wake those who follow. After the last one, further ones are left out."""
        with self._lock:
            if self._closed or (len(self._events) >= MOST and not last):
                return
            self._events.append(Event(len(self._events) + 1, kind, data))
            self._closed = last
            for wake, loop in self._waiting.items():
                if not loop.is_closed():
                    loop.call_soon_threadsafe(wake.set)

    def since(self, number: int) -> list[Event]:
        """The events after that one."""
        return self._events[number:]

    async def follow(self, after: int = 0) -> AsyncIterator[str]:
        """Encoded events after number `after`, until the last one; comments while nothing happens."""
        wake = asyncio.Event()
        with self._lock:
            self._waiting[wake] = asyncio.get_running_loop()
        try:
            while True:
                wake.clear()
                closed, fresh = self._closed, self.since(after)
                for event in fresh:
                    after = event.number
                    yield event.encoded()
                if closed:
                    return
                try:
                    await asyncio.wait_for(wake.wait(), ALIVE)
                except TimeoutError:
                    yield ": waiting\n\n"
        finally:
            with self._lock:
                del self._waiting[wake]
