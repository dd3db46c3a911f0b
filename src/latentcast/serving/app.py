"""The app: routes, and the protection around all of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from latentcast.serving import problems
from latentcast.serving.jobs.settings import JobSettings
from latentcast.serving.metrics import Measurements
from latentcast.serving.models import Models
from latentcast.serving.protection import protect
from latentcast.serving.routes import forecast, windows
from latentcast.serving.routes import models as models_routes
from latentcast.serving.services import Services
from latentcast.serving.settings import ServeSettings
from latentcast.serving.workbench.mount import add_workbench
from latentcast.serving.workbench.routes import PAGE

OPEN = frozenset({"/health"})  # paths that need no token


def create_app(models: Models, settings: ServeSettings, jobs: JobSettings | None = None) -> FastAPI:
    """Make the ASGI app of some models.

    Parameters
    ----------
    models
        The models to offer (`Models.open`).
    settings
        Where it listens, who may ask, and the limits of a request.
    jobs
        Limits of the jobs of the workbench; None takes their defaults.

    Returns
    -------
    FastAPI
        Routers that are added to it later are under the same protection.
    """
    services = Services.start(models, settings)

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        services.reader.prepare()
        yield
        services.close()

    app = FastAPI(
        title="latentcast",
        version=version("latentcast"),
        description="Forecasts of saved models over HTTP.",
        docs_url=None,
        redoc_url=None,
        lifespan=living,
    )
    app.state.services = services
    for routes in (models_routes, forecast, windows):
        app.include_router(routes.router(services))
    if settings.workbench:
        add_workbench(app, settings.limits, jobs)
    measurements = Measurements(services.work)
    app.include_router(measurements.router())
    problems.install(app)
    protect(app, settings, measurements, open_paths=OPEN | PAGE if settings.workbench else OPEN)
    return app
