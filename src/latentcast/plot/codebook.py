"""The codebook as a picture: the shape that each code stands for."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from latentcast.autoregressive import Autoregressive
from latentcast.errors import SettingsError
from latentcast.forecaster import Forecaster
from latentcast.plot.canvas import DPI, WIDE, save

COLUMNS = 16


def shapes(forecaster: Forecaster) -> NDArray[np.float64]:
    """[codebook, code, step] what each code decodes to by itself, with nothing before it, in deviations of a look-back.

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
    found = forecaster.found.get("codec")
    counts = np.array(found["counts"][0] if found else np.ones(len(first)), float)
    share = counts / max(counts.sum(), 1)
    order = np.argsort(first.mean(1), kind="stable")
    rows = -(-len(order) // COLUMNS)
    figure = Figure(figsize=(WIDE, 0.75 * rows + 1.0), dpi=DPI, layout="constrained")
    axes = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
    top = float(np.quantile(share[share > 0], 0.98)) if (share > 0).any() else 1.0
    colour, scale = colormaps["viridis_r"], Normalize(0, top)
    low, high = np.quantile(first, [0.02, 0.98])
    margin = 0.25 * (high - low)
    for axis, code in zip(axes.flat, order, strict=False):
        unused = share[code] == 0
        axis.plot(first[code], color="0.75" if unused else colour(0.15 + 0.85 * scale(min(share[code], top))),
                  linewidth=1.0 if unused else 1.8, marker="." if first.shape[1] == 1 else None)  # fmt: skip
        axis.axhline(0, color="0.88", linewidth=0.6, zorder=0)
        axis.set_title(str(code), fontsize=6, pad=1, color="0.5")
    axes[0, 0].set_ylim(low - margin, high + margin)
    for axis in axes.flat:
        axis.set_axis_off()
    steps = first.shape[1]
    model: Any = forecaster.network.model
    books = model.representation.codec.codebook.levels
    which = f"codebook 1 of {books}: " if books > 1 else ""
    used = f", {(share > 0).sum()} met in validation (the darker, the more often; grey: never)" if found else ""
    figure.suptitle(
        f"{forecaster.name}: {which}{len(first)} codes of {steps} step{'s' if steps > 1 else ''}{used}\n"
        f"from low to high, each from {low - margin:.1f} to {high + margin:.1f} deviations of a look-back",
        x=0.01, ha="left", fontsize=10,
    )  # fmt: skip
    save(figure, path)
