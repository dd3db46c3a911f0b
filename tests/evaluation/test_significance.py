"""Friedman's test and Nemenyi's critical difference, beside scipy and Demšar's table."""

import numpy as np
import pytest
from scipy.stats import friedmanchisquare

from latentcast.evaluation.significance import significance


def test_p_is_that_of_scipy_with_ties() -> None:
    scores = np.array([[1.0, 2.0, 3.0], [1.0, 1.0, 3.0], [2.0, 1.0, 3.0], [1.0, 2.0, 2.0], [1.0, 3.0, 2.0]])
    found = significance(["a", "b", "c"], scores)
    assert found is not None
    assert found.p == pytest.approx(friedmanchisquare(*scores.T).pvalue)
    # ranks: a 1, 1.5, 2, 1, 1; b 2, 1.5, 1, 2.5, 3; c 3, 3, 3, 2.5, 2
    assert found.models == ("a", "b", "c")
    assert found.ranks == pytest.approx((1.3, 2.0, 2.7))


def test_the_critical_difference_is_demsars() -> None:
    # Demšar (2006, table 5): q = 2.343 for three models, CD = q·sqrt(k(k + 1) / 6N)
    found = significance(["a", "b", "c"], np.tile([1.0, 2.0, 3.0], (10, 1)))
    assert found is not None
    assert found.critical == pytest.approx(2.343 * np.sqrt(3 * 4 / 60), abs=1e-3)
    assert found.level_with_best == ("b",)  # 1 apart, and 1.05 is needed
    assert found.words().endswith("b are not distinguishable from the best, a.")


def test_equal_scores_distinguish_nothing() -> None:
    found = significance(["a", "b"], np.ones((4, 2)))
    assert found is not None
    assert (found.p, found.differ) == (1.0, False)
    assert "No model is distinguishable" in found.words()


@pytest.mark.parametrize("shape", [(1, 3), (5, 1)])
def test_one_block_or_one_model_says_nothing(shape: tuple[int, int]) -> None:
    assert significance(["a", "b", "c"][: shape[1]], np.ones(shape)) is None
