"""The bearer token: compared in constant time, never logged, never read from an address."""

import hashlib
import hmac

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from latentcast.serving.problems import Problem


class RequireToken:
    """Refuses requests without the token, where the server has one."""

    def __init__(self, app: ASGIApp, token: SecretStr | None, open_paths: frozenset[str]) -> None:
        self.app, self.open_paths = app, open_paths
        self.expected = None if token is None else _digest(token.get_secret_value())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self.expected is not None and not self._is_open(scope["path"]):
            kind, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
            right = hmac.compare_digest(_digest(given.strip()), self.expected)
            if kind.lower() != "bearer" or not right:
                raise Problem(
                    401,
                    "token",
                    "this server wants its bearer token: send the header Authorization: Bearer TOKEN",
                    headers={"www-authenticate": "Bearer"},
                )
        await self.app(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        return path in self.open_paths or any(
            one.endswith("/") and path.startswith(one) for one in self.open_paths - {"/"}
        )


def _digest(text: str) -> bytes:
    """Equal lengths, so that the comparison does not show how long the token is."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
