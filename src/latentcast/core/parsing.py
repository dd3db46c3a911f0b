"""Settings as text: `key=value` on the command line, and YAML files with strict scalars."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from latentcast.core.errors import SettingsError
from latentcast.core.nested import nested


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
                raise _Repeated(f"{name} stands in line {lines[name]} and again in line {line}; set it once")
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
