"""Solve closed-form models in a fit, and decide whether parts trained on the residual pay."""

import copy
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from latentcast.core.protocols import AddsToSolvedMap, SolvedModel
from latentcast.core.types import Batch, Prediction
from latentcast.data.windows.mixture import Mix
from latentcast.data.windows.windows import Windows, batch_size_for_memory
from latentcast.forecaster.forecaster import Forecaster
from latentcast.models.network import Network
from latentcast.workflows.fitting.windows import Supply

log = logging.getLogger("latentcast")

LEAST_GAIN = 0.003  # least relative gain of the other parts
LEAST_SURE = 2.0  # least gain in standard errors: chance alone exceeds it in 4 of 100 (t, 9 degrees of freedom)
STRETCHES = 10  # of the validation part, between which the gain must be consistent


@dataclass(frozen=True)
class PartsJudged:
    """Mean squared errors of the solved map alone and with the other parts, at one origin, and whether these pay."""

    map_alone: float
    with_parts: float
    doubt: float

    @property
    def pay(self) -> bool:
        """They lower the error by the share `LEAST_GAIN` and by `LEAST_SURE` standard errors of it, at least."""
        gain = self.map_alone - self.with_parts
        return gain > LEAST_GAIN * self.map_alone and gain > LEAST_SURE * self.doubt


def solve_closed_form(forecaster: Forecaster, train: Supply, held_out: Supply | None) -> dict[str, Any]:
    """Solve the closed-form part; return its choices, the number of windows and the seconds.

    Where all other parts are solved too, whether they pay is also judged at an origin within the training part, by a
    copy that is solved on what lies before it.
    """
    model = forecaster.network.model
    assert isinstance(model, SolvedModel)
    began = time.monotonic()
    earlier = None if held_out is None else _earlier_origin(train, held_out)
    judged: Mapping[str, Any] = {}
    if earlier is not None and isinstance(model, AddsToSolvedMap) and not _learns(forecaster.network):
        network = copy.deepcopy(forecaster.network)
        assert isinstance(network.model, SolvedModel)
        network.model.solve(*earlier)
        judged = {"parts_in_training_part": _told(_judged(network, earlier[1]))}
    found = model.solve(train, held_out)
    return {
        **found,
        **judged,
        "windows": len(train),
        "validation_windows": 0 if held_out is None else len(held_out),
        "seconds": round(time.monotonic() - began, 2),
    }


def keep_parts_that_pay(forecaster: Forecaster, held_out: Supply | None) -> dict[str, Any]:
    """Decide on the validation part whether a model's other parts are added to its solved map; return the figures.

    Parts that are solved must pay at the origin within the training part, too. Parts that forecast quantiles are
    always used.
    """
    network, model = forecaster.network, forecaster.network.model
    if not isinstance(model, AddsToSolvedMap):
        return {}
    if held_out is None or network.quantile_levels:
        return {"parts": "used without a comparison"}
    model.uses_parts.fill_(1.0)
    found = _judged(network, held_out)
    before = (forecaster.card.solved or {}).get("parts_in_training_part", {"pay": True})
    used = found.pay and before["pay"]
    model.uses_parts.fill_(float(used))
    said = _told(found)
    return {
        "parts": "used" if used else "not used",
        "validation_mse_map": said["mse_map"],
        "validation_mse_with_parts": said["mse_with_parts"],
        "standard_error_of_gain": said["standard_error_of_gain"],
    }


def _learns(network: Network) -> bool:
    return any(weight.requires_grad for weight in network.parameters())


def _earlier_origin(train: Supply, held_out: Supply) -> tuple[Supply, Supply] | None:
    """Windows before an origin in the training part, and those after it: as long as the validation part.

    None where less than a third of the training windows would lie before it.
    """
    sets = train.sets if isinstance(train, Mix) else (train,)
    judged = {id(one.values): one for one in (held_out.sets if isinstance(held_out, Mix) else (held_out,))}
    pairs = []
    for one in sets:
        assert isinstance(one, Windows)
        begins = np.flatnonzero(np.diff(one.items, prepend=-1))
        ends = one.starts[np.append(begins[1:], len(one)) - 1] + one.steps
        windows = judged.get(id(one.values))
        length = max(2 * one.horizon, 0 if windows is None else _forecast_steps(windows))
        cut = np.repeat(ends - length, np.diff(np.append(begins, len(one))))
        before, after = one.starts + one.steps <= cut, one.starts + one.lookback >= cut
        if 3 * before.sum() < len(one) or not after.any():
            return None
        pairs.append([replace(one, starts=one.starts[kept], items=one.items[kept]) for kept in (before, after)])
    first, last = (tuple(side) for side in zip(*pairs, strict=True))
    return (replace(train, sets=first), replace(train, sets=last)) if isinstance(train, Mix) else (first[0], last[0])


def _forecast_steps(windows: Windows) -> int:
    """Steps of the longest stretch that the windows of one series forecast."""
    begins = np.flatnonzero(np.diff(windows.items, prepend=-1))
    last = np.append(begins[1:], len(windows)) - 1
    return int((windows.starts[last] - windows.starts[begins]).max()) + windows.horizon


def _judged(network: Network, held_out: Supply) -> PartsJudged:
    network.eval()
    alone, together = _errors(network, held_out)
    gains = torch.stack([piece.mean() for piece in (alone - together).tensor_split(STRETCHES) if len(piece)])
    doubt = gains.std() / len(gains) ** 0.5 if len(gains) > 1 else torch.tensor(0.0)
    return PartsJudged(float(alone.mean()), float(together.mean()), float(doubt))


def _told(found: PartsJudged) -> dict[str, Any]:
    return {
        "mse_map": float(f"{found.map_alone:.5g}"),
        "mse_with_parts": float(f"{found.with_parts:.5g}"),
        "standard_error_of_gain": float(f"{found.doubt:.3g}"),
        "pay": found.pay,
    }


def _errors(network: Network, held_out: Supply) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean squared error of every window, by the solved map alone and with the parts."""
    model = network.cpu().model
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
