"""Hybrid: forecasts of several models, fused by weights of each series and step ahead.

Any model of the library is a member, trained as it would be alone; classical ones are fitted at each origin. What
weights them is learned afterwards, on held-out windows (`training.stacking`).
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn

from latentcast.core.errors import DataError, SettingsError
from latentcast.core.findings import Finding, Shown, of_members
from latentcast.core.settings import Part, Settings, by_label, merge, nested, validate
from latentcast.core.types import Batch, Prediction, Task, Tries
from latentcast.layers.losses import point_loss
from latentcast.models import MODELS
from latentcast.models.composed import Network, build
from latentcast.models.config.presets import NAMED
from latentcast.models.config.run import Run, resolve
from latentcast.models.hybrid.gate import Gate, distance, masked_softmax, traits

log = logging.getLogger("latentcast")
OWN = ("model", "lookback", "training", "stages")  # what a member may state
FRAME = ("unique_id", "ds", "y", "cutoff", "step")  # columns beside those of members


class HybridSettings(Settings):
    """members: label → what `fit` takes of a model (model, lookback, training, stages), or false for none; the label is
    the model's name where none is stated, and a list of names is each at its defaults. A look-back may be shorter than
    the hybrid's. What is stated of training holds for every member that does not state its own.

    fusion     average: equal weights; weighted: by out-of-sample error, of each series and step ahead; adaptive: a gate
               that starts there, and also goes by what the look-back is like
    error      what is to be small on held-out windows
    stride     one held-out window of so many is read; when not stated one a season where a member is fitted anew at
               each origin, else as many as 2²⁰ values allow
    """

    members: tuple[dict[str, Any], ...]
    fusion: Literal["average", "weighted", "adaptive"] = "adaptive"
    error: Literal["mse", "mae"] = "mse"
    stride: Annotated[int, Field(ge=1)] | None = None
    free = Settings.free | {"members"}  # they say themselves what shapes their weights (`chosen`)

    @classmethod
    def expanded(
        cls, values: Mapping[str, Any], training: Mapping[str, Any], lookback: int, horizon: int
    ) -> dict[str, Any]:
        """The same with every member whole: all its settings, also those at their defaults.

        Raises SettingsError with every fault of every member, each with its path.
        """
        stated, faults = _labelled(values.get("members"))
        whole: list[dict[str, Any]] = []
        for label, own in stated.items():
            try:
                whole.append({"label": label, **_whole(label, own, training, lookback, horizon)})
            except SettingsError as error:
                faults += [f"members.{label}{fault}" for fault in error.faults]
        if not faults and len(whole) < 2:
            there = whole[0]["label"] if whole else "none"
            faults = [f"members: a hybrid wants two of them or more, and there is {there}; name all, as {there},theta"]
        if faults:
            raise SettingsError(faults)
        return {**values, "members": tuple(whole)}

    def chosen(self) -> Iterator[tuple[str, Part]]:
        for own in self.members:
            values = {key: value for key, value in own["model"].items() if key not in ("name", "preset")}
            name = own["model"]["name"]
            settings = validate(MODELS.get(NAMED[name].kind).Settings, values)
            yield f"members.{own['label']}", Part(name=name, settings=settings)


def _labelled(members: Any) -> tuple[dict[str, Any], list[str]]:
    """label → what was stated of it, without those that are switched off; and what is wrong with the whole."""
    items = members.split(",") if isinstance(members, str) else members
    if isinstance(items, list | tuple):
        members = by_label(items)
        labels = [one if isinstance(one, str) else str(dict(one).get("label")) for one in items] if members else []
        if twice := [label for label in dict.fromkeys(labels) if labels.count(label) > 1]:
            return {}, [f"members: {twice[0]} is named twice; give each a label: members.LABEL.model.name={twice[0]}"]
    if not isinstance(members, Mapping):
        return {}, [f"members: got {items!r}, wanted a list of names, or settings by label (members.LABEL.model.…)"]
    stated, faults = {}, []
    for label, own in members.items():
        if own is False:
            continue
        own = {"model": {"name": own}} if isinstance(own, str) else {} if own is None or own is True else own
        if not isinstance(own, Mapping):
            faults.append(f"members.{label}: got {own!r}, wanted its settings (members.{label}.model.…), or false")
        elif not str(label).replace("-", "_").isidentifier() or hasattr(nn.ModuleDict, str(label)) or label in FRAME:
            faults.append(f"members.{label}: is no label; wanted letters, digits, - and _, and no column of a forecast")
        else:
            stated[str(label)] = nested(own)
    return stated, faults


def _whole(label: str, own: Mapping[str, Any], training: Mapping[str, Any], lookback: int, horizon: int) -> Any:
    """All settings of a member. Faults begin with what follows its label."""
    faults = []
    for key in own:
        if key in ("horizon", "seed", "data"):
            faults.append(f".{key}: is the hybrid's: all members forecast the same; state it without members.{label}")
        elif key not in OWN:
            faults.append(f".{key}: no such setting; a member states {', '.join(OWN)} (members.{label}.model.…)")
    its = own.get("lookback")
    if its is not None and (not isinstance(its, int) or isinstance(its, bool) or not 1 <= its <= lookback):
        faults.append(
            f".lookback: got {its!r}, wanted at most the hybrid's own of {lookback} steps, whose last ones it reads"
        )
    stated = {key: own.get(key) or {} for key in ("model", "training", "stages")}
    if isinstance(stated["model"], str):
        stated["model"] = {"name": stated["model"]}
    faults += [
        f".{key}: got {value!r}, wanted settings below it"
        for key, value in stated.items()
        if not isinstance(value, Mapping)
    ]
    if faults:
        raise SettingsError(faults)
    model = {"name": label, **stated["model"]}
    named = NAMED.get(model["name"]) if isinstance(model["name"], str) else None
    if named is not None and named.kind == "hybrid":
        faults.append(": a hybrid is no member of a hybrid; name its members here")
    elif named is not None and not named.forecasts:
        faults.append(f": {model['name']} forecasts nothing, and can be no member")
    elif NAMED.get(label) is not None and NAMED[label].kind == "hybrid":
        faults.append(": is the name of the whole: take another label")
    if faults:
        raise SettingsError(faults)
    if named is not None and "quantiles" in MODELS.get(named.kind).Settings.model_fields:
        model.setdefault("quantiles", None)  # nothing reads them, and to simulate them takes longer than the fit
    required: dict[str, Any] = {} if named is None else {stage: {} for stage in named.required}
    stages = merge(required, stated["stages"])
    values = {"model": model, "training": merge(training, stated["training"]), "stages": stages}
    try:
        run = _resolved(values, its or lookback, horizon)
    except SettingsError as error:
        raise SettingsError([f".{fault}" for fault in error.faults]) from error
    dumped = run.dump()
    return {**{key: dumped[key] for key in ("model", "stages", "training") if key in dumped}, "lookback": its}


def _resolved(values: Mapping[str, Any], lookback: int, horizon: int) -> Run:
    # what its losses mean in which units is asked of the hybrid, whose data they are
    return resolve({**values, "lookback": lookback, "horizon": horizon, "data": {"scale": False}})


def member_runs(settings: HybridSettings, lookback: int, horizon: int) -> dict[str, Run]:
    """Label → run of each member; of the data nothing is known yet."""
    runs = {}
    for own in settings.members:
        values = {key: value for key, value in own.items() if key not in ("label", "lookback")}
        runs[own["label"]] = _resolved(values, own.get("lookback") or lookback, horizon)
    return runs


def reads_everything(run: Run) -> list[bool]:
    """Of the model, or of each member of a hybrid: whether, given all of a series, it is fitted to all of it."""
    runs = member_runs(run.model, run.lookback, run.horizon).values() if _is_hybrid(run) else [run]  # type: ignore[arg-type]
    return [bool(getattr(MODELS.get(one.kind), "reads_everything", False)) for one in runs]


def reading_all(run: Run, steps: int) -> Run:
    """A hybrid with a look-back of `steps`, of which those members that do not read everything take what they did."""
    values = run.dump()
    members = [
        own if whole else {**own, "lookback": own["lookback"] or run.lookback}
        for own, whole in zip(values["model"]["members"], reads_everything(run), strict=True)
    ]
    model = {**values["model"], "members": members}
    return resolve({**values, "model": model, "lookback": max(steps, run.lookback)})


def _is_hybrid(run: Run) -> bool:
    return isinstance(run.model, HybridSettings)


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


class Hybrid(nn.Module):
    """Raises SettingsError when a member cannot be built, MissingExtra when its package is not there."""

    Settings = HybridSettings

    def __init__(self, settings: HybridSettings, task: Task) -> None:
        super().__init__()
        self.settings, self.task = settings, task
        self.runs = member_runs(settings, task.lookback, task.horizon)
        self.networks = nn.ModuleDict()
        for label in self.runs:
            self.networks[label] = self.fresh(label)
        self.gate = Gate(len(self.runs), task.horizon, task.items, task.channels)
        members = self._members
        self.mixes_channels = any(one.mixes_channels for one in members.values())
        self.uses_known = any(one.uses_known for one in members.values())
        self.uses_static = any(one.uses_static for one in members.values())
        self.calibrates = all(one.calibrates for one in members.values())
        self.frozen = tuple(f"networks.{label}.model.{part}" for label, one in members.items() for part in one.frozen)
        told = [label for label, one in members.items() if one.prompter is not None]
        if len(told) > 1:
            raise SettingsError(
                f"members: {' and '.join(told)} are both told of a window in words, which are those of one language"
                " model; switch one of them off"
            )
        if told and self.runs[told[0]].lookback != task.lookback:
            raise SettingsError(
                f"members.{told[0]}.lookback: what it is told in words is of the hybrid's whole look-back"
            )
        self.prompter = members[told[0]].prompter if told else None
        self.notes = tuple(
            f"{label}: {note}" for label, one in members.items() for note in getattr(one.model, "limits", one.notes)
        )

    def fresh(self, label: str) -> Network:
        """A member as it is before training. Raises SettingsError with its label when it does not fit."""
        run = self.runs[label]
        try:
            return build(run.kind, run.model, self.task_of(label))
        except SettingsError as error:
            raise SettingsError([f"members.{label}.{fault}" for fault in error.faults]) from error

    def task_of(self, label: str) -> Task:
        return replace(self.task, lookback=self.runs[label].lookback, items=0)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.runs)

    @property
    def _members(self) -> dict[str, Network]:
        return {label: one for label, one in self.networks.items() if isinstance(one, Network)}

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
        """What each member forecasts, and what it counts for. Nothing is raised where all of them fail."""
        return self._side_by_side(batch)[0]

    def findings(self, shown: Shown, batch: Batch) -> tuple[Finding, ...]:
        """The members side by side; their confidence is what held-out windows say of them over all series."""
        found = self.members(batch)
        forecasts, weights = (each[:, 0].double().cpu().numpy() for each in (found.values, found.weights))
        confidence = None
        if self.settings.fusion != "average":
            held = self.gate.table().mean((0, 1, 2))
            confidence = dict(zip(self.labels, held.tolist(), strict=True))
        return of_members(shown, self.labels, list(forecasts), list(weights), confidence)

    def apart(
        self, batch: Batch
    ) -> tuple[
        Float[Tensor, "batch horizon channel member"],
        Bool[Tensor, "batch channel member"],
        Float[Tensor, "batch channel trait"],
        Float[Tensor, "batch channel member"],
        dict[str, dict[int, str]],
    ]:
        """What the gate goes by: forecasts, whether there is one, traits of the look-back, distances of the forecasts.

        And label → number of a look-back (window · channels + channel) → why it has none.
        """
        channels = batch.past.shape[2]
        there = torch.ones(len(batch), channels, len(self.runs), dtype=torch.bool, device=batch.past.device)
        values, why = [], {}
        for number, (label, network) in enumerate(self._members.items()):
            given, model = self._given(label, network, batch), network.model
            if isinstance(model, Tries):
                prediction, failed = model.tried(given)
                if failed:
                    why[label] = failed
                    there[..., number].view(-1)[list(failed)] = False
            else:
                prediction = model(given)
            values.append(prediction.values)
        whole = torch.stack(values, dim=-1)
        apart = distance(whole.detach(), there, batch.past, batch.observed)
        return whole, there, traits(batch.past, batch.observed, self.task.season), apart, why

    def _given(self, label: str, network: Network, batch: Batch) -> Batch:
        """The batch as a member is given it alone: its own look-back, and words only where it reads any."""
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
