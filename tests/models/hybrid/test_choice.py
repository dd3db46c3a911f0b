"""Members chosen by the traits of a look-back: the unit root test against statsmodels, and who forecasts what."""

import numpy as np
import pandas as pd
import pytest
import torch
from statsmodels.tsa.stattools import adfuller

import latentcast
from latentcast.models.hybrid.choice import has_no_unit_root, suited, unit_root_statistic
from latentcast.models.hybrid.gate import TRAITS, gate_features

KINDS = ("auto-arima", "auto-ets", "theta", "naive", "seasonal-naive", "dlinear")


def series() -> torch.Tensor:
    """[1, 192, 3]: noise around a level, a random walk, and a day."""
    g = np.random.default_rng(3)
    day = np.sin(np.arange(192) * 2 * np.pi / 24)
    return torch.from_numpy(
        np.stack([g.normal(size=192), g.normal(size=192).cumsum(), 3 * day + g.normal(size=192)]).T
    )[None]


@pytest.mark.filterwarnings("ignore:adfuller currently returns:FutureWarning")
def test_the_statistic_is_that_of_statsmodels() -> None:
    rows = series().transpose(1, 2)
    found = unit_root_statistic(rows)[0]
    for row, mine in zip(rows[0].numpy(), found.tolist(), strict=True):
        wanted = adfuller(row, maxlag=1, autolag=None, regression="c")
        assert abs(mine - wanted[0]) < 1e-8 * abs(wanted[0])
        assert bool(mine < wanted[4]["5%"]) == bool(has_no_unit_root(torch.from_numpy(row)[None, :, None])[0, 0])


def test_each_look_back_has_the_members_that_suit_it() -> None:
    past = series()
    season = gate_features(past, None, 24)[..., TRAITS.index("season")]
    noise, walk, day = suited(past, None, 24, season, KINDS)[0].tolist()
    assert noise == [True, False, False, False, False, True]
    assert walk == [False, True, True, True, False, True]
    assert day == [False, True, False, False, True, True]


def test_where_no_member_suits_all_do() -> None:
    past = series()
    season = gate_features(past, None, 24)[..., TRAITS.index("season")]
    assert suited(past, None, 24, season, ("theta", "naive"))[0].tolist() == [[True, True]] * 3


def test_short_and_constant_look_backs_are_not_called_stationary() -> None:
    assert not has_no_unit_root(torch.randn(1, 7, 1)).any()
    assert not has_no_unit_root(torch.ones(1, 50, 1)).any()


def test_a_hybrid_forecasts_a_walk_and_a_day_with_different_members() -> None:
    values = series()[0].repeat(2, 1).numpy()
    frame = pd.DataFrame(values, columns=["noise", "walk", "day"])
    frame.insert(0, "ds", pd.date_range("2024", periods=len(frame), freq="h"))
    settings = {"model.members": ["naive", "seasonal-naive"], "model.fusion": "average", "model.choose": "traits"}
    forecaster = latentcast.fit(frame, "hybrid", lookback=96, horizon=6, settings=settings)
    found = latentcast.member_forecasts(forecaster, frame).groupby("unique_id")
    weights = {name: each.filter(like="weight").mean().tolist() for name, each in found}
    assert weights["day"] == [0.0, 1.0]
    assert weights["walk"] == [1.0, 0.0]
    why = [one for one in forecaster.explain(frame, attribution="none").findings if one.kind == "table"][-1]
    assert why.title == "why these members forecast each series"
    assert [row[2] for row in why.texts] == ["naive, seasonal-naive", "naive", "seasonal-naive"]
    assert [row[0] for row in why.texts] == ["stationary", "neither stationary nor a strong season", "a strong season"]
