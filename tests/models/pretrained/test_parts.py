"""Parts of the generalist against brute force: moving averages, profiles, smoothing, lines, autoregression."""

import numpy as np
import pytest

from latentcast.models.pretrained.autocorrelation import autoregression, correlations, spreads
from latentcast.models.pretrained.candidates import NAMES, candidates, cycles_back
from latentcast.models.pretrained.context import fill, prepare
from latentcast.models.pretrained.seasonal import fold, moving_average, profile
from latentcast.models.pretrained.smoothing import MEMORIES, lines, smooth

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("season", [2, 3, 4, 7, 12])
def test_moving_averages_are_those_of_a_convolution(season: int) -> None:
    rows = RNG.normal(size=(2, 40)).astype(np.float32)
    kernel = np.ones(season) / season if season % 2 else np.r_[0.5, np.ones(season - 1), 0.5] / season
    average, whole = moving_average(rows, np.ones_like(rows), season)
    half = season // 2
    np.testing.assert_allclose(average[1, half : 40 - half], np.convolve(rows[1], kernel, "valid"), atol=1e-5)
    np.testing.assert_array_equal(whole[0], [half <= at < 40 - half for at in range(40)])


def test_a_moving_average_leaves_out_what_is_missing() -> None:
    rows = np.full((1, 20), 3.0, np.float32)
    seen = np.ones_like(rows)
    rows[0, 9], seen[0, 9] = 1000.0, 0.0
    average, _ = moving_average(rows, seen, 4)
    np.testing.assert_allclose(average, 3.0, rtol=1e-6)


def test_a_profile_of_a_pure_season_is_that_season() -> None:
    season = np.array([2.0, -1.0, 0.0, -1.0], np.float32)
    rows = np.tile(season, (1, 6))
    found = profile(rows, np.ones_like(rows), 4, 0.9)
    np.testing.assert_allclose(found.values, season[None], atol=1e-6)
    assert found.strength[0, 0] == pytest.approx(1)
    np.testing.assert_allclose(found.ahead(np.array([1, 4, 6])), [[2.0, -1.0, -1.0]], atol=1e-6)
    np.testing.assert_allclose(found.over(10), rows[:, -10:], atol=1e-6)


def test_a_profile_of_noise_is_mostly_taken_for_noise() -> None:
    rows = np.random.default_rng(0).normal(size=(500, 48)).astype(np.float32)
    assert np.median(profile(rows, np.ones_like(rows), 12, 1.0).strength) < 0.25


def test_folding_pads_the_first_cycle() -> None:
    np.testing.assert_array_equal(fold(np.arange(1, 6)[None].astype(np.float32), 3), [[[0, 1, 2], [3, 4, 5]]])


def test_smoothing_runs_the_recursions() -> None:
    rows = RNG.normal(size=(3, 30)).astype(np.float32).cumsum(1)
    variants = ((0.3, 0.0, 0.0), (0.2, 0.05, 1.0))
    found = smooth(rows, np.ones_like(rows), variants, forget=1.0)
    level, squares = rows[1, 0], 0.0
    for value in rows[1, 1:]:
        squares += (value - level) ** 2
        level += 0.3 * (value - level)
    assert found.level[1, 0] == pytest.approx(level, rel=1e-5)
    assert found.squared[1, 0] == pytest.approx(squares / 29, rel=1e-4)
    level, slope = rows[1, 0], (rows[1, 15:].mean() - rows[1, :15].mean()) / 15
    for value in rows[1, 1:]:
        level += slope
        error = value - level
        level, slope = level + 0.2 * error, slope + 0.05 * error
    np.testing.assert_allclose(found.ahead(np.array([1, 3]))[1, :, 1], [level + slope, level + 3 * slope], rtol=1e-4)


def test_smoothing_passes_over_gaps() -> None:
    rows = np.array([[1.0, 2.0, 99.0, 3.0]], np.float32)
    seen = np.array([[1.0, 1.0, 0.0, 1.0]], np.float32)
    found = smooth(rows, seen, ((0.5, 0.0, 0.0),))
    assert found.level[0, 0] == pytest.approx(2.25)  # 1 → 1.5 → (gap) → 2.25


def test_likelihood_weights_prefer_the_smaller_error() -> None:
    walk = np.random.default_rng(0).normal(size=(20, 200)).cumsum(1).astype(np.float32)
    found = smooth(walk, np.ones_like(walk), ((0.05, 0.0, 0.0), (1.0, 0.0, 0.0)))
    assert (found.weights()[:, 1] > 0.99).all()


