"""Fine-tuning of the network on windows of some data; validation windows decide what is kept.

Candidates and features do not depend on the weights, so they are computed once, and an epoch costs little. After the
network, a linear map of the context is solved; its part in the forecast is chosen on the validation windows. At the end
the whole forecasts before and after tuning are compared on these windows. Where tuning does not lower the error, the
weights of the start stay.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from latentcast.models.pretrained import linear_map
from latentcast.models.pretrained.context import prepare
from latentcast.models.pretrained.features import features
from latentcast.models.pretrained.linear_map import LinearMap
from latentcast.models.pretrained.network import LEVELS, Weights, quantiles
from latentcast.models.pretrained.ragged import forecast_rows, groups
from latentcast.models.pretrained.seasons import Season
from latentcast.models.pretrained.torch_network import GeneralistNetwork

Learn = Literal["head", "all", "low-rank"]
RATES = {"head": 1e-3, "all": 3e-4, "low-rank": 1e-3}
ROWS, BATCH, STEPS = 256, 128, 12
READ = 512  # steps that the linear map reads at most
FEWEST = 200  # windows that a linear map is solved on
RANK = 4


@dataclass(frozen=True)
class Series:
    """Windows in original units: contexts `past` [window, time], NaN where nothing was observed and before the first
    step; outcomes `target` [window, horizon], NaN where unknown."""

    past: NDArray[np.float64]
    target: NDArray[np.float64]


@dataclass(frozen=True)
class Examples:
    """Inputs of the network, `target` [window, steps] in units of the context and `weight` of each window."""

    parts: tuple[NDArray[np.float32], ...]
    target: NDArray[np.float32]
    weight: NDArray[np.float32]

    def tensors(self, rows: NDArray[np.int64] | slice) -> tuple[list[Tensor], Tensor, Tensor]:
        """The windows at some places."""
        inputs = [torch.from_numpy(part[rows]) for part in self.parts]
        return inputs, torch.from_numpy(self.target[rows]), torch.from_numpy(self.weight[rows])


@dataclass(frozen=True)
class Tuned:
    """Losses of whole forecasts on the validation windows by the start and what is kept, epochs until the kept weights
    (0: those of the start), windows learned from.

    `map_share` is the mean share of the linear map in the forecast.
    """

    before: float
    after: float
    epochs: int
    windows: int
    map_share: float = 0.0

    def words(self) -> str:
        """What was kept, and why."""
        if self.after >= self.before:
            return f"fine-tuning lowers no validation loss ({self.before:.4g}): the weights of the start are kept"
        share = f", a linear map by {self.map_share:.0%}" if self.map_share else ""
        return f"fine-tuned, validation loss {self.before:.4g} -> {self.after:.4g} ({self.epochs} epochs{share})"


@dataclass(frozen=True)
class Passes:
    """What learns, passes over the windows at most, and those without a better validation loss before training ends."""

    learn: Learn = "all"
    epochs: int = 20
    patience: int = 3
    seed: int = 0


def pinball(found: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean pinball loss over `LEVELS`, doubled: at the median the absolute error."""
    levels = torch.tensor(LEVELS)
    error = target[..., None] - found
    loss = 2 * torch.maximum(levels * error, (levels - 1) * error).mean(-1)
    return (loss.mean(1) * weight).sum() / weight.sum()


def tune(network: GeneralistNetwork, train: Series, held: Series, season: Season, passes: Passes) -> Tuned:
    """Train the network in place; it holds the weights, and the map, with the least loss on the windows of `held`."""
    start = deepcopy(network.state_dict())
    loss_of_start = _whole_loss(network.arrays(), held, season)
    network.anchored((0.0, 0.0))
    rng = np.random.default_rng(passes.seed)
    learned = _examples(train, season, network.candidates, rng)
    judged = _examples(held, season, network.candidates, np.random.default_rng(passes.seed))
    epochs = _train(network, learned, judged, passes, rng)
    found = _map(network, train, held, season)
    if found is not None:
        network.take_map(found)
    loss = _whole_loss(network.arrays(), held, season)
    if (found is None and not epochs) or not loss < loss_of_start:
        network.load_state_dict(start)
        return Tuned(loss_of_start, loss_of_start, 0, len(train.past))
    return Tuned(loss_of_start, loss, epochs, len(train.past), 0.0 if found is None else float(found.share.mean()))


def _whole_loss(weights: Weights, held: Series, season: Season) -> float:
    """Mean quantile loss of forecasts as users get them, in units of the mean absolute step at the season's lag."""
    found = forecast_rows(weights, held.past, (season,), held.target.shape[1], contexts=(held.past.shape[1],))
    lag = season[0] if season[0] < held.past.shape[1] else 1
    apart = np.abs(held.past[:, lag:] - held.past[:, :-lag])
    count = np.isfinite(apart).sum(1)
    scale = np.nansum(apart, 1) / np.maximum(count, 1)
    used = scale > 0
    levels, error = np.array(LEVELS), held.target[used, :, None] - found[used]
    loss = 2 * np.maximum(levels * error, (levels - 1) * error) / scale[used, None, None]
    return float(np.nanmean(loss)) if np.isfinite(loss).any() else 0.0


