"""Conformal radii against order statistics and counted coverage; the tracker against a plain loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentcast.evaluation.conformal import (
    FLOOR,
    GRID,
    Tracker,
    column,
    radii,
    rank,
    score,
    unit,
    widened,
    windows_needed,
)


@given(count=st.integers(1, 400), level=st.integers(1, 99))
def test_the_rank_is_that_of_a_finite_sample(count: int, level: int) -> None:
    exact = -(-(count + 1) * level // 100)  # ⌈(n + 1)·level⌉ in whole numbers
    assert rank(count, level / 100) == exact
    assert (exact <= count) == (count >= windows_needed(level / 100))


@pytest.mark.parametrize(("level", "needed"), [(50, 1), (80, 4), (90, 9), (95, 19), (97.5, 39), (99, 99), (99.9, 999)])
def test_windows_that_a_level_needs(level: float, needed: int) -> None:
    assert windows_needed(level / 100) == needed


@given(level=st.floats(1, 99.99))
def test_a_level_between_two_kept_ones_is_served_by_the_higher(level: float) -> None:
    assert GRID[column(level / 100)] >= level / 100 - 1e-9
    assert column(level / 100) == 0 or GRID[column(level / 100) - 1] < level / 100


def test_radii_are_order_statistics_and_leave_out_what_was_not_observed() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(150, 3, 2)).astype(np.float32)
    scores[rng.random(scores.shape) < 0.2] = np.nan
    table, count = radii(scores)
    assert table.shape == (3, 2, len(GRID))
    assert count == np.isfinite(scores).sum(0).min()
    for step in range(3):
        for band in range(2):
            there = sorted(value for value in scores[:, step, band] if not np.isnan(value))
            for level in (10, 50, 80, 90, 99):
                at = min(-(-(len(there) + 1) * level // 100), len(there))
                assert table[step, band, column(level / 100)] == there[at - 1]
            assert table[step, band, -1] == there[-1]


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
@pytest.mark.parametrize("count", [9, 19, 60])
def test_exchangeable_outcomes_are_covered_as_the_finite_sample_says(level: float, count: int) -> None:
    """n held-out scores and one more: covered with probability ⌈(n + 1)·level⌉ / (n + 1)."""
    rng = np.random.default_rng(1)
    draws = np.abs(rng.standard_cauchy((count + 1, 40_000))).astype(np.float32)
    table, _ = radii(draws[:count, :, None])
    covered = (draws[count] <= table[:, 0, column(level)]).mean()
    assert covered == pytest.approx(rank(count, level) / (count + 1), abs=0.01)


def test_conformalised_quantiles_cover_whatever_the_quantiles_are() -> None:
    rng = np.random.default_rng(2)
    for lo, hi in ((-0.1, 0.1), (-9.0, 9.0), (1.0, 3.0)):  # too narrow, too wide, beside the point
        targets = rng.normal(size=(40, 20_000))
        scores = score(targets, np.full_like(targets, lo), np.full_like(targets, hi), np.ones_like(targets))
        table, _ = radii(scores[:39, :, None].astype(np.float32))
        radius = table[:, 0, column(0.9)].astype(float)
        low, high = widened(np.full(20_000, lo), np.full(20_000, hi), radius, np.ones(20_000))
        covered = ((low <= targets[39]) & (targets[39] <= high)).mean()
        assert covered == pytest.approx(0.9, abs=0.01)


@given(lo=st.floats(-5, 5), width=st.floats(0, 5), radius=st.floats(-9, 9), size=st.floats(0.1, 3))
def test_a_band_never_turns_inside_out(lo: float, width: float, radius: float, size: float) -> None:
    low, high = widened(*(np.array([value]) for value in (lo, lo + width, radius, size)))
    assert low[0] <= high[0] + 1e-9
    assert low[0] + high[0] == pytest.approx(2 * lo + width, abs=1e-6)


def test_the_unit_is_the_root_of_the_deviation_of_what_was_observed() -> None:
    rng = np.random.default_rng(3)
    usual = np.full((4, 1, 2), 1.5)
    past = rng.normal(size=(4, 50, 2)).astype(np.float32)
    expected = np.sqrt(np.std(past.astype(float), axis=1, keepdims=True) + FLOOR)
    np.testing.assert_allclose(unit(past, None, usual), expected, rtol=1e-5)
    seen = rng.random(past.shape) < 0.7
    spoiled = np.where(seen, past, np.float32(1e4))
    for window in range(4):
        for channel in range(2):
            own = past[window, seen[window, :, channel], channel].astype(float)
            assert unit(spoiled, seen, usual)[window, 0, channel] == pytest.approx(np.sqrt(own.std() + FLOOR), rel=1e-4)
    assert (unit(np.ones((1, 9, 1), np.float32), None, usual[:1, :, :1]) > 0).all()


@pytest.mark.parametrize("seen", [0, 1, 25])
def test_the_unit_is_that_of_the_series_where_little_was_observed(seen: int) -> None:
    past = np.random.default_rng(3).normal(size=(1, 50, 1)).astype(np.float32)
    there = (np.arange(50) >= 50 - seen)[None, :, None]
    assert unit(past, there, np.full((1, 1, 1), 4.0))[0, 0, 0] == pytest.approx(np.sqrt(4 + FLOOR))


def _plainly(
    scores: np.ndarray, start: np.ndarray, spread: np.ndarray, levels: np.ndarray, rate: float, pace: int = 1
) -> np.ndarray:
    """For each window anew: all outcomes that lie at or before its origin, in the order in which they became known."""
    windows, horizon = scores.shape[:2]
    used = np.empty(scores.shape)
    for now in range(windows):
        radius = start.copy()
        for origin in range(1, now + 1):  # what became known at each origin until now
            for made in range(origin):
                for step in range((origin - made - 1) * pace + 1, min((origin - made) * pace, horizon) + 1):
                    missed = scores[made, step - 1] > used[made, step - 1]
                    radius[step - 1] += rate * spread[step - 1] * (missed - (1 - levels))
        used[now] = radius
    return used


@settings(max_examples=20)
@given(seed=st.integers(0, 99), windows=st.integers(1, 14), horizon=st.integers(1, 5), pace=st.integers(1, 7))
def test_the_tracker_follows_known_outcomes_alone(seed: int, windows: int, horizon: int, pace: int) -> None:
    rng = np.random.default_rng(seed)
    levels = np.array([0.8, 0.9])
    scores = np.abs(rng.normal(size=(windows, horizon, 3, 2)))
    start, spread = np.abs(rng.normal(size=(2, horizon, 3, 2)))
    tracker = Tracker(start, spread, levels, rate=0.3, pace=pace)
    found = np.stack([tracker.step(each) for each in scores])
    np.testing.assert_allclose(found, _plainly(scores, start, spread, levels, 0.3, pace), rtol=1e-12)


@pytest.mark.parametrize(("pace", "rate"), [(1, 0.005), (4, 0.02), (50, 0.05)])
def test_a_window_that_stands_for_many_moves_the_radius_by_as_much(pace: int, rate: float) -> None:
    tracker = Tracker(np.ones((2, 1, 1)), np.ones((2, 1, 1)), np.array([0.9]), pace=pace)
    tracker.step(np.full((2, 1, 1), 9.0))
    assert tracker.step(np.zeros((2, 1, 1)))[0, 0, 0] == pytest.approx(1 + 0.9 * rate)


def test_the_tracker_does_not_look_ahead() -> None:
    rng = np.random.default_rng(4)
    scores = np.abs(rng.normal(size=(30, 4, 1, 1)))
    changed = scores.copy()
    origin = 17
    for made in range(30):  # whatever happens after this origin
        changed[made, max(origin - made, 0) :] = 99
    one, two = (Tracker(np.ones((4, 1, 1)), np.ones((4, 1, 1)), np.array([0.9]), rate=0.5) for _ in range(2))
    for window in range(30):
        same = np.array_equal(one.step(scores[window]), two.step(changed[window]))
        assert same == (window <= origin)


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_the_tracker_covers_what_drifts(level: float) -> None:
    rng = np.random.default_rng(5)
    windows, horizon = 6000, 3
    scale = np.linspace(1, 6, windows)[:, None, None, None]
    scores = np.abs(rng.normal(size=(windows, horizon, 2, 1))) * scale
    fixed = np.quantile(np.abs(rng.normal(size=9999)), level)
    tracker = Tracker(np.full((horizon, 2, 1), fixed), np.full((horizon, 2, 1), 1.5), np.array([level]), rate=0.1)
    covered = np.mean([scores[n] <= tracker.step(scores[n]) for n in range(windows)])
    assert covered == pytest.approx(level, abs=0.015)
    assert (scores <= fixed).mean() < level - 0.2  # what a radius that stays would cover


def test_what_was_not_observed_moves_nothing() -> None:
    tracker = Tracker(np.ones((2, 1, 1)), np.ones((2, 1, 1)), np.array([0.9]), rate=0.5)
    for _ in range(8):
        radius = tracker.step(np.full((2, 1, 1), 9.0), np.zeros((2, 1), bool))
    assert (radius == 1).all()
