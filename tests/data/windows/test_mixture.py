"""Batches of several datasets: each window met as it should be, in an order that can be taken up anywhere."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentcast.core.settings import validate
from latentcast.data.panel.build import build
from latentcast.data.scaling.scaler import Scaler
from latentcast.data.settings import DataSettings
from latentcast.data.windows.mixture import Mix, MixedLoader
from latentcast.data.windows.windows import Loader, Windows, make_windows, window_starts

Given = list[tuple[int, list[int]]]  # batches: the dataset, and its windows' numbers


def windows_of(windows: int, which: int = 0, channels: int = 1) -> Windows:
    """A window's first value is its number, and a thousand for each dataset before it."""
    n = windows + 5
    table = pd.DataFrame({f"c{i}": np.arange(n) + 1000.0 * which for i in range(channels)})
    table.insert(0, "ds", pd.date_range("2024-01-01", periods=n, freq="h"))
    panel = build(table, validate(DataSettings, {}))
    starts = window_starts(panel, np.zeros_like(panel.lengths), panel.lengths, 4, 2)
    every = tuple(range(channels))
    return make_windows(panel, Scaler.identity(panel), starts, 4, 2, targets=every, with_known=False)


def mix_of(*sizes: int, weights: tuple[float, ...] | None = None) -> Mix:
    return Mix(tuple(windows_of(n, which, 1 + which) for which, n in enumerate(sizes)), weights)


def epoch_of(loader: MixedLoader) -> Given:
    found = []
    for batch in loader:
        firsts = batch.past[:, 0, 0].int()
        (which,) = set((firsts // 1000).tolist())  # every batch comes from one dataset
        assert batch.past.shape[2] == 1 + which
        found.append((which, (firsts % 1000).tolist()))
    return found


def met(epoch: Given, which: int) -> list[int]:
    return [number for its, batch in epoch if its == which for number in batch]


@pytest.mark.slow
@given(st.lists(st.integers(1, 30), min_size=1, max_size=4), st.integers(1, 9), st.integers(0, 2**40))
def test_without_weights_every_window_is_met_once_an_epoch(sizes: list[int], size: int, seed: int) -> None:
    loader = mix_of(*sizes).loader(size, seed=seed)
    first, second = epoch_of(loader), epoch_of(loader)
    for epoch in (first, second):
        assert len(epoch) == len(loader) == sum(-(-n // size) for n in sizes)
        for which, n in enumerate(sizes):
            assert sorted(met(epoch, which)) == list(range(n))
    again = mix_of(*sizes).loader(size, seed=seed)
    assert (epoch_of(again), epoch_of(again)) == (first, second)


def test_the_order_of_the_datasets_is_drawn_anew_for_each_epoch_and_seed() -> None:
    def plan(epoch: Given) -> list[int]:
        return [which for which, _ in epoch]

    loader = mix_of(60, 60).loader(2, seed=0)
    first, second = epoch_of(loader), epoch_of(loader)
    assert plan(first) != plan(second)
    assert plan(first) != sorted(plan(first))
    assert plan(first) != plan(epoch_of(mix_of(60, 60).loader(2, seed=1)))
    assert met(first, 0) != met(first, 1)  # nor are two datasets of one size met in the same order


def test_one_dataset_is_met_as_by_the_plain_loader() -> None:
    mixed, plain = Mix((windows_of(23),)).loader(4, seed=5), Loader(windows_of(23), 4, seed=5)
    for _ in range(3):
        assert [batch for _, batch in epoch_of(mixed)] == [b.past[:, 0, 0].int().tolist() for b in plain]


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.integers(1, 30), st.floats(0.1, 9)), min_size=2, max_size=3),
    st.integers(1, 6),
    st.integers(0, 9),
)
def test_weights_are_shares_of_the_batches_and_no_window_comes_again_too_early(pairs, size: int, seed: int) -> None:  # type: ignore[no-untyped-def]
    sizes, weights = zip(*pairs, strict=True)
    loader = mix_of(*sizes, weights=weights).loader(size, seed=seed)
    whole = sum(-(-n // size) for n in sizes)
    epochs = [epoch_of(loader) for _ in range(4)]
    for epoch in epochs:
        counts = Counter(which for which, _ in epoch)
        for which, weight in enumerate(weights):
            assert abs(counts[which] - whole * weight / sum(weights)) <= 0.5 + 1e-9 or counts[which] == 1
    for which, n in enumerate(sizes):
        stream = [number for epoch in epochs for number in met(epoch, which)]
        for begin in range(0, len(stream) - n + 1, n):
            assert sorted(stream[begin : begin + n]) == list(range(n))
        seen = Counter(stream)
        assert max(seen.values()) - min(seen.get(number, 0) for number in range(n)) <= 1


@pytest.mark.slow
@given(st.integers(0, 60), st.sampled_from([None, (1.0, 5.0, 2.0)]))
def test_a_state_saved_anywhere_goes_on_exactly_there(taken: int, weights: tuple[float, ...] | None) -> None:
    mix = mix_of(20, 7, 11, weights=weights)
    whole = mix.loader(3, seed=3)
    expected = [batch for _ in range(8) for batch in epoch_of(whole)]
    loader, given_out = mix.loader(3, seed=3), 0
    while given_out < taken:
        for _ in loader:
            given_out += 1
            if given_out >= taken:
                break
    resumed = mix.loader(3, seed=3)
    resumed.load_state_dict(loader.state_dict())
    rest = [batch for _ in range(2) for batch in epoch_of(resumed)]
    assert rest == expected[taken : taken + len(rest)]
    assert len(rest) > len(whole)


def test_judged_are_all_windows_once_in_order_whatever_the_weights() -> None:
    epoch = epoch_of(mix_of(10, 3, weights=(1.0, 50.0)).loader(4, seed=0, shuffle=False))
    assert epoch == [(0, [0, 1, 2, 3]), (0, [4, 5, 6, 7]), (0, [8, 9]), (1, [0, 1, 2])]


@pytest.mark.parametrize("weights", [None, (2.0, 1.0)])
@pytest.mark.parametrize("world", [1, 2, 3, 20])
def test_processes_share_an_epoch(world: int, weights: tuple[float, ...] | None) -> None:
    mix = mix_of(13, 6, weights=weights)
    for shuffle in (True, False):
        epochs = []
        for rank in range(world):
            loader = mix.loader(2, seed=0, shuffle=shuffle, share=(rank, world))
            epochs.append(epoch_of(loader))
            assert len(loader) == len(epochs[-1])
        if shuffle:  # the same number of steps for each, from the same dataset at the same time
            assert len({tuple(which for which, _ in epoch) for epoch in epochs}) == 1
        if weights is None or not shuffle:
            for which, n in enumerate((13, 6)):
                every = [number for epoch in epochs for number in met(epoch, which)]
                assert set(every) == set(range(n))
                assert shuffle or len(every) == n


def test_the_widest_of_several_is_what_memory_is_planned_for() -> None:
    mix = mix_of(5, 6)
    assert (len(mix), mix.steps, mix.channels) == (11, 6, 2)
