"""Figures of intervals against utilsforecast and plain loops; CRPS against its definition and a closed form."""

import json
from math import erf, exp, pi, sqrt

import numpy as np
import pandas as pd
import pytest
import torch
from utilsforecast import losses

from latentcast.evaluation.interval_metrics import IntervalErrors, IntervalFigures, crps_of_paths, crps_of_quantiles
from latentcast.layers.losses import pinball_loss

SHAPE = (4, 5, 3)  # batch, horizon, target
LEVELS = (80.0, 90.0)


def _random(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.normal(0, 1, SHAPE)
    ends = np.sort(rng.normal(0, 1, (*SHAPE, 4)), axis=-1)
    return target, ends[..., [1, 0]], ends[..., [2, 3]]  # 80 % inside 90 %


def _frame(target: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> pd.DataFrame:
    ends = {f"m-{name}-{level}": end[..., n].ravel() for n, level in enumerate((80, 90)) for name, end in (("lo", lo), ("hi", hi))}  # fmt: skip  # noqa: E501
    return pd.DataFrame({"unique_id": "one", "y": target.ravel(), **ends})


def test_coverage_and_interval_score_are_those_of_utilsforecast() -> None:
    target, lo, hi = _random()
    errors = IntervalErrors(LEVELS)
    errors.add(target, lo, hi, None)
    frame, found = _frame(target, lo, hi), errors.result()["levels"]
    for level in (80, 90):
        row = found[str(level)]
        assert row["coverage"] == pytest.approx(losses.coverage(frame, ["m"], level)["m"].item(), rel=1e-12)
        assert row["score"] == pytest.approx(losses.winkler_score(frame, ["m"], level)["m"].item(), rel=1e-12)
        assert row["width"] == pytest.approx((frame[f"m-hi-{level}"] - frame[f"m-lo-{level}"]).mean(), rel=1e-12)


def test_pinball_is_the_mean_quantile_loss_of_all_ends() -> None:
    target, lo, hi = _random()
    errors = IntervalErrors(LEVELS)
    errors.add(target, lo, hi, None)
    frame = _frame(target, lo, hi)
    ends = {"m-lo-80": 0.1, "m-hi-80": 0.9, "m-lo-90": 0.05, "m-hi-90": 0.95}
    theirs = [losses.quantile_loss(frame, {name: name}, q)[name].item() for name, q in ends.items()]
    assert errors.result()["pinball"] == pytest.approx(np.mean(theirs), rel=1e-12)


def test_the_training_loss_is_that_of_utilsforecast() -> None:
    target, _, _ = _random()
    taus = (0.1, 0.5, 0.7)
    quantiles = np.sort(np.random.default_rng(1).normal(size=(*SHAPE, 3)), axis=-1)
    frame = pd.DataFrame({"unique_id": "one", "y": target.ravel()})
    theirs = []
    for n, tau in enumerate(taus):
        frame["m"] = quantiles[..., n].ravel()
        theirs.append(losses.quantile_loss(frame, {"m": "m"}, tau)["m"].item())
    given = torch.tensor(quantiles), torch.tensor(taus, dtype=torch.float64), torch.tensor(target)
    assert pinball_loss(*given, None).item() == pytest.approx(np.mean(theirs), rel=1e-12)
    seen = torch.rand(SHAPE, generator=torch.Generator().manual_seed(0)) > 0.4
    kept = (given[0][seen][None, None], given[1], given[2][seen][None, None])
    assert pinball_loss(*given, seen).item() == pytest.approx(pinball_loss(*kept, None).item(), rel=1e-9)
    assert pinball_loss(*given, torch.zeros_like(seen)).item() == 0


def test_sums_do_not_depend_on_batches_and_leave_out_what_was_not_observed() -> None:
    target, lo, hi = _random()
    seen = np.random.default_rng(2).random(SHAPE) < 0.6
    whole, parts, kept = IntervalErrors(LEVELS), IntervalErrors(LEVELS), IntervalErrors(LEVELS)
    whole.add(np.where(seen, target, 1e9), lo, hi, seen)
    for n in range(len(target)):
        parts.add(target[n : n + 1], lo[n : n + 1], hi[n : n + 1], seen[n : n + 1])
    kept.add(target[seen][None, None], lo[seen][None, None], hi[seen][None, None], None)
    for other in (parts, kept):
        for level, row in whole.result()["levels"].items():
            for name, value in row.items():
                assert other.result()["levels"][level][name] == pytest.approx(value, rel=1e-12)


def test_nothing_observed_is_no_number() -> None:
    errors = IntervalErrors(LEVELS)
    errors.add(*_random(), np.zeros(SHAPE, bool))
    found = errors.result()
    assert np.isnan(found["pinball"])
    assert np.isnan(found["CRPS"])
    figures = IntervalFigures("conformal", "so", found, found).to_dict()
    plain = json.loads(json.dumps(figures, allow_nan=False))
    assert plain["scaled"]["levels"]["80"] == {"coverage": None, "width": None, "score": None}


def test_crps_of_paths_is_the_fair_double_sum() -> None:
    rng = np.random.default_rng(3)
    target, paths = rng.normal(size=SHAPE), rng.normal(size=(4, 7, 5, 3))
    found = crps_of_paths(target, paths)
    for at in np.ndindex(*SHAPE):
        own = paths[at[0], :, at[1], at[2]]
        apart = sum(abs(a - b) for a in own for b in own)
        assert found[at] == pytest.approx(np.abs(own - target[at]).mean() - apart / (2 * 7 * 6), rel=1e-10)


def _gaussian(y: float) -> float:
    """CRPS of a standard normal distribution (Gneiting et al. 2005)."""
    return y * erf(y / sqrt(2)) + 2 * exp(-y * y / 2) / sqrt(2 * pi) - 1 / sqrt(pi)


@pytest.mark.parametrize("many", [2, 5, 50])
def test_crps_of_paths_expects_the_same_for_any_number_of_them(many: int) -> None:
    rng = np.random.default_rng(4)
    found = crps_of_paths(np.full((40_000, 1, 1), 0.7), rng.normal(size=(40_000, many, 1, 1))).mean()
    assert found == pytest.approx(_gaussian(0.7), abs=0.015)


@pytest.mark.parametrize("y", [-1.5, 0.0, 0.7])
def test_crps_of_quantiles_nears_that_of_the_distribution(y: float) -> None:
    def found(taus: np.ndarray) -> float:
        quantiles = torch.special.ndtri(torch.tensor(taus)).numpy()
        return float(crps_of_quantiles(np.full((1, 1, 1), y), quantiles[None, None, None], taus).item())

    assert found((np.arange(999) + 0.5) / 999) == pytest.approx(_gaussian(y), rel=0.002)
    assert found(np.array([0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975])) == pytest.approx(
        _gaussian(y), rel=0.12
    )
