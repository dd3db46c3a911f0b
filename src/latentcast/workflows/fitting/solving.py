"""Solve closed-form models in a fit, and decide whether parts trained on the residual pay."""

import logging
import time
from typing import Any

import torch

from latentcast.core.protocols import AddsToSolvedMap, SolvedModel
from latentcast.core.types import Batch, Prediction
from latentcast.data.windows.mixture import Mix
from latentcast.data.windows.windows import Windows, batch_size_for_memory
from latentcast.forecaster.forecaster import Forecaster
from latentcast.workflows.fitting.windows import Supply

log = logging.getLogger("latentcast")

LEAST_GAIN = 0.003  # least relative gain of the other parts
STRETCHES = 10  # of the validation part, between which the gain must be consistent


def solve_closed_form(forecaster: Forecaster, train: Supply, held_out: Supply | None) -> dict[str, Any]:
    """Solve the closed-form part; return its choices, the number of windows and the seconds."""
    model = forecaster.network.model
    assert isinstance(model, SolvedModel)
    began = time.monotonic()
    found = model.solve(train, held_out)
    return {
        **found,
        "windows": len(train),
        "validation_windows": 0 if held_out is None else len(held_out),
        "seconds": round(time.monotonic() - began, 2),
    }


def keep_parts_that_pay(forecaster: Forecaster, held_out: Supply | None) -> dict[str, Any]:
    """Decide on the validation part whether a model's other parts are added to its solved map; return the figures.

    Parts are used when they lower the mean squared error by at least the share `LEAST_GAIN` and by more than the
    standard error of that gain over stretches of the validation part. Parts that forecast quantiles are always used.
    """
    model = forecaster.network.model
    if not isinstance(model, AddsToSolvedMap):
        return {}
    if held_out is None or forecaster.network.quantile_levels:
        return {"parts": "used without a comparison"}
    forecaster.network.eval()
    model.uses_parts.fill_(1.0)
    alone, together = _errors(forecaster, held_out)
    gains = torch.stack([piece.mean() for piece in (alone - together).tensor_split(STRETCHES) if len(piece)])
    doubt = gains.std() / len(gains) ** 0.5 if len(gains) > 1 else torch.tensor(0.0)
    gain = float((alone - together).mean())
    used = gain > LEAST_GAIN * float(alone.mean()) and gain > float(doubt)
    model.uses_parts.fill_(float(used))
    return {
        "parts": "used" if used else "not used",
        "validation_mse_map": float(f"{alone.mean():.5g}"),
        "validation_mse_with_parts": float(f"{together.mean():.5g}"),
        "standard_error_of_gain": float(f"{doubt:.3g}"),
    }


def _errors(forecaster: Forecaster, held_out: Supply) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean squared error of every window, by the solved map alone and with the parts."""
    network, model = forecaster.network.cpu(), forecaster.network.model
    alone, together = [], []
    for windows in held_out.sets if isinstance(held_out, Mix) else (held_out,):
        assert isinstance(windows, Windows)
        size = batch_size_for_memory(windows.steps, windows.channels)
        for _, batch in windows.in_batches(size):
            with torch.no_grad():
                base = Prediction(model.solved_maps(batch.past))
                alone.append(_window_errors(base.only(network.task.targets), batch))
                together.append(_window_errors(network(batch), batch))
    return torch.cat(alone), torch.cat(together)


def _window_errors(prediction: Prediction, batch: Batch) -> torch.Tensor:
    assert batch.target is not None
    squares = (prediction.values - batch.target).double().square()
    if batch.target_observed is None:
        return squares.mean((1, 2))
    return (squares * batch.target_observed).sum((1, 2)) / batch.target_observed.sum((1, 2)).clamp(min=1)
