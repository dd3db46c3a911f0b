"""How much each patch of a window attends to each prototype."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from latentcast.reporting.figures import DPI, WIDE, save, short


def plot_heat_map(
    series: str, attention: NDArray[np.float32], words: Sequence[Sequence[str]], chosen: Sequence[int], path: Path
) -> None:
    """Patches, oldest first, against the chosen prototypes, named by their nearest words; the mean over heads.

    Raises CheckpointError when the file cannot be written.
    """
    weights = attention.mean(0)[:, chosen]
    figure = Figure(figsize=(WIDE, 2.2 + 0.12 * len(weights)), dpi=DPI, layout="constrained")
    axis = figure.subplots()
    image = axis.imshow(weights, aspect="auto", cmap="viridis", interpolation="nearest", vmin=0)
    labels = [" ".join(_drawable(short(word, 12)) for word in words[i]) for i in chosen]
    axis.set_xticks(range(len(chosen)), labels, rotation=90, fontsize=7)
    axis.set_ylabel("patch, oldest first")
    share = float(attention.mean((0, 1))[chosen].sum())
    axis.set_title(
        f"{short(series)}: the {len(chosen)} of {len(words)} prototypes that patches take most from"
        f" ({share:.0%} of all attention)",
        fontsize=10,
        loc="left",
    )
    figure.colorbar(image, ax=axis, label="mean attention")
    save(figure, path)


def _drawable(word: str) -> str:
    """What the font of the picture has no sign for is a dot; a dollar is no formula."""
    return "".join(sign if ord(sign) < 0x250 else "·" for sign in word).replace("$", r"\$")
