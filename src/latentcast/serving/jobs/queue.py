"""A bounded queue of jobs, worked off by processes that are started ahead."""

import logging
import shutil
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from latentcast.core.errors import LatentcastError
from latentcast.serving.jobs.events import EventLog
from latentcast.serving.jobs.process import WORKER, WorkerProcess
from latentcast.serving.jobs.request import JobRequest
from latentcast.serving.jobs.settings import JobSettings
from latentcast.serving.jobs.store import Store, Upload

log = logging.getLogger("latentcast.serving")
Status = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED = ("done", "failed", "cancelled")
SWEEP = 5.0  # seconds between two looks at what is too old


class QueueFull(LatentcastError):
    """No further job or upload is taken now."""


@dataclass
class Job:
    """One job. `error` is what a client is shown: title, detail, and the setting that fixes it."""

    request: JobRequest
    upload: Upload
    folder: Path
    task: dict[str, Any]
    status: Status = "queued"
    error: dict[str, Any] | None = None
    created: float = field(default_factory=time.time)
    used: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    events: EventLog = field(default_factory=EventLog)
    process: WorkerProcess | None = None
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def id(self) -> str:
        return self.folder.name.partition("-")[2]


class JobQueue:
    """Jobs wait in order; `workers` run at a time, and one quick job besides them."""

    def __init__(self, store: Store, settings: JobSettings, command: Sequence[str] = WORKER) -> None:
        self.store, self.settings, self._command = store, settings, command
        self._jobs: dict[str, Job] = {}
        self._waiting: dict[bool, deque[Job]] = {True: deque(), False: deque()}
        self._news = threading.Condition()
        self._stopped = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the processes, and the thread that deletes what is too old."""
        lanes = [True, *[False] * self.settings.workers]
        self._threads = [threading.Thread(target=self._work, args=(quick,), daemon=True) for quick in lanes]
        self._threads.append(threading.Thread(target=self._sweep, daemon=True))
        for thread in self._threads:
            thread.start()

    def end_streams(self) -> None:
        """Let every client that follows a job go."""
        with self._news:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.events.add("state", {"status": "closing"}, last=True)

    def stop(self) -> None:
        """End every process and delete every file."""
        with self._news:
            self._stopped = True
            jobs = list(self._jobs.values())
            self._news.notify_all()
        for job in jobs:
            self.remove(job)
        for thread in self._threads:
            thread.join(10.0)
        self.store.remove()

    def submit(self, request: JobRequest, upload: Upload, task: dict[str, Any]) -> Job:
        """Put a job at the end of the queue. Raises QueueFull."""
        with self._news:
            waiting = self._waiting[request.quick]
            if len(waiting) >= self.settings.waiting:
                raise QueueFull(f"{len(waiting)} jobs wait already, as many as the server takes; try again later")
            job = Job(request, upload, self.store.job_folder(), task)
            self._jobs[job.id] = job
            waiting.append(job)
            job.events.add("state", {"status": "queued", "ahead": len(waiting) - 1})
            self._news.notify_all()
        return job

    def get(self, name: str) -> Job | None:
        """The job of that id; its time begins again."""
        with self._news:
            job = self._jobs.get(name)
            if job is not None:
                job.used = time.monotonic()
            return job

    def ahead(self, job: Job) -> int:
        """How many jobs run before this one of the same kind."""
        with self._news:
            waiting = self._waiting[job.request.quick]
            return waiting.index(job) if job in waiting else 0

    def remove(self, job: Job) -> None:
        """End the job's process, wait until it is gone, and delete its files."""
        with self._news:
            self._jobs.pop(job.id, None)
            waiting = self._waiting[job.request.quick]
            if job in waiting:
                waiting.remove(job)
                self._end(job, "cancelled")
            elif job.status == "running":
                job.status = "cancelled"
            process = job.process
        if process is not None:
            process.kill()
        job.ended.wait(10.0)
        shutil.rmtree(job.folder, ignore_errors=True)

    def _work(self, quick: bool) -> None:
        """One lane: a process is always ready for the next job."""
        while True:
            process = self._started()
            job = self._next(quick)
            if job is None:
                process.close()
                return
            try:
                process = process if process.alive else self._started()
                self._run(job, process)
            finally:
                process.close()

    def _started(self) -> WorkerProcess:
        return WorkerProcess(self._command, self.settings.memory_mib, self.settings.disk_mib)

    def _next(self, quick: bool) -> Job | None:
        """The next job of a lane, once there is one; None when the server ends."""
        waiting = self._waiting[quick]
        with self._news:
            while not waiting and not self._stopped:
                self._news.wait()
            return None if self._stopped else waiting.popleft()

    def _begin(self, job: Job, process: WorkerProcess) -> bool:
        """Whether the job still runs: it may be cancelled before its process has it."""
        with self._news:
            if job.id not in self._jobs:
                self._end(job, "cancelled")
                return False
            job.status, job.process = "running", process
        job.events.add("state", {"status": "running"})
        return True

    def _run(self, job: Job, process: WorkerProcess) -> None:
        if not self._begin(job, process):
            return
        began, limit = time.monotonic(), self.settings.quick_seconds if job.request.quick else self.settings.seconds
        said: list[dict[str, Any]] = []

        def tell(event: dict[str, Any]) -> None:
            kind = event.pop("event")
            if kind == "failed":
                said.append(event)
            elif kind != "done":
                job.events.add(kind, event)
            else:
                said.append({})

        why = process.run(job.task, job.folder, limit, tell)
        job.seconds = time.monotonic() - began
        with self._news:
            if job.status == "cancelled":
                self._end(job, "cancelled")
            elif said and not said[0]:
                self._end(job, "done")
            else:
                job.error = said[0] if said else _early(why, limit, self.settings.memory_mib)
                self._end(job, "failed")

    def _end(self, job: Job, status: Status) -> None:
        job.status, job.process = status, None
        about = {"status": status, "seconds": round(job.seconds, 2)}
        job.events.add("state", {**about, **({"error": job.error} if job.error else {})}, last=True)
        job.ended.set()

    def _sweep(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._stopped, min(SWEEP, self.settings.keep_seconds))
                if self._stopped:
                    return
                late = time.monotonic() - self.settings.keep_seconds
                old = [job for job in self._jobs.values() if job.status in ENDED and job.used < late]
                busy = {job.upload.id for job in self._jobs.values() if job.status not in ENDED}
            for job in old:
                self.remove(job)
            self.store.sweep(busy)


def _early(why: str, limit: float, memory_mib: int) -> dict[str, Any]:
    """What a client is told of a process that ended without a word."""
    if why == "time":
        return {"title": "Time limit", "detail": f"the job took more than {limit:g} s and was ended", "status": 422}
    return {
        "title": "The job's process ended",
        "detail": f"it ended early ({why or 'without a result'}); it may have needed more than {memory_mib} MiB",
        "status": 422,
    }
