"""Resolve the settings of one run from the command line, YAML and Python to one validated value."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from latentcast.core.errors import DataError, Fault, SettingsError, suggest
from latentcast.core.nested import leaves, merge, merge_without_conflict, nested
from latentcast.core.notes import Note, NoteCode
from latentcast.core.parsing import read_yaml
from latentcast.core.settings import Settings, dumped, read_words, validate
from latentcast.core.types import Task
from latentcast.data.features import calendar
from latentcast.data.features.covariates import Covariates
from latentcast.data.panel.panel import Panel
from latentcast.data.settings import DataSettings
from latentcast.layers.losses import IN_UNITS
from latentcast.models import MODELS
from latentcast.models.config.other_names import nearest_model
from latentcast.models.config.presets import MODEL_PRESETS, ModelPreset
from latentcast.models.config.training import STAGE_SETTINGS, TrainingSettings

TOP = ("model", "lookback", "horizon", "seed", "data", "training", "stages")
AUTO = "auto"


@dataclass(frozen=True)
class RunConfig:
    """`name` is the model's name in forecasts; `kind` and `model` say how its network is built.

    `stages` are trained before forecasting, in this order; `notes` report automatic choices.
    """

    name: str
    preset: str | None
    kind: str
    lookback: int
    horizon: int
    seed: int
    model: Settings
    data: DataSettings
    training: TrainingSettings
    stages: tuple[tuple[str, TrainingSettings], ...] = ()
    notes: tuple[str, ...] = ()

    def dump(self) -> dict[str, Any]:
        """Every setting, also those at their defaults, as `resolve` takes them."""
        model = _dumped(self.model)
        before = {"stages": {name: how.dump() for name, how in self.stages}} if self.stages else {}
        return {
            "model": {"name": self.name, "preset": self.preset, **model},
            "lookback": self.lookback,
            "horizon": self.horizon,
            "seed": self.seed,
            "data": self.data.dump(),
            **before,
            "training": self.training.dump(),
        }


def resolve_config(values: Mapping[str, Any], data_defaults: Mapping[str, Any] | None = None) -> RunConfig:
    """Nested or dotted values → a Run.

    Precedence: given settings, preset, named model, defaults of the class; `data_defaults` come from a catalogued
    dataset. Raises SettingsError with every fault at once.
    """
    values = nested(values)
    faults = [f"{key}: no such setting; {_hint(key, values)}" for key in values if key not in TOP]
    chosen = values.get("model")
    model_fields = dict(chosen) if isinstance(chosen, Mapping) else {"name": chosen}
    name, preset = model_fields.pop("name", None), model_fields.pop("preset", None)
    faults += _sizes(values)
    model = training = data = None
    stages: tuple[tuple[str, TrainingSettings], ...] = ()
    notes: tuple[str, ...] = ()
    if name is None:
        faults.append(Fault("model", f": is required; one of {', '.join(MODEL_PRESETS)}"))
    elif not isinstance(name, str) or name not in MODEL_PRESETS:
        near = nearest_model(str(name))
        hint = suggest(str(name), MODEL_PRESETS) if near is None else f"the nearest here is {near}"
        faults.append(Fault("model", f": unknown model {name!r}; {hint}"))
    else:
        named = MODEL_PRESETS[name]
        over: Mapping[str, Any] = {}
        known = (*named.presets, AUTO) if named.by_lookback else tuple(named.presets)
        if preset == AUTO and preset in known and isinstance(values.get("lookback"), int):
            preset, why = named.preset_for(values["lookback"])
            notes += (Note(why, NoteCode.MODEL),)
        if preset is not None and preset not in known:
            faults.append(Fault("model.preset", f": {name} has no preset {preset!r}; {suggest(str(preset), known)}"))
        elif preset is not None and preset != AUTO:
            over = named.presets[preset]
        model_values = merge(merge(named.values, over.get("model", {})), model_fields)
        settings_cls = MODELS.get(named.kind).Settings
        model_values = _expanded(faults, settings_cls, model_values, values)
        model = _gather(faults, settings_cls, model_values, "model.")
        training_values = merge(merge(named.training, over.get("training", {})), _mapping(faults, values, "training"))
        training = _gather(faults, TrainingSettings, training_values, "training.")
        stages = _stages(faults, named, name, over.get("stages", {}), _mapping(faults, values, "stages"))
    defaults = dict(data_defaults or {})
    if model is not None and not read_words(model):
        defaults.pop("description", None)  # a description that no part reads is no setting of this run
    data = _gather(faults, DataSettings, merge(defaults, _mapping(faults, values, "data")), "data.")
    if model is not None and data is not None and data.scale:
        faults += _losses_in_units(model)
    if faults or name is None or model is None or training is None or data is None:
        raise SettingsError(faults)
    return RunConfig(
        name,
        preset,
        MODEL_PRESETS[name].kind,
        values["lookback"],
        values["horizon"],
        values.get("seed", 0),
        model,
        data,
        training,
        stages,
        notes,
    )


def _sizes(values: Mapping[str, Any]) -> list[str]:
    """Faults of look-back, horizon and seed."""
    faults = []
    for key, least in (("lookback", 1), ("horizon", 1), ("seed", 0)):
        value = values.get(key, 0 if key == "seed" else None)
        if value is None:
            faults.append(f"{key}: is required")
        elif not isinstance(value, int) or isinstance(value, bool) or value < least:
            faults.append(f"{key}: got {value!r}, wanted a whole number of at least {least}")
        elif key == "seed" and value >= 2**63:
            faults.append(f"seed: got {value}, wanted a whole number below 2^63")
    return faults


def _losses_in_units(model: Settings) -> list[str]:
    """Faults of losses that are undefined on standardised values."""
    return [
        f"{path}={loss}: a share of standardised values, which lie around zero, means nothing; set data.scale=false, or"
        " another loss"
        for path, loss in leaves({"model": _dumped(model)})
        if path.endswith("loss") and loss in IN_UNITS
    ]


def merge_user_settings(
    model: str | None,
    preset: str | None,
    lookback: int | None,
    horizon: int | None,
    seed: int | None,
    settings: Mapping[str, Any] | None,
    config: str | Path | None,
) -> dict[str, Any]:
    """Merge the given settings: arguments and settings, which must not disagree, override the file."""
    chosen = {key: value for key, value in (("name", model), ("preset", preset)) if value is not None}
    sizes = (("lookback", lookback), ("horizon", horizon), ("seed", seed))
    over = {key: value for key, value in sizes if value is not None}
    said = merge_without_conflict(nested(settings or {}), nested({"model": chosen, **over} if chosen else over))
    return merge(read_yaml(config) if config is not None else {}, said)


def make_task(run: RunConfig, panel: Panel, covariates: Covariates | None = None) -> Task:
    """Build the task of a network from the sizes of run and data. Raises DataError without a target."""
    targets = tuple(at for at, name in enumerate(panel.channels) if name not in run.data.past)
    if run.data.features == "MS":
        targets = (panel.channels.index(str(run.data.target)),)
    if not targets:
        raise DataError("data.past names every channel: nothing is left to forecast", setting="data.past")
    covariates = covariates or Covariates()
    return Task(
        run.lookback,
        run.horizon,
        len(panel.channels),
        targets,
        len(calendar.feature_names(panel.frequency)) + covariates.width,
        panel.season,
        run.data.description,
        covariates.static_width,
        len(panel.ids),
    )


def _dumped(model: Settings) -> dict[str, Any]:
    values = ((name, getattr(model, name)) for name in type(model).model_fields)
    return {name: dumped(value) for name, value in values}


def _stages(
    faults: list[str], named: ModelPreset, model: str, preset: Mapping[str, Any], merge_user_settings: Mapping[str, Any]
) -> tuple[tuple[str, TrainingSettings], ...]:
    """Return the requested stages in the model's order."""
    for stage in merge_user_settings:
        if stage not in named.stages:
            there = suggest(stage, named.stages) if named.stages else "it learns nothing before forecasting"
            faults.append(f"stages.{stage}: {model} has no such stage; {there}")
    found = []
    for stage, defaults in named.stages.items():
        if stage in merge_user_settings:
            own = _mapping(faults, merge_user_settings, stage, at="stages.")
            how = _gather(
                faults, STAGE_SETTINGS[stage], merge(merge(defaults, preset.get(stage, {})), own), f"stages.{stage}."
            )
            found += [(stage, how)] * (how is not None)
    return tuple(found)


