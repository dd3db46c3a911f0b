"""Which models there are, their run cards, and whether the server is up."""

from typing import Any

from fastapi import APIRouter

from latentcast.serving.services import Services


def router(services: Services) -> APIRouter:
    """GET /health, /models and /models/{name}."""
    routes, models = APIRouter(tags=["models"]), services.models

    @routes.get("/health")
    def health() -> dict[str, Any]:
        """Whether the server answers, and how many models it has."""
        return {"status": "ok", "models": len(models)}

    @routes.get("/models")
    def listed() -> dict[str, Any]:
        """Every model with its look-back, horizon, frequency and columns."""
        return {"models": [model.about() for model in models.values()]}

    @routes.get("/models/{name}")
    def card(name: str) -> dict[str, Any]:
        """The run card of one model: settings, data, versions, training and validation figures, notes."""
        model = models.asked(name)
        return {**model.about(), "card": model.forecaster.card.to_dict()}

    return routes
