"""Windows of a panel, gathered a batch at a time from contiguous memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import torch
import torch.distributed
from numpy.typing import NDArray
from torch import Tensor

from latentcast.core.errors import SettingsError
from latentcast.core.interpolation import seasonally
from latentcast.core.protocols import Prompter
from latentcast.core.types import Batch, Scale
from latentcast.data.features.calendar import features
from latentcast.data.panel.annotations import Notes, of_windows
from latentcast.data.panel.panel import Panel
from latentcast.data.scaling.scaler import Scaler


class Block:
    """A [steps, width] array from which windows of one length are copied as whole rows.

    A window of `length` consecutive steps is one contiguous run of length · width numbers, so that the overlapping
    view [steps - length + 1, length · width] costs nothing and a batch is one gather of its rows. numpy does it on one
    thread: the copy is too short to be worth waking others, and waiting for them on a busy machine takes milliseconds.
    """

    def __init__(self, array: NDArray[Any], length: int) -> None:
        self.array = array = np.ascontiguousarray(array)
        steps, self.width = array.shape
        self.length = length
        rows = max(steps - length + 1, 0)
        shape, strides = (rows, length * self.width), (array.strides[0], array.itemsize)
        self.rows = np.lib.stride_tricks.as_strided(array, shape, strides, writeable=False)

    def gather(self, starts: NDArray[np.int64]) -> Tensor:
        """[windows] first steps → [windows, length, width], a copy."""
        return torch.from_numpy(self.rows[starts]).view(-1, self.length, self.width)


@dataclass(frozen=True)
class Windows:
    """Every window of one part of the data.

    series    [steps, channels] standardised values
    starts    [windows] first step of each window, an index into all steps
    items     [windows] the item that each window belongs to
    targets   positions of the forecast channels; None for all
    known     [steps, features] known in advance, or None when no part reads them
    observed  [steps, channels], or None when everything was observed
    shown     the same as a look-back shows it: where gaps were filled, only what stands before a short series is hidden
    season    where gaps are masked: what stands in them comes from the window itself, around its season
    carried   [steps, channels] where they are filled: with each gap filled by the last value before it; where a
              look-back ends in a gap it is read instead of `series`, whose fill may lean towards a value that lies
              after the origin
    static    [items, static] features of each series
    prompter  tells a language model of each window; `units` are the mean and deviation of each item for it, `said` the
              dated notes that it is told, by the `times` of all steps
    known_as  [items] number of each item among those of the fit, -1 of others; None where no model asks
    """

    series: Block
    starts: Tensor
    items: Tensor
    lookback: int
    horizon: int
    targets: Tensor | None = None
    known: Block | None = None
    observed: Block | None = None
    shown: Block | None = None
    season: int | None = None
    carried: Block | None = None
    prompter: Prompter | None = None
    units: Scale | None = None
    static: Tensor | None = None
    said: Notes | None = None
    times: NDArray[Any] | None = None
    known_as: Tensor | None = None

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def steps(self) -> int:
        return self.lookback + self.horizon

    @property
    def channels(self) -> int:
        return self.series.width

    def loader(self, batch_size: int, *, seed: int, shuffle: bool = True) -> "Loader":
        return Loader(self, batch_size, seed=seed, shuffle=shuffle)

    def batch(self, which: Tensor) -> Batch:
        """The windows number `which`, as one Batch of views into one gathered block."""
        starts = self.starts.numpy()[which.numpy()]
        past, target = self._two(self.series.gather(starts))
        seen = target_seen = past_known = future_known = None
        if self.observed is not None:
            seen, target_seen = self._two(self.observed.gather(starts))
            if self.season is not None and not seen.all():
                past = seasonally(past, seen, self.season)
            elif self.carried is not None and not seen[:, -1].all():
                carried = self.carried.gather(starts)[:, : self.lookback]
                past = torch.where(_after_last(seen), carried, past)
            if self.shown is not None:
                seen = self.shown.gather(starts)[:, : self.lookback]
            if seen.all():
                seen = None  # the fast and usual case
        if self.known is not None:
            known = self.known.gather(starts)
            past_known, future_known = known.split_with_sizes((self.lookback, self.horizon), 1)
        prompt = None
        items = self.items[which]
        if self.prompter is not None:
            units = None if self.units is None else Scale(self.units.loc[items], self.units.scale[items])
            told = None
            if self.times is not None:
                told = of_windows(self.said, self.times, starts, items.tolist(), self.lookback)
            prompt = self.prompter(past, seen, units, told)
        static = None if self.static is None else self.static[items]
        item = None if self.known_as is None else self.known_as[items]
        return Batch(past, seen, target, target_seen, past_known, future_known, prompt, static, item)

    def _two(self, window: Tensor) -> tuple[Tensor, Tensor]:
        past, future = window.split_with_sizes((self.lookback, self.horizon), 1)
        return past, future if self.targets is None else future[..., self.targets]

    def in_batches(self, size: int) -> Iterator[tuple[Tensor, Batch]]:
        """Every window once, in order: (numbers, Batch); the last batch is as short as it is."""
        for start in range(0, len(self), size):
            which = torch.arange(start, min(start + size, len(self)))
            yield which, self.batch(which)


def batch_size_for_memory(steps: int, channels: int, *, most: int = 512, stated: int | None = None) -> int:
    """Windows of `steps` steps that are judged together: at most `most`, and fewer where they are long.

    Raises SettingsError when fewer than one is `stated`.
    """
    if stated is not None and stated < 1:
        raise SettingsError(f"batch_size={stated}: wanted at least 1")
    return stated or max(1, min(most, 2**20 // (steps * channels)))


def _after_last(seen: Tensor) -> Tensor:
    """[batch, time, channel] observed → whether a step lies after the last observed one."""
    return seen.flip(1).cummax(1).values.flip(1).logical_not()


def _carried(series: NDArray[np.float32], panel: Panel) -> NDArray[np.float32]:
    """Gaps filled by the last value before them; by 0, the mean, where there is none."""
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
) -> tuple[Tensor, Tensor]:
    """(starts, items) of the windows whose targets lie wholly in steps [low, high) of each item.

    The look-back may reach back before `low`: those values are known when the forecast is made. With a stride above
    1 the last window of each item is always among them.
    """
    first = np.maximum(low - lookback, 0)
    last = high - horizon - lookback
    counts = np.maximum((last - first) // stride + 1, 0)
    items = np.repeat(np.arange(len(panel.ids)), counts)
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    within = last[items] - (counts[items] - 1 - number) * stride
    return torch.from_numpy(panel.offsets[:-1][items] + within), torch.from_numpy(items)


def make_windows(
    panel: Panel,
    scaler: Scaler,
    starts_items: tuple[Tensor, Tensor],
    lookback: int,
    horizon: int,
    *,
    targets: tuple[int, ...],
    with_known: bool,
    prompter: Prompter | None = None,
) -> Windows:
    length = lookback + horizon
    starts, items = starts_items
    series = scaler.apply(panel)
    static = None
    if scaler.effects is not None and scaler.effects.covariates.static:
        static = torch.from_numpy(scaler.effects.covariates.of_items(panel))
    return Windows(
        Block(series, length),
        starts,
        items,
        lookback,
        horizon,
        None if len(targets) == len(panel.channels) else torch.tensor(targets),
        Block(known_features(panel, scaler), length) if with_known else None,
        None if panel.complete else Block(panel.observed, length),
        None if panel.complete or panel.shown is panel.observed else Block(panel.shown, length),
        panel.season if panel.gaps == "mask" else None,
        None if panel.complete or panel.gaps == "mask" else Block(_carried(series, panel), length),
        prompter,
        None
        if prompter is None or scaler.transform is not None
        else Scale(*(torch.from_numpy(x).float()[:, None] for x in (scaler.mean, scaler.std))),
        static,
        panel.said,
        panel.times,
    )


def known_features(panel: Panel, scaler: Scaler) -> NDArray[np.float32]:
    """[steps, known] of the calendar, then of the covariates; of those that were found to explain nothing, zeros."""
    calendar = features(panel.clock.local(panel.times), panel.frequency)
    if scaler.effects is None:
        return calendar
    return np.concatenate([calendar, scaler.effects.features(panel)], axis=1)


def window_seeds(panel: Panel, starts: Tensor, items: Tensor, lookback: int, seed: int) -> Tensor:
    """[windows] seeds by series, stamp of the origin and `seed`: of a window, wherever it stands."""
    origins = panel.times[starts.numpy() + lookback - 1].astype(np.int64).view(np.uint64)
    names = np.array([crc32(name.encode()) for name in panel.ids], np.uint64)[items.numpy()]
    state = origins ^ (names << np.uint64(32)) ^ np.uint64(seed * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):  # splitmix64 (Steele et al. 2014)
        state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
    return torch.from_numpy(((state ^ (state >> np.uint64(31))) >> np.uint64(1)).astype(np.int64))


class Loader:
    """Batches of windows for training: shuffled per epoch by seed, resumable in the middle of an epoch.

    In several processes each takes its share of every epoch, all with the same number of batches.
    """

    def __init__(self, windows: Windows, batch_size: int, *, seed: int, shuffle: bool = True) -> None:
        self.windows, self.batch_size, self.seed, self.shuffle = windows, batch_size, seed, shuffle
        self.epoch = 0
        self.position = 0  # batches given in this epoch

    @staticmethod
    def _share() -> tuple[int, int]:
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            return torch.distributed.get_rank(), torch.distributed.get_world_size()
        return 0, 1

    def batches(self, processes: int) -> int:
        """Batches of an epoch in each of several processes."""
        return -(-len(range(0, len(self.windows), processes)) // self.batch_size)

    def __len__(self) -> int:
        rank, world = self._share()
        mine = range(0 if self.shuffle else rank, len(self.windows), world)
        return len(range(0, len(mine), self.batch_size))

    def order(self, epoch: int) -> Tensor:
        """The numbers of this process's windows, as they are met in one epoch."""
        rank, world = self._share()
        if not self.shuffle:  # judged once each, however many processes
            return torch.arange(len(self.windows))[rank::world]
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
        order = torch.randperm(len(self.windows), generator=generator)
        each = -(-len(order) // world)
        return order[torch.arange(rank, each * world, world) % len(order)]

    def take(self, order: Tensor, number: int) -> Batch:
        return self.windows.batch(order[number * self.batch_size : (number + 1) * self.batch_size])

    def __iter__(self) -> Iterator[Batch]:
        order, last = self.order(self.epoch), len(self) - 1
        for number in range(self.position, last + 1):
            # counted before it is given: a state saved while the batch is in use says that it was used
            self.epoch, self.position = (self.epoch + 1, 0) if number == last else (self.epoch, number + 1)
            yield self.take(order, number)

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.epoch, self.position = state["epoch"], state["position"]
