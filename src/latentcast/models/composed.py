"""The one place where parts meet, and where they fail before anything is trained when they do not fit."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal, cast

from jaxtyping import Float, Int
from torch import Tensor, nn

from latentcast.core.errors import SettingsError
from latentcast.core.interpolation import interpolated
from latentcast.core.settings import Part, Settings
from latentcast.core.types import (
    Backbone,
    Batch,
    Between,
    Head,
    Prediction,
    Prompter,
    Quantiles,
    Reconstructs,
    Representation,
    Restores,
    Reversible,
    Samples,
    Scale,
    Task,
    Tokens,
)
from latentcast.layers.instance_norm import scale_of
from latentcast.models import MODELS
from latentcast.models.backbones import BACKBONES
from latentcast.models.heads import HEADS
from latentcast.models.mixers import BETWEEN
from latentcast.models.representations import REPRESENTATIONS


class ComposedSettings(Settings):
    """representation → between → backbone → head, each by name; normalise: each window by its own look-back first.

    between    any number of parts, in this order, on the tokens that the backbone is given

    shortcut   linear: a linear map from the look-back to the horizon, the same for every channel, is added to the
               forecast, so that the parts learn what it leaves; where gaps are filled, interpolation takes its place
    """

    parts = {"representation": REPRESENTATIONS, "between": BETWEEN, "backbone": BACKBONES, "head": HEADS}  # noqa: RUF012
    representation: Part
    between: tuple[Part, ...] = ()
    backbone: Part
    head: Part
    normalise: bool = True
    shortcut: Literal["none", "linear"] = "none"
    free = Settings.free | {"shortcut"}  # its map belongs to one look-back and one horizon


class Composed(nn.Module):
    """Any representation with any backbone and any head whose sizes agree."""

    Settings = ComposedSettings

    def __init__(self, settings: ComposedSettings, task: Task) -> None:
        super().__init__()
        self.normalise = settings.normalise
        self.representation: Representation = _build(REPRESENTATIONS, settings.representation, task)
        self.between = nn.ModuleList(
            _build(BETWEEN, part, task, self.representation, at=f"between.{place}")
            for place, part in enumerate(settings.between)
        )
        self.mixes_channels = not self.representation.folds_channels or any(p.mixes_channels for p in self._between)
        self.uses_known = self.representation.uses_known
        self.frozen = tuple(f"representation.{part}" for part in getattr(self.representation, "frozen", ()))
        self.backbone: Backbone = _build(BACKBONES, settings.backbone, task, self.representation)
        self.head: Head = _build(HEADS, settings.head, task, self.representation, self.backbone)
        self.static = nn.Linear(task.static, self.representation.width, bias=False) if task.static else None
        if self.static is not None:
            nn.init.zeros_(self.static.weight)
        self.shortcut = nn.Linear(task.lookback, task.horizon) if settings.shortcut == "linear" else None
        parts = (*self._between, self.backbone)
        self.notes: tuple[str, ...] = tuple(dict.fromkeys(n for part in parts for n in getattr(part, "notes", ())))
        if self.shortcut is not None:  # from nothing: what a random map says of quiet directions is hardly unlearned
            nn.init.zeros_(self.shortcut.weight)
            nn.init.zeros_(self.shortcut.bias)

    def forward(self, batch: Batch) -> Prediction:
        scale = self._scale(batch)
        past = scale.apply(batch.past)
        hidden = self.backbone(self.tokens(replace(batch, past=past)))
        prediction = replace(self.head(hidden, scale), penalty=hidden.penalty)
        if self.shortcut is None:
            return prediction
        return prediction.plus(scale.scale * self.shortcut(past.transpose(1, 2)).transpose(1, 2))

    def reconstruct(self, batch: Batch, *, alone: bool = False) -> Prediction:
        assert isinstance(self.representation, Reversible)
        assert isinstance(self.head, Restores)
        scale = self._scale(batch)
        past = scale.apply(batch.past)
        scaled = replace(batch, past=past)
        tokens = self.representation.whole(scaled, alone=alone)
        hidden = tokens.answer() if alone else self.backbone(self._prepared(tokens, scaled))
        restored = self.head.restore(hidden, scale, batch.past.shape[1])
        prediction = replace(restored, penalty=hidden.penalty)
        if self.shortcut is None or alone or batch.observed is None:
            return prediction
        # what is known is not handed through: giving it back is to be learned
        return prediction.plus(scale.scale * interpolated(past, batch.observed) * ~batch.observed)

    def _with_static(self, tokens: Tokens, batch: Batch) -> Tokens:
        """What is known of a series for good is added to each of its tokens and queries."""
        if self.static is None or batch.static is None:
            return tokens
        more = self.static(batch.static).repeat_interleave(len(tokens.values) // len(batch), dim=0)[:, None]
        return replace(tokens, values=tokens.values + more, query=None if tokens.query is None else tokens.query + more)

    @property
    def uses_static(self) -> bool:
        return self.static is not None

    @property
    def quantile_levels(self) -> tuple[float, ...]:
        return self.head.quantile_levels if isinstance(self.head, Quantiles) else ()

    @property
    def reconstructs(self) -> bool:
        return isinstance(self.representation, Reversible) and isinstance(self.head, Restores)

    @property
    def _between(self) -> Iterable[Between]:
        return cast("Iterable[Between]", self.between)

    def tokens(self, batch: Batch) -> Tokens:
        """What the backbone is given of a batch whose past is normalised."""
        return self._prepared(self.representation(batch), batch)

    def _prepared(self, tokens: Tokens, batch: Batch) -> Tokens:
        """The tokens after all that stands between, with what a language model is told, and the window itself."""
        tokens = self._with_static(tokens, batch)
        channels = batch.past.shape[2] if self.representation.folds_channels else 1
        for part in self._between:
            tokens = part(tokens, channels)
        folded = self.representation.folds_channels
        window = batch.past.transpose(1, 2).flatten(0, 1)[..., None] if folded else batch.past
        return _told(replace(tokens, window=window), batch)

    def _scale(self, batch: Batch) -> Scale:
        return scale_of(batch, self.normalise)

    def loss(self, prediction: Prediction, batch: Batch) -> Tensor:
        loss = self.head.loss(prediction, batch)
        # weights are chosen by the error alone
        return loss + prediction.penalty if self.training and prediction.penalty is not None else loss


MODELS.add("composed", Composed)


def _told(tokens: Tokens, batch: Batch) -> Tokens:
    return tokens if batch.prompt is None else replace(tokens, prompt=batch.prompt.flatten(0, 1))


def _build(registry: Any, part: Part, *sizes: Any, at: str | None = None) -> Any:
    try:
        return registry.get(part.name)(part.settings, *sizes)
    except SettingsError as error:
        place, else_at = f"model.{at or registry.kind}.", f"{registry.kind} {part.name}: "
        raise SettingsError([_placed(fault, part.settings, place, else_at) for fault in error.faults]) from error


def _placed(fault: str, settings: Settings, at: str, else_at: str = "") -> str:
    """A fault that begins with a setting of a part (heads=7: …) begins with its whole path instead."""
    return f"{at if fault.partition('=')[0] in type(settings).model_fields else else_at}{fault}"


class Network(nn.Module):
    """What is trained, judged and saved: a model, and the choice of the channels that were asked for."""

    def __init__(self, model: Any, task: Task) -> None:
        super().__init__()
        self.model, self.task = model, task
        self.uses_known: bool = model.uses_known
        self.mixes_channels: bool = model.mixes_channels
        self.uses_static: bool = getattr(model, "uses_static", False)
        self.frozen: tuple[str, ...] = getattr(model, "frozen", ())
        self.reconstructs: bool = isinstance(model, Reconstructs) and model.reconstructs
        self.quantile_levels: tuple[float, ...] = model.quantile_levels if isinstance(model, Quantiles) else ()
        # a composed model has the method always, and says whether its parts can
        self.samples: bool = isinstance(model, Samples) and getattr(model, "samples", True)
        self.calibrates: bool = getattr(model, "calibrates", True)  # False: a forecast costs too much to make many
        backbone = getattr(model, "backbone", None)
        # where batches are made, it is called
        self.prompter: Prompter | None = getattr(model, "prompter", getattr(backbone, "prompter", None))
        self.notes: tuple[str, ...] = getattr(model, "notes", getattr(backbone, "notes", ()))

    def forward(self, batch: Batch) -> Prediction:
        prediction: Prediction = self.model(batch)
        if len(self.task.targets) < self.task.channels:
            return prediction.only(self.task.targets)
        return prediction

    def loss(self, prediction: Prediction, batch: Batch) -> Tensor:
        loss: Tensor = self.model.loss(prediction, batch)
        return loss

    def sample(
        self, batch: Batch, paths: int, seeds: Int[Tensor, "batch"], **how: Any
    ) -> Float[Tensor, "batch path horizon channel"]:
        """`paths` futures of each window, drawn by its own seed; of a model that `samples`."""
        drawn: Tensor = self.model.sample(batch, paths, seeds, **how)
        return drawn if len(self.task.targets) == self.task.channels else drawn[..., list(self.task.targets)]

    def reconstruct(self, batch: Batch, *, alone: bool = False) -> Prediction:
        """The look-back of every channel, what was not observed in it filled; of a model that `reconstructs`."""
        values: Prediction = self.model.reconstruct(self.prompted(batch), alone=alone)  # told of what is shown alone
        return values

    def reconstruction_loss(self, batch: Batch, visible: Tensor, judged: Tensor) -> Tensor:
        """The model's loss on the observed values that are `judged`, given those that are `visible`.

        Both are [batch, time, channel].
        """
        if batch.observed is not None:
            judged = batch.observed & judged
        hidden = replace(batch.showing(visible), target=batch.past, target_observed=judged)
        loss: Tensor = self.model.loss(self.reconstruct(hidden), hidden)
        return loss

    def prompted(self, batch: Batch, units: Scale | None = None) -> Batch:
        """The batch with what its language model is to be told of it, where there is one and nothing is told yet."""
        if self.prompter is None or batch.prompt is not None:
            return batch
        return replace(batch, prompt=self.prompter(batch.past, batch.observed, units))


def build(kind: str, settings: Settings, task: Task) -> Network:
    """The network of a model class and its settings. Raises SettingsError when parts or sizes do not fit."""
    try:
        return Network(MODELS.get(kind)(settings, task), task)
    except SettingsError as error:
        raise SettingsError([_placed(fault, settings, "model.") for fault in error.faults]) from error
