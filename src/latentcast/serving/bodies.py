"""A request's body as options and tables: JSON, or a form with files."""

import time
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fastapi import Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from latentcast.serving.answers import wanted
from latentcast.serving.problems import Problem
from latentcast.serving.requests import from_form, parsed
from latentcast.serving.uploads.read import Reader

LARGE = 2**18  # bytes of JSON that are parsed in another thread, so that others are answered meanwhile
FILES = ("data", "future_covariates")
Options = TypeVar("Options", bound=BaseModel)


@dataclass(frozen=True)
class Body(Generic[Options]):
    """A request: its options, its tables (plain values, or frames of uploads), and how to answer it.

    `media` is the type of the answer, `deadline` the moment of the monotonic clock at which it is due.
    """

    options: Options
    data: Any
    future: Any
    media: str
    deadline: float


async def received(request: Request, kind: type[BaseModel], options: type[Options], reader: Reader) -> Body[Options]:
    """Read a body of JSON (`kind`) or a form (`options`, with files). Raises Problem for anything else."""
    deadline = time.monotonic() + reader.limits.seconds
    media = wanted(request.headers.get("accept", "*/*"))
    content = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content == "application/json":
        body = await request.body()
        given: Any = parsed(kind, body) if len(body) < LARGE else await run_in_threadpool(parsed, kind, body)
        return Body(given, given.data, getattr(given, "future_covariates", None), media, deadline)
    if content == "multipart/form-data":
        fields, files = await _form(request, kind)
        chosen = from_form(options, fields)
        tables = {name: await reader.read(*file) for name, file in files.items()}
        return Body(chosen, tables["data"], tables.get("future_covariates"), media, deadline)
    raise Problem(
        415,
        "content-type",
        f"Content-Type: {content[:100] or 'none'}; wanted application/json, or multipart/form-data with the file data",
    )


async def _form(request: Request, kind: type[BaseModel]) -> tuple[dict[str, str], dict[str, tuple[str, bytes]]]:
    """Text fields, and files as (name, bytes)."""
    taken = [name for name in FILES if name in kind.model_fields]
    try:
        async with request.form(max_files=len(taken), max_fields=20) as form:
            files = {name: one for name, one in form.multi_items() if isinstance(one, UploadFile)}
            fields = {name: one for name, one in form.multi_items() if isinstance(one, str)}
            read = {name: (one.filename or "", await one.read()) for name, one in files.items()}
    except HTTPException as error:
        raise Problem(400, "form", f"the form cannot be read: {error.detail}") from None
    if strange := [name for name in read if name not in taken]:
        raise Problem(422, "request", f"{strange[0]}: no such file; wanted {' and '.join(taken)}")
    if "data" not in read:
        raise Problem(422, "request", "data: is required, as a file of the form (curl -F data=@FILE)")
    return fields, read
