"""Strict settings: frozen, names and numbers only, all faults reported at once with the nearest known name."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from latentcast.errors import SettingsError, nearest
from latentcast.registry import Registry

S = TypeVar("S", bound="Settings")


class Settings(BaseModel):
    """Base of every settings class.

    A field named in `parts` holds the settings of a registered part, chosen by the key `name` inside it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)
    parts: ClassVar[Mapping[str, Registry]] = {}

    def dump(self) -> dict[str, Any]:
        """Plain values, fit for YAML and JSON; the parts keep their names."""
        return self.model_dump(mode="json")


class NoSettings(Settings):
    """Of a part that has none."""


class Part(BaseModel):
    """A registered part: its name and its validated settings."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)
    name: str
    settings: Settings

    def dump(self) -> dict[str, Any]:
        return {"name": self.name, **self.settings.dump()}


def validate(cls: type[S], values: Mapping[str, Any], at: str = "") -> S:
    """Build settings from plain values.

    Raises SettingsError that lists every fault, also those inside nested parts, each with its dotted path
    below `at`.
    """
    settings, faults = _collect(cls, values, at)
    if faults or settings is None:
        raise SettingsError(faults)
    return settings


def _collect(cls: type[S], values: Mapping[str, Any], at: str) -> tuple[S | None, list[str]]:
    faults: list[str] = []
    values = dict(values)
    broken = set()
    for name, registry in cls.parts.items():
        if name in values and not isinstance(values[name], Part):
            part, part_faults = _collect_part(registry, values.pop(name), f"{at}{name}")
            faults += part_faults
            if part is None:
                broken.add(name)
            else:
                values[name] = part
    try:
        settings = cls.model_validate(values)
    except ValidationError as error:
        # a broken part counts as missing here, but has been reported in its own words
        faults += [_fault(cls, d, at) for d in error.errors() if not (broken & set(d["loc"][:1]))]
        return None, faults
    return (settings if not faults else None), faults


def _collect_part(registry: Registry, chosen: Any, at: str) -> tuple[Part | None, list[str]]:
    chosen = {"name": chosen} if isinstance(chosen, str) else chosen
    if not isinstance(chosen, Mapping) or not isinstance(chosen.get("name"), str):
        return None, [f"{at}: got {chosen!r}, wanted the name of a {registry.kind} ({', '.join(registry)})"]
    name = chosen["name"]
    try:
        part_cls = registry.get(name)
    except SettingsError as error:
        return None, [f"{at}.name: {fault}" for fault in error.faults]
    rest = {key: value for key, value in chosen.items() if key != "name"}
    settings, faults = _collect(part_cls.Settings, rest, f"{at}.")
    return (None if settings is None else Part(name=name, settings=settings)), faults


def _fault(cls: type[Settings], detail: ErrorDetails, at: str) -> str:
    path = ".".join(str(step) for step in detail["loc"])
    if detail["type"] == "extra_forbidden":
        owner: Any = cls
        for step in detail["loc"][:-1]:
            annotation = owner.model_fields[str(step)].annotation if hasattr(owner, "model_fields") else None
            owner = annotation
        known = getattr(owner, "model_fields", {})
        return f"{at}{path}: no such setting; {nearest(str(detail['loc'][-1]), known)}"
    if detail["type"] == "missing":
        return f"{at}{path}: is required"
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    wanted = message if detail["type"] == "value_error" else f"wanted {message}"
    return f"{at}{path}: got {detail['input']!r}, {wanted}" if path else wanted


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid on `base`, mapping by mapping. A part that changes its name starts from its own defaults."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(old, str) and isinstance(value, Mapping) and "name" not in value:
            old = {"name": old}  # "head: flatten" with "head.dropout=0.1" on top
        if isinstance(old, Mapping) and isinstance(value, str) and "name" in old:
            value = {"name": value}
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            renamed = "name" in value and "name" in old and value["name"] != old["name"]
            merged[key] = dict(value) if renamed else merge(old, value)
        else:
            merged[key] = value
    return merged


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """{"training.lr": 1, "data": {"gaps": "ffill"}} → nested mappings only."""
    tree: dict[str, Any] = {}
    for key, value in values.items():
        value = nested(value) if isinstance(value, Mapping) else value
        for step in reversed(str(key).split(".")):
            value = {step: value}
        tree = merge(tree, value)
    return tree


def leaves(values: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting with its dotted path."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{at}{key}.")
        else:
            yield f"{at}{key}", value


def parse_assignments(assignments: list[str]) -> dict[str, Any]:
    """["training.lr=1e-3", …] → nested values; each value is read as YAML.

    Raises SettingsError that lists every item without a key or an equals sign.
    """
    faults, values = [], {}
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            faults.append(f"--set {text}: wanted key=value, for example training.lr=0.001")
            continue
        try:
            values[key.strip()] = _number(yaml.safe_load(value))
        except yaml.YAMLError:
            values[key.strip()] = value
    if faults:
        raise SettingsError(faults)
    return nested(values)


def _number(value: Any) -> Any:
    """YAML 1.1 reads 1e-3 as text; people mean the number. Lists may come as a,b,c."""
    if isinstance(value, str):
        if "," in value:
            return [_number(yaml.safe_load(item)) for item in value.split(",")]
        try:
            return float(value)
        except ValueError:
            return value
    if isinstance(value, dict):
        return {key: _number(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_number(item) for item in value]
    return value


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Nested values of a YAML file. Raises SettingsError when it is missing or not a mapping."""
    path = Path(path)
    try:
        values = _number(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except OSError as error:
        raise SettingsError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not YAML: {error}") from error
    if not isinstance(values, dict):
        raise SettingsError(f"{path} holds {type(values).__name__}, wanted a mapping of settings")
    return nested(values)


def write_yaml(path: str | Path, values: Mapping[str, Any]) -> None:
    Path(path).write_text(yaml.safe_dump(dict(values), sort_keys=False), encoding="utf-8")
