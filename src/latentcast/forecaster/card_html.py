"""Summary of a forecaster for notebooks."""

from typing import Any

from latentcast.forecaster.fitted import FittedModel
from latentcast.models.inspection import count_parameters
from latentcast.reporting.notebook import facts_html


def card_html(fitted: FittedModel) -> str:
    """Show the task, the training, and the validation figures with those of seasonal-naive."""
    schema, task, card = fitted.card.schema, fitted.task, fitted.card
    facts: dict[str, Any] = {
        "data": f"{schema.data}: {schema.series} series, {schema.steps} steps of {schema.freq}",
        "look-back, horizon": f"{task.lookback} → {task.horizon} steps",
        "parameters": f"{count_parameters(fitted.network)[0]:,}",
    }
    if card.training is not None:
        last = card.training.stages[-1]
        facts["training"] = f"{last.steps} steps in {card.training.seconds:.1f} s, stopped by {last.stopped_by}"
    if card.validation is not None:
        facts["validation"] = _figures(card.validation)
        if (beside := card.validation.get("baseline")) is not None:
            facts[f"{beside['model']} there"] = _figures(beside)
    return facts_html(fitted.name, facts, card.notes)


def _figures(found: Any) -> str:
    values = (("scaled MSE", found["scaled"].get("MSE")), ("MASE", found["original"].get("MASE")))
    return ", ".join(f"{name} {value:.4g}" for name, value in values if value is not None)
