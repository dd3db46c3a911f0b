"""Windows of a panel, gathered a batch at a time from contiguous memory.

They are cut as arrays. `Windows.batch` makes tensors of them for torch, which is imported when the first is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from latentcast.core.errors import Fault, SettingsError
from latentcast.data.features.calendar import features
from latentcast.data.panel.annotations import Notes, of_windows
from latentcast.data.panel.panel import Panel
from latentcast.data.scaling.scaler import Scaler
from latentcast.data.tables.frequency import Frequency
from latentcast.data.windows.arrays import WindowArrays, WindowUnits
from latentcast.data.windows.block import Block
from latentcast.data.windows.silence import Silence

if TYPE_CHECKING:
    from torch import Tensor

    from latentcast.core.protocols import Prompter
    from latentcast.core.types import Batch

Share = tuple[int, int]  # the number of this process, and how many take part
WHOLE: Share = (0, 1)
Starts = tuple[NDArray[Any], NDArray[Any]]  # first step, and item, of each window: int32, or int64 for huge panels


@dataclass(frozen=True)
class Masks:
    """Masks of observed values, and the content of look-backs at gaps.

    Attributes
    ----------
    observed
        [steps, channels], True where a value was observed.
    shown
        [steps, channels], what a look-back shows as observed. Filled gaps count as observed, so only the steps before a
        short series are hidden. None: the same as `observed`.
    season
        Set where gaps are masked: a gap in a look-back is filled from the window itself, by its season in steps.
    carried
        [steps, channels], set where gaps are filled: each gap filled by the last value before it. A look-back that ends
        in a gap reads it instead of the values, whose fill may lean on a value after the origin.
    silence
        Set where gaps are masked: replaces a look-back without any observed value by the last observed stretch.
    """

    observed: Block
    shown: Block | None = None
    season: int | None = None
    carried: Block | None = None
    silence: Silence | None = None

    def read(
        self, past: NDArray[np.float32], seen: NDArray[np.bool_], starts: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
        """The look-backs, and what of them counts as observed: None for all of it.

        Gaps that are masked are not filled here: `WindowArrays.season` says how the window fills them.
        """
        lookback = past.shape[1]
        if self.season is not None and not seen.all():
            if self.silence is not None:
                past, seen = self.silence.replace(past, seen, starts)
        elif self.carried is not None and not seen[:, -1].all():
            past = np.where(_after_last(seen), self.carried.gather(starts)[:, :lookback], past)
        if self.shown is not None:
            seen = self.shown.gather(starts)[:, :lookback]
        return past, None if seen.all() else seen  # None is the fast and usual case


@dataclass(frozen=True)
class KnownFeatures:
    """Features of a window that are known before it is forecast.

    Attributes
    ----------
    future
        [steps, features], the calendar and the covariates known in advance. None where no part reads them.
    static
        [items, static], constant features of a series.
    item_numbers
        [items], the number of each item among those of the fit, -1 for others. None where no model reads it.
    units
        Mean and standard deviation of each item, [items, 1, channels]. None where values are transformed.
    calendar
        The stamps of all steps, [steps], and their frequency: they give the phase of a window. None without stamps.
    """

    future: Block | None = None
    static: NDArray[np.float32] | None = None
    item_numbers: NDArray[np.int64] | None = None
    units: WindowUnits | None = None
    calendar: tuple[NDArray[Any], Frequency] | None = None

    def phase_of(self, starts: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """Absolute number of the steps at `starts`, [windows]; None where steps cannot be counted."""
        if self.calendar is None:
            return None
        times, frequency = self.calendar
        return frequency.positions(times[starts])

    def units_of(self, items: NDArray[np.int64]) -> WindowUnits | None:
        """Units of the windows of these items, [windows, 1, channels]."""
        return None if self.units is None else WindowUnits(self.units.loc[items], self.units.scale[items])


@dataclass(frozen=True)
class Prompting:
    """How the prompt of each window is written for a language model.

    Attributes
    ----------
    prompter
        Writes the prompts.
    notes
        Dated notes that a prompt quotes.
    times
        [steps], the stamps by which notes are found.
    """

    prompter: Prompter
    notes: Notes | None
    times: NDArray[Any]

    def notes_of(self, starts: NDArray[np.int64], items: NDArray[np.int64], lookback: int) -> list[str] | None:
        """Return the notes of each look-back; None without any notes."""
        return of_windows(self.notes, self.times, starts, items.tolist(), lookback)


@dataclass(frozen=True)
class Windows:
    """Every window of one part of the data, cut from contiguous arrays a batch at a time.

    Attributes
    ----------
    values
        [steps, channels], standardised values of all steps.
    starts
        [windows], the first step of each window, counted over all steps.
    items
        [windows], the item that each window belongs to.
    lookback, horizon
        Steps that are read, and steps that are forecast.
    targets
        Positions of the forecast channels. None: all of them.
    masks
        None where every value was observed.
    known
        Known features, static features and item numbers.
    prompting
        None where no language model reads the windows.
    """

    values: Block
    starts: NDArray[Any]
    items: NDArray[Any]
    lookback: int
    horizon: int
    targets: NDArray[np.int64] | None = None
    masks: Masks | None = None
    known: KnownFeatures = KnownFeatures()
    prompting: Prompting | None = None

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def steps(self) -> int:
        """Steps of a window: look-back and horizon."""
        return self.lookback + self.horizon

    @property
    def channels(self) -> int:
        """Channels of a window."""
        return self.values.width

    def loader(self, batch_size: int, *, seed: int, shuffle: bool = True, share: Share = WHOLE) -> Loader:
        """Batches for training, see `Loader`."""
        return Loader(self, batch_size, seed=seed, shuffle=shuffle, share=share)

    def without_phase(self) -> Windows:
        """The same windows for networks that do not read the number of their first step."""
        return replace(self, known=replace(self.known, calendar=None))

    def arrays(self, which: NDArray[np.int64]) -> WindowArrays:
        """The windows number `which` [batch] as arrays; masked gaps are not filled."""
        starts, items = (numbers[which].astype(np.int64, copy=False) for numbers in (self.starts, self.items))
        known = self.known
        past, target = self._split(self.values.gather(starts))
        seen = target_seen = past_known = future_known = season = None
        if self.masks is not None:
            observed, target_seen = self._split(self.masks.observed.gather(starts))
            past, seen = self.masks.read(past, observed, starts)
            season = self.masks.season
        if known.future is not None:
            whole = known.future.gather(starts)
            past_known, future_known = whole[:, : self.lookback], whole[:, self.lookback :]
        static = None if known.static is None else known.static[items]
        item = None if known.item_numbers is None else known.item_numbers[items]
        units, phase = known.units_of(items), known.phase_of(starts)
        window = (past, seen, season, target, target_seen, past_known, future_known, static, item, units, phase)
        return WindowArrays(which, starts, items, *window)

    def batch(self, which: NDArray[np.int64] | Tensor) -> Batch:
        """The windows number `which` [batch] as one Batch: views into one gathered block."""
        return self.as_batch(self.arrays(np.asarray(which)))

    def as_batch(self, found: WindowArrays) -> Batch:
        """Arrays of these windows as tensors, masked gaps filled from the window itself, with its prompt."""
        from latentcast.data.windows.tensors import batch_of

        batch, how = batch_of(found), self.prompting
        if how is None:
            return batch
        said = how.notes_of(found.starts, found.items, self.lookback)
        return replace(batch, prompt=how.prompter(batch.past, batch.observed, batch.units, said))

    def _split(self, window: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Look-back, and the targets of the horizon."""
        past, future = window[:, : self.lookback], window[:, self.lookback :]
        return past, future if self.targets is None else future[..., self.targets]

    def in_numbers(self, size: int) -> Iterator[NDArray[np.int64]]:
        """The numbers of all windows in order, so many at a time. The last batch may be shorter."""
        for start in range(0, len(self), size):
            yield np.arange(start, min(start + size, len(self)))

    def in_batches(self, size: int) -> Iterator[tuple[NDArray[np.int64], Batch]]:
        """Every window once, in order: (numbers, Batch). The last batch may be shorter."""
        for which in self.in_numbers(size):
            yield which, self.batch(which)


