"""Choose and solve the maps of a closed-form fit: shared or one for each channel, by validation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import log
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, field_validator

from latentcast.core.errors import Fault, SettingsError
from latentcast.core.settings import Settings
from latentcast.layers.gram import Array
from latentcast.layers.ridge_solver import LinearMap
from latentcast.models.ridge.clusters import cluster_channels
from latentcast.models.ridge.search import Errors, Grid, measure, solve, weigh
from latentcast.models.ridge.stretches import Ahead, Source, Steps, blocks

MOST_OWN = 64  # most channels for which maps=auto tries one map each
SHORTEST = 24  # least look-back of the default grid
LOOKBACK_GAP = 1.75, 2**0.5  # widest factor between candidates, and the factor that a wider one is filled by
TRAILING_GAP = 6.0, 3.0
CLUSTERS = (2, 4, 8, 16)  # numbers of groups that maps=clustered tries
Positive = Annotated[float, Field(gt=0)]


class RidgeSettings(Settings):
    """maps       shared: one map for all channels; own: one for each; clustered: one for each group of channels with
               similar autocorrelation, their number by validation; auto: by validation, own up to 64 channels, beyond
               them clustered

    lookbacks  look-backs that the search chooses from, those more than a factor of 1.75 apart with some between them;
    none: from the run's look-back down to an eleventh of it, by factors of √2, in whole seasons
    trailing   shares of the look-back to whose mean a strong penalty shrinks the forecast, those more than a factor of
    6 apart with some between them
    alphas     penalties, in units of the mean eigenvalue of the Gram matrix
    smoothing  relative error at which the weight of a candidate falls to 1/e; 0: the best candidate alone
    origins    rolling origins that candidates are judged at; the last is the validation part, the others lie in the
               training part
    intercept  a constant for each step ahead: a drift that continues after the training part
    stride     one window in `stride` is used
    half_life  steps in which the weight of a training window halves; none: all windows weigh the same
    refit      solve on training and validation part once everything is chosen; its figures differ from the usual
    protocol
    """

    maps: Literal["auto", "shared", "clustered", "own"] = "auto"
    lookbacks: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    trailing: tuple[Annotated[float, Field(gt=0, le=1)], ...] = (0.02, 0.1, 0.3, 1.0)
    alphas: tuple[Positive, ...] = (1e-6, 1e-4, 0.01, 0.032, 0.1, 0.32, 1.0, 3.2, 10.0)
    smoothing: Annotated[float, Field(ge=0)] = 0.005
    origins: Annotated[int, Field(ge=1)] = 3
    stride: Annotated[int, Field(ge=1)] = 1
    half_life: Positive | None = None
    intercept: bool = False
    refit: bool = False

    @field_validator("lookbacks", "trailing", "alphas")
    @classmethod
    def _ascending(cls, values: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if values is not None and (not values or list(values) != sorted(set(values))):
            raise ValueError("wanted at least one value, ascending, none of them twice")
        return values

    def grid(self, lookback: int, season: int) -> Grid:
        """The candidates of a run. Raises SettingsError when one reads more steps than the look-back has."""
        chosen = self.lookbacks or default_lookbacks(lookback, season)
        if chosen[-1] > lookback:
            raise SettingsError(
                Fault(
                    "lookbacks",
                    f"={list(chosen)}: the longest is above the look-back {lookback}: lengthen lookback, or leave"
                    " it out",
                )
            )
        return Grid(
            tuple(round(steps) for steps in without_gaps(chosen, *LOOKBACK_GAP)),
            without_gaps(self.trailing, *TRAILING_GAP),
            self.alphas,
            self.smoothing,
            self.origins,
            1.0 if self.half_life is None else 0.5 ** (1 / self.half_life),
            self.intercept,
        )


@dataclass(frozen=True)
class Solved:
    """Maps [maps], the map of each channel [channels], candidates' weights of each map, and what was found."""

    maps: list[LinearMap]
    groups: Steps
    weights: list[Array]
    found: dict[str, Any]


def without_gaps(values: Sequence[float], widest: float, step: float) -> tuple[float, ...]:
    """Ascending values, and between those more than a factor `widest` apart more of them, about a factor `step` apart.

    A coarse grid would leave the choice to where its few values happen to lie.
    """
    found = [values[0]]
    for low, high in pairwise(values):
        parts = round(log(high / low) / log(step)) if high / low > widest else 1
        found += [low * (high / low) ** (part / parts) for part in range(1, parts)]
        found.append(high)
    return tuple(found)


