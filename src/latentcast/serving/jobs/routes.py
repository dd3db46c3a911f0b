"""Uploads and jobs over HTTP: send a file, ask for a job, follow it, fetch what it gives, end it."""

import json
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import FileResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from latentcast.serving.jobs.process import MODEL, OUT, RESULT
from latentcast.serving.jobs.queue import Job, JobQueue, QueueFull
from latentcast.serving.jobs.request import JobRequest, checked, offered
from latentcast.serving.jobs.series import INDEX, LONGEST, read_series
from latentcast.serving.jobs.store import Upload, safe_name
from latentcast.serving.problems import Problem
from latentcast.serving.uploads.read import Reader, suffix_of

EXAMPLE = {"kind": "forecast", "upload": "9f…", "model": "auto", "horizon": 24, "levels": [80, 95]}
BODY = {"requestBody": {"required": True, "content": {"application/json": {"example": EXAMPLE}}}}
FILE = {"requestBody": {"required": True, "content": {"application/octet-stream": {}}}}
NAMES = ("forecast.csv", "backtest.csv", f"{MODEL}.zip")


def router(jobs: JobQueue, reader: Reader) -> APIRouter:
    """Every route of uploads and jobs."""
    routes = APIRouter(tags=["jobs"])
    _uploads(routes, jobs, reader)
    _asking(routes, jobs)
    _results(routes, jobs)
    return routes


def _uploads(routes: APIRouter, jobs: JobQueue, reader: Reader) -> None:
    @routes.post("/uploads", status_code=201, openapi_extra=FILE)
    async def upload(request: Request, name: Annotated[str, Query(min_length=1, max_length=300)]) -> dict[str, Any]:
        """Send a file as the body; `name` is its name, whose ending says what it is."""
        if len(jobs.store) >= jobs.settings.uploads:
            raise _busy(f"{len(jobs.store)} uploads are held already, as many as the server takes")
        suffix_of(name)
        content = await request.body()
        if not content:
            raise Problem(422, "data", f"{safe_name(name)} is empty; wanted a header and rows")
        frame = await reader.read(name, content)
        found = await run_in_threadpool(_kept, jobs, name, frame, len(content))
        return {"id": found.id, "name": found.name, "bytes": found.size, "keep_seconds": jobs.store.keep_seconds}

    @routes.delete("/uploads/{upload_id}", status_code=204)
    def forget(upload_id: str) -> Response:
        """Delete an upload."""
        jobs.store.discard(_upload(jobs, upload_id))
        return Response(status_code=204)


