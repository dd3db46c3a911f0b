"""Windows of a panel, gathered a batch at a time from contiguous memory."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
import torch.distributed
from numpy.typing import NDArray
from torch import Tensor

from latentcast.data.calendar import features
from latentcast.data.panel import Panel
from latentcast.data.scaler import Scaler
from latentcast.types import Batch


class Block:
    """A [steps, width] array from which windows of one length are copied as whole rows.

    A window of `length` consecutive steps is one contiguous run of length · width numbers, so that the overlapping
    view [steps - length + 1, length · width] costs nothing and a batch is one `index_select` on it.
    """

    def __init__(self, array: Tensor, length: int) -> None:
        steps, self.width = array.shape
        self.length = length
        self.base = array.contiguous()
        rows = max(steps - length + 1, 0)
        self.rows = self.base.reshape(-1).as_strided((rows, length * self.width), (self.width, 1))

    def gather(self, starts: Tensor) -> Tensor:
        return self.rows.index_select(0, starts).view(len(starts), self.length, self.width)


@dataclass(frozen=True)
class Windows:
    """Every window of one part of the data.

    series    [steps, channels] standardised values
    starts    [windows] first step of each window, an index into all steps
    items     [windows] the item that each window belongs to
    targets   positions of the forecast channels; None for all
    known     [steps, features] known in advance, or None when no part reads them
    observed  [steps, channels], or None when everything was observed
    """

    series: Block
    starts: Tensor
    items: Tensor
    lookback: int
    horizon: int
    targets: Tensor | None = None
    known: Block | None = None
    observed: Block | None = None

    def __len__(self) -> int:
        return len(self.starts)

    def batch(self, which: Tensor) -> Batch:
        """The windows number `which`, as one Batch of views into one gathered block."""
        starts = self.starts.index_select(0, which)
        past, target = self._two(self.series.gather(starts))
        seen = target_seen = past_known = future_known = None
        if self.observed is not None:
            seen, target_seen = self._two(self.observed.gather(starts))
        if self.known is not None:
            known = self.known.gather(starts)
            past_known, future_known = known[:, : self.lookback], known[:, self.lookback :]
        return Batch(past, seen, target, target_seen, past_known, future_known)

    def _two(self, window: Tensor) -> tuple[Tensor, Tensor]:
        future = window[:, self.lookback :]
        return window[:, : self.lookback], future if self.targets is None else future[..., self.targets]

    def __iter__(self) -> Iterator[tuple[Tensor, Batch]]:
        """Every window once, in order, in batches of a size that suits memory: (numbers, Batch)."""
        return self.in_batches(512)

    def in_batches(self, size: int) -> Iterator[tuple[Tensor, Batch]]:
        for which in torch.arange(len(self)).split(size):
            yield which, self.batch(which)

    def only(self, which: Tensor) -> Self:
        return replace(self, starts=self.starts[which], items=self.items[which])


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
) -> Windows:
    length = lookback + horizon
    starts, items = starts_items
    return Windows(
        Block(torch.from_numpy(scaler.apply(panel)), length),
        starts,
        items,
        lookback,
        horizon,
        None if len(targets) == len(panel.channels) else torch.tensor(targets),
        Block(torch.from_numpy(features(panel.times, panel.frequency)), length) if with_known else None,
        None if panel.complete else Block(torch.from_numpy(panel.observed), length),
    )


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

    def __len__(self) -> int:
        rank, world = self._share()
        mine = range(0 if self.shuffle else rank, len(self.windows), world)
        return len(range(0, len(mine), self.batch_size))

    def _order(self) -> Tensor:
        rank, world = self._share()
        if not self.shuffle:  # judged once each, however many processes
            return torch.arange(rank, len(self.windows), world)
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + self.epoch) % 2**63)
        order = torch.randperm(len(self.windows), generator=generator)
        each = -(-len(order) // world)
        return order[torch.arange(rank, each * world, world) % len(order)]

    def __iter__(self) -> Iterator[Batch]:
        batches = self._order().split(self.batch_size)
        for number in range(self.position, len(batches)):
            # counted before it is given: a state saved while the batch is in use says that it was used
            ended = number + 1 == len(batches)
            self.epoch, self.position = (self.epoch + 1, 0) if ended else (self.epoch, number + 1)
            yield self.windows.batch(batches[number])

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.epoch, self.position = state["epoch"], state["position"]
