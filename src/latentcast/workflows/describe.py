"""Describe a table as a model reads it, or the architecture of a model, trained or not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import GapError, SettingsError, shorten
from latentcast.core.nested import leaves, merge, nested
from latentcast.core.notes import Note, NoteCode, without
from latentcast.core.parsing import read_yaml
from latentcast.core.settings import validate
from latentcast.core.types import Steps
from latentcast.data.features.covariates import Covariates
from latentcast.data.panel.build import build
from latentcast.data.panel.gaps import longest_gap
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import split
from latentcast.data.scaling.scaler import constant_series
from latentcast.data.scaling.transform import check
from latentcast.data.settings import DataSettings
from latentcast.data.sources.files import is_table
from latentcast.data.sources.open import open_data
from latentcast.data.sources.remote import address_of
from latentcast.data.tables.frequency import Frequency
from latentcast.data.types import IntoFrame
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.load import as_forecaster
from latentcast.models.config.run import RunConfig, make_task, merge_user_settings, resolve_config
from latentcast.models.inspection import Architecture, inspect, training_memory
from latentcast.models.network import Network
from latentcast.models.network import build as build_network
from latentcast.reporting.notebook import facts_html
from latentcast.training.codebook_usage import in_words
from latentcast.workflows.plots.series import Stretch, draw, ends

MIB = 2**20


@dataclass(frozen=True)
class Description:
    """Facts about a table, or about a model.

    Attributes
    ----------
    facts
        Name of each fact → its text.
    notes
        Notes about the result.
    architecture
        Shapes, parameters and FLOPs of every stage, where a model is described; else None.
    series
        The end of up to eight series, for `plot`, where data are described.

    Examples
    --------
    >>> found = latentcast.describe(frame)
    >>> found.facts["frequency"]
    'h (season of 24 steps)'
    """

    facts: dict[str, str]
    notes: tuple[str, ...]
    architecture: Architecture | None = None
    series: tuple[Stretch, ...] = field(default=(), repr=False, compare=False)

    def plot(self, path: str | Path) -> Path:
        """Draw the weights of each stage of a model, or the end of up to eight series with their gaps.

        Parameters
        ----------
        path
            File to write; its ending says which: PNG, PDF or SVG.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        SettingsError
            Another ending.
        CheckpointError
            The file cannot be written.

        Examples
        --------
        >>> latentcast.describe(frame).plot(folder / "description.png").name
        'description.png'
        """
        if self.architecture is None:
            draw(Path(path), f"{self.facts['data']}: {self.facts['frequency']}", self.series, None)
            return Path(path)
        from latentcast.reporting.charts import draw_bars

        stages = [row for row in self.architecture.rows if row.depth == 1] or list(self.architecture.rows)
        weights = {"weights": [row.parameters for row in stages]}
        title = f"{self.facts['model']}: {self.facts['parameters']} weights"
        draw_bars(Path(path), title, [f"{row.name} ({row.what})" for row in stages], weights)
        return Path(path)

    def _repr_html_(self) -> str:
        return facts_html("Description", self.facts, self.notes)


def describe(
    data: IntoFrame | Forecaster,
    settings: Mapping[str, Any] | None = None,
    *,
    model: str | None = None,
    preset: str | None = None,
    lookback: int | None = None,
    horizon: int | None = None,
    config: str | Path | None = None,
) -> Description:
    """Describe data, a fitted forecaster, or a model before it is trained.

    Parameters
    ----------
    data
        A table (layout, frequency, gaps, parts), or a forecaster or its folder (architecture, training).
    settings
        Settings as of `fit`; of the data alone where no model is named.
    model
        A name of `latentcast models`: its architecture on this table, untrained.
    preset, lookback, horizon
        As for `fit`; they need a model.
    config
        YAML file of settings, which may name the model. Arguments win over it.

    Returns
    -------
    Description
        Facts by name, and notes.

    Raises
    ------
    SettingsError
        An unknown setting, or settings given for a trained model.
    DataError
        As `fit`, except for missing values of a table, which become a note.
    CheckpointError
        The folder holds no forecaster.

    Examples
    --------
    >>> found = latentcast.describe(frame)
    >>> found.facts["frequency"]
    'h (season of 24 steps)'
    >>> latentcast.describe(frame, model="dlinear", lookback=48, horizon=2).facts["parameters"]
    '196, trainable 196'
    """
    own = {"model": model, "preset": preset, "lookback": lookback, "horizon": horizon, "config": config}
    given = [name for name, value in own.items() if value is not None]
    if isinstance(data, Forecaster) or _names_a_forecaster(data):
        given += [path for path, _ in leaves(nested(settings or {}))]
        if given:
            raise SettingsError(f"a trained model is what it is: leave out {', '.join(given)}, or describe data")
        return _of_forecaster(as_forecaster(data))
    values = merge_user_settings(model, preset, lookback, horizon, None, settings, config)
    if model is not None or (config is not None and "model" in read_yaml(config)):
        return _of_choice(data, values)
    if given:
        raise SettingsError([f"{name}: belongs to a model: say which (model)" for name in given])
    return _of_table(data, values)


def _names_a_forecaster(data: Any) -> TypeGuard[str | Path]:
    """Whether data are a folder, or an address that does not end as a table does."""
    if not isinstance(data, str | Path):
        return False
    address = address_of(data)
    return Path(data).is_dir() if address is None else not is_table(Path(address.name))


def _of_forecaster(forecaster: Forecaster) -> Description:
    card = forecaster.card
    reports = () if card.training is None else card.training.stages
    ended = [f"{stage.stage} ({stage.steps} steps)" for stage in reports]
    about = {
        "trained on": shorten([one.data for one in card.learned_from]),
        "stages": ", ".join(ended or card.stages) or "none",
    }
    if card.transferred:
        about["made ready for"] = card.schema.data
    about |= {stage: in_words(found) for stage, found in card.found.items()}
    if card.fusion is not None:
        about["held out"] = card.fusion.summary()
    frequency = Frequency.of(card.schema.freq)
    return _of_model(forecaster.run, forecaster.network, forecaster.channels, frequency, about, list(card.notes))


def _of_choice(data: IntoFrame, values: Mapping[str, Any]) -> Description:
    source, defaults = open_data(data)
    run = resolve_config(values, defaults)
    panel = build(source.frame, run.data)
    _check(panel, panel.lengths, run.data)
    network = build_network(run.kind, run.model, make_task(run, panel))
    about = {"data": source.name, "stages": "none: untrained"}
    if any(parameter.requires_grad for parameter in network.parameters()):
        needed = training_memory(network, run.training.batch_size)
        about["memory to train"] = (
            f"about {needed.total / MIB:,.0f} MiB: frozen weights {needed.frozen / MIB:,.0f}, learned"
            f" {needed.learned / MIB:,.1f} and their optimiser {needed.optimiser / MIB:,.1f}, kept for backward"
            f" {needed.kept / MIB:,.0f} ({needed.windows} windows)"
        )
    return _of_model(run, network, panel.channels, panel.frequency, about, (*run.notes, *network.notes))


def _of_model(
    run: RunConfig,
    network: Network,
    channels: tuple[str, ...],
    frequency: Frequency,
    about: Mapping[str, str],
    notes: Iterable[str],
) -> Description:
    task, made = network.task, inspect(network)
    targets = "" if len(task.targets) == task.channels else f" → {shorten([channels[i] for i in task.targets])}"
    facts = {
        "model": run.name,
        "preset": run.preset or "none",
        **about,
        "look-back": _in_words(Steps(task.lookback), frequency),
        "horizon": _in_words(Steps(task.horizon), frequency),
        "channels": f"{task.channels}: {shorten(channels, 8)}{targets}",
        "parameters": f"{made.parameters:,}, trainable {made.trainable:,}",
        "multiply-adds": f"{made.flops // 2:,} a window, of them attention's products {made.attention_flops // 2:,}",
        **{name: _in_words(value, frequency) for name, value in made.facts.items()},
    }
    return Description(facts, tuple(notes), made)


def _in_words(value: Any, frequency: Frequency) -> str:
    if isinstance(value, Steps):
        time = frequency.in_words(value)
        return f"{value} step{'' if value == 1 else 's'}" + (f" ({time})" if time else "")
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _check(panel: Panel, ends: NDArray[np.int64], settings: DataSettings) -> None:
    """Raise the errors of a fit that depend on the training part, [items] steps."""
    if settings.transform != "none":
        check(settings.transform, panel)
    Covariates.learned(panel, ends, settings)


def _of_table(data: IntoFrame, stated_values: Mapping[str, Any]) -> Description:
    stray = [f"{path}: describe takes settings of the data alone (data.…), where no model is named"
             for path, _ in leaves(stated_values) if not path.startswith("data.")]  # fmt: skip
    if stray:
        raise SettingsError(stray)
    source, defaults = open_data(data)
    values = merge(defaults, stated_values.get("data", {}))
    merge_user_settings = validate(DataSettings, values, "data.")
    notes: list[str] = []
    try:
        panel = build(source.frame, merge_user_settings)
    except GapError as error:
        notes.append(f"a fit would refuse this: {error}")
        panel = build(source.frame, merge_user_settings.model_copy(update={"gaps": "mask"}))
    panel = replace(panel, notes=without(panel.notes, NoteCode.MISSING_VALUES))  # a row of the facts
    parts = split(panel, merge_user_settings.split)
    sizes = [part.sum() for part in (parts.train_end, parts.val_end - parts.train_end, parts.test_end - parts.val_end)]
    lengths = panel.lengths
    integer = panel.frequency.integer
    span = [str(stamp) if integer else str(pd.Timestamp(stamp)) for stamp in (panel.times.min(), panel.times.max())]
    missing = int((~panel.observed).sum())
    facts = {
        "data": source.name,
        "layout": f"wide: {len(panel.channels)} channels" if panel.ids == ("",) else f"long: {len(panel.ids)} series",
        "channels": shorten(panel.channels, 8),
        "steps": str(lengths[0])
        if len(lengths) == 1
        else f"{lengths.min()} to {lengths.max()} a series, {lengths.sum()} in all",
        "span": " .. ".join(span),
        "frequency": f"{panel.frequency} (season of {panel.season} steps)",
        "missing": f"{missing} of {panel.values.size} values ({missing / panel.values.size:.1%})"
        + (f", the longest gap {longest_gap(panel)} steps; gaps={merge_user_settings.gaps}" if missing else ""),
        "parts": f"train {sizes[0]}, validation {sizes[1]}, test {sizes[2]} steps",
        "fingerprint": panel.fingerprint(),
    }
    _check(panel, parts.train_end, merge_user_settings)
    constant = constant_series(panel, parts.train_end)
    if constant:
        notes.append(Note(f"constant in the training part: {shorten(constant)}", NoteCode.CONSTANT))
    return Description(facts, (*notes, *panel.notes), series=ends(panel))
