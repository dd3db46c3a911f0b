"""Sums over windows against windows that are built."""

import numpy as np
import pytest

from latentcast.layers.gram import Runs, WindowSums, window_sums

STARTS = np.array([0, 1, 2, 3, 8, 9, 20, 30, 31, 32, 33, 51])
WIDTH = 9


def series(steps: int = 60, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((steps, channels)).cumsum(0)


def built(values: np.ndarray, starts: np.ndarray, weights: np.ndarray) -> WindowSums:
    windows = np.stack([values[start : start + WIDTH] for start in starts])
    gram = np.einsum("w,wic,wjc->cij", weights, windows, windows)
    return WindowSums(
        gram,
        np.einsum("w,wic->ci", weights, windows**2),
        np.einsum("w,wic->ci", weights, windows),
        np.full(values.shape[1], weights.sum()),
    )


def assert_same(found: WindowSums, expected: WindowSums) -> None:
    for ours, theirs in zip(found.parts(), expected.parts(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-10)


def test_sums_of_three_windows_by_hand() -> None:
    found = window_sums(np.array([[1.0], [2.0], [3.0], [5.0]]), Runs.of_starts(np.array([0, 1, 2])), 2)
    np.testing.assert_allclose(found.gram[0], [[1 + 4 + 9, 2 + 6 + 15], [2 + 6 + 15, 4 + 9 + 25]])
    np.testing.assert_allclose(found.total[0], [6, 10])
    np.testing.assert_allclose(found.squares[0], [14, 38])
    assert found.weight == [3]


def test_starts_are_grouped_into_runs_and_given_back() -> None:
    runs = Runs.of_starts(STARTS)
    assert runs.first.tolist() == [0, 8, 20, 30, 51]
    assert runs.last.tolist() == [3, 9, 20, 33, 51]
    assert runs.windows == len(STARTS)
    assert runs.starts().tolist() == STARTS.tolist()
    assert runs.where(STARTS % 2 == 0).starts().tolist() == [0, 2, 8, 20, 30, 32]
    assert Runs.of_starts(STARTS[:0]).windows == 0


def test_sums_are_those_of_built_windows() -> None:
    assert_same(window_sums(series(), Runs.of_starts(STARTS), WIDTH), built(series(), STARTS, np.ones(len(STARTS))))


@pytest.mark.parametrize("kept", [STARTS % 2 == 0, STARTS > 100, STARTS == 51])
def test_any_selection_of_windows(kept: np.ndarray) -> None:
    found = window_sums(series(), Runs.of_starts(STARTS).where(kept), WIDTH)
    if not kept.any():
        assert not any(part.any() for part in found.parts())
        return
    assert_same(found, built(series(), STARTS[kept], np.ones(int(kept.sum()))))


def test_only_the_rows_of_the_look_back() -> None:
    whole = window_sums(series(), Runs.of_starts(STARTS), WIDTH)
    part = window_sums(series(), Runs.of_starts(STARTS), WIDTH, rows=4)
    np.testing.assert_allclose(part.gram, whole.gram[:, :4])
    np.testing.assert_allclose(part.squares, whole.squares)


def test_channels_of_a_group_are_added() -> None:
    groups = np.array([1, 0, 1])
    apart = window_sums(series(), Runs.of_starts(STARTS), WIDTH)
    together = window_sums(series(), Runs.of_starts(STARTS), WIDTH, groups=groups)
    for ours, each in zip(together.parts(), apart.parts(), strict=True):
        np.testing.assert_allclose(ours, [each[1], each[0] + each[2]], rtol=1e-12)


def test_weights_decay_from_the_newest_window_of_a_run() -> None:
    runs = Runs(np.array([2, 30]), np.array([9, 41]), np.array([9, 45]))
    starts = runs.starts()
    weights = 0.9 ** np.concatenate([9 - starts[:8], 45 - starts[8:]])
    assert_same(window_sums(series(), runs, WIDTH, decay=0.9), built(series(), starts, weights))


def test_sums_of_two_halves_add_up_to_those_of_the_whole() -> None:
    first, second = np.arange(0, 20), np.arange(20, 52)
    halves = [window_sums(series(), Runs.of_starts(starts), WIDTH) for starts in (first, second)]
    whole = window_sums(series(), Runs.of_starts(np.arange(52)), WIDTH)
    assert_same(halves[0] + halves[1], whole)
    assert_same(whole - halves[1], halves[0])


def test_long_series_are_correlated_in_blocks() -> None:
    values = series(140_000, 1) / 100
    found = window_sums(values, Runs(np.array([0]), np.array([len(values) - 5])), 5)
    expected = [values[: len(values) - 4, 0] @ values[lag : len(values) - 4 + lag, 0] for lag in range(5)]
    np.testing.assert_allclose(found.gram[0, 0], expected, rtol=1e-11)


@pytest.mark.parametrize("decay", [1.0, 0.9])
@pytest.mark.parametrize("stride", [2, 3, 5, 20])
@pytest.mark.parametrize("rows", [WIDTH, 4, 1])
def test_every_second_or_third_window(stride: int, decay: float, rows: int) -> None:
    runs = Runs.of_starts(STARTS)
    kept = STARTS[::stride]
    thinned = runs.every(stride)
    assert sorted(thinned.starts()) == kept.tolist()
    weights = decay ** (np.repeat(runs.last, runs.last - runs.first + 1)[::stride] - kept)
    found, expected = window_sums(series(), thinned, WIDTH, rows=rows, decay=decay), built(series(), kept, weights)
    np.testing.assert_allclose(found.gram, expected.gram[:, :rows], atol=1e-10)
    for ours, theirs in zip(found.parts()[1:], expected.parts()[1:], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-10)
    again = thinned.where(thinned.starts() > 8)
    assert again.starts().tolist() == kept[kept > 8].tolist()


def test_a_stride_keeps_windows_that_begin_at_even_and_at_odd_steps() -> None:
    thinned = Runs(np.array([0]), np.array([999])).every(2)
    starts = thinned.starts()
    assert len(starts) == 500
    assert 0.4 < (starts % 2).mean() < 0.6
    assert (np.diff(np.sort(starts)) <= 3).all()
