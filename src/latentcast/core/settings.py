"""Strict settings: frozen, names and numbers only, all faults reported at once with the nearest known name."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails

from latentcast.core.errors import SettingsError, nearest
from latentcast.core.registry import Registry

S = TypeVar("S", bound="Settings")


class Settings(BaseModel):
    """Base of every settings class.

    A field named in `parts` holds the settings of a registered part, chosen by the key `name` inside it, or, when it is
    a tuple, those of any number of such parts. A field named
    in `free` shapes no weight: trained weights may go on under another value of it. `reads_words` says that the part
    is told in words what the data are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)
    parts: ClassVar[Mapping[str, Registry]] = {}
    free: ClassVar[frozenset[str]] = frozenset({"dropout", "attention_dropout", "loss"})
    reads_words: ClassVar[bool] = False

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: object, info: ValidationInfo) -> object:
        kinds = _kinds(cls.model_fields[str(info.field_name)].annotation)
        if isinstance(value, bool) and bool not in kinds and kinds & {int, float}:
            raise ValueError("wanted a number")
        return value

    @classmethod
    def expanded(
        cls, values: Mapping[str, Any], training: Mapping[str, Any], lookback: int, horizon: int
    ) -> Mapping[str, Any]:
        """The values before they are checked; settings of a model that is made of others make these whole here."""
        return values

    def dump(self) -> dict[str, Any]:
        """Plain values, fit for YAML and JSON; the parts keep their names."""
        plain = self.model_dump(mode="json", exclude=set(self.parts))
        return {name: plain[name] if name in plain else dumped(getattr(self, name)) for name in type(self).model_fields}

    def chosen(self) -> Iterator[tuple[str, "Part"]]:
        """Every part below the fields named in `parts`, with its place: backbone, between.0, …"""
        for name in type(self).parts:
            value = getattr(self, name)
            if isinstance(value, Part):
                yield name, value
            elif isinstance(value, tuple):
                yield from ((f"{name}.{place}", part) for place, part in enumerate(value))


def _kinds(annotation: Any) -> set[Any]:
    """Every type in an annotation: int | None → {int, NoneType}."""
    inner = get_args(annotation)
    return set().union(*map(_kinds, inner)) if inner else {annotation if isinstance(annotation, type) else None}


def fixed(settings: Settings, at: str = "") -> dict[str, Any]:
    """Path → value of every setting that trained weights depend on: all but the free ones."""
    found: dict[str, Any] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if name in settings.parts:
            continue
        if isinstance(value, Settings):
            found |= fixed(value, f"{at}{name}.")
        elif name not in settings.free:
            found[f"{at}{name}"] = value
    for name, part in settings.chosen():
        found |= {f"{at}{name}": part.name, **fixed(part.settings, f"{at}{name}.")}
    return found


def read_words(settings: Settings) -> bool:
    """Whether any part is told in words what the data are."""
    return settings.reads_words or any(read_words(part.settings) for _, part in settings.chosen())


def differing(one: Settings, other: Settings, at: str = "") -> list[tuple[str, Any, Any]]:
    """(path, value, other value) where two differ in what weights depend on; None where one has no such setting."""
    first, second = fixed(one, at), fixed(other, at)
    every = sorted(first.keys() | second.keys())
    return [(key, first.get(key), second.get(key)) for key in every if first.get(key) != second.get(key)]


def shown(value: Any) -> str:
    """A setting's value as a person would write it."""
    return "none" if value is None else repr(list(value) if isinstance(value, tuple) else value)


class NoSettings(Settings):
    """Of a part that has none."""


class Part(BaseModel):
    """A registered part: its name and its validated settings."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)
    name: str
    settings: Settings

    def dump(self) -> dict[str, Any]:
        return {"name": self.name, **self.settings.dump()}


def dumped(value: Any) -> Any:
    """A setting as plain values; parts keep their names."""
    if isinstance(value, Part | Settings):
        return value.dump()
    several = isinstance(value, tuple) and all(isinstance(one, Part) for one in value)
    return [dumped(one) for one in value] if several else value


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
        if name not in values or isinstance(values[name], Part):
            continue
        collect = _collect_part if cls.model_fields[name].annotation is Part else _collect_parts
        part, part_faults = collect(registry, values.pop(name), f"{at}{name}")
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


def _collect_parts(registry: Registry, chosen: Any, at: str) -> tuple[tuple[Part, ...] | None, list[str]]:
    """Any number of parts, one after another; a single one may stand without a list, null is none."""
    if chosen is None:
        return (), []
    several = chosen if isinstance(chosen, list | tuple) else [chosen]
    found: list[Part] = []
    faults: list[str] = []
    for place, one in enumerate(several):
        part, part_faults = (one, []) if isinstance(one, Part) else _collect_part(registry, one, f"{at}.{place}")
        faults += part_faults
        found += [] if part is None else [part]
    return (None if faults else tuple(found)), faults


def _fault(cls: type[Settings], detail: ErrorDetails, at: str) -> str:
    """One fault in a sentence that begins with the dotted path of the setting."""
    path = at + ".".join(str(step) for step in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"{path}: no such setting; {nearest(str(detail['loc'][-1]), cls.model_fields)}"
    if detail["type"] == "missing":
        return f"{path}: is required"
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    wanted = message if detail["type"] == "value_error" else f"wanted {message}"
    if not detail["loc"]:  # several settings that do not go together
        return f"{at.rstrip('.')}: {wanted}" if at else wanted
    return f"{path}: got {detail['input']!r}, {wanted}"


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid on `base`, mapping by mapping. A part that changes its name starts from its own defaults."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(old, str) and isinstance(value, Mapping) and "name" not in value:
            old = {"name": old}  # "head: flatten" with "head.dropout=0.1" on top
        if isinstance(value, Mapping) and value and (labelled := by_label(old)) and set(value) <= set(labelled):
            old = labelled  # "members: [theta, dlinear]" with "members.dlinear.lookback=96" on top
        if isinstance(old, Mapping) and isinstance(value, str) and "name" in old:
            value = {"name": value}
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            renamed = "name" in value and "name" in old and value["name"] != old["name"]
            merged[key] = dict(value) if renamed else merge(old, value)
        else:
            merged[key] = value
    return merged


def together(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Two nests of settings that both were stated, none over the other. Raises SettingsError where they disagree."""
    first, second = ({path.removesuffix(".name"): value for path, value in leaves(each)} for each in (one, other))
    faults = [
        f"{path}: stated as {shown(first[path])} and as {shown(second[path])}; state it once"
        for path in first.keys() & second.keys()
        if first[path] != second[path]
    ]
    if faults:
        raise SettingsError(sorted(faults))
    return merge(one, other)


