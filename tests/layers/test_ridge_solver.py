"""Solutions from Gram matrices against the same regression on built windows."""

import numpy as np
import pytest

from latentcast.layers.gram import Runs, window_sums
from latentcast.layers.ridge_solver import Moments, Spectrum

LOOKBACK, HORIZON = 12, 5
TRAILING, ALPHAS = (1, 3, 12), (1e-3, 0.1, 2.0)


def windows(values: np.ndarray, first: int, last: int) -> tuple[Moments, np.ndarray]:
    starts = np.arange(first, last)
    sums = window_sums(values, Runs.of_starts(starts), LOOKBACK + HORIZON, rows=LOOKBACK)
    return Moments.of(sums, 0, LOOKBACK), np.stack([values[s : s + LOOKBACK + HORIZON, 0] for s in starts])


def regression(train: np.ndarray, last: int, alpha: float, *, intercept: bool) -> tuple[np.ndarray, np.ndarray]:
    """Subtract the mean of the last steps from each window, solve the normal equations: weights and constant."""
    level = train[:, LOOKBACK - last : LOOKBACK].mean(1, keepdims=True)
    x, y = train[:, :LOOKBACK] - level, train[:, LOOKBACK:] - level
    x_mean, y_mean = (x.mean(0), y.mean(0)) if intercept else (np.zeros(LOOKBACK), np.zeros(HORIZON))
    x, y = x - x_mean, y - y_mean
    weight = np.linalg.solve(x.T @ x / len(x) + alpha * np.eye(LOOKBACK), x.T @ y / len(x))
    return weight, y_mean - x_mean @ weight


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    return np.random.default_rng(3).standard_normal((300, 1)).cumsum(0) + 7


@pytest.mark.parametrize("intercept", [True, False])
def test_every_penalty_and_trailing_mean_is_its_own_regression(values: np.ndarray, intercept: bool) -> None:
    learned, train = windows(values, 0, 180)
    judged, held_out = windows(values, 200, 283)
    spectrum = Spectrum(learned, TRAILING, ALPHAS, intercept=intercept)
    errors = spectrum.errors(judged, [2, HORIZON])
    for number, last in enumerate(TRAILING):
        for place, alpha in enumerate(spectrum.alphas):
            weight, constant = regression(train, last, float(alpha), intercept=intercept)
            level = held_out[:, LOOKBACK - last : LOOKBACK].mean(1, keepdims=True)
            expected = (held_out[:, :LOOKBACK] - level) @ weight + constant + level
            squared = (held_out[:, LOOKBACK:] - expected) ** 2
            one = np.zeros((len(TRAILING), len(ALPHAS)))
            one[number, place] = 1
            found = spectrum.solution(one)
            np.testing.assert_allclose(held_out[:, :LOOKBACK] @ found.weight.T + found.bias, expected, atol=1e-9)
            np.testing.assert_allclose(errors[:, number, place], [squared[:, :2].mean(), squared.mean()], rtol=1e-9)


def test_without_a_penalty_it_is_least_squares(values: np.ndarray) -> None:
    learned, train = windows(values, 0, 180)
    found = Spectrum(learned, [LOOKBACK], [1e-9], intercept=False).solution(np.ones((1, 1)))
    level = train[:, :LOOKBACK].mean(1, keepdims=True)
    expected = np.linalg.lstsq(train[:, :LOOKBACK] - level, train[:, LOOKBACK:] - level, rcond=1e-9)[0]
    fitted = (train[:, :LOOKBACK] - level) @ expected + level
    np.testing.assert_allclose(train[:, :LOOKBACK] @ found.weight.T, fitted, atol=1e-4)


def test_a_strong_penalty_draws_to_the_mean_of_the_last_steps(values: np.ndarray) -> None:
    learned, _ = windows(values, 0, 180)
    found = Spectrum(learned, [3], [1e9]).solution(np.ones((1, 1)))
    expected = np.zeros((HORIZON, LOOKBACK))
    expected[:, -3:] = 1 / 3
    np.testing.assert_allclose(found.weight, expected, atol=1e-6)


def test_rows_add_up_to_one_and_a_mean_of_solutions_is_the_mean_of_maps(values: np.ndarray) -> None:
    learned, _ = windows(values, 0, 180)
    spectrum = Spectrum(learned, TRAILING, ALPHAS)
    weights = np.array([[0.2, 0, 0], [0, 0.5, 0], [0, 0, 0.3]])
    apart = [spectrum.solution(np.where(weights == share, weights, 0)) for share in (0.2, 0.5, 0.3)]
    together = spectrum.solution(weights)
    np.testing.assert_allclose(together.weight, sum(one.weight for one in apart), atol=1e-12)
    np.testing.assert_allclose(together.weight.sum(1), 1, atol=1e-9)


@pytest.mark.parametrize("level", [0.0, 5.0])
def test_constant_windows_give_a_finite_map(level: float) -> None:
    learned, _ = windows(np.full((60, 1), level), 0, 40)
    found = Spectrum(learned, [1, LOOKBACK], [1e-6, 1.0]).solution(np.full((2, 2), 0.25))
    assert np.isfinite(found.weight).all()
    np.testing.assert_allclose(found.weight.sum(1), 1)
