"""Measurements of a server for Prometheus: requests, seconds, requests of one pass, and the process."""

import time

from fastapi import APIRouter, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from latentcast.serving.work import Work

_SECONDS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_METHODS = ("GET", "HEAD", "POST", "DELETE")


class Measurements:
    """The measurements of one server; no label holds anything that a client chose."""

    def __init__(self, work: Work) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        labels = ("route", "method")
        self.requests = Counter(
            "latentcast_requests", "Requests answered.", (*labels, "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "latentcast_request_seconds", "From request to answer.", labels, buckets=_SECONDS, registry=self.registry
        )
        self.together = Histogram(
            "latentcast_requests_together",
            "Requests of one pass through a network.",
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=self.registry,
        )
        waiting = Gauge("latentcast_waiting", "Requests taken and not answered.", registry=self.registry)
        waiting.set_function(lambda: work.waiting)
        work.passes.append(self.together.observe)

    def router(self) -> APIRouter:
        """GET /metrics."""
        routes = APIRouter(tags=["server"])

        @routes.get("/metrics", response_class=Response)
        def metrics() -> Response:
            """Measurements in Prometheus' text format."""
            return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)

        return routes


class Measure:
    """Counts every request with its status and its seconds."""

    def __init__(self, app: ASGIApp, measurements: Measurements) -> None:
        self.app, self.measurements = app, measurements

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 499  # the client went away before an answer

        async def noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting_status)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self.measurements.requests.labels(route, method, str(status)).inc()
            self.measurements.seconds.labels(route, method).observe(time.perf_counter() - begun)
