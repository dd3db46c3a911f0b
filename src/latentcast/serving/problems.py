"""Every error as problem details (RFC 9457): our own message, a status, and no path of the server."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from latentcast.core.errors import DataError, LatentcastError, SettingsError, suggest

MEDIA_TYPE = "application/problem+json"
_PATH = re.compile(r"(?<![\w.:/])(?:/[\w.@+~=-]+){2,}/?")
_ROOTS = frozenset(f"/{folder.name}" for folder in Path("/").iterdir())


class Problem(Exception):
    """A request that cannot be answered.

    Attributes
    ----------
    status
        HTTP status.
    kind
        Short name of the problem, stable for programs: the end of `type`.
    detail
        What came, what was wanted, and the fix.
    extra
        Further members of the problem, such as the limit that was passed.
    """

    def __init__(
        self, status: int, kind: str, detail: str, *, headers: Mapping[str, str] | None = None, **extra: Any
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail
        self.headers, self.extra = dict(headers or {}), extra

    def response(self) -> JSONResponse:
        """The problem as its response."""
        title = self.kind.replace("-", " ").capitalize()
        body = {"type": f"urn:latentcast:{self.kind}", "title": title, "status": self.status}
        return JSONResponse(
            {**body, "detail": without_paths(self.detail), **self.extra},
            self.status,
            media_type=MEDIA_TYPE,
            headers=self.headers,
        )


def too_large(limit: str, most: object, detail: str) -> Problem:
    """A request beyond a limit of the server."""
    return Problem(413, "too-large", detail, limit=limit, most=most)


def problem_of(error: LatentcastError) -> Problem:
    """An error of the library as a problem of the request."""
    if isinstance(error, SettingsError):
        return Problem(422, "settings", str(error), faults=[without_paths(fault) for fault in error.faults])
    if isinstance(error, DataError):
        found = Problem(422, "data", str(error))
        found.extra |= {} if error.setting is None else {"setting": error.setting}
        return found
    return Problem(422, "model", str(error))


def without_paths(text: str) -> str:
    """The text without absolute paths of this machine."""
    return _PATH.sub(lambda found: "[path]" if f"/{found[0].split('/')[1]}" in _ROOTS else found[0], text)


def invalid(kind: type[BaseModel] | None, errors: Sequence[Any]) -> Problem:
    """Faults that pydantic found in a request of some kind, all at once."""
    known = () if kind is None else kind.model_fields
    faults = []
    for one in errors[:20]:
        place = ".".join(str(step) for step in one["loc"])[:200]
        message = one["msg"].removeprefix("Value error, ").replace("Input should be ", "wanted ")
        if one["type"] == "extra_forbidden":
            message = f"there is no such member; {suggest(str(one['loc'][-1])[:100], known)}"
        elif one["type"] == "missing":
            message = "is required"
        faults.append(f"{place}: {message}" if place else message)
    return Problem(422, "request", "; ".join(faults), faults=faults)


def install(app: FastAPI) -> None:
    """Answer every exception that a route raises with its problem."""

    @app.exception_handler(Problem)
    def problem(request: Request, error: Problem) -> JSONResponse:
        return error.response()

    @app.exception_handler(LatentcastError)
    def library(request: Request, error: LatentcastError) -> JSONResponse:
        return problem_of(error).response()

    @app.exception_handler(RequestValidationError)
    def validation(request: Request, error: RequestValidationError) -> JSONResponse:
        return invalid(None, error.errors()).response()

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> JSONResponse:
        kinds = {404: "not-found", 405: "method"}
        details = {
            404: f"there is nothing at {request.url.path}; /openapi.json lists what there is",
            405: f"{request.method} is not taken here; /openapi.json lists what is",
        }
        kind = kinds.get(error.status_code, "request")
        detail = details.get(error.status_code, str(error.detail))
        return Problem(error.status_code, kind, detail, headers=error.headers).response()
