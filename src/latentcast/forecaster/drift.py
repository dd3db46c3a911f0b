"""Measure the drift of new data from the training data."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latentcast.core.errors import shorten
from latentcast.core.notes import Note, NoteCode
from latentcast.data.panel.panel import Panel
from latentcast.data.scaling.scaler import Scaler

DRAWN = 20  # series in a picture
FAR = 3.0  # limit of shift (in standard deviations) and spread (ratio) that counts as drift


@dataclass(frozen=True)
class Drift:
    """The last `steps` steps of each series, compared with its training part.

    NaN where nothing is observed. With `data.scale=false`, shift and spread are NaN.

    Attributes
    ----------
    steps
        Steps that are compared: the look-back.
    names
        Names of the series, by item, then by channel.
    shift
        [items, channels], difference of the means, in standard deviations of the training part.
    spread
        [items, channels], standard deviation over that of the training part.
    missing
        [items, channels], share of missing values.

    Examples
    --------
    >>> found = forecaster.drift(frame)
    >>> found.steps, found.names
    (96, (('load',),))
    """

    steps: int
    names: tuple[tuple[str, ...], ...]
    shift: NDArray[np.float64]
    spread: NDArray[np.float64]
    missing: NDArray[np.float64]

    @property
    def far(self) -> NDArray[np.bool_]:
        """Series whose level or spread is far outside the training part, [items, channels].

        Examples
        --------
        >>> forecaster.drift(frame.assign(load=frame["load"] + 1000)).far
        array([[ True]])
        """
        with np.errstate(invalid="ignore"):
            return (np.abs(self.shift) > FAR) | (self.spread > FAR)

    def plot(self, path: str | Path) -> Path:
        """Draw the shift and the spread of the series that differ most from their training part.

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
        >>> forecaster.drift(frame).plot(folder / "drift.png").name
        'drift.png'
        """
        from latentcast.reporting.charts import draw_bars

        shift, spread = np.nan_to_num(np.abs(self.shift)).ravel(), np.nan_to_num(self.spread).ravel()
        worst = np.argsort(-np.maximum(shift, spread), kind="stable")[:DRAWN]
        names = [name for of_item in self.names for name in of_item]
        groups = {
            "distance of the means, standard deviations of the training part": shift[worst].tolist(),
            "standard deviation over that of the training part": spread[worst].tolist(),
        }
        title = f"Drift of the last {self.steps} steps"
        draw_bars(Path(path), title, [names[at] for at in worst], groups)
        return Path(path)

    def notes(self) -> tuple[Note, ...]:
        """Return notes on series without an observed value, and on series unlike their training part.

        Returns
        -------
        tuple of Note
            At most one of each kind.

        Examples
        --------
        >>> forecaster.drift(frame).notes()
        ()
        """
        found = ((self.unseen(), NoteCode.EMPTY_LOOKBACK), (self.note(), NoteCode.DRIFT))
        return tuple(Note(text, code) for text, code in found if text is not None)

    def unseen(self) -> str | None:
        """Return a sentence that names the series without an observed value.

        Returns
        -------
        str or None
            None where every series has one.

        Examples
        --------
        >>> forecaster.drift(frame).unseen() is None
        True
        """
        silent = [self.names[item][channel] for item, channel in np.argwhere(self.missing == 1)]
        if not silent:
            return None
        return (
            f"the look-back of {shorten(silent)} holds no value: nothing of the last {self.steps} steps was observed."
            " The forecast continues from the last observed value, with wider intervals"
        )

    def note(self) -> str | None:
        """Return one sentence with the worst figures.

        Returns
        -------
        str or None
            None where nothing is far.

        Examples
        --------
        >>> "unlike their training part" in forecaster.drift(frame.assign(load=frame["load"] + 1000)).note()
        True
        """
        far = self.far
        if not far.any():
            return None
        worst = np.where(far, np.maximum(np.abs(self.shift) / FAR, np.nan_to_num(self.spread) / FAR), -np.inf)
        places = [np.unravel_index(at, worst.shape) for at in np.argsort(-worst, axis=None)[: int(far.sum())]]
        figures = [
            f"{self.names[item][channel]}: mean {self.shift[item, channel]:+.1f} standard deviations from training,"
            f" spread"
            f" {self.spread[item, channel]:.1f} times"
            for item, channel in places
        ]
        return (
            f"drift: the last {self.steps} steps of {int(far.sum())} of {far.size} series are unlike their training"
            f" part ({shorten(figures, 3)}); update the model or fit again"
        )


def drift(panel: Panel, scaler: Scaler, steps: int, *, scaled: bool) -> Drift:
    """Compute the drift of the last `steps` steps of each item, in the units of the fit, without the effects of
    covariates.

    `scaled`: whether the scaler learned level and standard deviation of the training part (data.scale).
    """
    counts = np.minimum(panel.lengths, steps)
    begins = np.cumsum(counts) - counts
    rows = np.arange(counts.sum()) + np.repeat(panel.offsets[1:] - counts - begins, counts)
    z, seen = scaler.apply(panel)[rows].astype(np.float64), panel.observed[rows]
    many = np.add.reduceat(seen, begins, dtype=np.int64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.add.reduceat(np.where(seen, z, 0.0), begins) / many
        off = np.where(seen, z - np.repeat(mean, counts, axis=0), 0.0)
        spread = np.sqrt(np.add.reduceat(off**2, begins) / many)
    if not scaled:
        mean, spread = np.full_like(mean, np.nan), np.full_like(spread, np.nan)
    count = len(panel.channels)
    names = (panel.channels,) if panel.ids == ("",) else tuple((name,) * count for name in panel.ids)
    return Drift(steps, names, mean, spread, 1 - many / counts[:, None])