def test_lines_are_weighted_least_squares() -> None:
    rows = RNG.normal(size=(2, 50)).astype(np.float32)
    level, slope = lines(rows, np.ones_like(rows))
    back = np.arange(49, -1, -1)
    for column, memory in enumerate(MEMORIES):
        design = np.stack([np.ones(50), -back / memory], 1)
        weights = np.exp(-back / memory)
        matrix = design.T @ (weights[:, None] * design)
        matrix[1, 1] += 0.3 * weights.sum() / memory**2
        found = np.linalg.solve(matrix, design.T @ (weights * rows[0]))
        assert level[0, column] == pytest.approx(found[0], abs=1e-3)
        assert slope[0, column] == pytest.approx(found[1] / memory, abs=1e-3)


def test_an_autoregression_solves_the_yule_walker_equations() -> None:
    rows = RNG.normal(size=(2, 80)).astype(np.float32)
    rows -= rows.mean(1, keepdims=True)
    seen, lags = np.ones_like(rows), (1, 2, 6)
    r = np.r_[1.0, correlations(rows, seen, tuple(range(1, 7)))[1]]
    matrix = np.array([[r[abs(one - two)] for two in lags] for one in lags]) + 1e-3 * np.eye(3)
    weights = np.linalg.solve(matrix, [r[lag] for lag in lags])
    path = list(rows[1].astype(float))
    for _ in range(3):
        path.append(sum(weight * path[-lag] for weight, lag in zip(weights, lags, strict=True)))
    found = autoregression(rows, seen, lags, np.array([1, 3]))[1]
    np.testing.assert_allclose(found, [path[-3], path[-1]], rtol=1e-3, atol=1e-5)


def test_correlations_are_those_of_the_formula() -> None:
    rows = RNG.normal(size=(1, 60)).astype(np.float32).cumsum(1)
    centred = rows[0] - rows[0].mean()
    expected = [(centred[lag:] * centred[:-lag]).sum() / (centred**2).sum() for lag in (1, 7)]
    np.testing.assert_allclose(correlations(rows, np.ones_like(rows), (1, 7))[0], expected, rtol=1e-4)


def test_spreads_of_a_random_walk_grow_with_the_root() -> None:
    walk = np.random.default_rng(0).normal(size=(300, 500)).cumsum(1).astype(np.float32)
    found = spreads(walk, np.ones_like(walk), np.array([1, 4, 16, 64])).mean(0)
    np.testing.assert_allclose(found / found[0], [1, 2, 4, 8], rtol=0.1)


def test_gaps_are_interpolated_and_ends_repeat() -> None:
    rows = np.array([[np.nan, 1.0, np.nan, np.nan, 4.0, np.nan]])
    np.testing.assert_allclose(fill(rows, np.isfinite(rows)), [[1, 1, 2, 3, 4, 4]])


def test_cycles_back_repeat_the_phase() -> None:
    rows = np.arange(12, dtype=np.float32)[None]
    np.testing.assert_array_equal(cycles_back(rows, 4, np.array([1, 4, 5]), 1), [[8, 11, 8]])
    np.testing.assert_array_equal(cycles_back(rows, 4, np.array([1]), 3), [[0]])
    np.testing.assert_array_equal(cycles_back(rows, 4, np.array([1]), 5), [[0]])  # there is no older one


@pytest.mark.parametrize(("factor", "shift"), [(1.0, 0.0), (250.0, 0.0), (0.001, 0.0)])
def test_candidates_scale_with_the_data(factor: float, shift: float) -> None:
    rows = np.exp(0.3 * np.sin(np.arange(60) * np.pi / 6) + RNG.normal(size=(3, 60)) * 0.05)
    steps = np.arange(1, 9)
    one, two = prepare(rows, 12), prepare(factor * rows + shift, 12)
    np.testing.assert_allclose(candidates(one, steps).values, candidates(two, steps).values, rtol=2e-3, atol=2e-3)


def test_seasonal_naive_is_among_the_candidates() -> None:
    rows = RNG.normal(size=(2, 50))
    context = prepare(rows, 7)
    found = candidates(context, np.arange(1, 10)).values[..., NAMES.index("seasonal-naive")]
    original = found * context.scale + context.location
    np.testing.assert_allclose(original, np.concatenate([rows[:, -7:], rows[:, -7:-5]], 1), rtol=1e-4, atol=1e-4)


def test_a_straight_line_is_continued() -> None:
    rows = (3.0 + 2.0 * np.arange(40))[None]
    context = prepare(rows, 1)
    found = candidates(context, np.array([1, 5])).values[0, :, NAMES.index("line-300")]
    np.testing.assert_allclose(found * context.scale[0] + context.location[0], [83, 91], rtol=0.02)
