"""Chronos-Bolt and Chronos-2 (Ansari et al. 2024, 2025), pretrained on many series, as a zero-shot member.

Nothing is trained here, and only the address is saved: the package chronos-forecasting loads the weights from a hub or
a folder and forecasts each channel of a look-back by itself. Its own masks leave out missing values. The point
forecast is the median.
"""

import logging
import warnings
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentcast.core.capabilities import Capabilities
from latentcast.core.errors import CheckpointError, Fault, MissingExtra, SettingsError
from latentcast.core.settings import Settings
from latentcast.core.types import Batch, Prediction, Task
from latentcast.layers.losses import Levels, pinball_loss, point_loss
from latentcast.models.fingerprint import digest

TRAINED = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


class ChronosSettings(Settings):
    """checkpoint   hub id or folder; `revision` of a hub
    quantiles    levels, of those that the model was trained on; the median among them is the point forecast; none: it
                 alone
    """

    checkpoint: str = "amazon/chronos-bolt-small"
    revision: str | None = None
    quantiles: Levels | None = TRAINED


class Chronos(nn.Module):
    """Raises MissingExtra without the package; SettingsError for a checkpoint that cannot be loaded, that is none of
    these models, or that was not trained on a quantile; CheckpointError when other weights lie where saved ones did."""

    Settings = ChronosSettings
    capabilities = Capabilities(
        training=(), not_exported="it runs inside the package chronos-forecasting, whose graph is not ours to write"
    )
    weights: Tensor  # what tells them from others

    def __init__(self, settings: ChronosSettings, task: Task) -> None:
        super().__init__()
        if find_spec("chronos") is None:
            raise MissingExtra("chronos-forecasting", "chronos", "model chronos")
        self.settings, self.horizon = settings, task.horizon
        self.quantile_levels = settings.quantiles or ()
        self.capabilities = replace(type(self).capabilities, quantile_levels=self.quantile_levels)
        self._asked = list(settings.quantiles or TRAINED)  # sorted, the median may be another
        # not a submodule: nothing of it is trained or saved. Shapes alone are asked for on `meta`
        self._held: list[Any] = [] if torch.empty(0).is_meta else [_load(settings)]
        self.register_buffer("weights", _of(self._held[0].model) if self._held else torch.zeros(4))
        self.notes: tuple[str, ...] = (f"chronos is used as it is ({settings.checkpoint}), and trained on nothing",)
        if self._held:
            self._check(task)

    def _check(self, task: Task) -> None:
        pipeline = self._held[0]
        strange = [level for level in self.quantile_levels if level not in pipeline.quantiles]
        if strange:
            raise SettingsError(
                Fault(
                    "quantiles",
                    f": {self.settings.checkpoint} was not trained on {', '.join(map(str, strange))}; it has"
                    f" {', '.join(f'{level:g}' for level in pipeline.quantiles)}",
                )
            )
        if task.horizon > pipeline.model_prediction_length:
            self.notes += (
                f"a horizon of {task.horizon} is beyond the {pipeline.model_prediction_length} steps that"
                f" {self.settings.checkpoint} forecasts at once: it goes on from its own quantiles",
            )
        if task.lookback > pipeline.model_context_length:
            self.notes += (
                f"{self.settings.checkpoint} reads the last {pipeline.model_context_length} of {task.lookback} steps",
            )

    def facts(self, task: Task) -> dict[str, Any]:
        size = sum(p.numel() for p in self._held[0].model.parameters()) if self._held else 0
        return {"pretrained": self.settings.checkpoint, "its frozen weights": f"{size:,}", "trained": "nothing"}

    def forward(self, batch: Batch) -> Prediction:
        past = batch.past
        if batch.observed is not None:
            past = past.masked_fill(~batch.observed, torch.nan)
        channels = past.shape[2]
        rows = past.transpose(1, 2).reshape(-1, 1, past.shape[1]).cpu()
        pipeline = self._held[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # long horizons: in the notes
            if type(pipeline).__name__ == "Chronos2Pipeline":
                found, _ = pipeline.predict_quantiles(rows, self.horizon, self._asked)
                quantiles = torch.cat(found)
            else:
                quantiles, _ = pipeline.predict_quantiles(rows[:, 0], self.horizon, self._asked)
        # a look-back without an observed value has no scale; standardised, its mean is zero
        quantiles = quantiles.to(batch.past).nan_to_num(0.0).sort(-1).values
        quantiles = quantiles.unflatten(0, (-1, channels)).transpose(1, 2)
        median = quantiles[..., self._asked.index(0.5)]
        return Prediction(median, quantiles=quantiles if self.quantile_levels else None)

    def loss(self, prediction: Prediction, batch: Batch) -> Float[Tensor, ""]:
        assert batch.target is not None
        if prediction.quantiles is None:
            return point_loss("mae", prediction.values, batch.target, batch.target_observed)
        levels = torch.tensor(self.quantile_levels, device=batch.target.device)
        return pinball_loss(prediction.quantiles, levels, batch.target, batch.target_observed)

    def _apply(self, fn: Any, recurse: bool = True) -> "Chronos":
        """The model goes where this goes, and keeps the type of its weights."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if self._held:
            self._held[0].model.to(fn(torch.empty(0)).device)
        return self

    def _load_from_state_dict(self, state: dict[str, Any], before: str, *rest: Any) -> None:
        saved = state.get(f"{before}weights")
        if saved is not None and self._held and not torch.equal(saved.cpu(), self.weights.cpu()):
            raise CheckpointError(
                f"the weights at {self.settings.checkpoint} are not those that were there when this was saved: name"
                " their revision (model.revision), or restore the folder"
            )
        super()._load_from_state_dict(state, before, *rest)


def _load(settings: ChronosSettings) -> Any:
    from chronos import BaseChronosPipeline, ChronosBoltPipeline
    from chronos.chronos2 import Chronos2Pipeline

    logging.getLogger("chronos").setLevel(logging.ERROR)
    revision = {} if settings.revision is None else {"revision": settings.revision}
    try:
        pipeline = BaseChronosPipeline.from_pretrained(settings.checkpoint, device_map="cpu", **revision)
    except (OSError, ValueError, KeyError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise SettingsError(
            Fault(
                "checkpoint",
                f": {settings.checkpoint} cannot be loaded ({first}): wanted a folder of a Chronos-Bolt or"
                " Chronos-2 model, or its id on a hub and a network",
            )
        ) from error
    if not isinstance(pipeline, ChronosBoltPipeline | Chronos2Pipeline):
        raise SettingsError(
            Fault(
                "checkpoint",
                f": {settings.checkpoint} is a {type(pipeline).__name__}, which draws samples; wanted a"
                " Chronos-Bolt or Chronos-2 model, which forecasts quantiles",
            )
        )
    pipeline.model.eval().requires_grad_(False)
    return pipeline


def _of(model: nn.Module) -> Tensor:
    """[4] numbers that tell these weights from others: from the beginning of each."""
    return digest((name, tensor.detach().flatten()[:256]) for name, tensor in model.named_parameters())
