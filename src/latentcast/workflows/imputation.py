"""impute: fill gaps with a pretrained encoder-decoder, and judge it on hidden values."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from latentcast.core.errors import DataError, Fault, SettingsError, shorten, suggest
from latentcast.core.interpolation import interpolated
from latentcast.core.notes import Note, NoteCode, without
from latentcast.data.panel.give_back import as_it_came, name_of_time, origins
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import PARTS, Part
from latentcast.data.sources.frames import Source
from latentcast.data.tables.several_values import one_value
from latentcast.data.tables.table import is_long
from latentcast.data.types import Frame, IntoFrame
from latentcast.data.windows.view import PreparedPanel
from latentcast.data.windows.windows import Starts, Windows, batch_size_for_memory, make_windows
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.inputs import open_prepared
from latentcast.forecaster.load import as_forecaster
from latentcast.forecaster.state import reconstructs
from latentcast.layers.masking import visible, visible_before
from latentcast.reporting.notebook import facts_html
from latentcast.workflows.plots.series import Stretch, draw, gaps

MASKS = (0.125, 0.25, 0.375, 0.5)


@dataclass(frozen=True)
class ImputationErrors:
    """Errors on hidden values of one part, in standardised units.

    Attributes
    ----------
    mask
        Share that was hidden.
    block, tail
        Steps of a hidden stretch; whether the last steps of each window were hidden instead.
    windows, values
        Windows read, and hidden values judged.
    mse, mae
        Of the model.
    linear_mse, linear_mae
        Of linear interpolation between the neighbours.

    Examples
    --------
    >>> errors = latentcast.evaluate_imputation("runs/imputer", frame, masks=[0.125])  # doctest: +SKIP
    >>> errors[0].mse < errors[0].linear_mse  # doctest: +SKIP
    """

    mask: float
    block: int
    tail: bool
    windows: int
    values: int
    mse: float
    mae: float
    linear_mse: float
    linear_mae: float


@dataclass(frozen=True)
class Imputation:
    """The data with their gaps filled.

    Attributes
    ----------
    frame
        Of the same library and layout as the data, in original units.
    filled, values
        Values that were filled, and all values.
    notes
        Notes about these values.
    gaps
        Surroundings of the last gap of up to eight series, for `plot`.

    Examples
    --------
    >>> filled = latentcast.impute("runs/imputer", frame)  # doctest: +SKIP
    >>> filled.frame, filled.filled  # doctest: +SKIP
    """

    frame: Frame
    filled: int
    values: int
    notes: tuple[str, ...]
    gaps: tuple[Stretch, ...] = field(default=(), repr=False, compare=False)

    def plot(self, path: str | Path) -> Path:
        """Draw the last filled gaps of up to eight series.

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
        DataError
            Nothing was filled.
        CheckpointError
            The file cannot be written.

        Examples
        --------
        >>> latentcast.impute("runs/imputer", frame).plot("filled.png")  # doctest: +SKIP
        """
        if not self.gaps:
            raise DataError("nothing to draw: no value was missing, so none was filled")
        draw(Path(path), self._summary(), self.gaps, "filled")
        return Path(path)

    def _summary(self) -> str:
        return f"{self.filled:,} of {self.values:,} values filled"

    def _repr_html_(self) -> str:
        share = f"{self.filled / max(self.values, 1):.2%}"
        return facts_html("Imputation", {"filled": self._summary(), "share": share}, self.notes)


def impute(forecaster: Forecaster | str | Path, data: IntoFrame, *, batch_size: int | None = None) -> Imputation:
    """Fill the gaps of one table; `distributed.impute` is the public function."""
    forecaster = _able(forecaster)
    source, view = open_prepared(forecaster, data, gaps="mask", future_only=True)
    panel = view.panel
    time = forecaster.task.lookback
    if short := panel.shorter_than(time):
        raise DataError(f"a gap is filled from windows of {time} steps (the look-back it was trained with);"
                        f" shorter: {shorten(short)}")  # fmt: skip
    together = batch_size_for_memory(time, forecaster.task.channels, stated=batch_size)
    values, alone = _fill(forecaster, view, together)
    missing = ~panel.observed
    filled = np.where(missing, values, panel.values)
    frame = _frame(forecaster, source, panel, filled)
    notes = list(without(view.notes, NoteCode.MISSING_VALUES))  # they are filled now
    if alone:
        text = (
            f"{alone} of the missing values have no observed value of their own series within {time} steps: they were"
            " interpolated, not modelled"
        )
        notes.append(Note(text, NoteCode.IMPUTATION))
    left = [name for name in source.frame.columns.map(str) if name not in frame.columns]
    if left:
        text = f"columns that the model does not know are not in the result: {shorten(left)}"
        notes.append(Note(text, NoteCode.RESULT))
    own = {name: name for name in origins(source, forecaster.run.data).values()}
    return Imputation(
        source.give_back_as(frame, own), int(missing.sum()), missing.size, tuple(notes), gaps(panel, filled)
    )


def evaluate_imputation(
    forecaster: Forecaster | str | Path,
    data: IntoFrame,
    *,
    masks: Sequence[float] = MASKS,
    block: int = 1,
    tail: bool = False,
    part: Part = "test",
    batch_size: int | None = None,
) -> list[ImputationErrors]:
    """Hide a share of the observed values of every window of one part, and compare the filled values.

    Windows have the length of the look-back, lie wholly inside the part and overlap (stride 1). The hidden places are
    the same for every model, call and batch size.

    Parameters
    ----------
    forecaster
        A forecaster that was pretrained to reconstruct, or the folder of one.
    data
        As for `impute`.
    masks
        Shares to hide, each above 0 and below 1.
    block
        Steps of a hidden stretch. 1 hides values one by one at random.
    tail
        Hide the last steps of each window, of all channels, instead of random places.
    part
        `train`, `val`, `test` or `all`.
    batch_size
        Windows read together. None chooses by memory.

    Returns
    -------
    list of ImputationErrors
        One for each share, in standardised units, with those of linear interpolation.

    Raises
    ------
    SettingsError
        The forecaster was not pretrained to reconstruct, or an argument is out of range.
    DataError
        The part holds no window.

    Examples
    --------
    >>> settings = {"stages.reconstruct.max_steps": 2, "stages.reconstruct.loggers": []}
    >>> imputer = latentcast.pretrain(frame, "latent-transformer", lookback=24, settings=settings)
    >>> [one.windows for one in latentcast.evaluate_imputation(imputer, frame, masks=[0.25])]
    [57]
    """
    forecaster = _able(forecaster)
    faults = [f"mask={m!r}: wanted a share above 0 and below 1" for m in masks if not (_number(m) and 0 < m < 1)]
    if not isinstance(block, int) or block < 1:
        faults.append(Fault("block", f"={block!r}: wanted a whole number of steps, at least 1"))
    if tail and block != 1:
        faults.append(
            Fault("tail", f"=True hides the end of each window, and block={block} stretches at random: say one of them")
        )
    if part not in PARTS:
        faults.append(Fault("part", f"={part!r} is no part of the data; {suggest(str(part), PARTS)}"))
    if faults:
        raise SettingsError(faults)
    source, view = open_prepared(forecaster, data, gaps="mask")
    low, high = view.parts.bounds(part)
    starts = view.starts(part, 0, forecaster.task.lookback)
    if not len(starts[0]):
        raise DataError(
            f"the {part} part of {source.name} holds no window of {forecaster.task.lookback} steps: its longest has"
            f" {int((high - low).max())}"
        )
    windows = _windows(forecaster, view, starts)
    together = batch_size_for_memory(forecaster.task.lookback, forecaster.task.channels, stated=batch_size)
    return [_judge(forecaster, windows, mask, None if tail else block, together) for mask in masks]


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _able(forecaster: Forecaster | str | Path) -> Forecaster:
    forecaster = as_forecaster(forecaster)
    if not reconstructs(forecaster):
        raise SettingsError(
            f"this {forecaster.name} learned to forecast, and not to fill gaps: make one that does with"
            " latentcast pretrain"
        )
    return forecaster


def _windows(forecaster: Forecaster, view: PreparedPanel, starts: Starts) -> Windows:
    channels = tuple(range(len(view.panel.channels)))
    windows = make_windows(
        view.panel,
        view.scaler,
        starts,
        forecaster.task.lookback,
        0,
        targets=channels,
        with_known=forecaster.network.uses_known,
    )
    if windows.masks is None:
        return windows
    # a value after a gap may help to fill it
    return replace(windows, masks=replace(windows.masks, carried=None, silence=None))


def _judge(
    forecaster: Forecaster, windows: Windows, mask: float, block: int | None, batch_size: int
) -> ImputationErrors:
    """Without a block the last steps of each window are hidden."""
    generator = torch.Generator().manual_seed(0)
    sums, count = np.zeros(4), 0
    network = forecaster.network.eval()
    for _, batch in windows.in_batches(batch_size):
        left = visible_before(batch.past, mask) if block is None else visible(batch.past, mask, block, generator)
        given = batch.showing(left)
        shown = given.observed
        assert shown is not None
        hidden = ~shown if batch.observed is None else batch.observed & ~shown
        with torch.inference_mode():
            ours = network.reconstruct(given.to(forecaster.device)).values.cpu()
        for at, values in ((0, ours), (2, interpolated(batch.past, shown))):
            error = (values - batch.past)[hidden].double()
            sums[at] += float(error.square().sum())
            sums[at + 1] += float(error.abs().sum())
        count += int(hidden.sum())
    mse, mae, linear_mse, linear_mae = (sums / max(count, 1)).tolist()
    return ImputationErrors(mask, block or 1, block is None, len(windows), count, mse, mae, linear_mse, linear_mae)


def _fill(forecaster: Forecaster, view: PreparedPanel, batch_size: int) -> tuple[NDArray[np.float64], int]:
    """[steps, channels] what the windows around each gap say, in original units.

    Also return how many missing values lie in windows without any value of their series; these are interpolated.
    """
    panel, time = view.panel, forecaster.task.lookback
    starts, items = _around_gaps(panel, time)
    total, weights = np.zeros(panel.values.shape), np.zeros(panel.values.shape)
    near = np.minimum(np.arange(1, time + 1), np.arange(time, 0, -1))[:, None]  # estimates are best in the middle of a
    # window
    windows = _windows(forecaster, view, (starts, items))
    network, units = forecaster.network.eval(), view.scaler.units(panel, list(range(len(panel.channels))))
    for which, batch in windows.in_batches(batch_size):
        with torch.inference_mode():
            values = network.reconstruct(batch.to(forecaster.device)).values.cpu().double().numpy()
        at = windows.items[which]
        values = units.at(at, starts[which][:, None] + np.arange(time)).to_original(values)
        # a window without any value of a channel has no location for it
        knows = panel.observed[starts[which][:, None] + np.arange(time)].any(1, keepdims=True)
        for row, start in enumerate(starts[which]):
            total[start : start + time] += near * knows[row] * values[row]
            weights[start : start + time] += near * knows[row]
    alone = ~panel.observed & (weights == 0)
    return np.where(alone, panel.values, total / np.maximum(weights, 1)), int(alone.sum())


def _around_gaps(panel: Panel, time: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(starts, items) of the windows with a gap in them, half a window apart, the first and last step included."""
    gaps = np.concatenate([[0], np.cumsum((~panel.observed).any(1))])
    starts, items = [], []
    for item, (begin, length) in enumerate(zip(panel.offsets[:-1], panel.lengths, strict=True)):
        within = np.unique(np.append(np.arange(0, length - time + 1, max(time // 2, 1)), length - time)) + begin
        within = within[gaps[within + time] > gaps[within]]
        starts.append(within)
        items.append(np.full(len(within), item))
    return np.concatenate(starts).astype(np.int64), np.concatenate(items).astype(np.int64)


def _frame(forecaster: Forecaster, source: Source, panel: Panel, values: NDArray[np.float64]) -> pd.DataFrame:
    """The channels under the names of the data: wide as wide, long as long."""
    settings = forecaster.run.data
    time = name_of_time(source.frame, settings)
    stamps = panel.clock.restore(panel.times)
    if not is_long(source.frame, settings):
        wide = pd.DataFrame({"ds": stamps} | dict(zip(panel.channels, values.T, strict=True)))
        return as_it_came(wide, source, panel, forecaster.run.data).rename(columns={"ds": time})
    if settings.align:
        ids, stamps, values = np.repeat(panel.channels, len(values)), np.tile(stamps, values.shape[1]), values.T
    else:
        ids = np.repeat(panel.ids, panel.lengths)
    long = pd.DataFrame({"unique_id": ids.astype(object), "ds": stamps, "y": values.reshape(-1)})
    settings = one_value(source.frame, settings)[1]
    names = {"unique_id": settings.id_name, "ds": time, "y": str(settings.value or "y")}
    frame = as_it_came(long, source, panel, forecaster.run.data).rename(columns=names)
    return frame.drop(columns=settings.id_name) if isinstance(settings.id, tuple) else frame
