"""POST /explain, /anomaly-scores and /impute: what takes longer than a forecast, one request at a time."""

from fastapi import APIRouter, Request, Response

from latentcast.core.notes import Note
from latentcast.data.sources.frames import read_frame
from latentcast.forecaster.inputs import read_panel
from latentcast.forecaster.state import FittedState
from latentcast.serving.answers import json_answer, table_answer
from latentcast.serving.bodies import Body, received
from latentcast.serving.examples import described
from latentcast.serving.models import ServedModel
from latentcast.serving.requests import ExplainOptions, ExplainRequest, Options, TableRequest
from latentcast.serving.services import Services
from latentcast.serving.settings import Limits
from latentcast.serving.tables import as_frame, check_panel


def router(services: Services) -> APIRouter:
    """The three routes."""
    routes = APIRouter(tags=["forecast"])
    models, work, limits = services.models, services.work, services.settings.limits

    @routes.post("/explain", **described("explain", ExplainRequest, ExplainOptions))
    async def explain(request: Request) -> Response:
        """Explain the forecast of one series: the forecast, findings about its window, and which past mattered."""
        body = await received(request, ExplainRequest, ExplainOptions, services.reader)
        model = models.asked(body.options.model)
        return await work.run(_explain, model, body, limits, deadline=body.deadline)

    @routes.post("/anomaly-scores", **described("anomaly-scores", TableRequest, Options))
    async def scores(request: Request) -> Response:
        """How unusual each step is, to a model with codes (vq-codec, token-transformer)."""
        body = await received(request, TableRequest, Options, services.reader)
        return await work.run(_scores, models.asked(body.options.model), body, limits, deadline=body.deadline)

    @routes.post("/impute", **described("impute", TableRequest, Options))
    async def filled(request: Request) -> Response:
        """The table with its gaps filled, by a model that was pretrained to fill them."""
        body = await received(request, TableRequest, Options, services.reader)
        return await work.run(_impute, models.asked(body.options.model), body, limits, deadline=body.deadline)

    return routes


def _explain(model: ServedModel, body: Body[ExplainOptions], limits: Limits) -> Response:
    forecaster, options = model.fitted(), body.options
    frame = as_frame(body.data, limits)
    _check(forecaster, frame, limits)
    found = forecaster.explain(
        frame,
        future_covariates=None if body.future is None else as_frame(body.future, limits),
        level=options.level,
        interval_method=options.interval_method,
        item=options.item,
        attribution=options.attribution,
        stretch=options.stretch,
        fill=options.fill,
    )
    notes = [Note.from_value(note).to_dict() for note in found.notes]
    return json_answer({**found.to_dict(), "model": model.name, "notes": notes})


def _scores(model: ServedModel, body: Body[Options], limits: Limits) -> Response:
    from latentcast.workflows.anomaly import anomaly_scores

    forecaster = model.fitted()
    frame = as_frame(body.data, limits)
    _check(forecaster, frame, limits)
    found = anomaly_scores(forecaster, frame)
    return table_answer(model.name, found.frame, found.notes, body.media, body.options.orient)


def _impute(model: ServedModel, body: Body[Options], limits: Limits) -> Response:
    from latentcast.workflows.imputation import impute

    forecaster = model.fitted()
    frame = as_frame(body.data, limits)
    found = impute(forecaster, frame)
    return table_answer(model.name, found.frame, found.notes, body.media, body.options.orient)


def _check(forecaster: FittedState, frame: object, limits: Limits) -> None:
    """Check the limit on series; the verb itself reports other faults of the table."""
    check_panel(read_panel(forecaster, read_frame(frame)), limits)
