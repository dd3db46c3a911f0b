"""The page and its files, which ship with the package."""

from importlib import resources
from importlib.resources.abc import Traversable

from fastapi import APIRouter
from fastapi.responses import Response

from latentcast.serving.problems import Problem

KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
PAGE = frozenset({"/", "/workbench/"})  # they hold no data, and are read before a token can be given


def router() -> APIRouter:
    """GET / and /workbench/…"""
    routes = APIRouter(include_in_schema=False)
    files = {f"/{path}": file for path, file in _files(resources.files(__package__) / "static", "")}

    @routes.get("/")
    def page() -> Response:
        return _answer(files["/index.html"])

    @routes.get("/workbench/{path:path}")
    def part(path: str) -> Response:
        file = files.get(f"/{path}")
        if file is None:
            raise Problem(404, "not-found", f"the workbench has no file {path}")
        return _answer(file)

    return routes


def _files(folder: Traversable, below: str) -> list[tuple[str, Traversable]]:
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _files(entry, f"{below}{entry.name}/")
        elif any(entry.name.endswith(ending) for ending in KINDS):
            found.append((below + entry.name, entry))
    return found


def _answer(file: Traversable) -> Response:
    kind = KINDS[f".{file.name.rpartition('.')[2]}"]
    return Response(file.read_bytes(), media_type=kind, headers={"cache-control": "no-cache"})
