"""Join representation, mixers, backbone and head; parts that do not fit fail here, before training."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Literal, cast

import torch
from torch import Tensor, nn

from latentcast.core.capabilities import Capabilities
from latentcast.core.errors import Fault, SettingsError
from latentcast.core.interpolation import interpolated
from latentcast.core.protocols import (
    Backbone,
    CompilesParts,
    HasNotes,
    Head,
    HostsMixers,
    InvertibleRepresentation,
    LeavesViews,
    PredictsQuantiles,
    Prompted,
    PromptedBackbone,
    Prompter,
    ReconstructionHead,
    Representation,
    StartsAtZero,
    TokenMixer,
    TrainedBefore,
)
from latentcast.core.settings import Part, ReadWith, Settings
from latentcast.core.types import Batch, Prediction, Scale, Task, Tokens
from latentcast.data.windows.mixture import Mix
from latentcast.data.windows.windows import Windows
from latentcast.layers.cycle import Cycles, Lengths, without_cycles
from latentcast.layers.instance_norm import Share, scale_of
from latentcast.models.backbones import BACKBONES
from latentcast.models.heads import HEADS
from latentcast.models.mixers import MIXERS
from latentcast.models.mixers.place import AtWidth, stands_inside
from latentcast.models.network import placed
from latentcast.models.representations import REPRESENTATIONS
from latentcast.models.ridge.choose import RidgeSettings
from latentcast.models.ridge.linear import LinearMaps

LARGE = "a graph with its language model does not fit into one file"


class ComposedSettings(Settings):
    """representation → mixers → backbone → head, each by name; normalise: each window by its own look-back first.

    mixers     any number of parts, in this order, on the tokens that the backbone is given, or (at=llm) on those that
               its language model is given

    shortcut   linear: a linear map from the look-back to the horizon, shared by all channels, is added to the
    forecast, so that the parts learn its residual; where gaps are filled, interpolation replaces it.
               solved: that map is solved in closed form, as the model `ridge` is, and then kept. The parts begin at a
               forecast of zero; they are used only if that pays on the validation part

    solved     settings of the model `ridge`, for the map that is solved

    cycles     lengths in steps, such as 24 or 24,168: a table by position in each cycle is learned for every channel,
               subtracted from the look-back and added to the forecast (CycleNet, Lin et al. 2024)

    trailing   share of the look-back, its last steps, whose mean is subtracted; none: the whole look-back
    """

    parts = {"representation": REPRESENTATIONS, "mixers": MIXERS, "backbone": BACKBONES, "head": HEADS}  # noqa: RUF012
    representation: Part
    mixers: tuple[Part, ...] = ()
    backbone: Part
    head: Part
    normalise: bool = True
    shortcut: Literal["none", "linear", "solved"] = "none"
    solved: RidgeSettings | None = None
    cycles: Lengths = ()
    trailing: Share | None = None
    read_with: ClassVar[ReadWith] = {"solved": ("shortcut", ("solved",)), "trailing": ("normalise", (True,))}
    not_in_weights = Settings.not_in_weights | {"shortcut", "solved"}  # the map fits only one look-back and horizon


class Composed(nn.Module):
    """Any representation with any backbone and any head whose sizes agree."""

    Settings = ComposedSettings
    capabilities = Capabilities()
    parts_from = "shortcut=solved"
    uses_parts: Tensor

    def __init__(self, settings: ComposedSettings, task: Task) -> None:
        super().__init__()
        self.normalise, self.trailing = settings.normalise, settings.trailing
        self.cycles = Cycles(settings.cycles, task.channels) if settings.cycles else None
        self.representation: Representation = _build(REPRESENTATIONS, settings.representation, task)
        outer = {
            place: _build(MIXERS, part, task, self.representation, at=f"mixers.{place}")
            for place, part in enumerate(settings.mixers)
            if not stands_inside(part.settings)
        }
        self.backbone: Backbone = _build(BACKBONES, settings.backbone, task, self.representation)
        inner = self._inner_mixers(settings, task)
        self.mixers = nn.ModuleList(part for _, part in sorted({**outer, **inner}.items()))
        self.inner = frozenset(inner)  # numbers of the mixers inside the backbone
        self.head: Head = _build(HEADS, settings.head, task, self.representation, self.backbone)
        self.static = nn.Linear(task.static, self.representation.width, bias=False) if task.static else None
        if self.static is not None:
            nn.init.zeros_(self.static.weight)
        self.shortcut = nn.Linear(task.lookback, task.horizon) if settings.shortcut == "linear" else None
        self.task, solved = task, settings.shortcut == "solved"
        self.solved_maps = self._solved_maps(settings.solved or RidgeSettings()) if solved else None
        parts = (*self._mixers, self.backbone)
        self.notes: tuple[str, ...] = tuple(
            dict.fromkeys(note for part in parts if isinstance(part, HasNotes) for note in part.notes)
        )
        if self.shortcut is not None:  # zeros: a random map is hardly unlearned in directions of low variance
            nn.init.zeros_(self.shortcut.weight)
            nn.init.zeros_(self.shortcut.bias)
        self.capabilities = self._capabilities()

    def forward(self, batch: Batch) -> Prediction:
        if self.solved_maps is not None and not self.uses_parts:
            return Prediction(self.solved_maps(batch.past))
        scale, lookback = self._scale(batch), batch.past.shape[1]
        past, cycle = without_cycles(self.cycles, scale.apply(batch.past), batch, self.task.horizon)
        hidden = self._through_backbone(self.tokens(replace(batch, past=past)), batch.past.shape[2])
        prediction = replace(self.head(hidden, scale), penalty=hidden.penalty)
        if cycle is not None:
            prediction = prediction.plus(scale.scale * cycle[:, lookback:])
        if self.solved_maps is not None:
            return prediction.plus(self.solved_maps(batch.past) - scale.loc)
        if self.shortcut is None:
            return prediction
        return prediction.plus(scale.scale * self.shortcut(past.transpose(1, 2)).transpose(1, 2))

    def _solved_maps(self, settings: RidgeSettings) -> LinearMaps:
        """The maps of shortcut=solved as they are before they are solved; the parts begin at zero beside them."""
        if not isinstance(self.head, StartsAtZero):
            raise SettingsError(
                Fault(
                    "shortcut",
                    f"=solved: the parts begin at a forecast of zero, which head {type(self.head).__name__.lower()}"
                    " cannot; choose model.head=flatten, quantile or decompression, or shortcut=linear",
                )
            )
        self.head.start_at_zero()
        self.register_buffer("uses_parts", torch.ones(()))
        self.search = settings, settings.grid(self.task.lookback, self.task.season)
        return LinearMaps(self.task.lookback, self.task.horizon, self.task.channels)

    def solve(self, train: Windows | Mix, held_out: Windows | Mix | None) -> dict[str, Any]:
        """Solve the map of shortcut=solved from the windows, as the model `ridge` does."""
        assert self.solved_maps is not None
        return self.solved_maps.solve(train, held_out, self.task.targets, self.search)

    def reconstruct(self, batch: Batch, *, alone: bool = False) -> Prediction:
        assert isinstance(self.representation, InvertibleRepresentation)
        assert isinstance(self.head, ReconstructionHead)
        scale = self._scale(batch)
        past, cycle = without_cycles(self.cycles, scale.apply(batch.past), batch)
        scaled = replace(batch, past=past)
        tokens = self.representation.whole(scaled, alone=alone)
        hidden = (
            tokens.answer() if alone else self._through_backbone(self._prepared(tokens, scaled), batch.past.shape[2])
        )
        restored = self.head.restore(hidden, scale, batch.past.shape[1])
        prediction = replace(restored, penalty=hidden.penalty)
        prediction = prediction if cycle is None else prediction.plus(scale.scale * cycle)
        if (self.shortcut is None and self.solved_maps is None) or alone or batch.observed is None:
            return prediction
        # observed values are not passed through: the model must learn to reconstruct them
        return prediction.plus(scale.scale * interpolated(past, batch.observed) * ~batch.observed)

    def _with_static(self, tokens: Tokens, batch: Batch) -> Tokens:
        """Add the static covariates of a series to each of its tokens and queries."""
        if self.static is None or batch.static is None:
            return tokens
        each = tokens.values.shape[0] // batch.past.shape[0]
        more = self.static(batch.static).repeat_interleave(each, dim=0)[:, None]
        return replace(tokens, values=tokens.values + more, query=None if tokens.query is None else tokens.query + more)

    def _capabilities(self) -> Capabilities:
        representation, head = self.representation, self.head
        told = isinstance(self.backbone, PromptedBackbone)
        frozen = representation.frozen if isinstance(representation, TrainedBefore) else ()
        return Capabilities(
            mixes_channels=not representation.folds_channels or any(part.mixes_channels for part in self._mixers),
            uses_known=representation.uses_known,
            uses_phase=self.cycles is not None,
            uses_static=self.static is not None,
            reconstructs=isinstance(representation, InvertibleRepresentation) and isinstance(head, ReconstructionHead),
            quantile_levels=head.quantile_levels if isinstance(head, PredictsQuantiles) else (),
            frozen=tuple(f"representation.{part}" for part in frozen),
            training=("gradient",) if self.solved_maps is None else ("solved", "gradient"),
            not_exported=LARGE if told else "",
        )

    @property
    def compiled_parts(self) -> tuple[nn.Module, ...]:
        """Return all parts; of a language model only the trainable ones, as its frozen layers cannot be compiled."""
        inner = self.backbone.compiled_parts if isinstance(self.backbone, CompilesParts) else (self.backbone,)
        return tuple(cast("Iterable[nn.Module]", (self.representation, *self.mixers, *inner, self.head)))

    @property
    def prompter(self) -> Prompter | None:
        """The prompter of the backbone; None without prompts."""
        return self.backbone.prompter if isinstance(self.backbone, Prompted) else None

    @property
    def _mixers(self) -> Iterable[TokenMixer]:
        return cast("Iterable[TokenMixer]", self.mixers)

    def normalised(self, batch: Batch) -> Batch:
        """The batch with its past in the units that the parts read, without its cycles."""
        past, _ = without_cycles(self.cycles, self._scale(batch).apply(batch.past), batch)
        return replace(batch, past=past)

    def tokens(self, batch: Batch) -> Tokens:
        """Return the tokens for the backbone from a batch with a normalised past."""
        return self._prepared(self.representation(batch), batch)

    def _prepared(self, tokens: Tokens, batch: Batch) -> Tokens:
        """The tokens after the mixers, with the prompt of a language model and the window itself."""
        window = (
            batch.past.transpose(1, 2).flatten(0, 1)[..., None] if self.representation.folds_channels else batch.past
        )
        tokens = replace(self._with_static(tokens, batch), window=window)
        return _told(self._mixed(tokens, batch.past.shape[2], inside=False), batch)

    def _mixed(self, tokens: Tokens, channels: int, *, inside: bool) -> Tokens:
        for place, part in enumerate(self._mixers):
            if (place in self.inner) == inside:
                tokens = part(tokens, channels if self.representation.folds_channels else 1)
        return tokens

    def _through_backbone(self, tokens: Tokens, channels: int) -> Tokens:
        if not self.inner:
            return self.backbone(tokens)
        assert isinstance(self.backbone, HostsMixers)
        return self.backbone(tokens, partial(self._mixed, channels=channels, inside=True))

    def _inner_mixers(self, settings: ComposedSettings, task: Task) -> dict[int, nn.Module]:
        """Number → mixer inside the backbone. Raises SettingsError where it has no place for what is asked."""
        chosen = {place: part for place, part in enumerate(settings.mixers) if stands_inside(part.settings)}
        asked = [f"mixers.{place}.at" for place in chosen]
        if isinstance(self.representation, LeavesViews) and self.representation.unfused is not None:
            asked.append("representation.fuse_at")
        if not isinstance(self.backbone, HostsMixers):
            why = f"backbone {settings.backbone.name} has no language model; set patches"
            if asked:
                raise SettingsError([Fault(setting, f"=llm: {why}") for setting in asked])
            return {}
        seen = AtWidth(self.representation, self.backbone.inner_width)
        return {place: _build(MIXERS, part, task, seen, at=f"mixers.{place}") for place, part in chosen.items()}

    def _scale(self, batch: Batch) -> Scale:
        return scale_of(batch, self.normalise, self.trailing)

    def loss(self, prediction: Prediction, batch: Batch) -> Tensor:
        loss = self.head.loss(prediction, batch)
        # weights are chosen by the error alone
        return loss + prediction.penalty if self.training and prediction.penalty is not None else loss


def _told(tokens: Tokens, batch: Batch) -> Tokens:
    return tokens if batch.prompt is None else replace(tokens, prompt=batch.prompt.flatten(0, 1))


def _build(registry: Any, part: Part, *sizes: Any, at: str | None = None) -> Any:
    try:
        return registry.get(part.name)(part.settings, *sizes)
    except SettingsError as error:
        place, else_at = f"model.{at or registry.kind}.", f"{registry.kind} {part.name}: "
        raise SettingsError([placed(fault, part.settings, place, else_at) for fault in error.faults]) from error