def _asking(routes: APIRouter, jobs: JobQueue) -> None:
    @routes.get("/jobs/models")
    def models() -> dict[str, Any]:
        """The models that a job may use."""
        return {"models": offered()}

    @routes.post("/jobs", status_code=202, openapi_extra=BODY)
    async def submit(request: Request, response: Response) -> dict[str, Any]:
        """Ask for a job on an upload: describe, forecast, fit, backtest or explain."""
        try:
            values = json.loads(await request.body())
        except ValueError as error:
            raise Problem(400, "json", f"the body is no JSON: {error}") from error
        job = await run_in_threadpool(_submitted, jobs, checked(values))
        response.headers["location"] = f"/jobs/{job.id}"
        return _about(jobs, job)

    @routes.get("/jobs/{job_id}")
    def status(job_id: str) -> dict[str, Any]:
        """How a job stands, and why it failed."""
        return _about(jobs, _job(jobs, job_id))

    @routes.get("/jobs/{job_id}/events", response_class=StreamingResponse)
    async def events(
        job_id: str, last_event_id: Annotated[int, Header(ge=0)] = 0, after: Annotated[int, Query(ge=0)] = 0
    ) -> StreamingResponse:
        """What happens in a job, as server-sent events, from its beginning or after an event's id."""
        job = _job(jobs, job_id)
        stream = job.events.follow(max(after, last_event_id))
        return StreamingResponse(stream, media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    @routes.delete("/jobs/{job_id}", status_code=204)
    def cancel(job_id: str) -> Response:
        """End a job and its process, and delete its files."""
        jobs.remove(_job(jobs, job_id))
        return Response(status_code=204)


def _results(routes: APIRouter, jobs: JobQueue) -> None:
    @routes.get("/jobs/{job_id}/result")
    def result(job_id: str) -> FileResponse:
        """What a job found, as JSON."""
        return FileResponse(_finished(jobs, job_id).folder / OUT / RESULT, media_type="application/json")

    @routes.get("/jobs/{job_id}/files/{name}")
    def file(job_id: str, name: str) -> FileResponse:
        """A file that a job wrote: forecast.csv, backtest.csv or model.zip."""
        path = _finished(jobs, job_id).folder / OUT / name
        if name not in NAMES or not path.is_file():
            raise Problem(404, "not-found", f"this job has no file {name}; its result lists them under files")
        return FileResponse(path, filename=name)

    @routes.get("/jobs/{job_id}/series")
    def series(job_id: str) -> FileResponse:
        """Names of all series, their last values and the ends of their forecasts."""
        path = _finished(jobs, job_id).folder / OUT / INDEX
        if not path.is_file():
            raise Problem(404, "not-found", "this job has no series; describe and forecast have")
        return FileResponse(path, media_type="application/json")

    @routes.get("/jobs/{job_id}/series/{number}")
    def one_series(
        job_id: str, number: int, steps: Annotated[int, Query(ge=1, le=100_000)] = LONGEST
    ) -> dict[str, Any]:
        """The last steps of one series, and its forecast."""
        try:
            return read_series(_finished(jobs, job_id).folder / OUT, number, steps)
        except (IndexError, FileNotFoundError) as error:
            raise Problem(404, "not-found", f"this job has no series {number}, counted from 0") from error


def _kept(jobs: JobQueue, name: str, frame: pd.DataFrame, size: int) -> Upload:
    """The upload, with its table as Parquet: what jobs read is not the client's bytes but what the reader made."""
    found = jobs.store.new_upload(name)
    frame.to_parquet(found.path, index=False)
    found.size = size
    jobs.store.keep(found)
    return found


def _submitted(jobs: JobQueue, request: JobRequest) -> Job:
    upload = _upload(jobs, request.upload)
    task: dict[str, Any] = {"request": request.model_dump(), "name": upload.name, "path": str(upload.path)}
    task["series"] = jobs.settings.series
    if request.of is not None:
        model = _finished(jobs, request.of).folder / OUT / MODEL
        if not model.is_dir():
            raise Problem(409, "no-model", "that job kept no model; name a forecast job (of)")
        task["model"] = str(model)
    try:
        return jobs.submit(request, upload, task)
    except QueueFull as full:
        raise _busy(str(full)) from full


def _busy(detail: str) -> Problem:
    return Problem(429, "busy", detail, headers={"retry-after": "10"})


def _upload(jobs: JobQueue, name: str) -> Upload:
    found = jobs.store.upload(name)
    if found is None:
        raise Problem(404, "upload", "there is no such upload; it may be deleted by now: send the file again")
    return found


def _job(jobs: JobQueue, name: str) -> Job:
    found = jobs.get(name)
    if found is None:
        raise Problem(404, "job", "there is no such job; it may be deleted by now")
    return found


def _finished(jobs: JobQueue, name: str) -> Job:
    job = _job(jobs, name)
    if job.status != "done":
        why = f"it failed: {job.error['detail']}" if job.error else f"it is {job.status}"
        raise Problem(409, "not-done", f"this job has no result; {why}")
    return job


def _about(jobs: JobQueue, job: Job) -> dict[str, Any]:
    about: dict[str, Any] = {"id": job.id, "kind": job.request.kind, "status": job.status, "file": job.upload.name}
    if job.status == "queued":
        about["ahead"] = jobs.ahead(job)
    if job.error is not None:
        about["error"] = job.error
    return about | {"seconds": round(job.seconds, 2), "upload": job.upload.id, "request": job.request.model_dump()}
