"""Name → class, resolved late, so that listing the names imports nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from latentcast.core.errors import SettingsError, suggest


@dataclass(frozen=True)
class Entry:
    where: str | type
    summary: str

    def resolve(self) -> Any:
        if isinstance(self.where, type):
            return self.where
        module, _, name = self.where.partition(":")
        return getattr(import_module(module), name)


@dataclass
class Registry:
    """The parts of one kind. Each class carries its settings as the attribute `Settings`."""

    kind: str
    entries: dict[str, Entry] = field(default_factory=dict)

    def add(self, name: str, where: str | type, summary: str = "") -> None:
        """Register a part: `where` is its class, or "package.module:Class".

        Raises SettingsError when the name is taken.
        """
        if name in self.entries:
            raise SettingsError(
                f"the {self.kind} {name!r} is registered already ({self.entries[name].where}): take another name"
            )
        self.entries[name] = Entry(where, summary)

    def get(self, name: str) -> Any:
        """Return the class of a name. Raises SettingsError with the nearest name when it is unknown."""
        if name not in self.entries:
            raise SettingsError(f"unknown {self.kind} {name!r}: {suggest(name, self.entries)}")
        return self.entries[name].resolve()

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __contains__(self, name: object) -> bool:
        return name in self.entries
