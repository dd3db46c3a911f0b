"""A fitted network as one function of arrays: values in, values out, with scaling, units and gaps inside."""

from typing import Any

import torch
from torch import Tensor, nn

from latentcast.core.interpolation import seasonally
from latentcast.core.types import Batch
from latentcast.data.scaling.scaler import MOST, ROUNDING
from latentcast.data.scaling.transform import HIGHEST
from latentcast.forecaster.export.signature import Signature
from latentcast.models.network import Network


class ForecastGraph(nn.Module):
    """The network of a fit between the units of the data, in double precision outside of it.

    Called with the inputs of its signature in their order, it returns the outputs of the signature in theirs.
    """

    effects: Tensor | None

    def __init__(self, network: Network, signature: Signature, weights: Any = None) -> None:
        super().__init__()
        self.network, self.signature = network, signature
        self.names = [one.name for one in signature.inputs]
        self.register_buffer("effects", None if weights is None else torch.from_numpy(weights).double())

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        read = dict(zip(self.names, given, strict=True))
        location, scale = read["location"][:, None], read["scale"][:, None]
        power = read["power"][:, None] if "power" in read else None
        observed = read["observed"]
        past = self._standardised(read["values"], observed, location, scale, power)
        if self.effects is not None:
            past = past - (read["past_covariates"].double() @ self.effects).float()
        if self.signature.season is not None:
            past = torch.cond(observed.all(), _as_it_is, self._filled, (past, observed))
        prediction = self.network(
            Batch(
                past,
                observed,
                past_known=read.get("past_known"),
                future_known=read.get("future_known"),
                static=read.get("static"),
                item=read.get("item"),
                phase=read.get("phase"),
            )
        )
        targets = list(self.network.task.targets)
        mean, std = location[..., targets], scale[..., targets]
        if self.effects is not None:
            effect = (read["future_covariates"].double() @ self.effects).float().double()
            mean = mean + std * effect[..., targets]
        powers = None if power is None else power[..., targets]
        found = [self._original(prediction.values, mean, std, powers), prediction.values]
        if prediction.quantiles is not None:
            powers = None if powers is None else powers[..., None]
            found += [
                self._original(prediction.quantiles, mean[..., None], std[..., None], powers),
                prediction.quantiles,
            ]
        return tuple(found)

    def _filled(self, past: Tensor, observed: Tensor) -> Tensor:
        assert self.signature.season is not None
        return seasonally(past.double(), observed, self.signature.season).float()

    def _standardised(
        self, values: Tensor, observed: Tensor, location: Tensor, scale: Tensor, power: Tensor | None
    ) -> Tensor:
        """As `Scaler.apply`; what stands where nothing was observed need not be a number."""
        hidden = ~observed if self.signature.season is not None else values.isnan()
        values = torch.where(hidden, location, values)
        if power is not None:
            values = self._transformed(values, power)
        exact = (values - location) / scale
        return torch.where(scale == 1, exact, exact.clamp(-MOST, MOST)).float()

    def _transformed(self, values: Tensor, power: Tensor) -> Tensor:
        """As `Transform.forward`; values with a power of NaN are transformed already."""
        if self.signature.transform == "log1p":
            bent = torch.log1p(values.clamp(min=-1 + 1e-12))
        else:
            log = values.clamp(min=1e-300).log()
            flat = power.abs() < 1e-9
            bent = torch.where(flat, log, torch.expm1(power * log) / torch.where(flat, 1.0, power))
        return torch.where(power.isnan(), values, bent)

    def _original(self, values: Tensor, mean: Tensor, std: Tensor, power: Tensor | None) -> Tensor:
        """As `BatchUnits.to_original`: what rounding leaves of a zero is a zero."""
        part = values.double() * std
        out = part + mean
        rounding = ROUNDING * (part.abs() + mean.abs())
        if power is None:
            out = torch.where(out.abs() <= rounding, 0.0, out)
        else:
            low, high = self._back(out - rounding, power), self._back(out + rounding, power)
            out = torch.where((low <= 0) & (high >= 0), 0.0, self._back(out, power))
        return out.clamp(min=0.0) if self.signature.nonnegative else out

    def _back(self, values: Tensor, power: Tensor) -> Tensor:
        """As `Transform.back`."""
        if self.signature.transform == "log1p":
            bent = torch.expm1(values.clamp(max=69.0)).clamp(max=HIGHEST)
        else:
            flat = power.abs() < 1e-9
            inside = torch.where(flat, 1.0, (power * values + 1).clamp(min=1e-12))
            curved = (inside.log() / torch.where(flat, 1.0, power)).clamp(max=69.0).exp()
            bent = torch.where(flat, values.clamp(max=69.0).exp(), curved)
        return torch.where(power.isnan(), values, bent)


def _as_it_is(past: Tensor, observed: Tensor) -> Tensor:
    return past.clone()
