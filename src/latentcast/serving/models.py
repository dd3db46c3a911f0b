"""The models that a server offers, each under a short name."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from latentcast.core.errors import SettingsError, suggest
from latentcast.forecaster.forecaster import Forecaster
from latentcast.serving.plain import PlainReader
from latentcast.serving.problems import Problem
from latentcast.workflows.load import load_folder

_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True)
class ServedModel:
    """A forecaster and the name that requests call it by."""

    name: str
    forecaster: Forecaster

    @cached_property
    def plain(self) -> PlainReader:
        """The reader of tables that are in order."""
        return PlainReader(self.forecaster)

    def for_request(self) -> Forecaster:
        """The forecaster for one request: equal weights, and notes of its own, which no other request sees."""
        return replace(self.forecaster)


class Models(Mapping[str, ServedModel]):
    """Models by name, in the order in which they were given."""

    def __init__(self, models: Sequence[ServedModel]) -> None:
        self._models = {model.name: model for model in models}
        if len(self._models) < len(models):
            raise SettingsError("several models have the same name; name them apart, as NAME=FOLDER")

    @classmethod
    def open(cls, addresses: Sequence[str]) -> "Models":
        """Load models from `FOLDER` or `NAME=FOLDER`; the name of a folder is its last part.

        Raises CheckpointError for a folder that holds no model, SettingsError for names that clash.
        """
        found = []
        for address in addresses:
            name, _, folder = address.rpartition("=")
            name = name or re.split(r"[/\\]", folder.partition("@")[0].rstrip("/\\"))[-1]
            if not _NAME.fullmatch(name):
                raise SettingsError(f"{name!r} is no name of a model: wanted letters, digits, . _ - (as NAME=FOLDER)")
            found.append(ServedModel(name, load_folder(folder)))
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
