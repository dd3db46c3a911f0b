"""Score anomalies by a codec's reconstruction error and a token model's surprise."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from latentcast.core.errors import DataError, SettingsError, shorten
from latentcast.core.notes import Note, NoteCode
from latentcast.data.panel.split import Part
from latentcast.data.sources.open import open_data
from latentcast.data.types import Frame, IntoFrame
from latentcast.data.windows.view import PreparedPanel
from latentcast.data.windows.windows import batch_size_for_memory, make_windows
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.inputs import open_prepared
from latentcast.forecaster.load import as_forecaster
from latentcast.forecaster.output import give_back
from latentcast.models.autoregressive import Autoregressive
from latentcast.models.config.stage_names import NEXT_CODE
from latentcast.reporting.notebook import table_html
from latentcast.training.codebook_usage import Health, health
from latentcast.workflows.plots.series import MOST, around

SHARE = 0.01  # of the steps, marked in a picture
FIGURES = ("ds", "y", "error", "surprise", "score")


@dataclass(frozen=True)
class AnomalyScores:
    """How unusual each step is.

    Attributes
    ----------
    frame
        One row for each series and step: `unique_id`, `ds`, `y` and `error` (|value − decoded value|, in standard
        deviations of the look-back before the step), `surprise` (−log p of the step's code after the codes before it,
        in nats; with a token model alone) and `score` (mean rank of both among all steps, 0 to 1). NaN where nothing
        was observed.
    notes
        Notes about these scores.

    Examples
    --------
    Takes a forecaster with a codec, and so a training:

    >>> scores = latentcast.anomaly_scores("runs/tokens", frame)  # doctest: +SKIP
    >>> scores.frame.nlargest(5, "score")  # doctest: +SKIP
    """

    frame: Frame
    notes: tuple[str, ...]

    def plot(self, path: str | Path) -> Path:
        """Draw up to eight series and mark the one per cent of their steps with the highest scores.

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
        >>> latentcast.anomaly_scores("runs/tokens", frame).plot("scores.png")  # doctest: +SKIP
        """
        from latentcast.reporting.charts import draw_lines

        panels: dict[str, Any] = {}
        frame = self._frame()
        ids = [column for column in frame.columns if column not in FIGURES]
        least = frame["score"].quantile(1 - SHARE)
        for key, rows in list(frame.groupby(ids, sort=False))[:MOST]:
            times, values = rows["ds"].to_numpy(), rows["y"].to_numpy()
            runs = [(times[run], values[run]) for run in around((rows["score"] >= least).to_numpy())]
            panels[" / ".join(map(str, key))] = (times, values), {f"highest {SHARE:.0%} of scores": runs}
        draw_lines(Path(path), "Anomaly scores", panels)
        return Path(path)

    def _repr_html_(self) -> str:
        frame = self._frame()
        rows = frame.nlargest(5, "score")
        cells = [[f"{v:.4g}" if isinstance(v, float) else v for v in row] for row in rows.itertuples(index=False)]
        return table_html(f"{len(frame):,} steps: the highest scores", list(map(str, rows.columns)), cells, self.notes)

    def _frame(self) -> pd.DataFrame:
        return self.frame if isinstance(self.frame, pd.DataFrame) else open_data(self.frame)[0].frame


def anomaly_scores(
    forecaster: Forecaster | str | Path, data: IntoFrame, *, batch_size: int | None = None
) -> AnomalyScores:
    """Score the steps of one table; `distributed.anomaly` is the public function."""
    forecaster = _able(forecaster)
    source, view = open_prepared(forecaster, data, future_only=True)
    panel = view.panel
    if short := panel.shorter_than(forecaster.task.lookback):
        raise DataError(
            f"a step is judged after a look-back of {forecaster.task.lookback} steps; shorter: {shorten(short)}"
        )
    knows = NEXT_CODE in forecaster.card.learned
    error, surprise = _judge(forecaster, view, batch_size)
    missing = ~panel.observed
    columns = {"error": np.where(missing, np.nan, error)}
    if knows:
        columns["surprise"] = np.where(missing, np.nan, surprise)
    columns["score"] = score_of([share_below(values, ascending(values)) for values in columns.values()])
    names = [panel.series_name(i, c) for i in range(len(panel.ids)) for c in range(len(panel.channels))]
    order = [slice(*panel.offsets[i : i + 2]) for i in range(len(panel.ids)) for _ in panel.channels]
    channel = [c for _ in panel.ids for c in range(len(panel.channels))]

    def tall(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([values[rows, c] for rows, c in zip(order, channel, strict=True)])

    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(np.array(names, dtype=object), np.repeat(panel.lengths, len(panel.channels))),
            "ds": panel.clock.restore(np.concatenate([panel.times[rows] for rows in order])),
            "y": tall(np.where(missing, np.nan, panel.values)),
            **{name: tall(values) for name, values in columns.items()},
        }
    )
    text = "no surprise: this model has codes, and no language of them yet"
    notes = view.notes if knows else (*view.notes, Note(text, NoteCode.RESULT))
    return AnomalyScores(give_back(forecaster, source, panel, frame), notes)


def judge_codec(forecaster: Forecaster | str | Path, data: IntoFrame, *, part: Part = "test") -> Health:
    """Judge the codec on one part of the data: every window of look-back length inside it, once.

    Raises SettingsError for a model without codes, DataError when the part holds no window.
    """
    forecaster = _able(forecaster)
    source, view = open_prepared(forecaster, data)
    lookback = forecaster.task.lookback
    starts = view.starts(part, 0, lookback)
    if not len(starts[0]):
        raise DataError(f"the {part} part of {source.name} holds no window of {lookback} steps")
    channels = tuple(range(len(view.panel.channels)))
    windows = make_windows(view.panel, view.scaler, starts, lookback, 0, targets=channels, with_known=False)
    return health(forecaster.network, windows)


def _able(forecaster: Forecaster | str | Path) -> Forecaster:
    forecaster = as_forecaster(forecaster)
    if not isinstance(forecaster.network.model, Autoregressive):
        raise SettingsError(f"{forecaster.name} has no codes: this takes a vq-codec or a token-transformer")
    return forecaster


def _judge(
    forecaster: Forecaster, view: PreparedPanel, batch_size: int | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """[steps, channels] error and surprise. A window judges what comes after its look-back, the first one all of it."""
    panel, lookback = view.panel, forecaster.task.lookback
    model: Any = forecaster.network.eval().model
    factor = model.representation.codec.factor
    error, surprise = np.full(panel.values.shape, np.nan), np.full(panel.values.shape, np.nan)
    starts, items, ahead = _windows(panel.offsets, lookback, factor)
    for steps in np.unique(ahead):  # the last window of a series has what is left
        some_of = np.flatnonzero(ahead == steps)
        windows = make_windows(
            panel,
            view.scaler,
            (starts[some_of], items[some_of]),
            lookback,
            int(steps),
            targets=tuple(range(len(panel.channels))),
            with_known=False,
        )
        together = batch_size_for_memory(lookback + int(steps), len(panel.channels), stated=batch_size)
        for which, batch in windows.in_batches(together):
            with torch.inference_mode():
                found = [x.cpu().double().numpy() for x in model.strangeness(batch.to(forecaster.device))]
            for row, number in enumerate(some_of[which]):
                begin = starts[number]
                first = begin == panel.offsets[items[number]]
                judged = slice(begin if first else begin + lookback, begin + lookback + int(steps))
                for values, mine in zip((error, surprise), found, strict=True):
                    values[judged] = mine[row, -(judged.stop - judged.start) :]
    return error, surprise


def _windows(
    offsets: NDArray[np.int64], lookback: int, factor: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(start, item, steps ahead) of windows that judge each step once, whole codes at a time."""
    stride = max(lookback // factor, 1) * factor
    found = []
    for item, (begin, end) in enumerate(pairwise(offsets)):
        origins = np.arange(begin + lookback, max(end, begin + lookback + 1), stride)
        found += [(origin - lookback, item, min(stride, end - origin)) for origin in origins]
    starts, items, ahead = np.array(found, np.int64).T
    return starts, items, ahead


def ascending(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The scores of all steps that have one, in order."""
    return np.sort(values[np.isfinite(values)], axis=None)


def share_below(values: NDArray[np.float64], every: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of `every` score, ascending, that is lower: that of the mean rank; NaN where a step has none."""
    rank = (np.searchsorted(every, values) + np.searchsorted(every, values, side="right") - 1) / 2
    return np.where(np.isfinite(values), rank / max(len(every) - 1, 1), np.nan)


def score_of(shares: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The score of each step: the mean of its shares."""
    return np.asarray(np.mean(shares, axis=0))
