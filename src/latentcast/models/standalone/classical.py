"""Classical models, fitted anew at each origin to the look-back of every channel by itself.

ARIMA with automatic orders (Hyndman and Khandakar 2008), exponential smoothing with automatic form (Hyndman et al.
2002), and the Theta method (Assimakopoulos and Nikolopoulos 2000; Fiorucci et al. 2016), as statsforecast has them.
Fitting a forecaster trains nothing: a forecast reads only its own look-back. Its values are divided by the standard
deviation of the training part and keep their zero, so that multiplicative forms are tried where all values are above
zero, and no unit changes a forecast. After a transform (`data.transform`) they are the transformed ones. Theta takes
out the season where the autocorrelation at its lag is significant (90 %), which a smooth cycle is not before four
seasons or so.

Missing values: a history begins at the first observed step of the look-back; inner gaps are interpolated, a gap at the
end repeats the last value. A look-back without an observed value is zero.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn

from latentcast.core.capabilities import Capabilities
from latentcast.core.errors import DataError, SettingsError
from latentcast.core.findings import Finding, WindowLabels
from latentcast.core.interpolation import interpolated
from latentcast.core.settings import ReadWith, Settings
from latentcast.core.types import Batch, Prediction, Steps, Task
from latentcast.layers.losses import Levels, pinball_loss, point_loss
from latentcast.models.standalone.classical_workers import SHORTEST, Array, Spec, check_installed, forecast_all
from latentcast.models.standalone.ets_components import Components, components, of_history

log = logging.getLogger("latentcast")


class ClassicalSettings(Settings):
    """season: the data's own when not stated. quantiles: from the model's own intervals, symmetric around the median;
    none: points alone.

    failing    a history that cannot be fitted is an error, or (naive) its last value is repeated with a note
    processes  that fit at a time; as many as torch has threads when not stated
    """

    season: Annotated[int, Field(ge=1)] | None = None
    quantiles: Levels | None = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
    failing: Literal["error", "naive"] = "error"
    processes: Annotated[int, Field(ge=1)] | None = None
    not_in_weights = Settings.not_in_weights | {"processes"}

    @field_validator("quantiles")
    @classmethod
    def _symmetric(cls, levels: Levels | None) -> Levels | None:
        if levels and any(abs(low + high - 1) > 1e-9 for low, high in zip(levels, reversed(levels), strict=True)):
            raise ValueError("levels of quantiles are symmetric around the median, as 0.1,0.5,0.9")
        return levels

    def options(self) -> dict[str, Any]:
        """What the package's class is told."""
        return {}


