"""Settings as text: `key=value` on the command line, and YAML files with strict scalars."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from latentcast.core.errors import Fault, SettingsError
from latentcast.core.nested import nested

_DEEPEST = 41  # levels of a text
_MOST_VALUES = 20_000


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
            return _load(text)
        except _Unbounded as error:
            raise SettingsError(f"--set: {error}") from error
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
    """Read YAML strictly: 1e-3 is a number; NO, on and 2020-01-01 are text; a repeated key is an error."""

    def compose_mapping_node(self, anchor: Any) -> Any:
        # here, not where nodes become values: there, keys from an alias are already merged with a mapping's own
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in lines:
                raise _Repeated(f"{name} stands in line {lines[name]} and again in line {line}; set it once")
            lines[name] = line
        return node


class _Repeated(yaml.YAMLError):
    pass


class _Unbounded(yaml.YAMLError):
    pass


def _load(text: str) -> Any:
    _check_bounds(text)
    return yaml.load(text, _Loader)


def _check_bounds(text: str) -> None:
    """Raise _Unbounded before a text is parsed that nests too deeply or whose aliases multiply.

    The content of an alias counts at each use: a few lines of aliases of aliases would expand to millions.
    """
    sizes: dict[str | None, int] = {}  # values that each anchor stands for
    open_: list[tuple[str | None, int]] = [(None, 0)]
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            open_.append((event.anchor, 1))
        elif isinstance(event, yaml.CollectionEndEvent | yaml.ScalarEvent | yaml.AliasEvent):
            if isinstance(event, yaml.CollectionEndEvent):
                anchor, count = open_.pop()
            elif isinstance(event, yaml.AliasEvent):
                if any(anchor == event.anchor for anchor, _ in open_):
                    raise _Unbounded(f"*{event.anchor} stands inside of &{event.anchor}, and would never end")
                anchor, count = None, sizes.get(event.anchor, 1)
            else:
                anchor, count = event.anchor, 1
            if anchor is not None:
                sizes[anchor] = count
            open_[-1] = open_[-1][0], open_[-1][1] + count
        if len(open_) > _DEEPEST:
            raise _Unbounded(f"it nests deeper than {_DEEPEST - 1} levels; settings have fewer")
        if open_[-1][1] > _MOST_VALUES:
            raise _Unbounded(f"with its aliases written out it holds more than {_MOST_VALUES} values; write fewer")


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
    """Nested values of a YAML file. Raises SettingsError when it is missing, no mapping, or too deep."""
    if not isinstance(path, str | Path):
        raise SettingsError(
            Fault("config", f": got {path!r}, wanted the path of a YAML file; a mapping goes to settings=")
        )
    path = Path(path)
    try:
        values = _load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (_Repeated, _Unbounded) as error:
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
