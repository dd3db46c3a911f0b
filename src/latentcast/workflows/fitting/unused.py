"""Refuse given settings that nothing reads, and name those that the model reads."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from latentcast.core.errors import Fault, SettingsError, shorten
from latentcast.core.nested import by_label, leaves, merge
from latentcast.core.settings import read_words, unread
from latentcast.data.settings import DataSettings
from latentcast.forecaster.forecaster import Forecaster
from latentcast.models.config.presets import MODEL_PRESETS
from latentcast.models.config.run import RunConfig
from latentcast.models.config.training import TrainingSettings
from latentcast.models.inspection import count_parameters
from latentcast.workflows.fitting.spec import FitSpec
from latentcast.workflows.fitting.stages import is_solved, is_trained

RESAMPLING = ("aggregate", "covariate_aggregate", "resample_share")


def check_all_read(spec: FitSpec, forecaster: Forecaster) -> None:
    """Raise SettingsError for settings of `spec.given` that nothing reads.

    Values equal to their default are accepted: a settings.yaml of another run holds every setting.
    """
    faults = [*_of_data(spec), *_of_training(spec, forecaster), *_of_parts(spec)]
    if faults:
        raise SettingsError(faults)


def _of_data(spec: FitSpec) -> Iterator[Fault]:
    run, given = spec.run, _differing(spec.given.get("data"), {**DataSettings().dump(), **spec.data_defaults})
    for name in given:
        if name in ("description", "notes") and getattr(run.data, name) is not None and not read_words(run.model):
            readers = "a language model (time-llm, with the prompt switched on)"
            yield Fault(f"data.{name}", f": {run.name} reads no words, as {readers} does; leave it out")
        if name == "target" and run.data.features == "M":
            yield Fault(
                "data.target",
                f"={run.data.target}: with data.features=M every channel is forecast; set data.features=MS (all"
                " channels forecast it) or S (it forecasts itself), or leave it out",
            )
        if name in RESAMPLING and run.data.resample is None:
            yield Fault(
                f"data.{name}", ": is of resampling; set data.resample (a frequency, such as D), or leave it out"
            )


def _of_parts(spec: FitSpec) -> Iterator[Fault]:
    """Given settings that other settings switch off."""
    run, given = spec.run, [path for path, _ in leaves(spec.given)]
    tree = [("model.", run.model), ("training.", run.training)]
    tree += [(f"stages.{name}.", stage) for name, stage in run.stages]
    for fault in (fault for at, settings in tree for fault in unread(settings, at)):
        if any(
            f"{path}.".startswith(f"{fault.setting}.") or f"{fault.setting}.".startswith(f"{path}.") for path in given
        ):
            yield fault
    chosen = getattr(getattr(run.model, "backbone", None), "settings", None)
    revision, place = getattr(chosen, "revision", None), str(getattr(chosen, "llm", ""))
    if revision is not None and "model.backbone.revision" in given and Path(place).expanduser().is_dir():
        yield Fault("model.backbone.revision", ": is of a model on the hub, and llm is a folder; leave it out")


def _of_training(spec: FitSpec, forecaster: Forecaster) -> Iterator[Fault]:
    run, members = spec.run, _members(forecaster)
    given = [name for name in _differing(spec.given.get("training"), _default_training(run)) if name != "calibration"]
    solved = is_solved(forecaster, spec.stages) or any(solved for _, solved in members.values())
    trained = any(trained for trained, _ in members.values()) if members else is_trained(forecaster)
    every = type(run.training).model_fields.keys() <= (spec.given.get("training") or {}).keys()
    if not trained and not every:  # a settings file that another run wrote holds every setting
        why = f": {run.name} has nothing to train; {_what_it_reads(run)}"
        yield from (Fault(f"training.{name}", why) for name in given)
    if not trained and not solved and run.data.fraction < 1 and "fraction" in (spec.given.get("data") or {}):
        yield Fault("data.fraction", f": {run.name} learns from no training part; {_what_it_reads(run)}")
    model = spec.given.get("model")
    stated = model.get("members") if isinstance(model, Mapping) else None
    for label, own in (stated if isinstance(stated, Mapping) else by_label(stated) or {}).items():
        if label in members and not members[label][0] and isinstance(own, Mapping):
            its = forecaster.network.model.runs[label]
            defaults = merge(_default_training(its), run.training.dump())
            stated_training = own.get("training") or {}
            if defaults.keys() <= stated_training.keys():
                continue  # a settings file that another run wrote: it holds every setting of every member
            for name in _differing(stated_training, defaults):
                yield Fault(
                    f"model.members.{label}.training.{name}", f": {its.name} has nothing to train; leave it out"
                )


def _members(forecaster: Forecaster) -> dict[str, tuple[bool, bool]]:
    """Label → whether a member of a hybrid is trained, and whether it is solved."""
    networks = getattr(forecaster.network.model, "networks", {})
    if "members" not in forecaster.network.capabilities.training:
        return {}
    return {
        label: (count_parameters(one)[1] > 0, "solved" in one.capabilities.training) for label, one in networks.items()
    }


def _what_it_reads(run: RunConfig) -> str:
    own = [f"model.{name}" for name in type(run.model).model_fields]
    if "adapt" in type(run.model).model_fields:
        return f"model.adapt=head, all or low-rank fine-tunes it; it reads {shorten(own, 12)}"
    return (
        f"leave it out; its settings are {shorten(own, 12)}" if own else "leave it out; it has no settings of its own"
    )


def _default_training(run: RunConfig) -> dict[str, Any]:
    """Settings of training that the model and its preset come with."""
    named = MODEL_PRESETS[run.name]
    preset = named.presets.get(run.preset or "", {}).get("training", {})
    return TrainingSettings(**merge(named.training, preset)).dump()


def _differing(given: Any, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that were given another value than their default."""
    if not isinstance(given, Mapping):
        return {}
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in defaults.items()}
    stated = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
    return {name: value for name, value in stated.items() if name not in plain or plain[name] != value}