class Classical(nn.Module):
    """Raises MissingExtra without the package, SettingsError when the look-back is too short to be fitted to."""

    name: ClassVar[str]
    # a window is a fit: all those of a validation part may take hours
    capabilities = Capabilities(
        cheap_to_calibrate=False,
        reads_everything=True,
        training=(),
        not_exported="every forecast is a new fit by statsforecast, and no graph",
    )

    def __init__(self, settings: ClassicalSettings, task: Task) -> None:
        super().__init__()
        check_installed(self.name)
        self.settings = settings
        if task.lookback < SHORTEST:
            raise SettingsError(
                f"{self.name} is fitted to the look-back, and needs at least {SHORTEST} steps of it, not"
                f" {task.lookback}: lengthen it"
            )
        season = settings.season or task.season
        self.limits: tuple[str, ...] = ()  # limits of the look-back
        if 2 * season > task.lookback:
            self.limits = (
                f"{self.name}: fitted without a season: that needs two of {season} steps, and the look-back has"
                f" {task.lookback}; lengthen it, or set another season (model.season)",
            )
            season = 1
        self.notes: tuple[str, ...] = (
            f"{self.name} is fitted anew for every window, and so not judged on the validation part; its intervals are"
            " its own, and conformal ones are made by calibrate",
            *self.limits,
        )
        levels = settings.quantiles or ()
        self.quantile_levels = levels
        self.capabilities = replace(type(self).capabilities, quantile_levels=levels)
        widths = tuple(round(100 * (1 - 2 * level), 6) for level in reversed(levels) if level < 0.5)
        options = tuple(sorted(settings.options().items()))
        self.spec = Spec(self.name, season, task.horizon, widths, options)

    def facts(self, task: Task) -> dict[str, Any]:
        return {"season": Steps(self.spec.season), "fitted": "at each origin, to each channel's look-back"}

    def forward(self, batch: Batch) -> Prediction:
        prediction, failed = self.forecast_where_possible(batch)
        if failed:
            number, why = next(iter(failed.items()))
            channels = batch.past.shape[2]
            raise DataError(
                f"{self.name} cannot be fitted to {len(failed)} of {len(batch) * channels} look-backs (window"
                f" {number // channels}, channel {number % channels} of a batch: {why}); model.failing=naive repeats"
                " the last value there"
            )
        return prediction

    def forecast_where_possible(self, batch: Batch) -> tuple[Prediction, dict[int, str]]:
        """The forecast, NaN where there is none, and which look-backs (window · channels + channel) cannot be fitted.

        With `failing=naive` there are none of these.
        """
        histories = _histories(batch)
        fits, failed = forecast_all(self.spec, histories, self.settings.processes or torch.get_num_threads())
        channels = batch.past.shape[2]
        if failed and self.settings.failing == "naive":
            self._replace(fits, failed, histories, channels)
            failed = {}
        standardised = fits - np.asarray(_level(batch))[..., None]
        whole = torch.from_numpy(standardised).to(batch.past).unflatten(0, (-1, channels)).transpose(1, 2)
        values = whole[..., 0]
        return Prediction(values, quantiles=_quantiles(whole) if self.quantile_levels else None), failed

    def _replace(self, fits: Array, failed: dict[int, str], histories: list[Array], channels: int) -> None:
        """Fill failed fits with the last value and the spread of a random walk, with a note."""
        number, why = next(iter(failed.items()))
        where = f"window {number // channels}, channel {number % channels} of a batch: {why}"
        log.warning(
            f"{self.name} could not be fitted to {len(failed)} of {len(histories)} look-backs, and repeats the last"
            f" value there ({where})"
        )
        z = torch.special.ndtri(0.5 + torch.tensor(self.spec.levels, dtype=torch.float64) / 200).numpy()
        for at in failed:
            history = histories[at]
            step = float(np.sqrt(np.mean(np.diff(history) ** 2))) if len(history) > 1 else 0.0
            spread = step * np.sqrt(np.arange(1, self.spec.horizon + 1))[:, None] * z
            fits[at] = history[-1] + np.hstack([np.zeros((self.spec.horizon, 1)), -spread[:, ::-1], spread])

    def loss(self, prediction: Prediction, batch: Batch) -> Float[Tensor, ""]:
        assert batch.target is not None
        if prediction.quantiles is None:
            return point_loss("mse", prediction.values, batch.target, batch.target_observed)
        levels = torch.tensor(self.quantile_levels, device=batch.target.device)
        return pinball_loss(prediction.quantiles, levels, batch.target, batch.target_observed)


def _histories(batch: Batch) -> list[Array]:
    """The look-back of each channel of each window, channels of a window together, from its first observed step on."""
    past, seen = batch.past, batch.observed
    if seen is not None:
        past = interpolated(past, seen)
    rows = past.transpose(1, 2).flatten(0, 1).double().cpu().numpy()
    if batch.units is not None:
        level = _level(batch)
        rows = rows + level
        # a zero of the data stays a zero, whatever standardising in float32 rounded off
        rows[np.abs(rows) <= 8 * np.finfo(np.float32).eps * np.maximum(np.abs(level), 1)] = 0
    if seen is None:
        return list(rows)
    known = seen.transpose(1, 2).flatten(0, 1).cpu().numpy()
    return [row[int(there.argmax()) :] for row, there in zip(rows, known, strict=True)]


def _level(batch: Batch) -> Array | float:
    """What leads from standardised values back to the zero of the data, [rows of `_histories`, 1]."""
    if batch.units is None:
        return 0.0
    level = (batch.units.loc.double() / batch.units.scale.double()).cpu().numpy()
    return np.asarray(level.reshape(-1, 1))


