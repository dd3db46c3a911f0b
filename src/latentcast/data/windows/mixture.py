"""Windows of several datasets; each batch comes from one of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from latentcast.core.types import Batch
from latentcast.data.windows.windows import WHOLE, Loader, Share, Windows

APART = 7_919  # between the seeds of two datasets


@dataclass(frozen=True)
class Mix:
    """The windows of one part of several datasets, all of one look-back and horizon.

    weights  relative share of batches from each; None: as many as its windows fill
    """

    sets: tuple[Windows, ...]
    weights: tuple[float, ...] | None = None

    def __len__(self) -> int:
        return sum(map(len, self.sets))

    @property
    def steps(self) -> int:
        return self.sets[0].steps

    @property
    def channels(self) -> int:
        """The most that a window has."""
        return max(windows.channels for windows in self.sets)

    def loader(self, batch_size: int, *, seed: int, shuffle: bool = True, share: Share = WHOLE) -> "MixedLoader":
        return MixedLoader(self, batch_size, seed=seed, shuffle=shuffle, share=share)


class MixedLoader:
    """As `Loader`, over several datasets; which one a batch comes from is drawn anew for each epoch.

    Without weights every window of every dataset is met once an epoch. With weights an epoch has about as many batches
    as without, and at least one of each dataset; the batches of one dataset go on where those of the epoch before
    ended, so that none of its windows is met again before all of them were. What is given is a function of the seed,
    the epoch and the position in it alone.
    """

    def __init__(self, mix: Mix, batch_size: int, *, seed: int, shuffle: bool = True, share: Share = WHOLE) -> None:
        self.weights, self.seed, self.shuffle = mix.weights if shuffle else None, seed, shuffle
        self.loaders = [
            Loader(windows, batch_size, seed=seed + number * APART, shuffle=shuffle, share=share)
            for number, windows in enumerate(mix.sets)
        ]
        self.epoch = 0
        self.position = 0  # batches given in this epoch

    def _counts(self, whole: list[int]) -> list[int]:
        """Batches of each dataset in an epoch; `whole` are those that all of its windows fill."""
        if self.weights is None:
            return whole
        share = sum(whole) / sum(self.weights)
        return [max(1, round(share * weight)) for weight in self.weights]

    def __len__(self) -> int:
        return sum(self._counts([len(loader) for loader in self.loaders]))

    def _plan(self, counts: list[int]) -> Tensor:
        """[batches] the dataset of each; the same in every process."""
        plan = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
        if not self.shuffle:
            return plan
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + self.epoch) % 2**63)
        return plan[torch.randperm(len(plan), generator=generator)]

    def __iter__(self) -> Iterator[Batch]:
        whole = [len(loader) for loader in self.loaders]
        counts, epoch = self._counts(whole), self.epoch
        plan = self._plan(counts).tolist()
        given = [epoch * count for count in counts]  # batches of each dataset in the epochs before
        for which in plan[: self.position]:
            given[which] += 1
        orders: dict[int, tuple[int, Tensor]] = {}
        for number in range(self.position, len(plan)):
            which = plan[number]
            loader = self.loaders[which]
            times, at = divmod(given[which], whole[which])  # how often all of it was met, and how far it is now
            if which not in orders or orders[which][0] != times:
                orders[which] = times, loader.order(times)
            given[which] += 1
            # counted before it is given, as in Loader
            self.epoch, self.position = (epoch + 1, 0) if number == len(plan) - 1 else (epoch, number + 1)
            yield loader.take(orders[which][1], at)

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.epoch, self.position = state["epoch"], state["position"]
