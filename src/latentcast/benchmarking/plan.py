"""Plan a benchmark: turn its YAML into cells with resolved settings, or report every fault at once."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BeforeValidator, Field, field_validator

from latentcast.core.errors import DataError, Fault, SettingsError, suggest
from latentcast.core.nested import merge, nested
from latentcast.core.parsing import read_yaml
from latentcast.core.settings import Settings, validate
from latentcast.data.panel.build import build
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Part, split
from latentcast.data.settings import DataSettings
from latentcast.data.sources.frames import Source
from latentcast.data.sources.open import open_data
from latentcast.models.config.run import RunConfig, make_task, resolve_config
from latentcast.models.network import build as build_network
from latentcast.workflows.fitting.fit import with_stages

PART: Part = "test"


@dataclass(frozen=True)
class Cell:
    """One experiment. `label` names its settings in the table; `data` is a dataset's name or a file; `on` are others
    that the trained model is judged on as it is, each with its fingerprint."""

    label: str
    data: str
    fingerprint: str
    run: RunConfig
    on: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """What is run again when it changes: settings (the seed among them), data, and the parts that judge."""
        return key(self.run, self.fingerprint, self.on)

    def __str__(self) -> str:
        return f"{self.label} on {self.data}, horizon {self.run.horizon}, seed {self.run.seed}"


def key(run: RunConfig, fingerprint: str, on: Iterable[tuple[str, str]] = (), part: str = PART) -> str:
    others = sorted(list(pair) for pair in on)  # their order changes nothing
    text = json.dumps([run.dump(), fingerprint, part, *others], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _many(value: object) -> object:
    return value if isinstance(value, list | tuple) or value is None else (value,)


def _labels(value: object) -> object:
    """A label alone is a model's name; a name alone is `model: name`."""
    if not isinstance(value, Mapping):
        return value
    short = {label: {} if entry is None else entry for label, entry in value.items()}
    return {label: {"model": entry} if isinstance(entry, str) else entry for label, entry in short.items()}


Names = Annotated[tuple[str, ...], BeforeValidator(_many), Field(min_length=1)]
Horizons = Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(_many), Field(min_length=1)]
Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], BeforeValidator(_many), Field(min_length=1)]


class Published(Settings):
    """Figures of others for one dataset: horizon → MSE of standardised values."""

    name: str
    dataset: str
    MSE: dict[int, Annotated[float, Field(ge=0)]]


class Where(Settings):
    """A filter of cells; unset fields match everything."""

    model: Names | None = None
    dataset: Names | None = None
    horizon: Horizons | None = None

    def holds(self, label: str, data: str, horizon: int) -> bool:
        stated = ((self.model, label), (self.dataset, data), (self.horizon, horizon))
        return all(wanted is None or value in wanted for wanted, value in stated)


class Without(Where):
    """Cells that are not run, with the reason shown below the table."""

    seed: Seeds | None = None
    because: Annotated[str, Field(min_length=1)]

    def leaves_out(self, cell: Cell) -> bool:
        run = cell.run
        return self.holds(cell.label, cell.data, run.horizon) and (self.seed is None or run.seed in self.seed)

    def __str__(self) -> str:
        stated = (("", self.model), ("", self.dataset), ("horizon ", self.horizon), ("seed ", self.seed))
        parts = [name + ", ".join(map(str, values)) for name, values in stated if values is not None]
        return f"{'; '.join(parts) or 'everything'}: {self.because}"


