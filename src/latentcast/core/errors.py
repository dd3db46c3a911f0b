"""Everything that this library raises on purpose.

LatentcastError
├── DataError          the data cannot be used as it is
│   ├── TimeError      time column missing, unparsable, repeated, irregular
│   ├── UndeclaredColumns  long data with columns that are neither value nor covariate
│   └── GapError       values or steps are missing and no gap policy is set
├── SettingsError      a setting is unknown, of the wrong type, or does not fit another (all faults at once)
├── CheckpointError    a saved folder is corrupt, foreign, unfinished, or may not be overwritten
├── MissingExtra       an optional package is needed
└── Interrupted        training was stopped by a signal; what was reached is kept

Each message says what the input was, what was expected, and how to fix it.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

UNCOUNTED = (
    "model.cycles and model.harmonics need steps that can be counted (equally long ones, months, business days or the"
    " days of a calendar), and the frequency of these data has no such count; leave it out"
)


class LatentcastError(Exception):
    """Base of every error of this library; its text is meant for a person."""


class DataError(LatentcastError, ValueError):
    """The data cannot be used as they are.

    Attributes
    ----------
    setting, value
        The setting that would fix it, such as ``data.gaps``, and the value to give it, where there is one; an
        interface makes an option of them.
    values
        The items of that value, such as names of columns, which may hold commas themselves.
    dataset
        Name of the dataset at fault, where there are several.
    """

    def __init__(
        self,
        message: str,
        *,
        setting: str | None = None,
        value: str | Sequence[str] | None = None,
        dataset: str | None = None,
    ) -> None:
        super().__init__(message)
        self.values = (value,) if isinstance(value, str) else tuple(value or ())
        self.setting, self.value, self.dataset = setting, ",".join(self.values) or None, dataset

    def of(self, dataset: str) -> "DataError":
        """Return the same error with the name of a dataset."""
        return type(self)(f"{dataset}: {self}", setting=self.setting, value=self.values, dataset=dataset)


class TimeError(DataError):
    """The time column is missing, cannot be parsed, repeats, or is irregular."""


class UndeclaredColumns(DataError):
    """Long data have columns that are neither the value nor declared as covariates or ignored."""


class GapError(DataError):
    """Values or steps are missing, and no policy was set, or it does not apply."""


class Fault(str):
    """What is wrong with one setting: a sentence that begins with its path, and the path by itself.

    ``Fault("heads", "=7: wanted a divisor of 64")`` reads ``heads=7: wanted a divisor of 64``.

    Attributes
    ----------
    setting
        Dotted path of the setting, such as ``training.lr``. None: the fault is of no single setting.
    """

    setting: str | None

    def __new__(cls, setting: str | None, says: str) -> "Fault":
        fault = super().__new__(cls, f"{setting or ''}{says}")
        fault.setting = setting
        return fault

    def __reduce__(self) -> tuple[type["Fault"], tuple[str | None, str]]:
        return Fault, (self.setting, self[len(self.setting or "") :])

    def below(self, path: str) -> "Fault":
        """The same fault of a setting that stands deeper: ``path`` comes before its own."""
        if self.setting is None:
            return Fault(None, f"{path}{self}")
        return Fault(f"{path}{self.setting}", self[len(self.setting) :])


class SettingsError(LatentcastError, ValueError):
    """All faults found in the settings, one per line; `faults` holds each as a `Fault`."""

    def __init__(self, faults: Sequence[str] | str) -> None:
        every = (faults,) if isinstance(faults, str) else tuple(faults)
        self.faults = tuple(fault if isinstance(fault, Fault) else Fault(None, fault) for fault in every)
        many = len(self.faults) > 1
        head = f"{len(self.faults)} settings are wrong:\n  - " if many else ""
        super().__init__(head + "\n  - ".join(self.faults))

    def __reduce__(self) -> tuple[type["SettingsError"], tuple[tuple[Fault, ...]]]:
        return type(self), (self.faults,)

    def below(self, path: str) -> "SettingsError":
        """The same faults, of settings that stand below `path`."""
        return SettingsError([fault.below(path) for fault in self.faults])


class CheckpointError(LatentcastError):
    """A saved folder is damaged, foreign or unfinished, or must not be overwritten."""


class MissingExtra(LatentcastError, ImportError):
    """An optional package is needed."""

    def __init__(self, package: str, extra: str, needed_for: str) -> None:
        self.needs = package, extra, needed_for
        super().__init__(f"{needed_for} needs the package {package}: pip install 'latentcast[{extra}]'")

    def __reduce__(self) -> tuple[type["MissingExtra"], tuple[str, str, str]]:
        return type(self), self.needs


class Interrupted(LatentcastError):
    """A signal stopped the training; the progress is kept."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Return the hint that ends an error about an unknown name: the nearest known names, or all of them up to 40."""
    known = sorted(known)
    close = get_close_matches(name, known, n=2, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"known: {shorten(known, 40)}" if known else "none is known"


def shorten(names: Sequence[object], most: int = 5) -> str:
    """Return the first few items of a list as text, with the count of the others."""
    shown = ", ".join(str(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
