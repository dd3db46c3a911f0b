"""Jobs and the page added to the app: their routes, and their start and end with the server's."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from latentcast.serving.jobs import routes as jobs_routes
from latentcast.serving.jobs.queue import JobQueue
from latentcast.serving.jobs.settings import JobSettings
from latentcast.serving.jobs.store import Store
from latentcast.serving.settings import Limits
from latentcast.serving.uploads.read import Reader
from latentcast.serving.workbench import routes


def add_workbench(app: FastAPI, limits: Limits, settings: JobSettings | None = None) -> None:
    """Add `/`, `/uploads` and `/jobs` to an app; processes start with the server and end with it."""
    settings = settings or JobSettings()
    jobs = JobQueue(Store(settings.keep_seconds), settings)
    app.state.jobs = jobs
    reader = Reader(settings.reading(limits))
    app.include_router(jobs_routes.router(jobs, reader))
    app.include_router(routes.router())
    outer = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(running: FastAPI) -> AsyncIterator[Any]:
        async with outer(running) as state:
            jobs.start()
            reader.prepare()
            _end_streams_on_signals(jobs)
            try:
                yield state
            finally:
                await run_in_threadpool(jobs.stop)
                reader.close()

    app.router.lifespan_context = lifespan


def _end_streams_on_signals(jobs: JobQueue) -> None:
    """A server that drains waits for its streams: they end at the signal, before it begins to wait."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)

        def ending(got: int, frame: FrameType | None, before: Any = before) -> None:
            loop.call_soon_threadsafe(jobs.end_streams)
            if callable(before):
                before(got, frame)

        signal.signal(number, ending)
