"""sMAPE, MASE and OWA by the M4 competition's rules, worked by hand."""

import numpy as np
import pytest

from latentcast.evaluation.m4_metrics import Score, mase, owa, pooled, smape


def test_smape_counts_two_zeros_as_no_error() -> None:
    # 200·|1-3|/4 = 100 and 0 → 50; both zero → 0 and 200·|0-2|/2 = 200 → 100
    found = smape(np.array([[1.0, 5.0], [0.0, 0.0]]), np.array([[3.0, 5.0], [0.0, 2.0]]))
    assert found.tolist() == [50, 100]


def test_mase_divides_by_the_seasonal_naive_error_of_the_training_part() -> None:
    train = (np.array([1.0, 2.0, 5.0, 4.0]), np.array([3.0, 3.0, 3.0]))  # season 2: (|5-1| + |4-2|) / 2 = 3; repeats
    found = mase(np.array([[10.0, 10.0], [1.0, 1.0]]), np.array([[13.0, 4.0], [1.0, 2.0]]), train, 2)
    assert found[0] == 4.5 / 3
    assert np.isnan(found[1])


def test_owa_is_the_mean_of_two_ratios_or_unknown() -> None:
    assert owa(5.0, 3.0, (10.0, 2.0)) == (0.5 + 1.5) / 2
    assert owa(5.0, None, (10.0, 2.0)) is None
    assert owa(5.0, 3.0, None) is None


def test_pooled_counts_every_series_alike() -> None:
    scores = [Score("m", "weekly", 1, 10.0, 1.0), Score("m", "hourly", 3, 2.0, 2.0)]
    found = pooled(scores, {"weekly": (8.0, 2.0), "hourly": (8.0, 2.0)})
    assert (found.frequency, found.series) == ("weekly, hourly", 4)
    assert found.smape == (10 + 3 * 2) / 4
    assert found.mase == (1 + 3 * 2) / 4
    assert found.owa == pytest.approx((4 / 8 + 1.75 / 2) / 2)
    assert pooled([Score("m", "weekly", 1, 10.0, None), scores[1]], {}).mase is None
