"""Widths of intervals by backtests: the factor for a forecast of known quantiles, and what cannot be tested."""

from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from latentcast.models.pretrained import widths
from latentcast.models.pretrained.network import LEVELS
from latentcast.models.pretrained.weights import load_weights
from latentcast.models.pretrained.widths import widened, width_factor

NORMAL = np.array([NormalDist().inv_cdf(level) for level in LEVELS])


def standard_normal(_: Any, rows: np.ndarray, __: Any, horizon: int, **___: Any) -> np.ndarray:
    return np.broadcast_to(NORMAL, (len(rows), horizon, len(LEVELS)))


@pytest.mark.parametrize(("size", "trust"), [(0.7, 0.75), (1.0, 0.5), (1.5, 0.5)])
def test_the_factor_is_a_share_of_what_noise_of_another_size_asks(
    size: float, trust: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(widths, "forecast_rows", standard_normal)
    rows = np.random.default_rng(0).normal(0, size, (40, 400))
    found = width_factor({}, rows, ((1, 0),), 30)
    tests = 32 * 6
    assert found == pytest.approx(size ** (trust * tests / (tests + 3)), rel=0.02)


def test_it_is_bounded_and_one_series_counts_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(widths, "forecast_rows", standard_normal)
    rows = np.random.default_rng(0).normal(0, 50, (1, 400))
    assert width_factor({}, rows, ((1, 0),), 30) == pytest.approx(2 ** (0.5 * 6 / 9))


@pytest.mark.parametrize("rows", [np.full((2, 50), 3.0), np.arange(6.0)[None], np.full((1, 40), np.nan)])
def test_nothing_to_test_leaves_widths_alone(rows: np.ndarray) -> None:
    assert width_factor(load_weights(), rows, ((1, 0),), 12) == 1.0


def test_medians_stay_and_distances_scale() -> None:
    quantiles = 5 + NORMAL[None, None]
    found = widened(quantiles, 2.0)
    np.testing.assert_allclose(found, 5 + 2 * NORMAL[None, None])
