"""The run card: what a forecaster was fitted to, how, and with which result; `card.json` of a saved folder."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from latentcast.core.notes import Note


@dataclass(frozen=True)
class Schema:
    """The data of a fit.

    Attributes
    ----------
    data
        Name of the dataset, the file or `frame`.
    fingerprint
        Digest of values and time stamps.
    series, steps
        Number of series, and of time steps over all items.
    channels
        Names of the channels, in the order of the network.
    freq, season
        Pandas alias of the step, and steps per season.
    first, last
        First and last time stamp, as text.
    zone, wall
        Time zone of the stamps, and whether stamps were local times without a zone.
    gaps, filled
        How missing values are treated, and how many there were.
    """

    data: str
    fingerprint: str
    series: int
    steps: int
    channels: tuple[str, ...]
    freq: str
    season: int
    first: str
    last: str
    zone: str | None
    gaps: str
    filled: int
    wall: bool | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return _plain(self, keep=("zone",))


@dataclass(frozen=True)
class DataOrigin:
    """Data that weights were trained on: name, fingerprint, and how they were split."""

    data: str
    fingerprint: str
    split: Any


@dataclass(frozen=True)
class DatasetReport:
    """One of several datasets of a fit; `weight` is its share of the batches, `windows` its training windows."""

    data: str
    fingerprint: str
    split: Any
    series: int
    steps: int
    freq: str
    weight: float | None = None
    windows: int | None = None

    def to_dict(self) -> dict[str, Any]:
        return _plain(self, keep=("weight",))

    @property
    def origin(self) -> DataOrigin:
        return DataOrigin(self.data, self.fingerprint, self.split)


@dataclass(frozen=True)
class StartingPoint:
    """The trained weights with which a fit began.

    Attributes
    ----------
    model, data, fingerprint
        The model, and the data that it was fitted to.
    stages, found
        Stages that these weights went through, and the result of those that are checked.
    weights, sha256
        Number of tensors taken over, and their digest.
    learned_from
        All data that these weights were trained on.
    trained_until
        Last time stamp that these weights or their choice depend on.
    """

    model: str
    data: str
    stages: tuple[str, ...]
    fingerprint: str
    weights: int
    found: Mapping[str, Mapping[str, Any]]
    sha256: str
    learned_from: tuple[DataOrigin, ...]
    trained_until: str | None = None


@dataclass(frozen=True)
class ImportReport:
    """Weights that another code trained: the code, the name of the file, and its digest."""

    source: str
    file: str
    sha256: str


@dataclass(frozen=True)
class StageReport:
    """How one stage of training ended.

    Attributes
    ----------
    stopped_by
        `max_epochs`, `max_steps`, `max_time` or the patience.
    epochs, steps
        Epochs begun and optimiser steps made.
    best_val_loss
        Lowest validation loss, in the units of the stage's loss; None without validation windows.
    found
        Result of the stage's own check, such as the use of a codebook.
    threads
        Threads that torch trained with; equal numbers and versions give equal bits.
    """

    stage: str
    stopped_by: str
    epochs: int
    steps: int
    best_val_loss: float | None
    seconds: float
    windows: int
    validation_windows: int
    trained_parameters: int
    found: Mapping[str, Any] | None = None
    threads: int | None = None

    def to_dict(self) -> dict[str, Any]:
        return _plain(self, keep=("best_val_loss",))


@dataclass(frozen=True)
class TrainingReport:
    """All stages of a training in their order; `windows` and `validation_windows` are those of the last."""

    windows: int
    validation_windows: int
    stages: tuple[StageReport, ...]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**_plain(self), "stages": [stage.to_dict() for stage in self.stages]}


@dataclass(frozen=True)
class MemberWeight:
    """Mean weight of a hybrid's member, and its error on held-out windows as a share of the members' mean."""

    error: float | None
    weight: float | None


@dataclass(frozen=True)
class FusionReport:
    """How a hybrid's weights were learned.

    Attributes
    ----------
    fusion
        `average`, `weighted`, `adaptive` or `fixed`.
    stride
        One held-out window of so many was read.
    members, fused
        Error and weight of each member, and the cross-validated errors of the fused forecasts; empty where
        nothing was learned.
    penalty
        Penalty of the gate; None where weights by error were better.
    """

    fusion: str
    stride: int = 1
    error: str | None = None
    penalty: float | None = None
    members: Mapping[str, MemberWeight] = field(default_factory=dict)
    fused: Mapping[str, float | None] = field(default_factory=dict)
    part: str | None = None
    windows: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        if not self.members:
            return {"fusion": self.fusion, "stride": self.stride}
        return _plain(self, keep=("penalty",))

    def summary(self) -> str:
        """One sentence: weights and errors of the members, errors of the fused forecasts."""
        if not self.members:
            return "weights of the settings" if self.fusion == "fixed" else "equal weights"
        each = ", ".join(
            f"{label} {one.weight or 0.0:.2f} (error {_figure(one.error)})" for label, one in self.members.items()
        )
        fused = ", ".join(f"{name} {_figure(error)}" for name, error in self.fused.items())
        held = "held-out windows" if self.windows is None else f"{self.windows} held-out windows"
        if self.stride > 1:
            held += f", one of {self.stride}"
        return (
            f"weights {each}; fused {fused}; errors on {held}, in shares of a member's mean, fused ones cross-validated"
        )


@dataclass(frozen=True)
class UpdateReport:
    """How `update` changed a forecaster: its steps, and the validation MSE in scaled units before and after."""

    steps: int
    lr: float
    units: str
    val_mse_before: float | None
    val_mse_after: float | None
    kept: str


@dataclass(frozen=True)
class RunCard:
    """What a forecaster was fitted to, how, and with which result.

    Attributes
    ----------
    model, settings
        Name of the model, and every setting of the run.
    schema
        The data of the fit.
    versions
        Versions of Python and of the packages that the fit ran with.
    notes
        What a user should know about the data and the fit.
    covariates
        Statistics and regression weights of declared covariates.
    stages, untrained
        Stages that this fit went through, and names of the tensors that no training has changed.
    datasets
        All datasets of a fit to several.
    start
        The weights with which training began.
    training, members
        How training ended; of a hybrid, by the label of each member that was trained.
    solved
        What was chosen for a map that is solved in closed form, and its error at each origin.
    fusion
        How a hybrid's weights were learned.
    validation
        Figures on the validation part, as `Evaluation.to_dict` gives them.
    intervals
        How prediction intervals were calibrated.
    update
        Result of `latentcast.update`.
    transferred
        Whether the weights are those of `start`, without training.
    threads
        Threads that torch computed with in the fit.
    imported
        Where the weights come from, if another code trained them.
    trained_until
        Last time stamp that the weights or their choice depend on: the end of the training and validation parts, of the
        starting point too. None where nothing was learned, and in cards of older versions.
    """

    model: str
    settings: Mapping[str, Any]
    schema: Schema
    versions: Mapping[str, str]
    notes: tuple[str, ...] = ()
    covariates: Mapping[str, Any] | None = None
    stages: tuple[str, ...] = ()
    untrained: tuple[str, ...] | None = None
    datasets: tuple[DatasetReport, ...] = ()
    start: StartingPoint | None = None
    training: TrainingReport | None = None
    members: Mapping[str, TrainingReport] | None = None
    solved: Mapping[str, Any] | None = None
    fusion: FusionReport | None = None
    validation: Mapping[str, Any] | None = None
    intervals: Mapping[str, Any] | None = None
    update: UpdateReport | None = None
    transferred: bool = False
    threads: int | None = None
    imported: ImportReport | None = None
    trained_until: str | None = None

    @property
    def learned(self) -> tuple[str, ...]:
        """The stages that the weights went through, those of the starting point among them."""
        before = () if self.start is None else self.start.stages
        return tuple(dict.fromkeys((*before, *self.stages)))

    @property
    def found(self) -> dict[str, Mapping[str, Any]]:
        """Stage → result of its check, the starting point's stages included."""
        before = {} if self.start is None else self.start.found
        own = () if self.training is None else self.training.stages
        return {**before, **{stage.stage: stage.found for stage in own if stage.found is not None}}

    @property
    def learned_from(self) -> tuple[DataOrigin, ...]:
        """The data that the weights were trained on, those of the starting point included, each once."""
        own = DataOrigin(self.schema.data, self.schema.fingerprint, self.settings["data"].get("split"))
        here = () if self.transferred else tuple(one.origin for one in self.datasets) or (own,)
        before = () if self.start is None else self.start.learned_from
        found: dict[str, DataOrigin] = {}
        for origin in (*here, *before):
            found.setdefault(origin.fingerprint, origin)
        return tuple(found.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; what does not apply is left out."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        values |= {
            "notes": [Note.from_value(note).to_dict() for note in self.notes],
            "stages": list(self.stages),
            "settings": dict(self.settings),
        }
        values["schema"] = self.schema.to_dict()
        values["datasets"] = [one.to_dict() for one in self.datasets] or None
        values["untrained"] = None if self.untrained is None else list(self.untrained)
        values["start"] = None if self.start is None else _plain(self.start)
        values["training"] = None if self.training is None else self.training.to_dict()
        values["fusion"] = None if self.fusion is None else self.fusion.to_dict()
        values["update"] = None if self.update is None else asdict(self.update)
        values["imported"] = None if self.imported is None else asdict(self.imported)
        if self.members is not None:
            values["members"] = {label: one.to_dict() for label, one in self.members.items()}
        return {name: value for name, value in values.items() if value is not None and value is not False}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RunCard":
        """The card of `to_dict`, or of a saved folder.

        Raises
        ------
        ValueError
            A field is missing or of another kind than a run card's.
        """
        known = {each.name: values[each.name] for each in fields(cls) if each.name in values}
        notes = _notes(known.pop("notes", ()))
        try:
            card: RunCard = _adapter().validate_json(json.dumps(known), strict=True)
        except ValidationError as error:
            faults = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False))
            raise ValueError("; ".join(faults)) from error
        return replace(card, notes=notes)


@cache
def _adapter() -> TypeAdapter[RunCard]:
    return TypeAdapter(RunCard)


def _notes(values: Any) -> tuple[Note, ...]:
    """Notes of a card: objects with code and text, or plain text in cards of latentcast/1. Raises ValueError."""
    if not isinstance(values, list | tuple):
        raise ValueError("notes: wanted a list")
    for value in values:
        texts = [value] if isinstance(value, str) else [value.get(key) for key in ("code", "text")] if value else [None]
        if not all(isinstance(text, str) for text in texts):
            raise ValueError(f"notes: got {value!r}, wanted a code and a text")
    return tuple(Note.from_value(value) for value in values)


def _plain(value: Any, keep: tuple[str, ...] = ()) -> dict[str, Any]:
    """Fields as plain values; None is left out, but for the names to keep."""
    return {name: _listed(inner) for name, inner in asdict(value).items() if inner is not None or name in keep}


def _listed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _listed(inner) for key, inner in value.items()}
    return [_listed(inner) for inner in value] if isinstance(value, list | tuple) else value


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"
