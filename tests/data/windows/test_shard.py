"""Shards of the windows make the batches of all windows together, each window once."""

import numpy as np
import pandas as pd
import pytest
import torch

from latentcast.data.panel.build import build
from latentcast.data.scaling.scaler import Scaler
from latentcast.data.settings import DataSettings
from latentcast.data.windows.shard import Shard, groups_of_items, shards_of
from latentcast.data.windows.windows import Windows, make_windows, window_starts


def cut(series: int, *, gaps: bool) -> tuple[Windows, np.ndarray]:
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=40)
    frames = [
        pd.DataFrame({"unique_id": f"s{n}", "ds": days[: 40 - 3 * n], "y": rng.normal(n, 1, 40 - 3 * n)})
        for n in range(series)
    ]
    frame = pd.concat(frames, ignore_index=True)
    if gaps:
        frame.loc[frame.index % 11 == 3, "y"] = np.nan
    panel = build(frame, DataSettings())
    scaler = Scaler.fit(panel, panel.lengths, DataSettings())
    starts = window_starts(panel, np.zeros(series, np.int64), panel.lengths, 5, 2)
    return make_windows(panel, scaler, starts, 5, 2, targets=(0,), with_known=True), panel.offsets


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize(("series", "count"), [(5, 1), (5, 2), (5, 3), (1, 2)])
def test_together_they_make_every_batch(series: int, count: int, gaps: bool) -> None:
    windows, offsets = cut(series, gaps=gaps)
    shards = shards_of(windows, offsets, groups_of_items(windows, series, count))
    assert sum(map(len, shards)) == len(windows)
    whole, loaders = windows.loader(8, seed=3), [shard.loader(8, seed=3) for shard in shards]
    assert [len(loader) for loader in loaders] == [len(whole)] * count
    for batch, parts in zip(whole, zip(*loaders, strict=True), strict=True):
        for name in ("past", "observed", "target", "target_observed", "past_known", "future_known", "phase"):
            wanted = getattr(batch, name)
            if wanted is None:
                assert all(getattr(part, name) is None for part in parts if len(part))
                continue
            found = [
                getattr(part, name) if getattr(part, name) is not None else torch.ones_like(part.past, dtype=torch.bool)
                for part in parts
                if len(part)
            ]
            assert rows(torch.cat(found)) == rows(wanted), name


def rows(values: torch.Tensor) -> list[list[float]]:
    """Windows in an order of their own."""
    return sorted(values.reshape(len(values), -1).double().tolist())


def test_each_validation_window_is_given_once() -> None:
    windows, offsets = cut(5, gaps=False)
    shards = shards_of(windows, offsets, groups_of_items(windows, 5, 2))
    found = [batch.past for shard in shards for batch in shard.loader(4, seed=0, shuffle=False)]
    assert torch.equal(torch.cat(found), windows.batch(np.arange(len(windows))).past)


def test_a_shard_holds_the_steps_of_its_series_alone() -> None:
    windows, offsets = cut(5, gaps=False)
    shards = shards_of(windows, offsets, groups_of_items(windows, 5, 2))
    assert all(isinstance(shard, Shard) for shard in shards)
    assert sum(len(shard.windows.values.array) for shard in shards) == len(windows.values.array)
