from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field
from torch import nn

from latentcast.core.errors import SettingsError
from latentcast.core.nested import by_label, merge, nested
from latentcast.core.settings import Part, Settings, validate
from latentcast.models import MODELS
from latentcast.models.config.presets import MODEL_PRESETS
from latentcast.models.config.run import RunConfig, resolve_config

OWN = ("model", "lookback", "training", "stages")  # what a member may state


FRAME = ("unique_id", "ds", "y", "cutoff", "step")  # columns beside those of members


class HybridSettings(Settings):
    """members: label → what `fit` takes of a model (model, lookback, training, stages), or false for none; the label is
    the model's name where none is stated, and a list of names is each at its defaults. A look-back may be shorter than
    the hybrid's. What is stated of training holds for every member that does not state its own.

    fusion     average: equal weights; weighted: by out-of-sample error, of each series and step ahead; adaptive: a gate
               that starts there, and also goes by what the look-back is like; fixed: by `weights`
    choose     all: all members forecast each look-back; traits: those that suit it, a stationary one ARIMA, a wandering
               or rising one exponential smoothing and theta, a seasonal one the seasonal forms, and each other members
    weights    of fusion=fixed, one for each member in their order; they are scaled to sum to 1
    error      what is to be small on held-out windows
    stride     one held-out window of so many is read; when not stated one a season where a member is fitted anew at
               each origin, else as many as 2²⁰ values allow
    """

    members: tuple[dict[str, Any], ...]
    fusion: Literal["average", "weighted", "adaptive", "fixed"] = "adaptive"
    choose: Literal["all", "traits"] = "all"
    weights: tuple[Annotated[float, Field(gt=0)], ...] | None = None
    error: Literal["mse", "mae"] = "mse"
    stride: Annotated[int, Field(ge=1)] | None = None
    not_in_weights = Settings.not_in_weights | {"members"}  # they say themselves what shapes their weights (`chosen`)

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
                faults += error.below(f"members.{label}").faults
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
            settings = validate(MODELS.get(MODEL_PRESETS[name].kind).Settings, values)
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
            faults.append(f".{key}: is the hybrid's: all members forecast the same; set it without members.{label}")
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
    named = MODEL_PRESETS.get(model["name"]) if isinstance(model["name"], str) else None
    if named is not None and named.kind == "hybrid":
        faults.append(": a hybrid is no member of a hybrid; name its members here")
    elif named is not None and not named.forecasts:
        faults.append(f": {model['name']} forecasts nothing, and can be no member")
    elif MODEL_PRESETS.get(label) is not None and MODEL_PRESETS[label].kind == "hybrid":
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
        raise error.below(".") from error
    dumped = run.dump()
    return {**{key: dumped[key] for key in ("model", "stages", "training") if key in dumped}, "lookback": its}


def _resolved(values: Mapping[str, Any], lookback: int, horizon: int) -> RunConfig:
    # what its losses mean in which units is asked of the hybrid, whose data they are
    return resolve_config({**values, "lookback": lookback, "horizon": horizon, "data": {"scale": False}})


def member_runs(settings: HybridSettings, lookback: int, horizon: int) -> dict[str, RunConfig]:
    """Label → run of each member; of the data nothing is known yet."""
    runs = {}
    for own in settings.members:
        values = {key: value for key, value in own.items() if key not in ("label", "lookback")}
        runs[own["label"]] = _resolved(values, own.get("lookback") or lookback, horizon)
    return runs


def reads_everything(run: RunConfig) -> list[bool]:
    """Of the model, or of each member of a hybrid: whether, given all of a series, it is fitted to all of it."""
    runs = member_runs(run.model, run.lookback, run.horizon).values() if _is_hybrid(run) else [run]  # type: ignore[arg-type]
    return [MODELS.get(one.kind).capabilities.reads_everything for one in runs]


def reading_all(run: RunConfig, steps: int) -> RunConfig:
    """A hybrid with a look-back of `steps`, of which those members that do not read everything take what they did."""
    values = run.dump()
    members = [
        own if whole else {**own, "lookback": own["lookback"] or run.lookback}
        for own, whole in zip(values["model"]["members"], reads_everything(run), strict=True)
    ]
    model = {**values["model"], "members": members}
    return resolve_config({**values, "model": model, "lookback": max(steps, run.lookback)})


def _is_hybrid(run: RunConfig) -> bool:
    return isinstance(run.model, HybridSettings)
