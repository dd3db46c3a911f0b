"""POST /forecast."""

from fastapi import APIRouter, Request, Response

from latentcast.serving.bodies import received
from latentcast.serving.examples import described
from latentcast.serving.forecasting import Job
from latentcast.serving.requests import ForecastOptions, ForecastRequest
from latentcast.serving.services import Services


def router(services: Services) -> APIRouter:
    """POST /forecast."""
    routes = APIRouter(tags=["forecast"])

    @routes.post("/forecast", **described("forecast", ForecastRequest, ForecastOptions))
    async def forecast(request: Request) -> Response:
        """Forecast beyond the end of each series, with intervals where levels or quantiles are asked for."""
        body = await received(request, ForecastRequest, ForecastOptions, services.reader)
        model = services.models.asked(body.options.model)
        job = Job(model, body.options, body.data, body.future, body.media, body.deadline)
        return await services.work.forecast(job)

    return routes
