"""POST /forecast."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from latentcast.serving.answers import columns_of
from latentcast.serving.models import Models
from latentcast.serving.requests import ForecastRequest, frame_of, parsed
from latentcast.serving.settings import ServeSettings


def router(models: Models, settings: ServeSettings) -> APIRouter:
    """POST /forecast."""
    routes = APIRouter(tags=["forecast"])

    @routes.post("/forecast")
    async def forecast(request: Request) -> dict[str, Any]:
        """Forecast beyond the end of each series."""
        asked = parsed(ForecastRequest, await request.body())
        model = models.asked(asked.model)
        return await run_in_threadpool(_forecast, model, asked)

    return routes


def _forecast(model: Any, asked: ForecastRequest) -> dict[str, Any]:
    forecaster = model.for_request()
    future = None if asked.future_covariates is None else frame_of(asked.future_covariates)
    frame = forecaster.predict(
        frame_of(asked.data),
        horizon=asked.horizon,
        future_covariates=future,
        level=asked.level,
        quantiles=asked.quantiles,
        interval_method=asked.interval_method,
        paths=asked.paths,
    )
    return {"model": model.name, "data": columns_of(frame), "notes": [note.to_dict() for note in forecaster.told]}
