"""Simulated series as a long table, to be looked at or to train other models on."""

import numpy as np
import pandas as pd

from latentcast.core.errors import Fault, SettingsError, suggest
from latentcast.data.simulation.recipes import RECIPES
from latentcast.data.simulation.simulate import simulate


def simulate_table(
    series: int = 20,
    steps: int = 300,
    *,
    seed: int = 0,
    recipe: str | None = None,
    season: int | None = None,
) -> pd.DataFrame:
    """Simulated series in the long layout, each with its own recipe and season.

    Parameters
    ----------
    series, steps
        Number of series and steps of each.
    seed
        Equal seeds give equal tables.
    recipe
        One of `latentcast.data.simulation.RECIPES`; drawn for each series when None.
    season
        Main season in steps; drawn for each series when None.

    Returns
    -------
    pandas.DataFrame
        Columns unique_id ("000-calendar-12": number, recipe, season), ds (1, 2, …) and y.

    Raises
    ------
    SettingsError
        For an unknown recipe, or sizes below one.
    """
    faults = [
        f"{name}={value}: wanted at least 1" for name, value in (("series", series), ("steps", steps)) if value < 1
    ]
    if recipe is not None and recipe not in RECIPES:
        faults.append(Fault("recipe", f"={recipe!r}: {suggest(recipe, RECIPES)}"))
    if season is not None and season < 1:
        faults.append(Fault("season", f"={season}: wanted at least 1 (no season)"))
    if faults:
        raise SettingsError(faults)
    rng = np.random.default_rng(seed)
    names, values = [], []
    for number in range(series):
        chunk = simulate(rng, 1, steps, season=season, recipe=recipe)
        names.append(f"{number:03d}-{chunk.recipe}-{chunk.season}")
        values.append(chunk.values[0])
    return pd.DataFrame(
        {
            "unique_id": np.repeat(np.array(names, dtype=object), steps),
            "ds": np.tile(np.arange(1, steps + 1), series),
            "y": np.concatenate(values),
        }
    )
