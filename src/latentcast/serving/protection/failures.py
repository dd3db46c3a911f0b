"""An exception that nothing expected: logged with its traceback here, and told to the client in one sentence."""

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from latentcast.serving.problems import Problem

log = logging.getLogger("latentcast.serving")


class AnswerFailures:
    """Problems raised in inner layers, and a plain 500 for anything else."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        started = False

        async def noting_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, noting_start)
        except Problem as problem:
            if started:
                raise
            await problem.response()(scope, receive, send)
        except Exception:
            if scope["type"] != "http" or started:
                raise
            log.exception("a request to %s failed", scope["path"])
            failed = Problem(500, "failure", "the server failed at this request; its log says why")
            await failed.response()(scope, receive, send)
