"""The models that a server offers, each under a short name."""

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from latentcast.core.errors import SettingsError, suggest
from latentcast.core.notes import NoteLog
from latentcast.data.sources.frames import Source
from latentcast.evaluation.forecasts import Compute, Sampling
from latentcast.forecaster.export.address import SUFFIX
from latentcast.forecaster.export.exported import ExportedForecaster
from latentcast.forecaster.state import Engine
from latentcast.serving.plain import PlainReader
from latentcast.serving.problems import Problem
from latentcast.workflows.load import load

if TYPE_CHECKING:  # it brings torch, which an exported model does not need
    from latentcast.forecaster.forecaster import Forecaster

Served: TypeAlias = "Forecaster | ExportedForecaster"

_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True)
class ServedEngine:
    """An engine whose errors say nothing of transfer: clients cannot ask for it, and to find out takes seconds."""

    engine: Engine

    def compute(self, sampling: Sampling | None = None) -> Compute:
        """As the engine's own."""
        return self.engine.compute(sampling)

    def at_horizon(self, horizon: int) -> Any:
        """As the engine's own."""
        return self.engine.at_horizon(horizon)

    def transfer_hint(self, source: Source) -> str:
        """Nothing."""
        return ""


@dataclass(frozen=True)
class ServedModel:
    """A forecaster and the name that requests call it by."""

    name: str
    forecaster: Served

    @cached_property
    def plain(self) -> PlainReader:
        """The reader of tables that are in order."""
        return PlainReader(self.forecaster)

    def about(self) -> dict[str, Any]:
        """Look-back, horizon, frequency and columns, as plain values."""
        forecaster = self.forecaster
        schema, task = forecaster.card.schema, forecaster.task
        return {
            "name": self.name,
            "model": forecaster.name,
            "lookback": task.lookback,
            "horizon": task.horizon,
            "freq": schema.freq,
            "season": schema.season,
            "channels": list(schema.channels),
            "future_covariates": list(forecaster.run.data.future),
            "intervals": forecaster.calibration is not None,
        }

    def for_request(self) -> Served:
        """The forecaster for one request: equal weights, and notes of its own, which no other request sees."""
        own = copy.copy(self.forecaster)
        own.told = NoteLog()
        own.engine = ServedEngine(self.forecaster.engine)
        return own

    def fitted(self) -> "Forecaster":
        """As `for_request`, with its network. Raises Problem for an exported model."""
        own = self.for_request()
        if isinstance(own, ExportedForecaster):
            raise Problem(
                422, "model", f"{self.name} is an exported model and only forecasts; serve the folder of its fit"
            )
        return own


class Models(Mapping[str, ServedModel]):
    """Models by name, in the order in which they were given."""

    def __init__(self, models: Sequence[ServedModel]) -> None:
        self._models = {model.name: model for model in models}
        if len(self._models) < len(models):
            raise SettingsError("several models have the same name; name them apart, as NAME=FOLDER")

    @classmethod
    def open(cls, addresses: Sequence[str]) -> "Models":
        """Load models from `FOLDER` or `NAME=FOLDER`, or files of `latentcast export`; a name is the last part.

        Raises CheckpointError for a folder that holds no model, SettingsError for names that clash.
        """
        found = []
        for address in addresses:
            name, _, folder = address.rpartition("=")
            name = name or re.split(r"[/\\]", folder.partition("@")[0].rstrip("/\\"))[-1].removesuffix(SUFFIX)
            if not _NAME.fullmatch(name):
                raise SettingsError(f"{name!r} is no name of a model: wanted letters, digits, . _ - (as NAME=FOLDER)")
            found.append(ServedModel(name, load(folder)))
        return cls(found)

    def asked(self, name: str | None) -> ServedModel:
        """The model that a request names; it may name none where there is one. Raises Problem."""
        if name is None:
            if len(self._models) == 1:
                return next(iter(self._models.values()))
            raise Problem(422, "request", f"model: which one? {suggest('', self._models)}")
        if name not in self._models:
            raise Problem(404, "not-found", f"model={name!r}: there is no such model; {suggest(name, self._models)}")
        return self._models[name]

    def __getitem__(self, name: str) -> ServedModel:
        return self._models[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)
