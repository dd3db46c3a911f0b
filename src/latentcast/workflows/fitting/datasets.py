"""Read several datasets for one model and check that they are compatible."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

from latentcast.core.errors import DataError, Fault, SettingsError
from latentcast.core.settings import weight_shaping_settings
from latentcast.data.features import calendar
from latentcast.data.panel.build import build
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Split, split
from latentcast.data.scaling.scaler import Scaler
from latentcast.data.settings import DataSettings
from latentcast.data.sources.formats.records import is_record
from latentcast.data.sources.frames import Source
from latentcast.data.sources.open import open_data
from latentcast.forecaster.card import DatasetReport
from latentcast.forecaster.compatibility import misfits
from latentcast.forecaster.forecaster import Forecaster
from latentcast.models.config.run import resolve_config


@dataclass(frozen=True)
class TrainingDataset:
    """One of several training datasets: read, split and scaled by its own rules."""

    name: str
    settings: DataSettings
    panel: Panel
    parts: Split
    scaler: Scaler

    def report(self, weight: float | None) -> DatasetReport:
        """The entry of the run card."""
        return DatasetReport(
            self.name,
            self.panel.fingerprint(),
            self.settings.dump()["split"],
            series=len(self.panel.ids) * len(self.panel.channels),
            steps=len(self.panel.values),
            freq=self.panel.frequency.alias,
            weight=weight,
        )


def listed(data: Any) -> list[Any]:
    """The datasets of a list; a list of GluonTS records is one dataset, as is anything else."""
    several = isinstance(data, list | tuple) and data
    records = several and all(isinstance(one, Mapping) and is_record(one) for one in data)
    return list(data) if several and not records else [data]


def open_numbered(data: Any, number: int | None) -> tuple[Source, dict[str, Any]]:
    """Open one of several datasets; an object without a name is called by its place, as frame 2."""
    if number is None:
        return open_data(data)
    with error_context(str(data) if isinstance(data, str | Path) else f"frame {number}"):
        source, defaults = open_data(data)
    return (source if isinstance(data, str | Path) else replace(source, name=f"frame {number}")), defaults


def read(data: Any, values: Mapping[str, Any], number: int) -> TrainingDataset:
    """Read a further dataset by the same settings and its own protocol.

    Raises SettingsError and DataError that name it.
    """
    source, defaults = open_numbered(data, number)
    with error_context(source.name):
        settings = resolve_config(values, defaults).data
        panel = build(source.frame, settings)
        parts = split(panel, settings.split)
    scaler = Scaler.fit(panel, parts.train_end, settings)
    return TrainingDataset(source.name, settings, panel, parts, scaler)


@contextmanager
def error_context(name: str | None) -> Iterator[None]:
    """Prefix errors with the dataset's name; with None, do nothing."""
    try:
        yield
    except DataError as error:
        if name is None or error.dataset is not None:
            raise
        raise error.of(name) from error


def validate_dataset_weights(weights: Sequence[float] | None, count: int) -> tuple[float, ...] | None:
    """Weights of `count` datasets. Raises SettingsError when they are of another number, or one is not positive."""
    if weights is None:
        return None
    numbers = [isinstance(w, int | float) and not isinstance(w, bool) and isfinite(w) and w > 0 for w in weights]
    if len(weights) != count or not all(numbers):
        raise SettingsError(
            Fault(
                "weights",
                f": got {', '.join(map(str, weights)) or 'none'}; wanted one positive number for each of"
                f" {count} dataset{'' if count == 1 else 's'}",
            )
        )
    return tuple(map(float, weights))


def check_compatible(forecaster: Forecaster, members: Sequence[TrainingDataset]) -> None:
    """Check that one network, built for the first dataset, can learn from all.

    Raises SettingsError with every fault: the field, and its values in both datasets.
    """
    faults, name, home = [], forecaster.name, members[0]
    if forecaster.network.mixes_channels:
        mixing = [
            f"{path}=false"
            for path, on in weight_shaping_settings(forecaster.run.model, "model.").items()
            if _mixes(path, on)
        ]
        remedy = ", or ".join([*mixing, "a model such as patch-transformer or dlinear"])
        faults.append(
            Fault(
                "channels",
                f": {name} mixes the channels of a window, and those of several datasets are not the same: it"
                f" learns from one dataset; from several learn models that treat each channel alone ({remedy})",
            )
        )
    if forecaster.run.data.features == "MS":
        faults.append(
            Fault("data.features", ": MS forecasts one channel of its own data; of several datasets wanted M or S")
        )
    data = forecaster.run.data
    if said := [key for key in ("future", "past", "static", "holidays") if getattr(data, key)]:
        faults.append(Fault(f"data.{said[0]}", ": covariates belong to one dataset; learn from several without them"))
    prints: dict[str, str] = {}
    for member in members:
        its, known = len(member.panel.channels), len(calendar.feature_names(member.panel.frequency))
        apart = misfits(forecaster, its, known)
        if "channels" in apart and not forecaster.network.mixes_channels:
            faults.append(
                Fault(
                    "channels",
                    f": {forecaster.task.channels} in {home.name}, {its} in {member.name}, and {name} has weights"
                    " for each of them",
                )
            )
        if "known" in apart:
            faults.append(
                Fault(
                    "known",
                    f": {forecaster.task.known} features known in advance in {home.name} (steps of"
                    f" {home.panel.frequency.alias}), {known} in {member.name} (steps of"
                    f" {member.panel.frequency.alias}), and {name} reads them",
                )
            )
        fingerprint = member.panel.fingerprint()
        if fingerprint in prints:
            faults.append(
                Fault(
                    "data",
                    f": {member.name} is the same as {prints[fingerprint]}: name each dataset once, and give it a"
                    " greater weight to meet it more often",
                )
            )
        prints[fingerprint] = member.name
    if faults:
        raise SettingsError(faults)


def _mixes(path: str, value: Any) -> bool:
    return value is True and path.endswith(".mix")