def by_label(items: Any) -> dict[str, Any] | None:
    """A list of names, or of settings that each have a `label`, as settings by label; None of anything else."""
    if not isinstance(items, list | tuple) or not all(isinstance(one, str) or _labelled(one) for one in items):
        return None
    return {
        one if isinstance(one, str) else one["label"]: {}
        if isinstance(one, str)
        else {key: value for key, value in one.items() if key != "label"}
        for one in items
    }


def _labelled(one: Any) -> bool:
    return isinstance(one, Mapping) and isinstance(one.get("label"), str)


def plain(value: Any) -> Any:
    """numpy's numbers, also in lists and mappings, as Python's own."""
    if type(value).__module__ == "numpy" and getattr(value, "dtype", None) is not None and value.dtype.kind in "biufU":
        return value.tolist()  # told by its name: settings are read without importing numpy
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    return type(value)(map(plain, value)) if type(value) in (list, tuple) else value


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """{"training.lr": 1, "data": {"gaps": "ffill"}} → nested mappings only, and plain values.

    Raises SettingsError for what is no mapping.
    """
    if not isinstance(values, Mapping):
        raise SettingsError(
            f"settings: got {values!r}, wanted a mapping, as {{'training.lr': 0.001}}; the path of a YAML file goes to"
            " config=, where it is taken"
        )
    tree: dict[str, Any] = {}
    for key, value in values.items():
        value = nested(value) if isinstance(value, Mapping) else plain(value)
        for step in reversed(str(key).split(".")):
            value = {step: value}
        tree = merge(tree, value)
    return tree


def leaves(values: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting with its dotted path."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{at}{key}.")
        elif isinstance(value, list | tuple) and value and all(_labelled(one) for one in value):
            yield from leaves(by_label(value) or {}, f"{at}{key}.")
        else:
            yield f"{at}{key}", value


def parse_assignments(assignments: list[str]) -> dict[str, Any]:
    """["training.lr=1e-3", …] → nested values.

    A value is a number, true, false, null, a list (a,b,c), YAML where it begins with [ or { or a quote, and else text.
    Raises SettingsError that lists every item without a key or an equals sign.
    """
    faults, values = [], {}
    for text in assignments:
        key, equals, value = text.partition("=")
        if equals and all(step.strip() for step in key.split(".")):
            values[key.strip()] = _value(value.strip())
        else:
            faults.append(f"--set {text}: wanted key=value, for example training.lr=0.001")
    if faults:
        raise SettingsError(faults)
    return nested(values)


def _value(text: str) -> Any:
    if text.startswith(("[", "{", '"', "'")):
        try:
            return yaml.load(text, _Loader)
        except yaml.YAMLError:
            return text
    if "," in text:
        return [_scalar(item.strip()) for item in text.split(",") if item.strip()]
    return _scalar(text)


def _scalar(text: str) -> Any:
    words = {"": None, "null": None, "true": True, "false": False}
    if text.lower() in words:
        return words[text.lower()]
    if any(character.isdigit() for character in text):
        for kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
    return text


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: 1e-3 is a number; NO, on and 2020-01-01 are text; a key stands once."""

    def compose_mapping_node(self, anchor: Any) -> Any:
        # here, and not where values are made of nodes: there, keys that an alias brings stand beside a mapping's own
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in lines:
                raise _Repeated(f"{name} stands in line {lines[name]} and again in line {line}; state it once")
            lines[name] = line
        return node


class _Repeated(yaml.YAMLError):
    pass


class _Dumper(yaml.SafeDumper):
    """Writes what _Loader reads: text that it would take for something else is quoted."""


def _resolve_plainly(kind: Any) -> None:
    kind.yaml_implicit_resolvers = {}
    for tag, pattern, first in (
        ("bool", r"true|false|True|False|TRUE|FALSE", "tTfF"),
        ("null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
        ("int", r"[-+]?[0-9]+", "-+0123456789"),
        ("float", r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
        ("merge", r"<<", "<"),
    ):
        kind.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first))


_resolve_plainly(_Loader)
_resolve_plainly(_Dumper)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Nested values of a YAML file. Raises SettingsError when it is missing, no mapping, or states a key twice."""
    if not isinstance(path, str | Path):
        raise SettingsError(f"config: got {path!r}, wanted the path of a YAML file; a mapping goes to settings=")
    path = Path(path)
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise SettingsError(f"cannot read the configuration {path}: {error.strerror}") from error
    except _Repeated as error:
        raise SettingsError(f"{path}: {error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not YAML: {error}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingsError(f"{path} holds {type(values).__name__}, wanted a mapping of settings")
    return nested(values)


def write_yaml(path: str | Path, values: Mapping[str, Any]) -> None:
    text = yaml.dump(dict(values), Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    Path(path).write_text(text, encoding="utf-8")
