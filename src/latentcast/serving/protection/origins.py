"""Requests that a page of another origin sends through a person's browser."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from latentcast.serving.problems import Problem

SAFE = ("GET", "HEAD")


class RefuseCrossOrigin:
    """Refuses every method but GET and HEAD from another origin; no answer carries a CORS header."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE:
            headers = Headers(scope=scope)
            origin, fetched = headers.get("origin"), headers.get("sec-fetch-site", "none")
            elsewhere = origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower()
            if elsewhere or fetched not in ("none", "same-origin"):
                raise Problem(403, "origin", "this request comes from a page of another origin, and is refused")
        await self.app(scope, receive, send)
