"""Nested mappings of settings: dotted keys, merging, and their leaves as dotted paths."""

from collections.abc import Iterator, Mapping
from typing import Any

from latentcast.core.errors import Fault, SettingsError


def format_value(value: Any) -> str:
    """Format a setting's value as a user writes it."""
    return "none" if value is None else repr(list(value) if isinstance(value, tuple) else value)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge `over` into `base`, mapping by mapping. A part whose name changes starts from its own defaults."""
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


def merge_without_conflict(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two nests of settings of equal rank. Raises SettingsError where they disagree."""
    first, second = ({path.removesuffix(".name"): value for path, value in leaves(each)} for each in (one, other))
    faults = [
        f"{path}: stated as {format_value(first[path])} and as {format_value(second[path])}; set it once"
        for path in first.keys() & second.keys()
        if first[path] != second[path]
    ]
    if faults:
        raise SettingsError(sorted(faults))
    return merge(one, other)


def by_label(items: Any) -> dict[str, Any] | None:
    """Turn a list of names, or of settings with a `label`, into settings by label; None for anything else."""
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


def python_values(value: Any) -> Any:
    """Convert numpy numbers to Python's, also inside lists and mappings."""
    if type(value).__module__ == "numpy" and getattr(value, "dtype", None) is not None and value.dtype.kind in "biufU":
        return value.tolist()  # recognised by its name: settings are read without importing numpy
    if isinstance(value, Mapping):
        return {key: python_values(one) for key, one in value.items()}
    return type(value)(map(python_values, value)) if type(value) in (list, tuple) else value


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """{"training.lr": 1, "data": {"gaps": "ffill"}} → nested mappings only, and plain values.

    Raises SettingsError for what is no mapping.
    """
    if not isinstance(values, Mapping):
        raise SettingsError(
            Fault(
                "settings",
                f": got {values!r}, wanted a mapping, as {{'training.lr': 0.001}}; the path of a YAML file goes to"
                " config=, where it is taken",
            )
        )
    tree: dict[str, Any] = {}
    for key, value in values.items():
        value = nested(value) if isinstance(value, Mapping) else python_values(value)
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
