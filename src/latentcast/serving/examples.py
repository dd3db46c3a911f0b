"""How routes are described in OpenAPI: the bodies they take, with examples that really run, and their problems."""

from typing import Any

from pydantic import BaseModel

from latentcast.serving.answers import CSV, JSON, PARQUET
from latentcast.serving.problems import MEDIA_TYPE

_HOURS = [f"2024-01-{day:02d}T{hour:02d}:00:00" for day in (1, 2, 3) for hour in range(24)]
_LOAD = [round(50.0 + 8 * (7 <= at % 24 <= 20) + 0.1 * (at % 5), 1) for at in range(len(_HOURS))]
TABLE = {"unique_id": ["north"] * len(_HOURS), "ds": _HOURS, "y": _LOAD}
EXAMPLES: dict[str, dict[str, Any]] = {
    "forecast": {"data": TABLE, "horizon": 4, "level": [80, 90]},
    "explain": {"data": TABLE, "item": "north"},
    "anomaly-scores": {"data": TABLE},
    "impute": {"data": {**TABLE, "y": [*_LOAD[:30], None, *_LOAD[31:]]}},
}
PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was received, what was wanted, and the fix."},
    },
    "required": ["type", "title", "status", "detail"],
}
_PROBLEMS = {
    401: "No bearer token, or a wrong one.",
    413: "Beyond a limit of the server, which `limit` and `most` name.",
    415: "A body or a file of another kind.",
    422: "The request, the data or the settings cannot be used as they are.",
    429: "Too many requests wait.",
}


def described(verb: str, kind: type[BaseModel], options: type[BaseModel]) -> dict[str, Any]:
    """Arguments of a route: its bodies as JSON and as a form, an example, and its problems."""
    files = {name: {"type": "string", "format": "binary"} for name in kind.model_fields if name in _FILES}
    fields = {name: _field(schema) for name, schema in options.model_json_schema()["properties"].items()}
    form = {"type": "object", "properties": {**files, **fields}, "required": ["data"]}
    body = {
        JSON: {"schema": kind.model_json_schema(), "examples": {verb: {"value": EXAMPLES[verb]}}},
        "multipart/form-data": {"schema": form},
    }
    media = (JSON,) if verb == "explain" else (JSON, CSV, PARQUET)
    answers: dict[int | str, Any] = {200: {"description": "The answer", "content": {one: {} for one in media}}}
    for status, text in _PROBLEMS.items():
        answers[status] = {"description": text, "content": {MEDIA_TYPE: {"schema": PROBLEM}}}
    return {"openapi_extra": {"requestBody": {"required": True, "content": body}}, "responses": answers}


_FILES = ("data", "future_covariates")


def _field(schema: dict[str, Any]) -> dict[str, Any]:
    """A field of a form is text; several numbers are separated by commas."""
    kinds = schema.get("anyOf", ())
    if any(one.get("type") == "array" for one in kinds):
        return {"type": "string", "description": f"{schema.get('description', '')} In a form: 80,90."}
    return schema
