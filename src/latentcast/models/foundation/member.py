"""A pretrained model of another package as a member: it forecasts each channel of a look-back by itself.

Nothing is learned here, and nothing of it is saved but its address. The point forecast is the median.
"""

import warnings
from abc import ABC, abstractmethod
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentcast.core.capabilities import Capabilities
from latentcast.core.errors import CheckpointError, Fault, MissingExtra, SettingsError
from latentcast.core.settings import Settings
from latentcast.core.types import Batch, Prediction, Task
from latentcast.layers.losses import Levels, pinball_loss, point_loss
from latentcast.models.fingerprint import digest
from latentcast.models.foundation.protocol import Adapter

DECILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


class FoundationSettings(Settings):
    """checkpoint   hub id or folder; `revision` of a hub
    quantiles    levels, of those that the model was trained on; the median among them is the point forecast; none: it
                 alone
    """

    checkpoint: str
    revision: str | None = None
    quantiles: Levels | None = DECILES


class FoundationModel(nn.Module, ABC):
    """A loaded model behind `Adapter`. A subclass names its package and loads it.

    Raises
    ------
    MissingExtra
        The package is not installed.
    SettingsError
        The checkpoint cannot be loaded, or was not trained on a quantile.
    CheckpointError
        Other weights lie where those of a saved model did.
    """

    Settings: ClassVar[type[FoundationSettings]]
    capabilities = Capabilities(
        cheap_to_calibrate=False,
        training=(),
        not_exported="it runs inside a package of its own, whose graph is not ours to write",
    )
    name: ClassVar[str]
    package: ClassVar[tuple[str, str, str]]  # the module, its package, and the extra
    weights: Tensor  # what tells them from others

    def __init__(self, settings: FoundationSettings, task: Task) -> None:
        super().__init__()
        module, package, extra = self.package
        if find_spec(module) is None:
            raise MissingExtra(package, extra, f"model {self.name}")
        self.settings, self.horizon = settings, task.horizon
        self.quantile_levels = settings.quantiles or ()
        self.capabilities = replace(type(self).capabilities, quantile_levels=self.quantile_levels)
        # not a submodule: nothing of it is trained or saved. Shapes alone are asked for on `meta`
        self._held: list[Adapter] = [] if torch.empty(0).is_meta else [self._loaded(settings)]
        self.register_buffer("weights", _of(self._held[0].module) if self._held else torch.zeros(4))
        self.notes: tuple[str, ...] = (f"{self.name} is used as it is ({settings.checkpoint}), and trained on nothing",)
        if self._held:
            self._check(self._held[0], task)

    @classmethod
    @abstractmethod
    def load(cls, settings: FoundationSettings) -> Adapter:
        """Load the weights. Raises whatever the package raises, or SettingsError."""

    @classmethod
    def _loaded(cls, settings: FoundationSettings) -> Adapter:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                adapter = cls.load(settings)
        except SettingsError:
            raise
        except Exception as error:  # each package has exceptions of its own
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            wanted = f"wanted a folder of a {cls.name} model, or its id on a hub and a network"
            text = f": {settings.checkpoint} cannot be loaded ({first}): {wanted}"
            raise SettingsError(Fault("checkpoint", text)) from error
        adapter.module.eval().requires_grad_(False)
        return adapter

    def _check(self, adapter: Adapter, task: Task) -> None:
        checkpoint = self.settings.checkpoint
        strange = [level for level in self.quantile_levels if level not in adapter.levels]
        if strange:
            its = ", ".join(f"{level:g}" for level in adapter.levels)
            text = f": {checkpoint} was not trained on {', '.join(map(str, strange))}; it has {its}"
            raise SettingsError(Fault("quantiles", text))
        if task.lookback < adapter.least:
            text = f"={task.lookback}: {self.name} needs {adapter.least} observed values"
            raise SettingsError(Fault("lookback", text))
        if task.horizon > adapter.at_once:
            self.notes += (
                f"a horizon of {task.horizon} is beyond the {adapter.at_once} steps that {checkpoint} forecasts at"
                " once: it goes on from its own forecasts",
            )
        if task.lookback > adapter.context:
            self.notes += (f"{checkpoint} reads the last {adapter.context} of {task.lookback} steps",)
        self.notes += adapter.notes

    def facts(self, task: Task) -> dict[str, Any]:
        """What `inspect` shows of it."""
        size = sum(p.numel() for p in self._held[0].module.parameters()) if self._held else 0
        return {"pretrained": self.settings.checkpoint, "its frozen weights": f"{size:,}", "trained": "nothing"}

    def forward(self, batch: Batch) -> Prediction:
        past = batch.past
        if batch.observed is not None:
            past = past.masked_fill(~batch.observed, torch.nan)
        rows = past.transpose(1, 2).reshape(-1, past.shape[1]).float().cpu()
        quantiles = self._quantiles(rows).to(batch.past).sort(-1).values
        quantiles = quantiles.unflatten(0, (-1, past.shape[2])).transpose(1, 2)
        levels = self._held[0].levels
        median = quantiles[..., levels.index(0.5)]
        if not self.quantile_levels:
            return Prediction(median)
        chosen = [levels.index(level) for level in self.quantile_levels]
        return Prediction(median, quantiles=quantiles[..., chosen])

    def _quantiles(self, rows: Float[Tensor, "row time"]) -> Float[Tensor, "row horizon level"]:
        """Of rows with too few observed values their mean; standardised, it is zero where nothing was observed."""
        adapter = self._held[0]
        rows = rows[:, -adapter.context :]
        found = rows.nanmean(1).nan_to_num(0.0)[:, None, None].repeat(1, self.horizon, len(adapter.levels))
        enough = rows.isfinite().sum(1) >= adapter.least
        if enough.any():
            with warnings.catch_warnings(), torch.no_grad():
                warnings.simplefilter("ignore")  # long horizons: in the notes
                found[enough] = adapter.predict_quantiles(rows[enough], self.horizon).to(found)
        return found

    def loss(self, prediction: Prediction, batch: Batch) -> Float[Tensor, ""]:
        assert batch.target is not None
        if prediction.quantiles is None:
            return point_loss("mae", prediction.values, batch.target, batch.target_observed)
        levels = torch.tensor(self.quantile_levels, device=batch.target.device)
        return pinball_loss(prediction.quantiles, levels, batch.target, batch.target_observed)

    def _apply(self, fn: Any, recurse: bool = True) -> "FoundationModel":
        """The model goes where this goes, and keeps the type of its weights."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if self._held:
            self._held[0].module.to(fn(torch.empty(0)).device)
        return self

    def _load_from_state_dict(self, state: dict[str, Any], before: str, *rest: Any) -> None:
        saved = state.get(f"{before}weights")
        if saved is not None and self._held and not torch.equal(saved.cpu(), self.weights.cpu()):
            raise CheckpointError(
                f"the weights at {self.settings.checkpoint} are not those that were there when this was saved: name"
                " their revision (model.revision), or restore the folder"
            )
        super()._load_from_state_dict(state, before, *rest)


def _of(model: nn.Module) -> Tensor:
    """[4] numbers that tell these weights from others: from the beginning of each."""
    return digest((name, tensor.detach().flatten()[:256]) for name, tensor in model.named_parameters())
