"""A regression whose errors follow on each other, beside statsmodels and on cases worked by hand."""

import numpy as np
import pandas as pd
import pytest

from latentcast.data.features.covariates import Covariates
from latentcast.data.features.regression import _centred, _proven, _Sums, regress
from latentcast.data.panel.build import build
from latentcast.data.panel.panel import Panel
from latentcast.data.settings import DataSettings
from latentcast.data.tables.frequency import Frequency


def test_sums_give_the_weights_and_the_error_of_least_squares() -> None:
    x = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    y = np.array([1.0, 3.0, 5.0])  # 1 + 2 x
    sums = _Sums.of(x, y)
    np.testing.assert_allclose(sums.solve(np.array([True, True])), [1, 2], atol=1e-4)
    assert sums.error(np.array([1.0, 2.0])) == pytest.approx(0, abs=1e-9)
    assert sums.error(np.array([1.0, 0.0])) == 0 + 4 + 16
    # without the second feature: the mean, 3
    np.testing.assert_allclose(sums.solve(np.array([True, False])), [3, 0], atol=1e-4)


def test_sums_of_parts_add_up_to_those_of_the_whole() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((11, 3)), rng.standard_normal(11)
    parts, whole = _Sums.of(x[:4], y[:4]).plus(_Sums.of(x[4:], y[4:])), _Sums.of(x, y)
    assert parts.rows == 11
    np.testing.assert_allclose(parts.xx, whole.xx)
    np.testing.assert_allclose(parts.xy, whole.xy)
    assert parts.yy == pytest.approx(whole.yy)


def test_a_useless_feature_goes_and_a_useful_one_stays() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 2))
    y = 3 * x[:, 0] + 0.1 * rng.standard_normal(400)
    early, proof = _Sums.of(x[:300], y[:300]), _Sums.of(x[300:], y[300:])
    assert _proven(early, proof, [slice(0, 1), slice(1, 2)], np.array([True, True])).tolist() == [True, False]


def test_each_item_is_centred_by_what_was_seen_of_it() -> None:
    times = np.concatenate([pd.date_range("2024-01-01", periods=n).to_numpy() for n in (2, 3)])
    values = np.array([[1.0], [3.0], [10.0], [99.0], [20.0]])
    panel = Panel(
        values, np.ones((5, 1), bool), times, np.array([0, 2, 5]), ("a", "b"), ("y",), Frequency.of("D"), 7, "mask"
    )
    seen = np.array([True, True, True, False, True])  # means 2 and 15
    y, x = _centred(panel, values[:, 0], values, seen)
    assert y[seen].tolist() == [-1, 1, -5, 5]
    assert x[seen, 0].tolist() == [-1, 1, -5, 5]


@pytest.mark.parametrize("seed", [0, 1])
def test_the_effect_is_that_of_generalised_least_squares_in_statsmodels(seed: int) -> None:
    from statsmodels.regression.linear_model import GLSAR

    rng, steps = np.random.default_rng(seed), 600
    noise = np.zeros(steps)
    for step in range(1, steps):
        noise[step] = 0.8 * noise[step - 1] + 0.2 * rng.standard_normal()
    price = (rng.random(steps) < 0.5).astype(float)
    y = 2 * price + noise
    frame = pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=steps), "y": y, "price": price})
    settings = DataSettings(future=("price",), season=7)
    panel = build(frame, settings)
    ends = np.array([steps])
    covariates = Covariates.learned(panel, ends, settings)
    effects = regress(covariates, panel, panel.values, ends)
    whole = effects.features(panel) @ effects.weights
    jump = whole[price == 1].mean() - whole[price == 0].mean()
    fit = GLSAR(y, np.column_stack([np.ones(steps), price]), rho=2).iterative_fit(6)
    assert jump == pytest.approx(fit.params[1], abs=0.03)  # about one standard error; both near the true 2
    assert jump == pytest.approx(2, abs=0.06)
