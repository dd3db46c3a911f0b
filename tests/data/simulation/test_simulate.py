"""The simulator: seeded, finite, and each part with the property that it is named after."""

import numpy as np
import pytest

from latentcast.data.simulation import RECIPES, chunks, simulate
from latentcast.data.simulation.links import LINKS
from latentcast.data.simulation.noise import autoregressive, power_law, white
from latentcast.data.simulation.seasonality import SHAPES, double, profiles, seasonal
from latentcast.data.simulation.trends import TRENDS


def test_the_same_seed_gives_the_same_series() -> None:
    one, two = (simulate(np.random.default_rng(3), 4, 90) for _ in range(2))
    other = simulate(np.random.default_rng(4), 4, 90)
    np.testing.assert_array_equal(one.values, two.values)
    assert (one.recipe, one.season) == (two.recipe, two.season)
    assert one.values.shape != other.values.shape or not np.array_equal(one.values, other.values)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(("season", "second"), [(1, 0), (12, 0), (24, 168)])
def test_every_recipe_gives_finite_varied_series(recipe: str, season: int, second: int) -> None:
    chunk = simulate(np.random.default_rng(1), 16, 400, season=season, second=second, recipe=recipe)
    assert chunk.values.shape == (16, 400)
    assert np.isfinite(chunk.values).all()
    assert (np.ptp(chunk.values, 1) > 0).mean() > 0.8  # a count at a low rate may never rise
    assert (chunk.season, chunk.second, chunk.recipe) == (season, second, recipe)


def test_a_season_is_where_it_was_asked_for() -> None:
    """The spectrum of seasonal series peaks at multiples of one over the season."""
    rows = seasonal(np.random.default_rng(0), 40, 20 * 12, 12)
    power = (np.abs(np.fft.rfft(rows - rows.mean(1, keepdims=True), axis=1)) ** 2).mean(0)
    assert power[20::20].sum() / power[1:].sum() > 0.9


def test_a_week_repeats_and_its_days_differ() -> None:
    rows = double(np.random.default_rng(0), 30, 4 * 168, 24, 168)
    by_week = [np.corrcoef(row[:-168], row[168:])[0, 1] for row in rows]
    by_day = [np.corrcoef(row[:-24], row[24:])[0, 1] for row in rows]
    assert np.median(by_week) > 0.95
    assert np.median(by_week) > np.median(by_day)


@pytest.mark.parametrize("shape", SHAPES)
def test_profiles_have_the_length_of_a_season(shape: str) -> None:
    rows = SHAPES[shape](np.random.default_rng(0), 5, 24)
    assert rows.shape == (5, 24)
    assert np.isfinite(rows).all()


def test_profiles_are_standardised() -> None:
    rows = profiles(np.random.default_rng(0), 50, 12)
    np.testing.assert_allclose(rows.mean(1), 0, atol=1e-9)
    np.testing.assert_allclose(rows.std(1), 1, atol=1e-6)


@pytest.mark.parametrize("trend", TRENDS)
def test_trends_are_of_about_unit_size(trend: str) -> None:
    rows = TRENDS[trend][0](np.random.default_rng(0), 300, 200)
    assert 0.1 < np.median(np.ptp(rows, 1)) < 8


def test_white_noise_has_unit_variance_and_no_memory() -> None:
    rows = white(np.random.default_rng(0), 400, 500)
    assert np.median(rows.std(1)) == pytest.approx(1, abs=0.1)
    first = [np.corrcoef(row[:-1], row[1:])[0, 1] for row in rows]
    assert abs(np.mean(first)) < 0.02


def test_autoregressive_noise_is_stationary() -> None:
    """The two halves of a series have variances of one order: no root lies outside the unit circle."""
    rows = autoregressive(np.random.default_rng(0), 200, 1000)
    ratio = rows[:, 500:].var(1) / rows[:, :500].var(1)
    assert 0.5 < np.median(ratio) < 2


def test_power_law_noise_falls_with_frequency() -> None:
    rows = power_law(np.random.default_rng(0), 200, 512)
    power = (np.abs(np.fft.rfft(rows, axis=1)) ** 2).mean(0)
    assert power[1:9].mean() > 5 * power[128:].mean()


@pytest.mark.parametrize(
    ("link", "low", "high"),
    [("exponential", 0, np.inf), ("clipped", 0, np.inf), ("bounded", 0, 100), ("counts", 0, np.inf)],
)
def test_links_keep_their_ranges(link: str, low: float, high: float) -> None:
    values = LINKS[link][0](np.random.default_rng(0), np.random.default_rng(1).normal(size=(50, 60)))
    assert values.min() >= low
    assert values.max() <= high
    if link == "counts":
        np.testing.assert_array_equal(values, np.round(values))


def test_random_walks_have_no_memory_in_their_steps() -> None:
    chunk = simulate(np.random.default_rng(0), 300, 400, season=1, recipe="martingale")
    steps = np.diff(chunk.values, axis=1)
    steps /= np.abs(steps).mean(1, keepdims=True)
    first = [np.corrcoef(row[:-1], row[1:])[0, 1] for row in steps]
    assert abs(np.median(first)) < 0.05


def test_chunks_go_on_with_other_recipes() -> None:
    stream = chunks(0, count=4, length=50)
    assert len({next(stream).recipe for _ in range(30)}) > 4
