"""Attribute a forecast to stretches of the past.

occlusion  replace a stretch by uninformative values and forecast again: works for any model (prompts are rewritten
too)
gradient   derivative of the forecast by each value of the look-back: exact, from a backward pass for each step ahead,
for differentiable models
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor

from latentcast.core.errors import Fault, SettingsError, suggest
from latentcast.core.findings import MOST, Array
from latentcast.core.interpolation import interpolated, seasonally
from latentcast.core.types import Batch, Scale
from latentcast.models.network import Network

Method = Literal["occlusion", "gradient", "none"]
METHODS = ("occlusion", "gradient", "none")
Fill = Literal["line", "season", "mean"]
FILLS = ("line", "season", "mean")
AT_ONCE = 16  # windows; a language model reads each of their channels
Told = Callable[[Batch], Batch]  # writes the prompts of each window


@dataclass(frozen=True)
class Occlusion:
    """moved [stretches, horizon, target]: how far the forecast moves, in the units of the batch; sign kept.

    starts   first step of each stretch in the look-back, the oldest first; each reaches to the next
    """

    starts: tuple[int, ...]
    length: int
    fill: Fill
    moved: Array

    @property
    def effect(self) -> Array:
        """[target, stretches] mean absolute movement over the horizon."""
        return np.abs(self.moved).mean(1).T


def check(method: str, fill: str, stretch: int | None, lookback: int) -> tuple[Method, Fill]:
    """Validate method and fill. Raises SettingsError with every fault."""
    faults = []
    if method not in METHODS:
        faults.append(Fault("attribution", f"={method!r} is no method; {suggest(str(method), METHODS)}"))
    if fill not in FILLS:
        faults.append(Fault("fill", f"={fill!r} is none of them; {suggest(str(fill), FILLS)}"))
    if stretch is not None and (isinstance(stretch, bool) or not isinstance(stretch, int) or stretch < 1):
        faults.append(Fault("stretch", f"={stretch!r}: wanted a whole number of steps, at least 1"))
    elif stretch is not None and stretch > lookback:
        faults.append(Fault("stretch", f"={stretch}: the look-back has {lookback} steps; set at most as many"))
    if faults:
        raise SettingsError(faults)
    return cast("Method", method), cast("Fill", fill)


def stretches(lookback: int, length: int | None = None) -> tuple[tuple[int, ...], int]:
    """First steps of stretches of one length, the newest whole and the oldest as short as it is; at most 24 unless the
    length is stated."""
    each = length or -(-lookback // MOST)
    return tuple(max(start, 0) for start in range(lookback - each * -(-lookback // each), lookback, each)), each


def occlude(
    network: Network, batch: Batch, told: Told, *, length: int | None = None, fill: Fill = "line", season: int = 1
) -> Occlusion:
    """Each stretch of all channels at once hidden in turn, in a batch of one window.

    line    a straight line between the values before and after it; the nearest value where it lies at an end
    season  the seasonal profile of the rest of the window
    mean    the mean of the rest: removes the level too
    """
    time = batch.past.shape[1]
    starts, each = stretches(time, length)
    hidden = torch.zeros(len(starts), time, 1, dtype=torch.bool)
    for number, (start, end) in enumerate(zip(starts, (*starts[1:], time), strict=True)):
        hidden[number, start:end] = True
    return Occlusion(starts, each, fill, _moved(network, batch, told, hidden, fill, season))


def without_channels(network: Network, batch: Batch, told: Told, channels: Sequence[int]) -> Array:
    """[channels, horizon, target]: how the forecast moves when a whole channel is replaced by its mean."""
    hidden = torch.zeros(len(channels), 1, batch.past.shape[2], dtype=torch.bool)
    hidden[range(len(channels)), 0, list(channels)] = True
    return _moved(network, batch, told, hidden, "mean", 1)


def _moved(network: Network, batch: Batch, told: Told, hidden: Tensor, fill: Fill, season: int) -> Array:
    """[cases, horizon, target] forecast without what is `hidden` [cases, time or 1, channel or 1], less the forecast
    with it."""
    network.eval()
    found = []
    with torch.inference_mode():
        base = network(told(batch)).values
        for some in hidden.to(batch.past.device).split(AT_ONCE):
            many = repeated(batch, len(some))
            some = some.expand_as(many.past)
            seen = ~some if many.observed is None else many.observed & ~some
            replaced = torch.where(some, _filled(many.past, seen, fill, season), many.past)
            found.append(network(told(replace(many, past=replaced))).values - base)
    return torch.cat(found).cpu().double().numpy()


def _filled(past: Tensor, seen: Tensor, fill: Fill, season: int) -> Tensor:
    if fill == "season":
        return seasonally(past, seen, season)
    if fill == "line":
        return interpolated(past, seen)
    rest = torch.where(seen.any(1, keepdim=True), seen, True)  # a channel hidden as a whole becomes its own mean
    return ((past * rest).sum(1, keepdim=True) / rest.sum(1, keepdim=True)).expand_as(past)


def sensitivity(network: Network, batch: Batch, told: Told, targets: Sequence[int]) -> Array:
    """[target, time]: root of the sum over the channels, and the mean over the horizon, of the squared derivative of a
    target's forecast by each value of the look-back; in the units of the batch on both sides. `targets` are places in
    the forecast. What a prompt says in words has no derivative.

    Raises SettingsError for a model without a gradient.
    """
    network.eval()
    horizon = network.task.horizon
    given = told(batch)
    rows = [list(targets)] if not network.mixes_channels else [[target] for target in targets]
    found = np.zeros((len(targets), batch.past.shape[1]))
    for steps in torch.arange(horizon).split(AT_ONCE):
        for group in rows:
            many = repeated(given, len(steps))
            past = many.past.detach().clone().requires_grad_()
            with torch.enable_grad():
                values = network(replace(many, past=past)).values
            if not values.requires_grad:
                raise SettingsError(
                    Fault(
                        "attribution",
                        f"=gradient: the forecast of a {type(network.model).__name__} has no gradient;"
                        " occlusion takes any model",
                    )
                )
            asked = values[torch.arange(len(steps)), steps][:, group].sum()
            slope = torch.autograd.grad(asked, past)[0].double().square()
            for target in group:
                own = slope.sum(2) if network.mixes_channels else slope[..., network.task.targets[target]]
                found[list(targets).index(target)] += own.sum(0).cpu().numpy()
    return np.sqrt(found / horizon)


def repeated(batch: Batch, count: int) -> Batch:
    """A batch of one window, `count` times; without what is to be forecast."""
    given: dict[str, Any] = {
        field.name: value.repeat(count) if isinstance(value, Scale) else value.repeat(count, *[1] * (value.ndim - 1))
        for field in fields(batch)
        if (value := getattr(batch, field.name)) is not None
    }
    return replace(batch, **{**given, "target": None, "target_observed": None})
