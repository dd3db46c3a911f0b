"""Strict settings: frozen, names and numbers only, all faults reported at once with the nearest known name."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails

from latentcast.core.errors import Fault, SettingsError, suggest
from latentcast.core.nested import format_value
from latentcast.core.registry import Registry

S = TypeVar("S", bound="Settings")
ReadWith = Mapping[str, tuple[str, tuple[Any, ...]]]


class Settings(BaseModel):
    """Base of every settings class.

    A field named in `parts` holds the settings of a registered part, chosen by its key `name`; a tuple holds those of
    several parts. Trained weights do not depend on fields named in `not_in_weights`. `reads_words`: the part reads the
    description of the data.
    `read_with`: field → (another field, its values under which the first one is read; none: any but its default).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)
    parts: ClassVar[Mapping[str, Registry]] = {}
    not_in_weights: ClassVar[frozenset[str]] = frozenset({"dropout", "attention_dropout", "loss"})
    reads_words: ClassVar[bool] = False
    read_with: ClassVar[ReadWith] = {}

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
        """Return the values before validation; a model made of others completes theirs here."""
        return values

    def dump(self) -> dict[str, Any]:
        """Return plain values for YAML and JSON; parts keep their names."""
        plain = self.model_dump(mode="json", exclude=set(self.parts))
        return {name: plain[name] if name in plain else dumped(getattr(self, name)) for name in type(self).model_fields}

    def chosen(self) -> Iterator[tuple[str, "Part"]]:
        """Every part below the fields named in `parts`, with its place: backbone, mixers.0, …"""
        for name in type(self).parts:
            value = getattr(self, name)
            if isinstance(value, Part):
                yield name, value
            elif isinstance(value, tuple):
                yield from ((f"{name}.{place}", part) for place, part in enumerate(value))


def _kinds(annotation: Any) -> set[Any]:
    """Return every type in an annotation: int | None → {int, NoneType}."""
    inner = get_args(annotation)
    return set().union(*map(_kinds, inner)) if inner else {annotation if isinstance(annotation, type) else None}


def weight_shaping_settings(settings: Settings, at: str = "") -> dict[str, Any]:
    """Return path → value of every setting that trained weights depend on."""
    found: dict[str, Any] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if name in settings.parts:
            continue
        if isinstance(value, Settings):
            found |= weight_shaping_settings(value, f"{at}{name}.")
        elif name not in settings.not_in_weights:
            found[f"{at}{name}"] = value
    for name, part in settings.chosen():
        found |= {f"{at}{name}": part.name, **weight_shaping_settings(part.settings, f"{at}{name}.")}
    return found


def read_words(settings: Settings) -> bool:
    """Whether any part reads the description of the data."""
    return settings.reads_words or any(read_words(part.settings) for _, part in settings.chosen())


def unread(settings: Settings, at: str = "") -> Iterator[Fault]:
    """Faults of settings that differ from their default although another setting switches them off."""
    fields = type(settings).model_fields
    for name, (switch, values) in settings.read_with.items():
        default, now = fields[switch].default, getattr(settings, switch)
        is_read = now in values if values else now != default
        if not is_read and getattr(settings, name) != fields[name].default:
            wanted = f"={' or '.join(map(_plain, values))}" if values else f" other than {_plain(default)}"
            yield Fault(f"{at}{name}", f": is read only with {at}{switch}{wanted}; set that too, or leave it out")
    for name in type(settings).model_fields:
        if isinstance(inner := getattr(settings, name), Settings) and name not in settings.parts:
            yield from unread(inner, f"{at}{name}.")
    for name, part in settings.chosen():
        yield from unread(part.settings, f"{at}{name}.")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else format_value(value).lower()


def differing(one: Settings, other: Settings, at: str = "") -> list[tuple[str, Any, Any]]:
    """Return (path, value, other value) where settings that weights depend on differ; None where one lacks the
    setting."""
    first, second = weight_shaping_settings(one, at), weight_shaping_settings(other, at)
    every = sorted(first.keys() | second.keys())
    return [(key, first.get(key), second.get(key)) for key in every if first.get(key) != second.get(key)]


class NoSettings(Settings):
    """Settings of a part without settings."""


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
        return None, [Fault(at, f": got {chosen!r}, wanted the name of a {registry.kind} ({', '.join(registry)})")]
    name = chosen["name"]
    try:
        part_cls = registry.get(name)
    except SettingsError as error:
        return None, [Fault(f"{at}.name", f": {fault}") for fault in error.faults]
    rest = {key: value for key, value in chosen.items() if key != "name"}
    settings, faults = _collect(part_cls.Settings, rest, f"{at}.")
    return (None if settings is None else Part(name=name, settings=settings)), faults


def _collect_parts(registry: Registry, chosen: Any, at: str) -> tuple[tuple[Part, ...] | None, list[str]]:
    """Read any number of parts; a single one needs no list, null means none."""
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


def _fault(cls: type[Settings], detail: ErrorDetails, at: str) -> Fault:
    """One fault in a sentence that begins with the dotted path of the setting."""
    path = at + ".".join(str(step) for step in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return Fault(path, f": no such setting; {suggest(str(detail['loc'][-1]), cls.model_fields)}")
    if detail["type"] == "missing":
        return Fault(path, ": is required")
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    wanted = message if detail["type"] == "value_error" else f"wanted {message}"
    if not detail["loc"]:  # several settings that do not go together
        return Fault(at.rstrip("."), f": {wanted}") if at else Fault(None, wanted)
    return Fault(path, f": got {detail['input']!r}, {wanted}")
