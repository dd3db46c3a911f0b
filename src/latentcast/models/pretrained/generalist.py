"""The pretrained generalist as a model: weights that ship with the package forecast any series as they are.

Each channel of a look-back is forecast by itself, in original units where these are known: closed-form candidates
(seasonal naive, exponential smoothing, lines, autoregressions …) are weighed by a small network that learned from
simulated series. `fit` trains nothing unless `model.adapt` says so.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from latentcast.core.capabilities import Capabilities, Training
from latentcast.core.findings import Finding, WindowLabels
from latentcast.core.settings import Settings
from latentcast.core.types import Batch, Prediction, Steps, Task
from latentcast.layers.losses import pinball_loss
from latentcast.models.pretrained.explanation import of_candidates
from latentcast.models.pretrained.network import LEVELS, MEDIAN
from latentcast.models.pretrained.ragged import forecast_rows
from latentcast.models.pretrained.seasons import Season, likeliest, seasons_to_try
from latentcast.models.pretrained.torch_network import GeneralistNetwork
from latentcast.models.pretrained.tuning import Passes, Series, tune
from latentcast.models.pretrained.weights import load_weights, read_card

JUDGED = 512  # validation windows of all channels that judge a fine-tuning


class GeneralistSettings(Settings):
    """Settings of the generalist.

    Attributes
    ----------
    weights
        Shipped weights by name, or a folder of `latentcast pretrain --model generalist`.
    season
        Main season in steps; None takes that of the data.
    seasons
        `given` takes the season as it is; `weighed` tries those that the frequency suggests in a backtest inside the
        look-back and averages them by its errors; `detected` also tries those that the autocorrelation shows. `auto`
        is `given` where the data have a season, and `detected` where they have none.
    contexts
        Lengths of the most recent past whose forecasts are averaged.
    nonnegative, integer
        Forecasts and their intervals are cut at zero, or rounded to whole numbers, in original units.
    adapt
        What `fit` trains: nothing, the last layer, all weights, or a change of low rank of every layer. Windows of
        the validation part decide whether it is kept, and whether a linear map of the look-back joins the forecast.
    windows, epochs
        Training windows that fine-tuning draws, and passes over them at most.
    """

    weights: str = "small"
    season: Annotated[int, Field(ge=1)] | None = None
    seasons: Literal["auto", "given", "weighed", "detected"] = "auto"
    contexts: Annotated[tuple[Annotated[int, Field(ge=8)], ...], Field(min_length=1)] = (1024,)
    nonnegative: bool = False
    integer: bool = False
    adapt: Literal["none", "head", "all", "low-rank"] = "none"
    windows: Annotated[int, Field(ge=1)] = 8000
    epochs: Annotated[int, Field(ge=1)] = 20
    not_in_weights = Settings.not_in_weights | {
        "season", "seasons", "contexts", "nonnegative", "integer", "adapt", "windows", "epochs"
    }  # fmt: skip


class Generalist(nn.Module):
    """A pretrained network over closed-form candidates.

    Raises
    ------
    CheckpointError
        When there are no such weights, or when they are damaged.
    """

    Settings = GeneralistSettings
    capabilities = Capabilities(
        quantile_levels=LEVELS,
        not_exported="its candidates (exponential smoothing, autoregressions …) are fitted to each look-back in numpy",
    )
    reads_units = True

    def __init__(self, settings: GeneralistSettings, task: Task) -> None:
        super().__init__()
        self.settings, self.horizon, self.lookback = settings, task.horizon, task.lookback
        self.quantile_levels = LEVELS
        self.seasons, self.detected = seasons_to_try(settings.season or task.season, settings.seasons)
        weights = load_weights(settings.weights)
        self.network = GeneralistNetwork.from_numpy(weights)
        self.network.requires_grad_(False)
        how: tuple[Training, ...] = () if settings.adapt == "none" else ("solved",)
        self.capabilities = replace(
            type(self).capabilities, training=how, nonnegative=settings.nonnegative, whole=settings.integer
        )
        self.notes: tuple[str, ...] = ()
        if settings.adapt == "none":
            self.notes = (f"generalist: pretrained weights ({settings.weights}) are used as they are",)

    def facts(self, task: Task) -> dict[str, Any]:
        """What `inspect` shows of it."""
        card = read_card(self.settings.weights)
        seasons = ", ".join(str(season) for season, _ in self.seasons)
        return {
            "pretrained": f"{self.settings.weights} ({card['parameters']:,} weights, {card.get('trained', '')})",
            "season": Steps(self.seasons[0][0]),
            "seasons tried": f"{seasons}{' and detected ones' if self.detected else ''}",
        }

    def forward(self, batch: Batch) -> Prediction:
        rows, location, scale = _in_original_units(batch)
        found = forecast_rows(
            self.network.arrays(),
            rows,
            self.seasons,
            self.horizon,
            detected=self.detected,
            contexts=self.settings.contexts,
        )
        found = (found - location[..., None]) / scale[..., None]
        return self._prediction(torch.from_numpy(np.nan_to_num(found, nan=0.0)), batch)

    def solve(self, train: Any, held_out: Any) -> dict[str, Any]:
        """Fine-tune on windows of the training part; those of the validation part decide what is kept.

        Without validation windows the weights stay as they are.
        """
        if self.settings.adapt == "none" or held_out is None:
            return {
                "adapt": self.settings.adapt,
                "outcome": "the weights of the start are kept: no validation window judges others",
            }
        rng = np.random.default_rng(0)
        learned, judged = _drawn(train, self.settings.windows, rng), _drawn(held_out, JUDGED, None)
        found = tune(self.network, learned, judged, self.seasons[0], Passes(self.settings.adapt, self.settings.epochs))
        return {
            "adapt": self.settings.adapt,
            "epochs": found.epochs,
            "validation_loss_before": float(f"{found.before:.5g}"),
            "validation_loss_after": float(f"{found.after:.5g}"),
            "share_of_the_linear_map": float(f"{found.map_share:.3g}"),
            "outcome": found.words(),
        }

    def _prediction(self, rows: Tensor, batch: Batch) -> Prediction:
        """[series, horizon, level] in units of the batch → a prediction of all channels."""
        whole = rows.to(batch.past).unflatten(0, (len(batch), batch.past.shape[2])).transpose(1, 2)
        return Prediction(whole[..., MEDIAN], quantiles=whole)

    def findings(self, shown: WindowLabels, batch: Batch) -> Sequence[Finding]:
        """Which candidates the forecast of each drawn channel follows."""
        rows, _, _ = _in_original_units(batch)
        longest, weights = max(self.settings.contexts), self.network.arrays()
        found: list[Finding] = []
        for at in shown.drawn:
            found += of_candidates(shown, shown.channels[at], weights, rows[at][-longest:], self._season(rows[at]))
        return found

    def _season(self, row: NDArray[np.float64]) -> Season:
        """The season with the largest weight for one row."""
        return likeliest(self.network.arrays(), row, self.seasons, self.horizon, detected=self.detected)

    def loss(self, prediction: Prediction, batch: Batch) -> Float[Tensor, ""]:
        assert batch.target is not None
        assert prediction.quantiles is not None
        levels = torch.tensor(LEVELS, device=batch.target.device)
        return pinball_loss(prediction.quantiles, levels, batch.target, batch.target_observed)


def _drawn(windows: Any, most: int, rng: np.random.Generator | None) -> Series:
    """Windows of some data in original units, channel by channel: drawn at random, or evenly spaced without `rng`."""
    parts = list(getattr(windows, "sets", (windows,)))
    each = max(1, most // len(parts))
    found = []
    for part in parts:
        count = max(1, -(-each // part.channels))
        if rng is None:
            which = np.unique(np.linspace(0, len(part) - 1, count).astype(np.int64))
        else:
            which = rng.permutation(len(part))[:count]
        batch = part.batch(which)
        chosen = slice(None) if part.targets is None else part.targets
        past, location, scale = (
            rows.reshape(len(which), part.channels, -1)[:, chosen].reshape(-1, rows.shape[1])
            for rows in _in_original_units(batch)
        )
        target = batch.target.double()
        if batch.target_observed is not None:
            target = target.masked_fill(~batch.target_observed, torch.nan)
        outcome = target.transpose(1, 2).reshape(len(past), -1).numpy() * scale + location
        known = np.isfinite(past).any(1)
        found.append((past[known], outcome[known]))
    return Series(np.concatenate([past for past, _ in found]), np.concatenate([outcome for _, outcome in found]))


def _in_original_units(batch: Batch) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(rows [series, time], location, scale [series, 1]): channels of a window together, NaN where not observed."""
    past = batch.past.detach().double().cpu()
    count, _, channels = past.shape
    location, scale = torch.zeros(count, 1, channels).double(), torch.ones(count, 1, channels).double()
    if batch.units is not None:
        location, scale = batch.units.loc.double().cpu(), batch.units.scale.double().cpu()
        past = past * scale + location
    if batch.observed is not None:
        past = past.masked_fill(~batch.observed.cpu(), torch.nan)
    rows, low, size = (part.transpose(1, 2).reshape(count * channels, -1).numpy() for part in (past, location, scale))
    return _without_rounding(rows, size), low, size


def _without_rounding(rows: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values that standardising in 32 bits moved off a round number are put back on it."""
    near = np.abs(rows - np.round(rows)) < 1e-6 * np.maximum(np.abs(rows), scale)
    return np.where(near, np.round(rows), rows)
