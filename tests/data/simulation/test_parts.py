"""Events and recipes of simulated series: their shapes, and what each is meant to hold."""

import numpy as np
import pytest

from latentcast.data.simulation import events, recipes
from latentcast.data.simulation.recipes import Shape
from latentcast.data.simulation.table import simulate_table


def test_a_level_shift_is_a_step_of_which_only_some_rows_have_one() -> None:
    rows = events.level_shifts(np.random.default_rng(0), 400, 50, share=0.5)
    assert rows.shape == (400, 50)
    shifted = (rows != 0).any(1)
    assert 0.35 < shifted.mean() < 0.65


@pytest.mark.parametrize("draw", [events.level_shifts, events.outliers, events.holidays])
def test_a_share_of_nothing_changes_nothing(draw: object) -> None:
    rows = np.asarray(draw(np.random.default_rng(0), 20, 40, share=0.0))  # type: ignore[operator]
    assert rows.shape == (20, 40)
    assert not rows.any()


@pytest.mark.parametrize("name", ["structural", "sarima", "martingale", "coloured", "persistent", "calendar"])
def test_a_recipe_is_finite_and_follows_its_seed(name: str) -> None:
    make, shape = getattr(recipes, name), Shape(8, 120, 7, 30)
    one, same, other = (make(np.random.default_rng(seed), shape) for seed in (1, 1, 2))
    assert one.shape == (8, 120)
    assert np.isfinite(one).all()
    assert (one == same).all()
    assert (one != other).any()


def test_a_table_is_long_and_follows_its_seed() -> None:
    table = simulate_table(3, 40, seed=5)
    assert len(table) == 3 * 40
    assert table.iloc[:, 0].nunique() == 3
    assert table.equals(simulate_table(3, 40, seed=5))
    assert not table.equals(simulate_table(3, 40, seed=6))
