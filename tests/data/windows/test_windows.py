"""Windows: a batch gathered at once equals slices taken one by one, and every window is met exactly once."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from latentcast.core.settings import validate
from latentcast.data.features.calendar import features
from latentcast.data.panel.build import build
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import split
from latentcast.data.scaling.scaler import Scaler
from latentcast.data.settings import DataSettings
from latentcast.data.sources.catalog import find, load
from latentcast.data.windows.block import Block
from latentcast.data.windows.windows import Loader, Windows, make_windows, window_starts


def panel_of(lengths: list[int], channels: int = 1, holes: bool = False) -> Panel:
    if channels > 1:
        (n,) = lengths
        table = pd.DataFrame(np.random.default_rng(0).normal(size=(n, channels))).rename(columns=str)
        table.insert(0, "ds", pd.date_range("2024-01-01", periods=n, freq="h"))
    else:
        hours = [pd.date_range("2024-01-01", periods=n, freq="h") for n in lengths]
        table = pd.concat(
            [
                pd.DataFrame({"unique_id": f"s{i}", "ds": ds, "y": np.arange(len(ds)) + 1000.0 * i})
                for i, ds in enumerate(hours)
            ]
        )
    if holes:
        table.iloc[3, -1] = np.nan
    return build(table, validate(DataSettings, {"freq": "h"}))


def windows_of(panel: Panel, lookback: int, horizon: int, targets: tuple[int, ...] | None = None) -> Windows:
    starts = window_starts(panel, np.zeros_like(panel.lengths), panel.lengths, lookback, horizon)
    every = tuple(range(len(panel.channels)))
    return make_windows(
        panel, Scaler.identity(panel), starts, lookback, horizon, targets=targets or every, with_known=True
    )


def naive_starts(low: int, high: int, lookback: int, horizon: int, stride: int) -> list[int]:
    """Where a look-back may begin so that the targets lie in [low, high), counted from the last one back."""
    fits = [s for s in range(high) if s + lookback >= low and s + lookback + horizon <= high]
    return fits[::-1][::stride][::-1]


@pytest.mark.parametrize("freq", ["h", "15min", "D"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns", "+05:30", "UTC", None])
def test_calendar_features_are_those_of_local_clocks(freq: str, zone: str | None) -> None:
    ds = pd.date_range("2024-03-30", periods=200, freq=freq, tz=zone)  # across summer time in Berlin
    panel = build(pd.DataFrame({"ds": ds, "a": np.arange(200.0)}), DataSettings())
    panel = panel.cut(np.array([150])).extended(50)  # a forecast's room too
    windows = windows_of(panel, 150, 50)
    assert windows.known.future is not None
    np.testing.assert_array_equal(
        windows.known.future.array, features(ds.tz_localize(None).to_numpy(), panel.frequency)
    )


@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 45), st.data())
def test_a_block_gathers_what_slices_give(steps: int, width: int, length: int, data) -> None:  # type: ignore[no-untyped-def]
    array = np.arange(steps * width, dtype=np.float32).reshape(steps, width)
    block = Block(array, length)
    if length > steps:
        assert len(block.rows) == 0
        return
    starts = data.draw(st.lists(st.integers(0, steps - length), max_size=10))
    gathered = block.gather(np.array(starts, dtype=np.int64))
    assert gathered.shape == (len(starts), length, width)
    for window, start in zip(gathered, starts, strict=True):
        np.testing.assert_array_equal(window, array[start : start + length])


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=4),
    st.integers(1, 8),
    st.integers(1, 6),
    st.integers(1, 7),
)
def test_window_starts_are_those_whose_targets_lie_in_the_part(items, lookback: int, horizon: int, stride: int) -> None:  # type: ignore[no-untyped-def]
    panel = panel_of([n for n, _, _ in items])
    bounds = np.array([sorted((min(a, n), min(b, n))) for n, a, b in items])
    starts, found = window_starts(panel, bounds[:, 0], bounds[:, 1], lookback, horizon, stride)
    expected = [
        (item, int(panel.offsets[item]) + start)
        for item, (low, high) in enumerate(bounds)
        for start in naive_starts(low, high, lookback, horizon, stride)
    ]
    assert list(zip(found.tolist(), starts.tolist(), strict=True)) == expected


@given(st.lists(st.integers(1, 25), min_size=1, max_size=5), st.integers(1, 6), st.integers(1, 4))
def test_no_window_crosses_from_one_series_into_another(lengths: list[int], lookback: int, horizon: int) -> None:
    windows = windows_of(panel_of(lengths), lookback, horizon)
    assert len(windows) == sum(max(n - lookback - horizon + 1, 0) for n in lengths)
    for which, batch in windows.in_batches(3):
        both = torch.cat([batch.past, batch.target], dim=1)[..., 0]
        assert (both.diff(dim=1) == 1).all()  # one count, without a jump of a thousand
        assert torch.equal(both[:, 0] // 1000, torch.from_numpy(windows.items[which]).float())


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("targets", [None, (2,), (0, 3)])
def test_a_batch_equals_slices_of_the_panel(holes: bool, targets: tuple[int, ...] | None) -> None:
    panel = panel_of([40], channels=5, holes=holes)
    lookback, horizon = 7, 3
    windows = windows_of(panel, lookback, horizon, targets)
    which = torch.tensor([30, 0, 11, 11])
    batch = windows.batch(which)
    chosen = list(targets or range(5))
    values, known = (
        torch.tensor(panel.values, dtype=torch.float32),
        torch.tensor(features(panel.times, panel.frequency)),
    )
    observed = torch.tensor(panel.observed)
    assert (batch.target_observed is None) == (not holes)
    seen = torch.stack([observed[start : start + lookback] for start in which.tolist()])
    assert (batch.observed is None) == bool(seen.all())
    for row, start in enumerate(which.tolist()):
        middle, end = start + lookback, start + lookback + horizon
        there = observed[start:middle]
        assert torch.equal(batch.past[row][there], values[start:middle][there])
        assert torch.equal(batch.target[row], values[middle:end, chosen])
        assert torch.equal(batch.past_known[row], known[start:middle])
        assert torch.equal(batch.future_known[row], known[middle:end])
        if holes:
            assert batch.observed is None or torch.equal(batch.observed[row], observed[start:middle])
            assert torch.equal(batch.target_observed[row], observed[middle:end, chosen])


def test_features_are_left_out_when_nobody_reads_them() -> None:
    panel = panel_of([20])
    starts = window_starts(panel, np.array([0]), panel.lengths, 4, 2)
    windows = make_windows(panel, Scaler.identity(panel), starts, 4, 2, targets=(0,), with_known=False)
    batch = windows.batch(torch.arange(3))
    assert batch.past_known is None
    assert batch.future_known is None


@pytest.mark.parametrize("size", [1, 4, 512])
def test_in_batches_meets_every_window_once_in_order(size: int) -> None:
    windows = windows_of(panel_of([30]), 5, 2)
    seen = np.concatenate([which for which, _ in windows.in_batches(size)])
    assert seen.tolist() == list(range(len(windows)))


def test_counts_of_etth1(data_folder: Path) -> None:
    dataset = find("ETTh1")
    settings = validate(DataSettings, dataset.defaults)
    panel = build(load(dataset).frame, settings)
    parts = split(panel, settings.split)
    counts = {name: len(window_starts(panel, *parts.bounds(name), 336, 96)[0]) for name in ("train", "val", "test")}
    assert counts == {"train": 8209, "val": 2785, "test": 2785}


# the loader


def flat(epoch: list[list[int]]) -> list[int]:
    return [number for batch in epoch for number in batch]


def firsts(loader: Loader) -> list[list[int]]:
    """One epoch: the first value of each window, which is its number."""
    return [batch.past[:, 0, 0].int().tolist() for batch in loader]


@given(st.integers(8, 40), st.integers(1, 12), st.integers(0, 2**40))
def test_an_epoch_holds_each_window_once_in_an_order_of_its_own(n: int, size: int, seed: int) -> None:
    windows = windows_of(panel_of([n]), 4, 2)
    loader = Loader(windows, size, seed=seed)
    first, second = firsts(loader), firsts(loader)
    for epoch in (first, second):
        assert sorted(flat(epoch)) == list(range(len(windows)))
        assert len(epoch) == len(loader) == -(-len(windows) // size)
        assert all(len(batch) == size for batch in epoch[:-1])
    again = Loader(windows, size, seed=seed)
    assert (firsts(again), firsts(again)) == (first, second)
    if len(windows) > 10:
        assert flat(first) != flat(second)
        assert flat(first) != flat(firsts(Loader(windows, size, seed=seed + 1)))


@given(st.integers(0, 30))
def test_a_state_saved_anywhere_goes_on_exactly_there(taken: int) -> None:
    windows = windows_of(panel_of([40]), 4, 2)
    whole = Loader(windows, 5, seed=3)
    expected = [batch for _ in range(6) for batch in firsts(whole)]
    loader, given_out = Loader(windows, 5, seed=3), []
    while len(given_out) < taken:
        for batch in loader:
            given_out.append(batch.past[:, 0, 0].int().tolist())
            if len(given_out) >= taken:
                break
    resumed = Loader(windows, 5, seed=3)
    resumed.load_state_dict(loader.state_dict())
    while len(given_out) < 4 * len(whole):
        given_out += firsts(resumed)
    assert given_out[: 4 * len(whole)] == expected[: 4 * len(whole)]


def test_without_shuffling_windows_come_in_order() -> None:
    windows = windows_of(panel_of([20]), 4, 2)
    loader = Loader(windows, 4, seed=0, shuffle=False)
    assert flat(firsts(loader)) == list(range(15))
    assert len(loader) == 4


@pytest.mark.parametrize("world", [1, 2, 3, 4, 20])
def test_processes_share_an_epoch(world: int) -> None:
    windows = windows_of(panel_of([18]), 4, 2)  # 13 windows
    shared: dict[bool, list[list[list[int]]]] = {True: [], False: []}
    for shuffle, epochs in shared.items():
        for rank in range(world):
            loader = Loader(windows, 2, seed=0, shuffle=shuffle, share=(rank, world))
            epochs.append(firsts(loader))
            assert len(loader) == len(epochs[-1])
    assert {x for epoch in shared[True] for batch in epoch for x in batch} == set(range(13))
    assert len({len(epoch) for epoch in shared[True]}) == 1  # the same number of steps for each
    assert sorted(x for epoch in shared[False] for batch in epoch for x in batch) == list(range(13))
