"""The codebook as a picture: the shape that each code stands for."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from latentcast.core.errors import SettingsError
from latentcast.forecaster.forecaster import Forecaster
from latentcast.models.autoregressive import Autoregressive
from latentcast.reporting.figures import DPI, WIDE, save

COLUMNS = 16


def shapes(forecaster: Forecaster) -> NDArray[np.float64]:
    """[codebook, code, step] what each code decodes to by itself, with nothing before it, in standard deviations of
    a look-back.

    A code of a further codebook is what it adds to nothing. Raises SettingsError for a model without codes.
    """
    model: Any = forecaster.network.model
    if not isinstance(model, Autoregressive):
        raise SettingsError(f"{forecaster.name} has no codebook to draw: this takes a vq-codec or a token-transformer")
    codec = model.representation.codec
    with torch.inference_mode():
        tables = [codec.decode(entries[:, None]) for entries in codec.codebook.entries()]
    return torch.stack(tables).cpu().double().numpy()


def plot_codebook(forecaster: Forecaster, path: Path) -> None:
    """Draw every code of the first codebook, from low to high; the darker, the more often it was met in validation.

    Raises SettingsError for a model without codes, CheckpointError when the file cannot be written.
    """
    first = shapes(forecaster)[0]
    found = forecaster.card.found.get("codec")
    counts = np.array(found["counts"][0] if found else np.ones(len(first)), float)
    share = counts / max(counts.sum(), 1)
    order = np.argsort(first.mean(1), kind="stable")
    rows, (_, steps) = -(-len(order) // COLUMNS), first.shape
    figure = Figure(figsize=(WIDE, 0.6 * rows + 1.0), dpi=DPI, layout="constrained")
    axis = figure.add_subplot()  # one for all of them: a hundred axes take a minute to lay out
    top = float(np.quantile(share[share > 0], 0.98)) if (share > 0).any() else 1.0
    colour, scale = colormaps["viridis_r"], Normalize(0, top)
    low, high = np.quantile(first, [0.02, 0.98])
    margin = 0.25 * (high - low)
    low, high = low - margin, high + margin
    for place, code in enumerate(order):
        left, foot = place % COLUMNS, rows - 1 - place // COLUMNS
        x = left + (np.linspace(0.1, 0.9, steps) if steps > 1 else np.array([0.5]))
        y, middle = (foot + 0.8 * (np.clip(level, low, high) - low) / (high - low) for level in (first[code], 0.0))
        unused = share[code] == 0
        axis.plot(x[[0, -1]] if steps > 1 else left + np.array([0.1, 0.9]), [middle] * 2, color="0.88", linewidth=0.6)
        axis.plot(x, y, color="0.75" if unused else colour(0.15 + 0.85 * scale(min(share[code], top))),
                  linewidth=1.0 if unused else 1.8, marker="." if steps == 1 else None)  # fmt: skip
        axis.text(left + 0.5, foot + 0.84, str(code), fontsize=6, color="0.5", ha="center")
    axis.set(xlim=(0, COLUMNS), ylim=(-0.05, rows))
    axis.set_axis_off()
    model: Any = forecaster.network.model
    books = model.representation.codec.codebook.levels
    which = f"codebook 1 of {books}: " if books > 1 else ""
    used = f", {(share > 0).sum()} met in validation (the darker, the more often; grey: never)" if found else ""
    figure.suptitle(
        f"{forecaster.name}: {which}{len(first)} codes of {steps} step{'s' if steps > 1 else ''}{used}\n"
        f"from low to high, each from {low:.1f} to {high:.1f} standard deviations of a look-back",
        x=0.01, ha="left", fontsize=10,
    )  # fmt: skip
    save(figure, path)
