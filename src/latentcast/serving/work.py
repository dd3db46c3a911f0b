"""One thread that forecasts what waits: whatever came in meanwhile goes through the network together."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.responses import Response

from latentcast.serving.forecasting import Job, answer_all, out_of_time
from latentcast.serving.problems import Problem
from latentcast.serving.settings import Limits

T = TypeVar("T")


class Work:
    """The work behind the routes: a thread for forecasts, and one for what takes longer.

    `waiting` counts requests that were taken and are not answered.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits, self.waiting = limits, 0
        self.passes: list[Callable[[int], None]] = []  # called with the number of requests of each pass
        self._jobs: queue.SimpleQueue[tuple[Job, asyncio.Future[None], asyncio.AbstractEventLoop] | None]
        self._jobs = queue.SimpleQueue()
        self._slow = ThreadPoolExecutor(1, thread_name_prefix="latentcast-slow")
        self._thread = threading.Thread(target=self._run, name="latentcast-forecasts", daemon=True)
        self._thread.start()

    async def forecast(self, job: Job) -> Response:
        """The answer to a job. Raises Problem, or what went wrong."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        with self._place():
            self._jobs.put((job, done, loop))
            await self._in_time(done, job.deadline)
        if isinstance(job.outcome, Response):
            return job.outcome
        raise job.outcome or RuntimeError("a job ended without an outcome")

    async def run(self, function: Callable[..., T], *arguments: Any, deadline: float) -> T:
        """Run something slow; at its deadline the client is answered, and what waits is not begun."""
        with self._place():
            return await self._in_time(asyncio.wrap_future(self._slow.submit(function, *arguments)), deadline)

    def close(self) -> None:
        """End both threads once what they do is done."""
        self._jobs.put(None)
        self._slow.shutdown(wait=False, cancel_futures=True)

    async def _in_time(self, awaited: "asyncio.Future[T]", deadline: float) -> T:
        try:
            return await asyncio.wait_for(awaited, max(deadline - time.monotonic(), 0.001))
        except TimeoutError:
            raise out_of_time(self.limits) from None

    def _place(self) -> "_Place":
        if self.waiting >= self.limits.waiting:
            detail = f"{self.waiting} requests wait already; send it again in a moment"
            raise Problem(429, "busy", detail, headers={"retry-after": "1"}, limit="waiting", most=self.limits.waiting)
        return _Place(self)

    def _run(self) -> None:
        while (first := self._jobs.get()) is not None:
            taken = [first]
            while len(taken) < self.limits.together and not self._jobs.empty():
                another = self._jobs.get()
                if another is None:
                    self._jobs.put(None)
                    break
                taken.append(another)
            answer_all([job for job, _, _ in taken], self.limits)
            for told in self.passes:
                told(len(taken))
            for _, done, loop in taken:
                loop.call_soon_threadsafe(_finish, done)
            taken.clear()
            del first


class _Place:
    """A place among those that wait."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def __enter__(self) -> None:
        self.work.waiting += 1

    def __exit__(self, *error: object) -> None:
        self.work.waiting -= 1


def _finish(done: "asyncio.Future[None]") -> None:
    if not done.done():
        done.set_result(None)
