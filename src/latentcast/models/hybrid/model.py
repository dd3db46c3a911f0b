"""Hybrid: forecasts of several models, fused by weights of each series and step ahead.

Any model of the library can be a member, trained as it would be alone; classical ones are fitted at each origin. The
weights are learned afterwards from held-out windows (`stacking.py`).
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from latentcast.core.capabilities import Capabilities
from latentcast.core.errors import DataError, Fault, SettingsError
from latentcast.core.findings import Explains, Finding, WindowLabels
from latentcast.core.protocols import HasLimits, PartialForecaster
from latentcast.core.types import Batch, Prediction, Task
from latentcast.layers.losses import point_loss
from latentcast.models.hybrid.choice import KINDS, kind_of, suited
from latentcast.models.hybrid.findings import of_choice, of_members
from latentcast.models.hybrid.gate import TRAITS, Gate, distance, gate_features, masked_softmax
from latentcast.models.hybrid.settings import HybridSettings, member_runs
from latentcast.models.network import Network, build

log = logging.getLogger("latentcast")


@dataclass(frozen=True)
class Members:
    """Forecasts side by side, in the units of the batch.

    values    NaN where a member could not forecast a series
    weights   sum to 1 over the members; 0 where one could not
    """

    labels: tuple[str, ...]
    values: Float[Tensor, "member batch horizon channel"]
    weights: Float[Tensor, "member batch horizon channel"]

    def fused(self) -> Float[Tensor, "batch horizon channel"]:
        return (torch.where(self.weights > 0, self.values, 0) * self.weights).sum(0)


NOT_EXPORTED = "which members can forecast differs from window to window; export a member that was fitted alone"


class Hybrid(nn.Module):
    """Raises SettingsError when a member cannot be built, MissingExtra when its package is not there."""

    Settings = HybridSettings
    capabilities = Capabilities(training=("members",))

    def __init__(self, settings: HybridSettings, task: Task) -> None:
        super().__init__()
        self.settings, self.task = settings, task
        self.runs = member_runs(settings, task.lookback, task.horizon)
        self.networks = nn.ModuleDict()
        for label in self.runs:
            self.networks[label] = self.fresh(label)
        self.gate = Gate(len(self.runs), task.horizon, task.items, task.channels)
        self._fix_weights()
        members = self._members
        self.capabilities = Capabilities(
            mixes_channels=any(one.mixes_channels for one in members.values()),
            uses_known=any(one.uses_known for one in members.values()),
            uses_phase=any(one.uses_phase for one in members.values()),
            uses_static=any(one.uses_static for one in members.values()),
            cheap_to_calibrate=all(one.calibrates for one in members.values()),
            nonnegative=any(one.nonnegative for one in members.values()),
            whole=all(one.whole for one in members.values()),
            frozen=tuple(f"networks.{label}.model.{part}" for label, one in members.items() for part in one.frozen),
            training=("members",),
            not_exported=NOT_EXPORTED,
        )
        told = [label for label, one in members.items() if one.prompter is not None]
        if len(told) > 1:
            raise SettingsError(
                Fault(
                    "members",
                    f": {' and '.join(told)} both read a window in words, which are those of one language"
                    " model; switch one of them off",
                )
            )
        if told and self.runs[told[0]].lookback != task.lookback:
            raise SettingsError(
                f"members.{told[0]}.lookback: what it is told in words is of the hybrid's whole look-back"
            )
        self.prompter = members[told[0]].prompter if told else None
        self.notes = tuple(
            f"{label}: {note}"
            for label, one in members.items()
            for note in (one.model.limits if isinstance(one.model, HasLimits) else one.notes)
        )

    def _fix_weights(self) -> None:
        """Weights of the settings into the gate. Raises SettingsError where there is not one for each member."""
        weights, fixed = self.settings.weights, self.settings.fusion == "fixed"
        if fixed != (weights is not None):
            raise SettingsError(Fault("weights", ": belong to fusion=fixed, which needs one for each member"))
        if weights is None:
            return
        if len(weights) != len(self.runs):
            raise SettingsError(
                Fault("weights", f": got {len(weights)}, wanted one for each of {', '.join(self.runs)}")
            )
        self.gate.step.copy_(torch.tensor(weights).log().expand_as(self.gate.step))

    def fresh(self, label: str) -> Network:
        """Build an untrained member. Raises SettingsError with its label when it does not fit."""
        run = self.runs[label]
        try:
            return build(run.kind, run.model, self.task_of(label))
        except SettingsError as error:
            raise error.below(f"members.{label}.") from error

    def task_of(self, label: str) -> Task:
        return replace(self.task, lookback=self.runs[label].lookback, items=0)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.runs)

    @property
    def _members(self) -> dict[str, Network]:
        return {label: one for label, one in self.networks.items() if isinstance(one, Network)}

    def named_networks(self) -> tuple[tuple[str, Network], ...]:
        """The members by their labels."""
        return tuple(self._members.items())

    def forward(self, batch: Batch) -> Prediction:
        """Raises DataError where no member can forecast a series."""
        found, why = self._side_by_side(batch)
        lost = found.weights.sum(0)[:, 0] == 0
        if lost.any():
            window, channel = lost.nonzero()[0].tolist()
            said = "; ".join(f"{label}: {next(iter(each.values()))}" for label, each in why.items())
            raise DataError(
                f"no member can forecast {int(lost.sum())} of {lost.numel()} look-backs (the first: window {window},"
                f" channel {channel}; {said}); lengthen the look-back, or add a member that asks for less"
                " (model.members.naive={})"
            )
        for label, each in why.items():
            log.warning(
                f"{label} cannot be fitted to {len(each)} of {lost.numel()} look-backs, and is left out there: the"
                f" other members have its weight ({next(iter(each.values()))})"
            )
        return Prediction(found.fused())

    def members(self, batch: Batch) -> Members:
        """Return each member's forecast and weight, without an error where all of them fail."""
        return self._side_by_side(batch)[0]

    def findings(self, shown: WindowLabels, batch: Batch) -> tuple[Finding, ...]:
        """Report the members; their confidence comes from held-out windows of all series."""
        found = self.members(batch)
        forecasts, weights = (each[:, 0].double().cpu().numpy() for each in (found.values, found.weights))
        confidence = None
        if self.settings.fusion != "average":
            held = self.gate.table().mean((0, 1, 2))
            confidence = dict(zip(self.labels, held.tolist(), strict=True))
        told = of_members(shown, self.labels, list(forecasts), list(weights), confidence)
        return (*told, *self._of_choice(shown, batch), *self._of_classical(shown, batch))

    def _of_choice(self, shown: WindowLabels, batch: Batch) -> Iterator[Finding]:
        if self.settings.choose == "traits":
            like = gate_features(batch.past, batch.observed, self.task.season)
            strength, members = like[..., TRAITS.index("season")], self._suited(batch, like)[0].cpu().numpy()
            state = kind_of(batch.past, batch.observed, self.task.season, strength)[0].tolist()
            yield of_choice(shown, self.labels, [KINDS[one] for one in state], strength[0].tolist(), members)

    def _of_classical(self, shown: WindowLabels, batch: Batch) -> Iterator[Finding]:
        """Collect findings of classical members; other members report where they run."""
        for label, network in self._members.items():
            if isinstance(network.model, PartialForecaster) and isinstance(network.model, Explains):
                given = self.given(label, network, batch)
                yield from network.model.findings(shown.of_last(given.past.shape[1]), given)

    def apart(
        self, batch: Batch
    ) -> tuple[
        Float[Tensor, "batch horizon channel member"],
        Bool[Tensor, "batch channel member"],
        Float[Tensor, "batch channel trait"],
        Float[Tensor, "batch channel member"],
        dict[str, dict[int, str]],
    ]:
        """Return the gate's inputs: forecasts, their mask, traits of the look-back, distances of the forecasts.

        And label → number of a look-back (window · channels + channel) → why it has none.
        """
        channels = batch.past.shape[2]
        there = torch.ones(batch.past.shape[0], channels, len(self.runs), dtype=torch.bool, device=batch.past.device)
        values, why = [], {}
        for number, (label, network) in enumerate(self._members.items()):
            given, model = self.given(label, network, batch), network.model
            if isinstance(model, PartialForecaster):
                prediction, failed = model.forecast_where_possible(given)
                if failed:
                    why[label] = failed
                    there[..., number].view(-1)[list(failed)] = False
            else:
                prediction = model(given)
            values.append(prediction.values)
        whole = torch.stack(values, dim=-1)
        like = gate_features(batch.past, batch.observed, self.task.season)
        if self.settings.choose == "traits":
            chosen = self._suited(batch, like) & there
            there = torch.where(chosen.any(-1, keepdim=True), chosen, there)
        apart = distance(whole.detach(), there, batch.past, batch.observed)
        return whole, there, like, apart, why

    def _suited(self, batch: Batch, like: Float[Tensor, "batch channel trait"]) -> Bool[Tensor, "batch channel member"]:
        kinds = [run.kind for run in self.runs.values()]
        return suited(batch.past, batch.observed, self.task.season, like[..., TRAITS.index("season")], kinds)

    def given(self, label: str, network: Network, batch: Batch) -> Batch:
        """Return the batch for one member: its own look-back, and prompts only where it reads them."""
        if network.prompter is None and batch.prompt is not None:
            batch = replace(batch, prompt=None)
        steps = self.runs[label].lookback
        if steps == batch.past.shape[1]:
            return batch
        cut: dict[str, Any] = {
            name: None if (value := getattr(batch, name)) is None else value[:, -steps:]
            for name in ("past", "observed", "past_known")
        }
        return replace(batch, **cut)

    def _side_by_side(self, batch: Batch) -> tuple[Members, dict[str, dict[int, str]]]:
        values, there, like, apart, why = self.apart(batch)
        if self.settings.fusion == "average":
            weights = masked_softmax(torch.zeros_like(values), there[:, None].expand_as(values))
        else:
            weights = self.gate(like, apart, there, batch.item)
        known = torch.where(there[:, None], values, torch.nan)
        return Members(self.labels, known.movedim(-1, 0), weights.to(values).movedim(-1, 0)), why

    def facts(self, task: Task) -> dict[str, Any]:
        mean = self.gate.table().mean((0, 1))
        said = {"members": ", ".join(self._named()), "fusion": self.settings.fusion}
        if self.settings.choose == "traits":
            said["members of a look-back"] = "those that its traits suit"
        if self.settings.fusion == "average":
            return said
        said["weights"] = self._weights(mean.mean(0))
        if task.horizon > 1:
            said |= {"at the first step": self._weights(mean[0]), "at the last step": self._weights(mean[-1])}
        return said

    def _named(self) -> Iterator[str]:
        for label, run in self.runs.items():
            what = [run.name] * (run.name != label) + [f"look-back {run.lookback}"] * (
                run.lookback != self.task.lookback
            )
            yield f"{label} ({', '.join(what)})" if what else label

    def _weights(self, weights: Tensor) -> str:
        return ", ".join(f"{label} {weight:.2f}" for label, weight in zip(self.labels, weights.tolist(), strict=True))

    def loss(self, prediction: Prediction, batch: Batch) -> Float[Tensor, ""]:
        assert batch.target is not None
        return point_loss("mse", prediction.values, batch.target, batch.target_observed)