def _expanded(faults: list[str], cls: type[Settings], model: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    """Complete the members' settings of a model made of others; without members where these have faults."""
    training = values.get("training")
    sizes = (values.get(key) for key in ("lookback", "horizon"))
    lookback, horizon = (size if isinstance(size, int) and size > 0 else 1 for size in sizes)
    try:
        return cls.expanded(model, training if isinstance(training, Mapping) else {}, lookback, horizon)
    except SettingsError as error:
        faults += error.below("model.").faults
        return {**model, "members": ()}


def _gather(faults: list[str], cls: type[Any], values: Mapping[str, Any], at: str) -> Any:
    try:
        return validate(cls, values, at)
    except SettingsError as error:
        faults.extend(error.faults)
        return None


def _mapping(faults: list[str], values: Mapping[str, Any], key: str, at: str = "") -> Mapping[str, Any]:
    value = values.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        faults.append(f"{at}{key}: got {value!r}, wanted settings below it ({at}{key}.something=…)")
        return {}
    return value


def _hint(key: str, values: Mapping[str, Any]) -> str:
    known = [f"training.{name}" for name in TrainingSettings.model_fields]
    known += [f"data.{name}" for name in DataSettings.model_fields]
    chosen = values.get("model")
    name = chosen.get("name") if isinstance(chosen, Mapping) else chosen
    if isinstance(name, str) and name in MODEL_PRESETS:
        fields = MODELS.get(MODEL_PRESETS[name].kind).Settings.model_fields
        known += [f"model.{field}" for field in fields]
        known += [f"model.{path}" for path, _ in leaves(MODEL_PRESETS[name].values)]
    homes = {path.rsplit(".", 1)[1]: path for path in reversed(known)} | {name: name for name in TOP}
    close = get_close_matches(key, homes, n=1)
    if close:
        return f"did you mean {homes[close[0]]}?"
    return "settings stand below data, model, training and stages; beside these are lookback, horizon and seed"