MANY = 4096  # windows together that cost a network without wide layers little memory


def batch_size_for_memory(steps: int, channels: int, *, most: int = 512, stated: int | None = None) -> int:
    """Windows of `steps` steps that are judged together: at most `most`, and fewer where they are long.

    Raises SettingsError when fewer than one is `stated`.
    """
    if stated is not None and stated < 1:
        raise SettingsError(Fault("batch_size", f"={stated}: wanted at least 1"))
    return stated or max(1, min(most, 2**20 // (steps * channels)))


def _after_last(seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[batch, time, channel] observed → whether a step lies after the last observed one."""
    return ~np.logical_or.accumulate(seen[:, ::-1], axis=1)[:, ::-1]


def _carried(series: NDArray[np.float32], panel: Panel) -> NDArray[np.float32]:
    """Fill gaps by the last value before them; by 0, the mean, without one."""
    steps = np.arange(len(series))[:, None]
    begin = panel.offsets[:-1][panel.item_of_step][:, None]
    last = np.maximum.accumulate(np.where(panel.observed, steps, -1), axis=0)
    values = np.take_along_axis(series, np.maximum(last, 0), axis=0)
    return np.where(last >= begin, values, np.float32(0))


def window_starts(
    panel: Panel,
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    lookback: int,
    horizon: int,
    stride: int = 1,
) -> Starts:
    """(starts, items) of the windows whose targets lie wholly in steps [low, high) of each item.

    The look-back may reach back before `low`: those values are known when the forecast is made. With a stride above
    1 the last window of each item is always among them.
    """
    first = np.maximum(low - lookback, 0)
    last = high - horizon - lookback
    counts = np.maximum((last - first) // stride + 1, 0)
    before = np.cumsum(counts) - counts
    total = int(counts.sum())
    most = max(len(panel.times), stride * (total + 1))
    narrow = np.int32 if most < 2**31 else np.int64  # there are about as many windows as values
    items = np.repeat(np.arange(len(panel.ids), dtype=narrow), counts)
    starts = np.repeat((panel.offsets[:-1] + last - (counts - 1 + before) * stride).astype(narrow), counts)
    starts += stride * np.arange(total, dtype=narrow)
    return starts, items


def make_windows(
    panel: Panel,
    scaler: Scaler,
    starts_items: Starts,
    lookback: int,
    horizon: int,
    *,
    targets: tuple[int, ...],
    with_known: bool,
    prompter: Prompter | None = None,
) -> Windows:
    """Cut the windows that begin at `starts_items`, (first steps, items), from a panel.

    Parameters
    ----------
    panel, scaler
        The data, and how they are standardised.
    starts_items
        [windows] first step of each window, counted over all steps of the panel, and [windows] its item.
    lookback, horizon
        Steps that are read, and steps that are forecast.
    targets
        Positions of the forecast channels.
    with_known
        Whether a part of the network reads what is known in advance.
    prompter
        Writes prompts for a language model. None: the network reads none.
    """
    starts, items = starts_items
    series = scaler.apply(panel)
    return Windows(
        Block(series, lookback + horizon),
        starts,
        items,
        lookback,
        horizon,
        None if len(targets) == len(panel.channels) else np.array(targets, np.int64),
        _masks(panel, series, lookback + horizon),
        KnownFeatures(
            Block(known_features(panel, scaler), lookback + horizon) if with_known else None,
            _static(panel, scaler),
            units=_units(scaler),
            calendar=(panel.times, panel.frequency),
        ),
        None if prompter is None else Prompting(prompter, panel.said, panel.times),
    )


def _masks(panel: Panel, series: NDArray[np.float32], length: int) -> Masks | None:
    if panel.complete:
        return None
    masked = panel.gaps == "mask"
    return Masks(
        Block(panel.observed, length),
        None if panel.shown is panel.observed else Block(panel.shown, length),
        panel.season if masked else None,
        None if masked else Block(_carried(series, panel), length),
        Silence(series, panel.observed, panel.offsets, panel.season) if masked else None,
    )


def _static(panel: Panel, scaler: Scaler) -> NDArray[np.float32] | None:
    """[items, static]; None where no static covariate was declared."""
    if scaler.effects is None or not scaler.effects.covariates.static:
        return None
    return scaler.effects.covariates.of_items(panel)


def _units(scaler: Scaler) -> WindowUnits | None:
    """Mean and standard deviation of each item; None after a transform, which no mean leads back from."""
    if scaler.transform is not None:
        return None
    return WindowUnits(*(x.astype(np.float32)[:, None] for x in (scaler.mean, scaler.std)))


def known_features(panel: Panel, scaler: Scaler) -> NDArray[np.float32]:
    """Return [steps, known] features of the calendar, then of the covariates; zeros for rejected ones."""
    calendar = features(panel.clock.local(panel.times), panel.frequency)
    if scaler.effects is None:
        return calendar
    return np.concatenate([calendar, scaler.effects.features(panel)], axis=1)


def window_seeds(
    panel: Panel, starts: NDArray[np.int64], items: NDArray[np.int64], lookback: int, seed: int
) -> NDArray[np.int64]:
    """Return [windows] seeds from series, stamp of the origin and `seed`, independent of a window's position."""
    origins = panel.times[starts + lookback - 1].astype(np.int64).view(np.uint64)
    names = np.array([crc32(name.encode()) for name in panel.ids], np.uint64)[items]
    state = origins ^ (names << np.uint64(32)) ^ np.uint64(seed * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):  # splitmix64 (Steele et al. 2014)
        state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
    return ((state ^ (state >> np.uint64(31))) >> np.uint64(1)).astype(np.int64)


class Loader:
    """Batches of windows for training: shuffled per epoch by seed, resumable in the middle of an epoch.

    In several processes each takes its share of every epoch, all with the same number of batches. `share` is this
    process's number and how many there are. A training says so itself: a process group of torch may be another one's.
    """

    def __init__(
        self, windows: Windows, batch_size: int, *, seed: int, shuffle: bool = True, share: Share = WHOLE
    ) -> None:
        self.windows, self.batch_size, self.seed, self.shuffle = windows, batch_size, seed, shuffle
        self.rank, self.processes = share
        self.epoch = 0
        self.position = 0  # batches given in this epoch

    def __len__(self) -> int:
        mine = range(0 if self.shuffle else self.rank, len(self.windows), self.processes)
        return len(range(0, len(mine), self.batch_size))

    def order(self, epoch: int) -> Tensor:
        """Return this process's windows in the order of one epoch."""
        import torch

        if not self.shuffle:  # judged once each, however many processes
            return torch.arange(len(self.windows))[self.rank :: self.processes]
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
        kind = torch.int32 if len(self.windows) < 2**31 else torch.int64  # the same permutation
        order = torch.randperm(len(self.windows), generator=generator, dtype=kind)
        if self.processes == 1:
            return order
        each = -(-len(order) // self.processes)
        return order[torch.arange(self.rank, each * self.processes, self.processes) % len(order)]

    def take(self, order: Tensor, number: int) -> Batch:
        return self.windows.batch(order[number * self.batch_size : (number + 1) * self.batch_size])

    def __iter__(self) -> Iterator[Batch]:
        order, last = self.order(self.epoch), len(self) - 1
        for number in range(self.position, last + 1):
            # counted before it is yielded: a state saved while the batch is in use counts it as used
            self.epoch, self.position = (self.epoch + 1, 0) if number == last else (self.epoch, number + 1)
            yield self.take(order, number)

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.epoch, self.position = state["epoch"], state["position"]
