"""Windows of some of the series, which take part in the batches of all series."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latentcast.data.windows.block import Block
from latentcast.data.windows.windows import WHOLE, KnownFeatures, Masks, Share, Windows

if TYPE_CHECKING:
    from torch import Tensor

    from latentcast.core.types import Batch


@dataclass(frozen=True)
class Shard:
    """The windows of some series among those of all.

    Attributes
    ----------
    windows
        The windows of this shard, cut from the steps of its own series alone.
    numbers
        [windows], ascending: the number of each among all windows.
    total
        Windows of all shards.
    """

    windows: Windows
    numbers: NDArray[np.int64]
    total: int

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def steps(self) -> int:
        """Steps of a window: look-back and horizon."""
        return self.windows.steps

    @property
    def channels(self) -> int:
        """Channels of a window."""
        return self.windows.channels

    def loader(self, batch_size: int, *, seed: int, shuffle: bool = True, share: Share = WHOLE) -> ShardLoader:
        """This shard's part of the batches of all windows, whatever the share: it belongs to one process."""
        return ShardLoader(self, batch_size, seed=seed, shuffle=shuffle)


class ShardLoader:
    """Goes through the batches that one process with all windows would make, and gives what is in this shard of each.

    A batch may hold none of its windows. Without shuffling its own windows are given once each.
    """

    def __init__(self, shard: Shard, batch_size: int, *, seed: int, shuffle: bool = True) -> None:
        self.shard, self.batch_size, self.seed, self.shuffle = shard, batch_size, seed, shuffle
        self.epoch = 0
        self.position = 0  # batches given in this epoch

    def __len__(self) -> int:
        return math.ceil((self.shard.total if self.shuffle else len(self.shard)) / self.batch_size)

    def order(self, epoch: int) -> Tensor:
        """Numbers of all windows in the order of one epoch."""
        import torch

        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
        return torch.randperm(self.shard.total, generator=generator)

    def __iter__(self) -> Iterator[Batch]:
        if not self.shuffle:
            for _, batch in self.shard.windows.in_batches(self.batch_size):
                yield batch
            return
        order, last = self.order(self.epoch).numpy(), len(self) - 1
        for number in range(self.position, last + 1):
            self.epoch, self.position = (self.epoch + 1, 0) if number == last else (self.epoch, number + 1)
            asked = order[number * self.batch_size : (number + 1) * self.batch_size]
            place = np.minimum(np.searchsorted(self.shard.numbers, asked), len(self.shard) - 1)
            yield self.shard.windows.batch(place[self.shard.numbers[place] == asked])

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.epoch, self.position = state["epoch"], state["position"]


def shards_of(windows: Windows, offsets: NDArray[np.int64], held: NDArray[np.int64]) -> list[Shard]:
    """The windows in one shard for each group of consecutive items: [shards + 1] first items, from 0 to all of them.

    Where there are fewer items than shards, or prompts quote notes by the number of an item, each shard has every
    step, and one window of so many.
    """
    count = len(held) - 1
    if windows.prompting is not None or (np.diff(held) == 0).any():
        numbers = [np.arange(number, len(windows), count) for number in range(count)]
        return [
            Shard(replace(windows, starts=windows.starts[own], items=windows.items[own]), own, len(windows))
            for own in numbers
        ]
    return [_of_items(windows, offsets, int(held[n]), int(held[n + 1])) for n in range(count)]


def groups_of_items(windows: Windows, items: int, count: int) -> NDArray[np.int64]:
    """[count + 1] first items of groups of consecutive items with about the same number of windows."""
    each = np.bincount(windows.items, minlength=items)
    group = (np.cumsum(each) - each) * count // max(int(each.sum()), 1)
    return np.append(np.searchsorted(group, np.arange(count)), items).astype(np.int64)


def _of_items(windows: Windows, offsets: NDArray[np.int64], first: int, last: int) -> Shard:
    """The windows of items first … last - 1, with the steps of these items alone."""
    kept = np.flatnonzero((windows.items >= first) & (windows.items < last))
    low, high, length = int(offsets[first]), int(offsets[last]), windows.steps

    def steps(block: Block | None) -> Any:
        return None if block is None else Block(block.array[low:high].copy(), length)

    own = replace(
        windows,
        values=steps(windows.values),
        starts=windows.starts[kept] - low,
        items=windows.items[kept] - first,
        masks=_masks(windows.masks, steps, low, high, first, last),
        known=_known(windows.known, steps, low, high, first, last),
    )
    return Shard(own, kept, len(windows))


def _masks(masks: Masks | None, steps: Any, low: int, high: int, first: int, last: int) -> Masks | None:
    if masks is None:
        return None
    silence = masks.silence
    if silence is not None:
        silence = replace(
            silence,
            values=silence.values[low:high],
            observed=silence.observed[low:high],
            offsets=silence.offsets[first : last + 1] - low,
        )
    return replace(
        masks, observed=steps(masks.observed), shown=steps(masks.shown), carried=steps(masks.carried), silence=silence
    )


def _known(known: KnownFeatures, steps: Any, low: int, high: int, first: int, last: int) -> KnownFeatures:
    units = known.units
    return replace(
        known,
        future=steps(known.future),
        static=None if known.static is None else known.static[first:last],
        item_numbers=None if known.item_numbers is None else known.item_numbers[first:last],
        units=None if units is None else replace(units, loc=units.loc[first:last], scale=units.scale[first:last]),
        calendar=None if known.calendar is None else (known.calendar[0][low:high], known.calendar[1]),
    )
