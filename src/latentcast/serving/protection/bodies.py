"""The size of bodies, counted as they come, and the time that a client may take to send one."""

import asyncio
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from latentcast.serving.problems import Problem, too_large


class LimitBodies:
    """Refuses bodies that are too large, packed by Content-Encoding, or sent too slowly."""

    def __init__(self, app: ASGIApp, most: int, seconds: float) -> None:
        self.app, self.most, self.seconds = app, most, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self.most:
            raise self._refused()
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise Problem(415, "encoding", "send the body as it is, without Content-Encoding; files may be packed")
        taken, ends, done = 0, time.monotonic() + self.seconds, False

        async def counted() -> Message:
            nonlocal taken, done
            if done:  # what remains is the end of the connection
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(ends - time.monotonic(), 0.001))
            except TimeoutError:
                raise Problem(408, "slow", f"the body did not arrive within {self.seconds:g} seconds") from None
            taken += len(message.get("body", b""))
            done = not message.get("more_body", False)
            if taken > self.most:
                raise self._refused()
            return message

        await self.app(scope, counted, send)

    def _refused(self) -> Problem:
        return too_large("bytes", self.most, f"the body is larger than {self.most} bytes; send fewer rows or series")
