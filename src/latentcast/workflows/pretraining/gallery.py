"""A picture of the simulator: a few series of each recipe."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from latentcast.data.simulation import RECIPES, simulate
from latentcast.reporting.figures import DPI, PAST, WIDE, plain_axes, save

ACROSS = ((1, 120), (12, 120), (24, 240), (24, 504))  # season and steps of the columns; the last has a week too


def plot_recipes(path: Path, *, seed: int = 0) -> None:
    """Draw one series for each recipe (rows) and season (columns).

    Parameters
    ----------
    path
        PNG, PDF or SVG file.
    seed
        Equal seeds give equal pictures.

    Raises
    ------
    CheckpointError
        When the file cannot be written.
    """
    figure = Figure(figsize=(WIDE, 1.5 * len(RECIPES)), dpi=DPI, layout="constrained")
    grid = figure.subplots(len(RECIPES), len(ACROSS), squeeze=False)
    for row, recipe in enumerate(RECIPES):
        for column, (season, steps) in enumerate(ACROSS):
            second = 168 if steps > 300 else 0
            rng = np.random.default_rng([seed, row, column])
            axis = grid[row, column]
            chunk = simulate(rng, 1, steps, season=season, second=second, recipe=recipe)
            axis.plot(chunk.values[0], color=PAST, linewidth=0.9)
            plain_axes(axis)
            axis.tick_params(labelleft=False, labelbottom=row == len(RECIPES) - 1)
            if row == 0:
                axis.set_title(f"season {season}{f' and {second}' if second else ''}" if season > 1 else "no season")
            if column == 0:
                axis.set_ylabel(recipe)
    save(figure, path)
