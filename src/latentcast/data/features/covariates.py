"""Turn declared covariates into features: numbers, categories and holidays, encoded by the training part."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from latentcast.core.errors import DataError, Fault, SettingsError, shorten, suggest
from latentcast.data.panel.panel import Panel
from latentcast.data.settings import DataSettings
from latentcast.data.tables.frequency import DAY_NS
from latentcast.data.tables.holidays import holidays

MOST = 64  # most categories of one covariate: more are identifiers, not descriptions
QUARTILES = (0.25, 0.5, 0.75)
HOLIDAY = "holiday"


@dataclass(frozen=True)
class Column:
    """One covariate: a number is standardised, with hinges at its quartiles; a category has a feature per value."""

    name: str
    kind: Literal["number", "category", "holiday"]
    mean: float = 0.0
    std: float = 1.0
    knots: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        return len(self.categories) if self.kind == "category" else 1 + len(self.knots)

    def features(self, column: NDArray[Any]) -> NDArray[np.float32]:
        """[steps] → [steps, width]. Raises DataError for a category that the training part did not have."""
        if self.kind == "category":
            return self._one_hot(column)
        if column.dtype == object:
            raise DataError(f"the covariate {self.name!r} was a number in training, and now is text")
        z = (column - self.mean) / self.std
        return np.stack([z, *(np.maximum(z - knot, 0) for knot in self.knots)], axis=1).astype(np.float32)

    def _one_hot(self, column: NDArray[Any]) -> NDArray[np.float32]:
        text = column.astype(str)
        unseen = sorted(set(np.unique(text)) - set(self.categories))
        if unseen:
            hint = suggest(unseen[0], self.categories)
            raise DataError(
                f"the covariate {self.name!r} holds {shorten([repr(str(value)) for value in unseen])}, which its"
                f" training part did not ({hint}); fix the values, or train again with data that hold them"
            )
        return (text[:, None] == np.array(self.categories)).astype(np.float32)

    @classmethod
    def learned(cls, name: str, column: NDArray[Any], seen: NDArray[np.bool_]) -> "Column":
        """Learn the encoding from the training part of all series, where `seen`."""
        used = column[seen]
        if column.dtype == object:
            categories = tuple(sorted(set(used.astype(str))))
            if len(categories) > MOST:
                raise DataError(f"the covariate {name!r} has {len(categories)} categories; at most {MOST} can be used")
            return cls(name, "category", categories=categories)
        std = float(used.std())
        mean, std = float(used.mean()), std if std > 1e-12 * max(abs(float(used.mean())), 1e-150) else 1.0
        levels = np.unique(used)
        knots = np.quantile((used - mean) / std, QUARTILES) if len(levels) > 8 else ()
        return cls(name, "number", mean, std, tuple(float(knot) for knot in knots))


@dataclass(frozen=True)
class Covariates:
    """future   columns known in advance, then the holidays of `country`; static: constants of each series"""

    future: tuple[Column, ...] = ()
    static: tuple[Column, ...] = ()
    country: str | None = None

    @classmethod
    def learned(cls, panel: Panel, ends: NDArray[np.int64], settings: DataSettings) -> "Covariates":
        """Learn the encodings from the first `ends[i]` steps of each item.

        Raises DataError when one cannot be used, SettingsError for a country that is not known.
        """
        step = np.arange(len(panel.times)) - np.repeat(panel.offsets[:-1], panel.lengths)
        seen = step < np.repeat(ends, panel.lengths)
        if not seen.any():
            seen = np.ones_like(seen)
        future = [Column.learned(name, panel.covariates[name], seen) for name in settings.future]
        if settings.holidays is not None:
            if panel.frequency.integer or panel.frequency.resolution > DAY_NS:
                raise SettingsError(
                    Fault("data.holidays", f": holidays are days, and the data have steps of {panel.frequency}")
                )
            holidays(settings.holidays, panel.clock.local(panel.times))
            future.append(Column(HOLIDAY, "holiday"))
        for name in settings.static:
            _constant(panel, name)
        everywhere = np.ones_like(seen)
        static = tuple(Column.learned(name, panel.covariates[name], everywhere) for name in settings.static)
        return cls(tuple(future), static, settings.holidays)

    @property
    def width(self) -> int:
        return sum(column.width for column in self.future)

    @property
    def static_width(self) -> int:
        return sum(column.width for column in self.static)

    @property
    def groups(self) -> list[slice]:
        """Return the positions of each column's features."""
        ends = np.cumsum([0, *(column.width for column in self.future)])
        return [slice(a, b) for a, b in pairwise(ends.tolist())]

    def features(self, panel: Panel, read: Sequence[Column] | None = None) -> NDArray[np.float32]:
        """Return [steps, width] features known in advance; zeros for columns that are not in `read`."""
        found = [np.zeros((len(panel.times), 0), np.float32)]
        for column in self.future:
            if read is not None and column not in read:
                found.append(np.zeros((len(panel.times), column.width), np.float32))
            elif column.kind == "holiday":
                assert self.country is not None
                found.append(holidays(self.country, panel.clock.local(panel.times))[:, None])
            else:
                found.append(column.features(panel.covariates[column.name]))
        return np.concatenate(found, axis=1)

    def of_items(self, panel: Panel) -> NDArray[np.float32]:
        """[items, static width]."""
        first = panel.offsets[:-1]
        found = [np.zeros((len(first), 0), np.float32)]
        found += [column.features(panel.covariates[column.name][first]) for column in self.static]
        return np.concatenate(found, axis=1)

    def dump(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> "Covariates":
        def columns(key: str) -> tuple[Column, ...]:
            return tuple(
                Column(**{**one, "knots": tuple(one["knots"]), "categories": tuple(one["categories"])})
                for one in values[key]
            )

        return cls(columns("future"), columns("static"), values["country"])


def _constant(panel: Panel, name: str) -> None:
    column = panel.covariates[name]
    first = column[np.repeat(panel.offsets[:-1], panel.lengths)]
    if (changed := column != first).any():
        whose = panel.ids[int(panel.item_of_step[int(changed.argmax())])]
        raise DataError(
            f"data.static: {name!r} has more than one value in series {whose!r}; what changes is known in advance"
            " (data.future) or known up to now (data.past)",
            setting="data.static",
        )
