"""What is searched: settings by dotted path, each with its choices or its range."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from latentcast.core.errors import Fault, SettingsError, suggest
from latentcast.models.config.search_spaces import SEARCH_SPACES

KEYS = {"choices", "times", "low", "high", "step", "log"}


@dataclass(frozen=True)
class Searchable:
    """One setting: `choices`, multiples of the default look-back (`times`), or a range."""

    path: str
    choices: tuple[Any, ...] = ()
    times: tuple[float, ...] = ()
    low: Any = None
    high: Any = None
    step: float | None = None
    log: bool = False

    def suggest(self, trial: Any, lookback: int) -> Any:
        """A value for an Optuna trial."""
        if self.times:
            factor = trial.suggest_categorical(self.path, list(self.times))
            return max(1, round(factor * lookback))
        if self.choices:
            return trial.suggest_categorical(self.path, list(self.choices))
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(self.path, self.low, self.high, step=int(self.step or 1), log=self.log)
        return trial.suggest_float(self.path, self.low, self.high, step=self.step, log=self.log)


def space_of(model: str, stated: Mapping[str, Any] | None) -> tuple[Searchable, ...]:
    """The stated space, or that of the model. Raises SettingsError with every fault."""
    if stated is None:
        if model not in SEARCH_SPACES:
            raise SettingsError(
                Fault(
                    "model", f": {model} has no search space; state one (--space), or tune {', '.join(SEARCH_SPACES)}"
                )
            )
        stated = SEARCH_SPACES[model]
    if not isinstance(stated, Mapping) or not stated:
        raise SettingsError(Fault("space", f": got {stated!r}, wanted settings, each with choices or low and high"))
    found: list[Searchable] = []
    faults: list[Fault] = []
    for path, rule in _flat(stated):
        fault = _fault(str(path), rule)
        if fault is not None:
            faults.append(fault)
            continue
        values: dict[str, Any] = {
            key: tuple(value) if key in ("choices", "times") else value for key, value in rule.items()
        }
        found.append(Searchable(str(path), **values))
    if faults:
        raise SettingsError(faults)
    return tuple(found)


def _flat(stated: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted path, rule) of nested or dotted settings."""
    for key, value in stated.items():
        path = f"{above}{key}"
        if isinstance(value, Mapping) and value and all(isinstance(one, Mapping) for one in value.values()):
            yield from _flat(value, f"{path}.")
        else:
            yield path, value


def _fault(path: str, rule: Any) -> Fault | None:
    if path.startswith("data."):
        return Fault(path, ": settings of the data are the same for all trials; set it beside the space")
    if not isinstance(rule, Mapping):
        return Fault(path, f": got {rule!r}, wanted choices: […], or low: and high:")
    for key in rule:
        if key not in KEYS:
            return Fault(f"{path}.{key}", f": no such key; {suggest(str(key), sorted(KEYS))}")
    lists = [key for key in ("choices", "times") if key in rule]
    ends = [rule.get(key) for key in ("low", "high")]
    numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends)
    if len(lists) + ("low" in rule or "high" in rule) != 1:
        return Fault(path, ": wanted one of choices: […], times: […], or low: and high:")
    if lists and (not isinstance(rule[lists[0]], list | tuple) or not rule[lists[0]]):
        return Fault(f"{path}.{lists[0]}", f": got {rule[lists[0]]!r}, wanted a list of at least one")
    if "times" in rule and path != "lookback":
        return Fault(f"{path}.times", ": multiples are for lookback alone")
    if not lists and (not numbers or not ends[0] < ends[1]):  # type: ignore[operator]
        return Fault(path, f": got low {ends[0]!r} and high {ends[1]!r}, wanted two numbers, low below high")
    if rule.get("log") and (not numbers or not ends[0] > 0):  # type: ignore[operator]
        return Fault(f"{path}.log", ": a logarithmic range begins above zero")
    return None