class Comparison(Settings):
    """datasets × horizons × models × seeds.

    common     settings of every model
    models     label → what `fit` takes, laid over common; the label is the model's name where none is stated
    overrides  settings of some cells, laid over both, the later over the earlier:
               {where: {model: …, dataset: …, horizon: …}, training: {…}}
    without    cells that are not run: [{model: …, dataset: …, horizon: …, seed: …, because: …}]
    on         datasets that every trained model is judged on too, without training on them (`transfer`)
    published  published figures shown with the results but not ranked:
               [{name: …, dataset: …, MSE: {96: …}}]
    """

    datasets: Names
    horizons: Horizons
    seeds: Seeds = (0,)
    common: Annotated[dict[str, Any], Field(default_factory=dict)]
    models: Annotated[dict[str, dict[str, Any]], BeforeValidator(_labels), Field(min_length=1)]
    overrides: tuple[dict[str, Any], ...] = ()
    without: tuple[Without, ...] = ()
    on: Annotated[tuple[str, ...], BeforeValidator(_many)] = ()
    published: tuple[Published, ...] = ()

    @field_validator("datasets", "horizons", "seeds", "on")
    @classmethod
    def _once(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        twice = [str(item) for item in dict.fromkeys(value) if value.count(item) > 1]
        if twice:
            raise ValueError(f"wanted each once; named twice: {', '.join(twice)}")
        return value


def comparison_of(config: str | Path | Mapping[str, Any]) -> Comparison:
    """Raises SettingsError when it is none."""
    return validate(Comparison, read_yaml(config) if isinstance(config, str | Path) else nested(config))


def plan(config: str | Path | Mapping[str, Any] | Comparison) -> tuple[Cell, ...]:
    """Every cell in the order in which it runs: all models with the first seed, then with the next.

    Reads each dataset and builds each network without memory for its weights, so that what does not fit is found
    before the first cell runs. Raises SettingsError with every fault, each with the label of its model.
    """
    comparison = config if isinstance(config, Comparison) else comparison_of(config)
    overrides, faults = _overrides(comparison)
    faults += _misplaced(comparison)
    faults += _strange(comparison)
    for number, rule in enumerate(comparison.without):
        faults += _not_compared(comparison, rule, f"without.{number}")
    others = _others(comparison.on, max(comparison.horizons), faults)
    found: dict[str, list[str]] = {}
    cells: list[Cell] = []
    for data in comparison.datasets:
        on = tuple((name, its) for name, its in others if name != data)
        source, defaults = None, dict[str, Any]()
        try:
            source, defaults = open_data(data)
        except DataError as error:
            faults.append(Fault("datasets", f": {error}"))
        panels: dict[DataSettings, tuple[Panel, str, int] | None] = {}
        for horizon in comparison.horizons:
            runs = list(_runs(comparison, overrides, data, defaults, horizon, found))
            # what is told of the data only models with words in them are told
            if len({run.data.model_copy(update={"description": None}) for _, run in runs}) > 1:
                faults.append(Fault("data", f": all models on {data} at horizon {horizon} must be asked the same"))
            for label, run in runs:
                if source is not None and run.data not in panels:
                    panels[run.data] = _panel(source, run.data, data, faults)
                read = panels.get(run.data)
                if read is None:
                    continue
                panel, fingerprint, longest = read
                if longest < horizon:
                    faults.append(
                        Fault(
                            "horizons", f": {horizon} is longer than the test part of {data}, which has {longest} steps"
                        )
                    )
                    break
                try:
                    with torch.device("meta"):
                        build_network(run.kind, run.model, make_task(run, panel))
                except SettingsError as error:
                    _note(found, error, label)
                cells.append(Cell(label, data, fingerprint, run, on))
    faults += [
        f"{fault} (every model)" if 1 < len(comparison.models) == len(labels) else f"models.{label}: {fault}"
        for fault, labels in found.items()
        for label in (labels[:1] if len(comparison.models) == len(labels) else labels)
    ]
    if faults:
        raise SettingsError(faults)
    every = (replace(cell, run=replace(cell.run, seed=seed)) for seed in comparison.seeds for cell in cells)
    left = tuple(cell for cell in every if not any(rule.leaves_out(cell) for rule in comparison.without))
    if not left:
        raise SettingsError(Fault("without", ": it leaves nothing to be run"))
    return left


def _runs(
    comparison: Comparison,
    overrides: list[tuple[Where, dict[str, Any]]],
    data: str,
    defaults: Mapping[str, Any],
    horizon: int,
    found: dict[str, list[str]],
) -> Iterator[tuple[str, RunConfig]]:
    """Each label with its settings for one dataset and horizon; those with faults are noted and left out."""
    for label, own in comparison.models.items():
        # nothing of a cell is kept but its line: logs of training would be thrown away
        values = merge(merge({"training": {"loggers": []}}, comparison.common), own)
        for where, laid_over in overrides:
            if where.holds(label, data, horizon):
                values = merge(values, laid_over)
        chosen = values.get("model", {})
        if isinstance(chosen, Mapping) and "name" not in chosen:
            values = {**values, "model": {"name": label, **chosen}}
        try:
            yield label, resolve_config({**with_stages(values), "horizon": horizon, "seed": 0}, defaults)
        except SettingsError as error:
            _note(found, error, label)


def _overrides(comparison: Comparison) -> tuple[list[tuple[Where, dict[str, Any]]], list[str]]:
    """Return each override with its cells, and faults of overrides without any."""
    overrides, faults = [], []
    for number, item in enumerate(map(nested, comparison.overrides)):
        at = f"overrides.{number}.where"
        stated = item.pop("where", None)
        if not isinstance(stated, Mapping):
            faults.append(
                f"{at}: got {stated!r}, wanted the cells that are meant: {{model: …, dataset: …, horizon: …}}"
            )
            continue
        try:
            where = validate(Where, stated, f"{at}.")
        except SettingsError as error:
            faults.extend(error.faults)
            continue
        faults += _not_compared(comparison, where, at)
        overrides.append((where, item))
    return overrides, faults


def _not_compared(comparison: Comparison, where: Where, at: str) -> list[str]:
    """Faults of what names a model, dataset, horizon or seed that is not there."""
    known: dict[str, tuple[Any, ...]] = {
        "model": tuple(comparison.models),
        "dataset": comparison.datasets,
        "horizon": comparison.horizons,
        "seed": comparison.seeds,
    }
    return [
        f"{at}.{name}: {value!r} is not compared; {suggest(str(value), map(str, values))}"
        for name, values in known.items()
        for value in getattr(where, name, None) or ()
        if value not in values
    ]


def _misplaced(comparison: Comparison) -> list[str]:
    """Faults of settings that belong to the comparison and stand in those of a model."""
    homes = {"horizon": "horizons", "seed": "seeds"}
    places = {"common": comparison.common}
    places |= {f"models.{label}": own for label, own in comparison.models.items()}
    places |= {f"overrides.{number}": own for number, own in enumerate(comparison.overrides)}
    return [
        f"{place}.{name}: stands beside models, as {homes[name]}"
        for place, own in places.items()
        for name in homes
        if name in own
    ]


def _others(names: tuple[str, ...], horizon: int, faults: list[str]) -> list[tuple[str, str]]:
    """Datasets that trained models are judged on, read by their own rules, with their fingerprints."""
    found = []
    for name in names:
        try:
            source, defaults = open_data(name)
            read = _panel(source, validate(DataSettings, defaults, "data."), name, faults)
        except (DataError, SettingsError) as error:
            faults.append(Fault("on", f": {name}: {error}"))
            continue
        if read is not None:
            _, fingerprint, longest = read
            if longest < horizon:
                faults.append(
                    Fault("on", f": {name}: its test part has {longest} steps, fewer than the horizon of {horizon}")
                )
            found.append((name, fingerprint))
    return found


def _strange(comparison: Comparison) -> list[str]:
    """Faults of published figures for datasets or horizons outside the benchmark."""
    return [
        f"published.{number}.dataset: {its.dataset!r} is not compared; {suggest(its.dataset, comparison.datasets)}"
        for number, its in enumerate(comparison.published)
        if its.dataset not in comparison.datasets
    ]


def _panel(source: Source, settings: DataSettings, data: str, faults: list[str]) -> tuple[Panel, str, int] | None:
    """The data as these settings read them, their fingerprint, and the steps of the longest test part."""
    try:
        panel = build(source.frame, settings)
        low, high = split(panel, settings.split).bounds(PART)
    except DataError as error:
        faults.append(Fault("datasets", f": {data}: {error}"))
        return None
    return panel, panel.fingerprint(), int((high - low).max())


def _note(found: dict[str, list[str]], error: SettingsError, label: str) -> None:
    for fault in error.faults:
        labels = found.setdefault(fault, [])
        if label not in labels:
            labels.append(label)