def _quantiles(whole: Float[Tensor, "batch horizon channel column"]) -> Float[Tensor, "batch horizon channel quantile"]:
    """[point, lower ends, upper ends] → ascending around the point. What was simulated may lie on its wrong side."""
    point, ends = whole[..., :1], whole[..., 1:]
    lower, upper = ends.chunk(2, dim=-1)
    lower = torch.minimum(lower, point).flip(-1).cummin(-1).values.flip(-1) if lower.shape[-1] else lower
    upper = torch.maximum(upper, point).cummax(-1).values if upper.shape[-1] else upper
    return torch.cat([lower, point, upper], dim=-1)


Order = tuple[Annotated[int, Field(ge=0, le=5)], Annotated[int, Field(ge=0, le=2)], Annotated[int, Field(ge=0, le=5)]]


class AutoArimaSettings(ClassicalSettings):
    """stepwise: orders are searched step by step, not all of them; approximation: by conditional sums of squares while
    they are searched, which is faster on long look-backs and seasons. max_order: of each of p and q; max_seasonal: of
    each of P and Q.

    order, seasonal_order: (p, d, q) and (P, D, Q) as they are, and no search; the season is left out of histories that
    hold fewer than two.
    """

    stepwise: bool = True
    approximation: bool = False
    max_order: Annotated[int, Field(ge=0)] = 5
    max_seasonal: Annotated[int, Field(ge=0)] = 2
    order: Order | None = None
    seasonal_order: Order | None = None

    @model_validator(mode="after")
    def _seasonal_with_order(self) -> "AutoArimaSettings":
        if self.seasonal_order is not None and self.order is None:
            raise ValueError("seasonal_order: belongs to a stated order; set order too, as order=[1,1,1]")
        return self

    read_with: ClassVar[ReadWith] = dict.fromkeys(
        ("stepwise", "approximation", "max_order", "max_seasonal"), ("order", (None,))
    )

    def options(self) -> dict[str, Any]:
        if self.order is not None:
            return {"order": self.order, "seasonal_order": self.seasonal_order or (0, 0, 0)}
        p, P = self.max_order, self.max_seasonal
        start = {"start_p": min(2, p), "start_q": min(2, p), "start_P": min(1, P), "start_Q": min(1, P)}
        most = {"max_p": p, "max_q": p, "max_P": P, "max_Q": P}
        return {"stepwise": self.stepwise, "approximation": self.approximation, **start, **most}


class AutoArima(Classical):
    Settings = AutoArimaSettings
    name = "auto-arima"


class AutoEtsSettings(ClassicalSettings):
    """form: error, trend and season, each A (additive), M (multiplicative), N (none) or Z (chosen); damped: the trend,
    chosen when not stated."""

    form: Annotated[str, Field(pattern="^[AMZ][NAMZ][NAMZ]$")] = "ZZZ"
    damped: bool | None = None

    def options(self) -> dict[str, Any]:
        return {"model": self.form, "damped": self.damped}


class AutoEts(Classical):
    Settings = AutoEtsSettings
    name = "auto-ets"

    def components(self, batch: Batch, channels: Sequence[int]) -> list[Components | None]:
        """Those of the channels of each window, channels of a window together; None where a look-back has none."""
        histories, count = _histories(batch), batch.past.shape[2]
        return [
            components(self.spec, histories[begin + channel])
            for begin in range(0, len(histories), count)
            for channel in channels
        ]

    def findings(self, shown: WindowLabels, batch: Batch) -> tuple[Finding, ...]:
        """Level, slope, season and residuals of every series that is drawn."""
        histories = _histories(batch)
        return tuple(
            finding for at in shown.drawn for finding in of_history(self.spec, shown.channels[at], histories[at], shown)
        )


class ThetaSettings(ClassicalSettings):
    """variant: of Fiorucci et al.: standard (STM), optimised (OTM), dynamic (DSTM), dynamic-optimised (DOTM), or auto,
    the one with the least error in sample. decomposition: where the season is found significant; multiplicative takes
    values above zero, and is additive where there are others."""

    variant: Literal["standard", "optimised", "dynamic", "dynamic-optimised", "auto"] = "standard"
    decomposition: Literal["multiplicative", "additive"] = "multiplicative"

    def options(self) -> dict[str, Any]:
        letters = {"standard": "STM", "optimised": "OTM", "dynamic": "DSTM", "dynamic-optimised": "DOTM", "auto": None}
        return {"model": letters[self.variant], "decomposition_type": self.decomposition}


class Theta(Classical):
    Settings = ThetaSettings
    name = "theta"