def default_lookbacks(lookback: int, season: int) -> tuple[int, ...]:
    """From `lookback` down to an eleventh of it by factors of √2, in whole seasons where two of them fit."""
    found = {lookback}
    for number in range(1, 8):
        shorter = int(lookback / 2 ** (number / 2))
        if season > 1 and shorter >= 2 * season:
            shorter -= shorter % season
        if shorter >= SHORTEST:
            found.add(shorter)
    return tuple(sorted(found))


def solve_windows(sources: Sequence[Source], settings: RidgeSettings, grid: Grid, horizon: int) -> Solved:
    """Search and solve: the maps for one horizon.

    Raises DataError when no window has all of its targets observed.
    """
    sources = [replace(source, stride=settings.stride) for source in sources]
    ahead = blocks(sources, grid.lookbacks[-1], horizon)
    families = _families(settings.maps, sources)
    measured = {name: measure(sources, groups, grid, ahead) for name, groups in families.items()}
    name = _best(measured)
    errors = measured[name]
    weights = _weights(errors, int(families[name].max()) + 1, grid)
    found = {
        "origins": 0 if errors is None else len(errors.values),
        "errors": {key: _rounded(each) for key, each in measured.items() if each is not None},
    }
    return _finished(sources, settings, grid, ahead, families[name], weights, found)


def solve_again(
    sources: Sequence[Source], settings: RidgeSettings, grid: Grid, horizon: int, groups: Steps, weights: list[Array]
) -> Solved:
    """Solve the maps of earlier chosen candidates from all current windows.

    Sums over windows are additive, so that the result equals one solution over the whole history.
    """
    sources = [replace(source, stride=settings.stride) for source in sources]
    ahead = blocks(sources, grid.lookbacks[-1], horizon)
    return _finished(sources, settings, grid, ahead, groups, weights, {"origins": 0, "errors": {}})


def _finished(
    sources: Sequence[Source],
    settings: RidgeSettings,
    grid: Grid,
    ahead: Sequence[Ahead],
    groups: Steps,
    weights: list[Array],
    found: dict[str, Any],
) -> Solved:
    """Solve with chosen weights, and say what they are."""
    maps = solve(sources, groups, grid, weights, ahead, held_out=settings.refit)
    count = len(maps)
    family = "shared" if count == 1 else "own" if count == len(groups) else f"{count} clusters"
    chosen = {
        "lookback": round(float(np.mean([_mean(weight, grid.lookbacks, 0) for weight in weights])), 1),
        "trailing": round(float(np.mean([_mean(weight, grid.trailing, 1) for weight in weights])), 4),
        "alpha": float(f"{10 ** np.mean([_mean(weight, np.log10(grid.alphas), 2) for weight in weights]):.3g}"),
    }
    return Solved(maps, groups, weights, {"maps": family, **found, **chosen, "refit": settings.refit})


def _families(maps: str, sources: Sequence[Source]) -> dict[str, Steps]:
    """Name → the map of each channel [channels], for every way to share maps that is tried."""
    channels = sources[0].values.shape[1]
    shared, own = {"shared": np.zeros(channels, np.int64)}, {"own": np.arange(channels)}
    if maps == "own":
        return own
    if maps == "shared" or channels == 1 or len(sources) > 1:
        return shared
    if maps == "clustered" or channels > MOST_OWN:
        numbers = [number for number in CLUSTERS if number < channels]
        clusters = {f"{number} clusters": cluster_channels(sources[0], number) for number in numbers}
        return {**shared, **clusters}
    return {**shared, **own}


def _best(measured: dict[str, Errors | None]) -> str:
    """Return the family with the lowest error relative to the best at each origin; the first without any error."""
    names = list(measured)
    if len(names) == 1 or any(errors is None for errors in measured.values()):
        return names[0]
    levels = np.array([errors.level() for errors in measured.values() if errors is not None])
    return names[int((levels / np.maximum(levels.min(0), 1e-300)).mean(1).argmin())]


def _weights(errors: Errors | None, maps: int, grid: Grid) -> list[np.ndarray]:
    if errors is None:  # nothing to choose by: the middle of the grid
        shape = (len(grid.lookbacks), len(grid.trailing), len(grid.alphas))
        weight = np.zeros(shape)
        weight[:, :, shape[2] // 2 :] = 1
        return [weight / weight.sum()] * maps
    return [weigh(errors.relative(which), grid) for which in range(maps)]


def _rounded(errors: Errors) -> list[float]:
    return [float(f"{level:.5g}") for level in errors.level()]


def _mean(weight: np.ndarray, values: Any, axis: int) -> float:
    others = tuple(other for other in range(weight.ndim) if other != axis)
    return float(weight.sum(others) @ np.asarray(values, np.float64))
