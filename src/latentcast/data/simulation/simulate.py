"""Series from the simulator: seeded, in chunks that share a recipe and a season."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from latentcast.data.simulation.draws import Array, Generator, log_uniform
from latentcast.data.simulation.recipes import RECIPES, Shape

SEASONS = {1: 0.2, 4: 0.11, 7: 0.09, 12: 0.2, 24: 0.15, 48: 0.05, 52: 0.08, 96: 0.06, 144: 0.01, 168: 0.01, 0: 0.04}
"""Season lengths and their weights; 0 stands for any length from 2 to 200."""


@dataclass(frozen=True)
class SimulatedChunk:
    """Series that share a recipe.

    Attributes
    ----------
    values
        [count, length] series, all finite.
    season, second
        Their main and second season in steps; 1 and 0 where there is none.
    recipe
        Name of the recipe.
    """

    values: Array
    season: int
    second: int
    recipe: str


def simulate(
    rng: Generator,
    count: int,
    length: int,
    *,
    season: int | None = None,
    second: int | None = None,
    recipe: str | None = None,
) -> SimulatedChunk:
    """A chunk of simulated series.

    Parameters
    ----------
    rng
        Source of all random numbers: the same state gives the same series.
    count, length
        Number of series and steps of each.
    season, second
        Seasons in steps; drawn when None. A second season is drawn for seasons within a day only.
    recipe
        One of `RECIPES`; drawn by its weight when None.

    Returns
    -------
    SimulatedChunk

    Examples
    --------
    >>> import numpy as np
    >>> chunk = simulate(np.random.default_rng(0), 3, 50, season=12, recipe="calendar")
    >>> chunk.values.shape, chunk.season
    ((3, 50), 12)
    """
    if season is None:
        season = draw_season(rng)
    if second is None:
        second = draw_second(rng, season)
    name = recipe if recipe is not None else _draw_recipe(rng, season)
    values = RECIPES[name][0](rng, Shape(count, length, season, second))
    if name not in ("intermittent",):
        values = _reflected(rng, values)
    return SimulatedChunk(np.nan_to_num(values, nan=0.0, posinf=1e12, neginf=-1e12), season, second, name)


def _draw_recipe(rng: Generator, season: int) -> str:
    """A recipe by its weight; without a season, random walks are three times as likely."""
    names = list(RECIPES)
    weights = np.array([RECIPES[name][1] for name in names])
    if season == 1:
        weights[names.index("martingale")] *= 3
    return str(rng.choice(names, p=weights / weights.sum()))


def draw_season(rng: Generator) -> int:
    """One season length by `SEASONS`."""
    lengths, weights = np.array(list(SEASONS)), np.array(list(SEASONS.values()))
    season = int(rng.choice(lengths, p=weights / weights.sum()))
    return season or int(log_uniform(rng, 2, 200))


def draw_second(rng: Generator, season: int) -> int:
    """A week for most seasons of a day, else 0."""
    return 7 * season if season in (24, 48, 96) and rng.random() < 0.6 else 0


def _reflected(rng: Generator, values: Array) -> Array:
    """Some rows reversed in time, some upside down, all at scales that span six orders of magnitude."""
    count = len(values)
    values = np.where(rng.random((count, 1)) < 0.1, values[:, ::-1], values)
    values = np.where(rng.random((count, 1)) < 0.06, -values, values)
    return values * log_uniform(rng, 1e-3, 1e3, (count, 1))


def chunks(seed: int, *, count: int = 64, length: int = 600) -> Iterator[SimulatedChunk]:
    """An endless stream of chunks with drawn recipes and seasons."""
    rng = np.random.default_rng(seed)
    while True:
        yield simulate(rng, count, length)
