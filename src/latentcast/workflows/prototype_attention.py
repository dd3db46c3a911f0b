"""Attention of a window's patches to text prototypes, with the words nearest to each prototype."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from latentcast.core.errors import DataError, SettingsError, suggest
from latentcast.core.protocols import PrototypeBackbone
from latentcast.data.types import IntoFrame
from latentcast.data.windows.windows import make_windows
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.inputs import open_prepared
from latentcast.forecaster.load import as_forecaster
from latentcast.models.composed import Composed

DRAWN = 30  # prototypes in a picture


@dataclass(frozen=True)
class PrototypeAttention:
    """Attention of the patches of one window over text prototypes.

    Attributes
    ----------
    series
        Name of the series.
    weights
        [heads, patches, prototypes]; each row sums to 1.
    words
        The words nearest to each prototype, the nearest first.

    Examples
    --------
    >>> found = latentcast.prototype_attention("runs/time-llm", frame)  # doctest: +SKIP
    >>> [found.words[number] for number in found.top(5)]  # doctest: +SKIP
    """

    series: str
    weights: NDArray[np.float32]
    words: tuple[tuple[str, ...], ...]

    def top(self, count: int) -> list[int]:
        """Return the prototypes with the most attention over all patches, most used first.

        Parameters
        ----------
        count
            How many.

        Returns
        -------
        list of int
            Numbers of prototypes, as in `words`.

        Examples
        --------
        >>> import numpy as np
        >>> weights = np.array([[[0.1, 0.7, 0.2]]], np.float32)
        >>> found = latentcast.PrototypeAttention("load", weights, (("up",), ("flat",), ("down",)))
        >>> [found.words[number][0] for number in found.top(2)]
        ['flat', 'down']
        """
        return np.argsort(-self.weights.mean((0, 1)), kind="stable")[:count].tolist()

    def plot(self, path: str | Path) -> Path:
        """Draw the attention of each patch to the prototypes that are used most, as a heat map.

        Parameters
        ----------
        path
            File to write; its ending says which: PNG, PDF or SVG.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        SettingsError
            Another ending.
        CheckpointError
            The file cannot be written.

        Examples
        --------
        >>> import numpy as np
        >>> weights = np.array([[[0.1, 0.7, 0.2]]], np.float32)
        >>> found = latentcast.PrototypeAttention("load", weights, (("up",), ("flat",), ("down",)))
        >>> found.plot(folder / "prototypes.png").name
        'prototypes.png'
        """
        from latentcast.workflows.plots.prototype_attention import plot_heat_map

        plot_heat_map(self.series, self.weights, self.words, self.top(DRAWN), Path(path))
        return Path(path)


def prototype_attention(
    forecaster: Forecaster | str | Path, data: IntoFrame, *, series: str | None = None, words: int = 3
) -> PrototypeAttention:
    """Show which text prototypes the patches of the last window of a series attend to.

    Parameters
    ----------
    forecaster
        A `time-llm`, or the folder of one.
    data
        Frame, file or dataset name with the columns of the fit.
    series
        Name of the series. None: the first one.
    words
        Nearest words to give for each prototype.

    Returns
    -------
    PrototypeAttention
        Weights and words.

    Raises
    ------
    SettingsError
        The model has no text prototypes.
    DataError
        There is no such series, or it is shorter than the look-back.

    Examples
    --------
    A trained `time-llm` is needed:

    >>> latentcast.prototype_attention("runs/timellm", frame).top(3)  # doctest: +SKIP
    """
    forecaster = as_forecaster(forecaster)
    model, task = forecaster.network.model, forecaster.task
    part: Any = model.backbone if isinstance(model, Composed) else None
    if not isinstance(part, PrototypeBackbone):
        raise SettingsError(f"{forecaster.name} has no text prototypes: a heat map is of time-llm")
    _, view = open_prepared(forecaster, data, future_only=True)
    panel = view.panel
    names = [panel.series_name(item, channel) for item in range(len(panel.ids)) for channel in range(task.channels)]
    chosen = names[0] if series is None else series
    if chosen not in names:
        raise DataError(f"there is no series {chosen!r}; {suggest(chosen, names)}")
    item, channel = divmod(names.index(chosen), task.channels)
    if panel.lengths[item] < task.lookback:
        raise DataError(f"{chosen} has {panel.lengths[item]} steps; the look-back of the fit is {task.lookback}")
    start = np.array([int(panel.offsets[item + 1]) - task.lookback])
    windows = make_windows(panel, view.scaler, (start, np.array([item])), task.lookback, 0,
                           targets=task.targets, with_known=forecaster.network.uses_known)  # fmt: skip
    batch = windows.batch(torch.tensor([0])).to(forecaster.device)
    with torch.inference_mode():
        tokens = model.tokens(model.normalised(batch))
        weights = part.over_prototypes(tokens)[channel if model.representation.folds_channels else 0]
        named = part.nearest_words(words)
    return PrototypeAttention(chosen, weights.cpu().numpy(), named)
