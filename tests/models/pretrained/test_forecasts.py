"""Forecasts of the shipped weights: hard inputs, seasons, numpy against torch, what the network cannot change."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from latentcast.core.errors import CheckpointError
from latentcast.models.pretrained.candidates import NAMES
from latentcast.models.pretrained.context import prepare
from latentcast.models.pretrained.explanation import candidate_weights
from latentcast.models.pretrained.features import features
from latentcast.models.pretrained.network import LEVELS, MEDIAN, known, mixture, outputs, quantiles
from latentcast.models.pretrained.ragged import forecast_rows, groups
from latentcast.models.pretrained.seasons import detect, likeliest, of_frequency, seasons_to_try, shares
from latentcast.models.pretrained.torch_network import GeneralistNetwork
from latentcast.models.pretrained.walk import toward_last_value
from latentcast.models.pretrained.weights import load_weights, write_weights

WEIGHTS = load_weights()


def wave(length: int, season: int, count: int = 3) -> np.ndarray:
    """Rows of a clear season, a slope and a little noise."""
    rng = np.random.default_rng(1)
    time = np.arange(length)
    return 50 + 0.05 * time + 10 * np.sin(2 * np.pi * time / season) + rng.normal(0, 0.3, (count, length))


def test_numpy_and_torch_compute_the_same() -> None:
    found = features(prepare(wave(200, 12), 12), np.arange(1, 25), known(WEIGHTS))
    network = GeneralistNetwork.from_numpy(WEIGHTS)
    with torch.no_grad():
        expected = network(*(torch.from_numpy(part) for part in found.parts())).numpy()
    np.testing.assert_allclose(quantiles(WEIGHTS, found), expected, rtol=1e-3, atol=1e-4)


def test_weights_of_candidates_sum_to_one() -> None:
    found = features(prepare(wave(200, 12), 12), np.arange(1, 25), known(WEIGHTS))
    weights = mixture(outputs(WEIGHTS, found), found.skill)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-5)


def test_a_clear_season_is_continued() -> None:
    rows = wave(240, 12)
    found = forecast_rows(WEIGHTS, rows[:, :-24], ((12, 0),), 24)
    error = np.abs(found[..., MEDIAN] - rows[:, -24:]).mean()
    assert error < 0.5  # noise alone makes .24, the season's amplitude is 10


def test_quantiles_ascend_and_widen() -> None:
    walk = np.random.default_rng(0).normal(size=(40, 150)).cumsum(1)
    found = forecast_rows(WEIGHTS, walk, ((1, 0),), 30)
    assert (np.diff(found, axis=2) >= 0).all()
    width = (found[..., LEVELS.index(0.9)] - found[..., LEVELS.index(0.1)]).mean(0)
    assert width[24] == pytest.approx(5 * width[0], rel=0.35)  # the root of 25


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_units_do_not_matter(factor: float) -> None:
    rows = wave(100, 7)
    one, two = (forecast_rows(WEIGHTS, size * rows, ((7, 0),), 10) for size in (1.0, factor))
    np.testing.assert_allclose(two / factor, one, rtol=2e-3)


@pytest.mark.parametrize(
    ("rows", "season", "horizon"),
    [
        (np.full((2, 40), 7.5), 12, 12),
        (np.zeros((2, 40)), 12, 12),
        (np.r_[np.full(39, np.nan), 3.0][None], 12, 12),
        (np.arange(10.0)[None], 1, 6),
        (np.array([[2.0, 5.0]]), 1, 3),
        (np.array([[2.0, 5.0, 4.0]]), 12, 3),
        (wave(120, 12, 1), 12, 1000),
        (wave(60, 12, 1), 168, 48),
        (np.r_[wave(100, 12, 1)[0], np.full(20, np.nan)][None], 12, 12),
        (np.where(np.arange(200) % 37 == 0, 5.0, 0.0)[None], 7, 28),
        (np.r_[np.zeros(99), 1e12][None], 7, 14),
    ],
    ids=["constant", "zeros", "one", "ten", "two", "three", "far", "long-season", "gap-at-the-end", "rare", "spike"],
)
@pytest.mark.parametrize("detected", [False, True])
def test_hard_inputs_give_finite_forecasts(rows: np.ndarray, season: int, horizon: int, detected: bool) -> None:
    found = forecast_rows(WEIGHTS, rows, of_frequency(season), horizon, detected=detected)
    assert found.shape == (len(rows), horizon, len(LEVELS))
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=2) >= 0).all()
    there = rows[np.isfinite(rows)]
    reach = np.ptp(there) + 1e-9
    assert found[..., MEDIAN].min() >= there.min() - 30 * reach
    assert found[..., MEDIAN].max() <= there.max() + 30 * reach
    if np.ptp(there) == 0:
        np.testing.assert_array_equal(found, there[0])


def test_steps_missing_at_the_end_lengthen_the_horizon() -> None:
    rows = wave(120, 12, 1)
    late = np.concatenate([rows, np.full((1, 5), np.nan)], 1)
    whole = forecast_rows(WEIGHTS, rows, ((12, 0),), 17)
    np.testing.assert_allclose(forecast_rows(WEIGHTS, late, ((12, 0),), 12), whole[:, 5:], rtol=1e-6)


def test_rows_of_gaps_have_no_forecast() -> None:
    rows = np.concatenate([wave(50, 12, 1), np.full((1, 50), np.nan)])
    found = forecast_rows(WEIGHTS, rows, ((12, 0),), 4)
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()


def test_series_do_not_see_each_other() -> None:
    rows = np.concatenate([wave(90, 12, 2), 1000 * np.random.default_rng(2).normal(size=(2, 90))])
    rows[3, :40] = np.nan
    together = forecast_rows(WEIGHTS, rows, of_frequency(12), 12, detected=True)
    alone = np.concatenate([forecast_rows(WEIGHTS, row[None], of_frequency(12), 12, detected=True) for row in rows])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-4)


def test_groups_hold_each_row_once_and_lose_little() -> None:
    rows = np.full((60, 300), 1.0)
    for number in range(60):
        rows[number, : 5 * number] = np.nan
    places = np.concatenate([where for where, _, _ in groups(rows, 200)])
    np.testing.assert_array_equal(np.sort(places), np.arange(60))
    for where, first, end in groups(rows, 200):
        assert np.isfinite(rows[where, first:end]).all()
        lengths = np.minimum(np.isfinite(rows[where]).sum(1), 200)
        assert (end - first >= 0.95 * lengths).all()


@pytest.mark.parametrize("season", [7, 12, 24, 52])
def test_a_season_is_detected(season: int) -> None:
    assert (detect(wave(5 * season, season))[:, 0] == season).all()


def test_noise_and_walks_have_no_detected_season_mostly() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(200, 300))
    assert (detect(noise)[:, 0] == 0).mean() > 0.8
    assert (detect(noise.cumsum(1))[:, 0] == 0).mean() > 0.5


def test_the_season_that_forecasts_better_weighs_more() -> None:
    rows = wave(240, 12)
    everyone = np.arange(3)
    found = shares(WEIGHTS, rows, [((7, 0), everyone), ((12, 0), everyone)], 12)
    assert (found[:, 1] > 0.95).all()


def test_which_seasons_are_tried() -> None:
    assert seasons_to_try(12, "auto") == (((12, 0),), False)
    assert seasons_to_try(12, "weighed") == (((12, 0), (1, 0)), False)
    assert seasons_to_try(24, "given") == (((24, 168),), False)
    assert seasons_to_try(1, "auto") == (((1, 0),), True)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "generalist.safetensors"
    write_weights(path, WEIGHTS, {"name": "test"})
    assert set(load_weights(str(tmp_path))) == set(WEIGHTS)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    other = tmp_path / "other"
    other.mkdir()
    (other / path.name).write_bytes(content)
    (other / "generalist.json").write_text(path.with_suffix(".json").read_text())
    with pytest.raises(CheckpointError, match="digest"):
        load_weights(str(other))
    card = json.loads(path.with_suffix(".json").read_text())
    (other / path.name).write_bytes(path.read_bytes())
    (other / "generalist.json").write_text(json.dumps({**card, "levels": [0.5]}))
    with pytest.raises(CheckpointError, match="this version"):
        load_weights(str(other))
    with pytest.raises(CheckpointError, match="wanted small"):
        load_weights(str(tmp_path / "nowhere"))


def test_random_walks_are_drawn_to_their_last_value() -> None:
    walk = np.random.default_rng(3).normal(size=(200, 150)).cumsum(1)
    context = prepare(walk[:, :-12], 1)
    raw = quantiles(WEIGHTS, features(context, np.arange(1, 13), known(WEIGHTS)))
    drawn = toward_last_value(context, raw)
    last = context.values[:, -1:]
    before, after = (np.abs(part[..., MEDIAN] - last) for part in (raw, drawn))
    assert (after <= before + 1e-6).all()
    assert after.mean() < 0.5 * before.mean()
    assert (np.diff(drawn, axis=2) >= 0).all()
    trend = np.arange(150.0)[None] + np.random.default_rng(0).normal(0, 0.1, (1, 150))
    context = prepare(trend, 1)
    raw = quantiles(WEIGHTS, features(context, np.arange(1, 13), known(WEIGHTS)))
    np.testing.assert_array_equal(toward_last_value(context, raw), raw)


def test_weights_of_candidates_explain_the_median() -> None:
    row = wave(240, 12, 1)[0]
    shares, forecasts = candidate_weights(WEIGHTS, row, (12, 0), 24)
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)
    mixed = (shares * forecasts).sum(1)
    median = forecast_rows(WEIGHTS, row[None], ((12, 0),), 24)[0, :, MEDIAN]
    assert np.abs(mixed - median).max() < 0.5  # the rest is the network's correction; the season's amplitude is 10
    names = {NAMES[at] for at in np.argsort(-shares.mean(0))[:10]}
    assert "last-value" not in names
    assert likeliest(WEIGHTS, row, ((7, 0), (12, 0)), 24, detected=False) == (12, 0)
