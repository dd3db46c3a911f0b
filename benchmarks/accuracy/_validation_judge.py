"""Judge a generalist on the validation series: MASE to seasonal naive (naive without a season), coverage, WQL."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.accuracy._validation_boards import validation_boards
from benchmarks.accuracy._zero_shot_boards import Board
from benchmarks.accuracy.zero_shot import mases, naive
from latentcast.models.pretrained.anchor import toward_smoothing
from latentcast.models.pretrained.context import prepare
from latentcast.models.pretrained.network import LEVELS, MEDIAN
from latentcast.models.pretrained.ragged import forecast_rows
from latentcast.models.pretrained.torch_network import GeneralistNetwork
from latentcast.models.pretrained.walk import toward_last_value

Array = NDArray[np.float64]
Forecast = Callable[[Array, Board, int], Array]  # rows [series, time], board, second season → [series, horizon, level]


def scores(forecast: Forecast) -> dict[str, dict[str, float]]:
    """For each validation board: `ratio`, `coverage_80` and `wql_ratio`."""
    found = {}
    for board, second in validation_boards():
        quantiles = np.empty((len(board.windows), board.horizon, len(LEVELS)))
        lengths = np.array([len(window.context) for window in board.windows])
        for length in np.unique(lengths):
            places = np.flatnonzero(lengths == length)
            rows = np.stack([board.windows[place].context for place in places])
            quantiles[places] = forecast(rows, board, second)
        found[board.name] = _score(board, quantiles)
    return found


def _score(board: Board, quantiles: Array) -> dict[str, float]:
    target = np.stack([window.target for window in board.windows])
    scale = np.array([window.scale for window in board.windows])[:, None, None]
    theirs = mases(board, naive(board)).mean()
    levels, error = np.array(LEVELS), (target[..., None] - quantiles) / scale
    low, high = quantiles[..., LEVELS.index(0.1)], quantiles[..., LEVELS.index(0.9)]
    return {
        "ratio": float(mases(board, quantiles[..., MEDIAN]).mean() / theirs),
        "coverage_80": float(((target >= low) & (target <= high)).mean()),
        "wql_ratio": float(2 * np.maximum(levels * error, (levels - 1) * error).mean() / theirs),
    }


def means(boards: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Geometric means over the boards, how far coverage is from 80 % on average, and the boards themselves."""
    return {
        "ratio": float(np.exp(np.mean([np.log(row["ratio"]) for row in boards.values()]))),
        "wql_ratio": float(np.exp(np.mean([np.log(row["wql_ratio"]) for row in boards.values()]))),
        "from_80": float(np.mean([abs(row["coverage_80"] - 0.8) for row in boards.values()])),
        "boards": boards,
    }


def judged(network: GeneralistNetwork, ready: Callable[..., Any]) -> dict[str, Any]:
    """The figures of a network as a module, whose inputs `ready` makes: any encoder, seasons as given."""
    weights = network.arrays()

    def forecast(rows: Array, board: Board, second: int) -> Array:
        context = prepare(rows, board.season, second)
        inputs = ready(context, np.arange(1, board.horizon + 1))
        with torch.no_grad():
            found = network(*map(torch.from_numpy, inputs.parts())).numpy()
        found = toward_last_value(context, toward_smoothing(weights, context.season, inputs.candidates, found))
        return np.asarray(found * context.scale[..., None] + context.location[..., None])

    return means(scores(forecast))


def shipped(weights: Any, **how: Any) -> dict[str, Any]:
    """The figures of weights as `forecast_rows` uses them."""

    def forecast(rows: Array, board: Board, second: int) -> Array:
        return forecast_rows(weights, rows, ((board.season, second),), board.horizon, **how)

    return means(scores(forecast))
