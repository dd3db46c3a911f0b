"""Windows per second of training batches: latentcast's Loader against torch's DataLoader over a per-item Dataset.

The Dataset is the usual one: `__getitem__` slices the look-back and the target of one window from a tensor (and the
same of the calendar features); the DataLoader shuffles and stacks them into batches, with 0 and with 2 workers, and
the faster of the two counts. Both sides read the same standardised series, and give the same shapes. One torch thread
by default: where other processes hold the cores, several threads wait for each other on copies this small.
"""

import argparse
import statistics
import time
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks._harness import report, table
from latentcast.core.types import Batch
from latentcast.data.panel.build import build
from latentcast.data.panel.split import split
from latentcast.data.scaling.scaler import Scaler
from latentcast.data.sources.open import open_data
from latentcast.data.windows.windows import Loader, Windows, make_windows, window_starts
from latentcast.models.config.run import resolve_config

CLAIM = "the Loader supplies more windows a second than a DataLoader over a per-item Dataset"


class PerItem(Dataset[tuple[Tensor, ...]]):
    def __init__(self, series: Tensor, known: Tensor | None, windows: int, lookback: int, horizon: int) -> None:
        self.series, self.known, self.windows = series, known, windows
        self.lookback, self.horizon = lookback, horizon

    def __len__(self) -> int:
        return self.windows

    def __getitem__(self, start: int) -> tuple[Tensor, ...]:
        middle = start + self.lookback
        end = middle + self.horizon
        item = (self.series[start:middle], self.series[middle:end])
        if self.known is not None:
            item += (self.known[start:middle], self.known[middle:end])
        return item


def make(dataset: str, lookback: int, horizon: int, *, calendar: bool) -> Windows:
    source, defaults = open_data(dataset)
    run = resolve_config({"model": "dlinear", "lookback": lookback, "horizon": horizon}, defaults)
    panel = build(source.frame, run.data)
    parts = split(panel, run.data.split)
    starts = window_starts(panel, *parts.bounds("train"), lookback, horizon)
    scaler = Scaler.fit(panel, parts.train_end)
    targets = tuple(range(len(panel.channels)))
    return make_windows(panel, scaler, starts, lookback, horizon, targets=targets, with_known=calendar)


def sizes(batch: Batch | list[Tensor]) -> Iterator[int]:
    parts = batch if isinstance(batch, list) else [batch.past, batch.target, batch.past_known, batch.future_known]
    return (part.numel() for part in parts if part is not None)


def epoch(loader: Iterable[Any]) -> tuple[float, int]:
    """(windows per second over one whole epoch, numbers given)."""
    began, windows, numbers = time.perf_counter(), 0, 0
    for batch in loader:
        windows += len(batch[0]) if isinstance(batch, list) else len(batch)
        numbers += sum(sizes(batch))
    return windows / (time.perf_counter() - began), numbers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="ETTh1")
    parser.add_argument("--lookback", type=int, default=336)
    parser.add_argument("--horizon", type=int, default=96)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cases, rows = [], []
    for calendar in (False, True):
        windows = make(args.dataset, args.lookback, args.horizon, calendar=calendar)
        known = torch.from_numpy(windows.known.future.array) if windows.known.future is not None else None
        items = PerItem(torch.from_numpy(windows.values.array), known, len(windows), args.lookback, args.horizon)
        loaders: dict[str, Iterable[Any]] = {
            "latentcast": Loader(windows, args.batch, seed=1),
            "0 workers": DataLoader(items, args.batch, shuffle=True, num_workers=0),
            "2 workers": DataLoader(items, args.batch, shuffle=True, num_workers=2, persistent_workers=True),
        }
        rates: dict[str, list[float]] = {name: [] for name in loaders}
        for turn in range(args.repeats + 1):
            given = set()
            for name, loader in loaders.items():
                rate, numbers = epoch(loader)
                given.add(numbers)
                if turn:  # the first epoch warms up, and starts the workers
                    rates[name].append(rate)
            assert len(given) == 1, "both sides must give the same windows"
        medians = {name: statistics.median(values) for name, values in rates.items()}
        ratio = medians["latentcast"] / max(medians["0 workers"], medians["2 workers"])
        label = "values and calendar" if calendar else "values"
        cases.append(
            {
                "batches_hold": label,
                "channels": windows.values.width,
                "calendar_features": windows.known.future.width if windows.known.future is not None else 0,
                "windows": len(windows),
                "windows_per_second": {k: {"median": medians[k], "all": rates[k]} for k in rates},
                "ratio_to_the_faster_dataloader": ratio,
            }
        )
        rows.append([label, *(f"{medians[name]:,.0f}" for name in loaders), f"{ratio:.1f}x"])
    table(["windows/s", "latentcast", "DataLoader, 0 workers", "DataLoader, 2 workers", "ratio"], rows)
    report(
        CLAIM,
        {"ratio": 5},
        name="window_supply",
        found={"settings": {**vars(args), "warm_up_epochs": 1}, "cases": cases},
        threads=args.threads,
    )


if __name__ == "__main__":
    main()
