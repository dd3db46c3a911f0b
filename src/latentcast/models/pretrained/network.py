"""The network in plain numpy: numbers of a window and of a step ahead → quantiles. Weights are a dict of arrays."""

from collections.abc import Mapping

import numpy as np

from latentcast.models.pretrained.context import Rows
from latentcast.models.pretrained.features import Features

LEVELS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975)
MEDIAN = LEVELS.index(0.5)
Weights = Mapping[str, Rows]


def known(weights: Weights) -> int:
    """Number of candidates that some weights know."""
    return len(weights["last.bias"]) - 2 - len(LEVELS)


def _affine(rows: Rows, weights: Weights, name: str) -> Rows:
    flat = rows.reshape(-1, rows.shape[-1]) @ weights[f"{name}.weight"].T  # one product, not one for each series
    flat += weights[f"{name}.bias"]
    return flat.reshape(*rows.shape[:-1], -1)


def _silu(rows: Rows) -> Rows:
    found = np.minimum(-rows, 60)
    np.exp(found, out=found)
    found += 1
    return np.divide(rows, found, out=found)


def _blocks(rows: Rows, weights: Weights, name: str) -> Rows:
    number = 0
    while f"{name}.{number}.into.weight" in weights:
        inner = _silu(_affine(rows, weights, f"{name}.{number}.into"))
        rows = rows + _affine(inner, weights, f"{name}.{number}.out")
        number += 1
    return rows


def outputs(weights: Weights, features: Features) -> Rows:
    """[series, steps, candidates + 2 + levels] logits of candidates, a correction, increments, and trust in skill."""
    window = (features.window - weights["window_mean"]) / weights["window_scale"]
    step = (features.step - weights["step_mean"]) / weights["step_scale"]
    hidden = _blocks(_silu(_affine(window, weights, "window_in")), weights, "window_blocks")
    joined = _affine(hidden, weights, "join")[:, None] + _affine(step, weights, "step_in")
    return _affine(_silu(_blocks(_silu(joined), weights, "step_blocks")), weights, "last")


def mixture(raw: Rows, skill: Rows) -> Rows:
    """[series, steps, candidate] weights of the candidates: positive, sum 1; those of more skill weigh more."""
    logits = raw[..., : skill.shape[2]] - np.logaddexp(0, raw[..., -2:]) @ skill
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


def quantiles(weights: Weights, features: Features) -> Rows:
    """[series, steps, level] quantiles at `LEVELS`, ascending, in units of the context."""
    count = features.candidates.shape[2]
    raw = outputs(weights, features)
    centre = (mixture(raw, features.skill) * features.candidates).sum(-1, keepdims=True)
    centre = centre + raw[..., count : count + 1] * features.unit
    apart = np.logaddexp(0, raw[..., count + 1 : -2]) * features.unit
    below = np.cumsum(apart[..., :MEDIAN], -1)[..., ::-1]
    above = np.cumsum(apart[..., MEDIAN:], -1)
    return np.concatenate([centre - below, centre, centre + above], -1).astype(np.float32)
