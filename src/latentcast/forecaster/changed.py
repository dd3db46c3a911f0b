"""Change decoding or horizon of a forecaster after training."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from latentcast.core.errors import Fault, SettingsError
from latentcast.core.nested import format_value, merge, nested
from latentcast.core.settings import differing
from latentcast.forecaster.fitted import FittedModel
from latentcast.models.config.run import resolve_config
from latentcast.models.network import Network, build

log = logging.getLogger("latentcast")
Fitted = TypeVar("Fitted", bound=FittedModel)


def changed(fitted: Fitted, settings: Mapping[str, Any] | None = None, *, horizon: int | None = None) -> Fitted:
    """Return the same weights under other settings or another horizon; a note warns of a horizon beyond the trained
    one.

    Raises SettingsError where the weights depend on what would change.
    """
    task, over = fitted.task, nested(settings or {})
    if not over and horizon in (None, task.horizon):
        return fitted
    if other := [key for key in over if key != "model"]:
        raise SettingsError([f"{key}: settings of the model alone can change after training" for key in other])
    further = horizon is not None and horizon > task.horizon
    run = resolve_config({**merge(fitted.run.dump(), over), "horizon": horizon or task.horizon})
    if faults := [
        f"{path}: {format_value(before)} when it was trained, {format_value(now)} here, and its weights belong to that"
        for path, before, now in differing(fitted.run.model, run.model, "model.")
    ]:
        raise SettingsError(faults)
    network = build(run.kind, run.model, replace(task, horizon=run.horizon))
    weights = fitted.network.state_dict()
    if not _fits(network, fitted.network):
        raise SettingsError(
            Fault(
                "horizon",
                f"={run.horizon}: the weights of this {run.name} belong to its horizon of {task.horizon}; fit it"
                f" again for the other (latentcast fit … --horizon {run.horizon})",
            )
        )
    network.load_state_dict(weights)
    if further:
        log.warning(
            f"a horizon of {run.horizon} steps is longer than the {task.horizon} that this {run.name} was trained for:"
            " it goes on as it began, and how well was never judged"
        )
    card = replace(fitted.card, settings=run.dump())
    return replace(fitted, run=run, task=network.task, network=network.to(fitted.device).eval(), card=card)


def _fits(network: Network, trained: Network) -> bool:
    weights, own = trained.state_dict(), network.state_dict()
    return own.keys() == weights.keys() and all(own[name].shape == tensor.shape for name, tensor in weights.items())
