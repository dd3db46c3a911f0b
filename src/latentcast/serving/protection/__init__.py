"""What stands between the network and every route: plain ASGI layers, so that streams pass through unbuffered."""

from typing import Any

from fastapi import FastAPI

from latentcast.serving.metrics import Measure, Measurements
from latentcast.serving.protection.bodies import LimitBodies
from latentcast.serving.protection.failures import AnswerFailures
from latentcast.serving.protection.headers import SecurityHeaders
from latentcast.serving.protection.hosts import CheckHost
from latentcast.serving.protection.origins import RefuseCrossOrigin
from latentcast.serving.protection.tokens import RequireToken
from latentcast.serving.settings import ServeSettings

__all__ = ["protect"]


def protect(app: FastAPI, settings: ServeSettings, measurements: Measurements, *, open_paths: frozenset[str]) -> None:
    """Put every layer around the app. `open_paths` need no token; one that ends in / opens what is below it."""
    layers: tuple[tuple[Any, dict[str, Any]], ...] = (  # from the outside to the inside
        (SecurityHeaders, {}),
        (Measure, {"measurements": measurements}),
        (AnswerFailures, {}),
        (CheckHost, {"accepted": settings.accepted_hosts}),
        (RefuseCrossOrigin, {}),
        (RequireToken, {"token": settings.token, "open_paths": open_paths}),
        (LimitBodies, {"most": settings.limits.bytes, "seconds": settings.limits.seconds}),
    )
    for layer, options in reversed(layers):
        app.add_middleware(layer, **options)