def _chunks(past: NDArray[np.float64]) -> Iterator[tuple[NDArray[np.int64], int, int]]:
    for places, first, end in groups(past, past.shape[1]):
        for chunk in np.array_split(places, -(-len(places) // ROWS)):
            yield chunk, first, end


def _examples(series: Series, season: Season, number: int, rng: np.random.Generator) -> Examples:
    """Windows that share their first and last observed step are worked on together, with a few steps ahead each."""
    horizon = series.target.shape[1]
    inputs, targets, weights = [], [], []
    for chunk, first, end in _chunks(series.past):
        count = min(STEPS, horizon)
        steps = np.sort(rng.choice(horizon, count, replace=False)) + 1
        rows, outcome = series.past[chunk, first:end], series.target[chunk][:, steps - 1]
        given = prepare(rows, *season)
        inputs.append(features(given, steps + series.past.shape[1] - end, number).parts())
        usable = np.isfinite(outcome).all(1) & (np.nanmax(rows, 1) > np.nanmin(rows, 1))
        target = np.nan_to_num((outcome - given.location) / given.scale)
        targets.append(np.clip(target, -200, 200).astype(np.float32))
        weights.append(usable.astype(np.float32))
    columns = tuple(np.concatenate(column) for column in zip(*inputs, strict=True))
    return Examples(columns, np.concatenate(targets), np.concatenate(weights))


class _LowRank(nn.Module):
    """Weights of all layers as those of the start plus a product of two thin matrices, which alone are trained."""

    def __init__(self, network: GeneralistNetwork) -> None:
        super().__init__()
        self.network = [network]  # not a submodule: its weights stay
        self.names = [name for name, value in network.named_parameters() if value.ndim == 2]
        sizes = [network.get_parameter(name).shape for name in self.names]
        self.down = nn.ParameterList(torch.randn(RANK, size[1]) / size[1] ** 0.5 for size in sizes)
        self.up = nn.ParameterList(torch.zeros(size[0], RANK) for size in sizes)

    def changed(self) -> dict[str, Tensor]:
        """The weights that are used, by name."""
        products = (up @ down for up, down in zip(self.up, self.down, strict=True))
        return {
            name: self.network[0].get_parameter(name).detach() + p for name, p in zip(self.names, products, strict=True)
        }

    def forward(self, *parts: Tensor) -> Tensor:
        found: Tensor = functional_call(self.network[0], self.changed(), parts)
        return found


def _train(
    network: GeneralistNetwork, learned: Examples, judged: Examples, passes: Passes, rng: np.random.Generator
) -> int:
    """Epochs until the weights of the least validation loss, which are left in the network; 0: those of the start."""
    with torch.random.fork_rng():
        torch.manual_seed(passes.seed)
        module = _LowRank(network) if passes.learn == "low-rank" else network
    trained = [value for name, value in module.named_parameters() if passes.learn != "head" or name.startswith("last.")]
    for value in network.parameters():
        value.requires_grad_(False)
    for value in trained:
        value.requires_grad_(True)
    optimiser = torch.optim.AdamW(trained, lr=RATES[passes.learn], weight_decay=1e-2)
    best = _loss(module, judged)
    kept, found = deepcopy(module.state_dict()), 0
    for epoch in range(1, passes.epochs + 1):
        order = rng.permutation(len(learned.target))
        for start in range(0, len(order), BATCH):
            inputs, target, weight = learned.tensors(order[start : start + BATCH])
            if not weight.any():
                continue
            loss = pinball(module(*inputs), target, weight)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
        now = _loss(module, judged)
        if now < best:
            best, found, kept = now, epoch, deepcopy(module.state_dict())
        elif epoch - found >= passes.patience:
            break
    module.load_state_dict(kept)
    for value in network.parameters():
        value.requires_grad_(False)
    if isinstance(module, _LowRank):
        for name, changed in module.changed().items():
            network.get_parameter(name).copy_(changed.detach())
    return found


def _loss(module: nn.Module, examples: Examples) -> float:
    inputs, target, weight = examples.tensors(slice(None))
    with torch.no_grad():
        return float(pinball(module(*inputs), target, weight))


def _map(network: GeneralistNetwork, train: Series, held: Series, season: Season) -> LinearMap | None:
    """The linear map of windows without gaps, or None where there are too few, or where no share of it pays."""
    length = min(READ, max(1, int(0.95 * train.past.shape[1])))  # contexts are cut by up to 4 % (`ragged.groups`)
    learned, judged = (_in_units(part, season, length) for part in (train, held))
    if len(learned.past) < max(FEWEST, length // 2) or len(judged.past) < 16:
        return None
    weight = linear_map.solve(learned.past, learned.target, (judged.past, judged.target))
    weights, steps = network.arrays(), np.arange(1, held.target.shape[1] + 1)
    complete = _complete(held, length)
    found = []
    for chunk in np.array_split(complete, -(-len(complete) // ROWS)):
        given = prepare(held.past[chunk], *season)
        found.append(quantiles(weights, features(given, steps, network.candidates)))
    chosen = linear_map.choose(weight, judged.past, np.concatenate(found), judged.target, np.array(LEVELS, np.float32))
    return chosen if chosen.share.any() or (chosen.width != 1).any() else None


def _complete(series: Series, length: int) -> NDArray[np.int64]:
    """Places of windows whose last `length` steps and outcomes are observed, and vary."""
    past = series.past[:, -length:]
    there = np.isfinite(past).all(1) & np.isfinite(series.target).all(1)
    return np.flatnonzero(there & (np.ptp(np.nan_to_num(past), axis=1) > 0))


def _in_units(series: Series, season: Season, length: int) -> Series:
    """The complete windows, in the units of their contexts."""
    places = _complete(series, length)
    if not len(places):
        return Series(np.zeros((0, length)), np.zeros((0, series.target.shape[1])))
    given = prepare(series.past[places], *season)
    target = (series.target[places] - given.location) / given.scale
    return Series(given.values[:, -length:].astype(np.float64), np.clip(target, -200, 200))
