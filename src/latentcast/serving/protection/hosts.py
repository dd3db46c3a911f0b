"""The Host header: a page elsewhere that resolves its own name to this server is refused (DNS rebinding)."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from latentcast.serving.problems import Problem


class CheckHost:
    """Refuses requests whose Host is none of the accepted names."""

    def __init__(self, app: ASGIApp, accepted: frozenset[str]) -> None:
        self.app, self.accepted = app, accepted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = Headers(scope=scope).getlist("host")
            if len(given) != 1 or host_name(given[0]) not in self.accepted:
                raise Problem(
                    400,
                    "host",
                    "the Host header names another server than this one; name it when the server is started"
                    " (latentcast serve --allowed-host NAME)",
                )
        await self.app(scope, receive, send)


def host_name(header: str) -> str:
    """A Host header without its port: `[::1]:8000` is ::1."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()
