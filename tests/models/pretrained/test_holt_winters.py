"""Holt-Winters smoothing against the recursions written out, its place among the candidates, and older weights."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import latentcast
from latentcast.core.errors import CheckpointError
from latentcast.models.pretrained.candidates import FIRST, NAMES, candidates
from latentcast.models.pretrained.context import prepare
from latentcast.models.pretrained.features import features, input_sizes
from latentcast.models.pretrained.holt_winters import CLASSES, VARIANTS, run
from latentcast.models.pretrained.inference import forecast
from latentcast.models.pretrained.network import LEVELS, MEDIAN
from latentcast.models.pretrained.ragged import forecast_rows
from latentcast.models.pretrained.seasonal_states import States
from latentcast.models.pretrained.torch_network import GeneralistNetwork
from latentcast.models.pretrained.weights import load_weights, write_weights

RNG = np.random.default_rng(11)


@pytest.mark.parametrize("end", [23, 30])
def test_states_are_those_of_the_recursions(end: int) -> None:
    rows = RNG.normal(size=(3, 30)).astype(np.float32).cumsum(1)
    first = RNG.normal(size=(3, 4)).astype(np.float32)
    slope = np.array([0.1, -0.2, 0.3], np.float32)
    seen = np.ones_like(rows)
    found = run(rows, seen, first, slope, (30, 23))[end]
    for number, (alpha, beta, damping, gamma) in enumerate(VARIANTS):
        season = {at % 4: float(first[1, (at - 30) % 4]) for at in range(4)}  # its last column is the phase of step 29
        level, rise = rows[1, 0] - season[0], slope[1] * (1.0 if damping == 1 else 0.5) * (beta > 0)
        for at in range(1, end):
            rise *= damping
            level += rise
            error = rows[1, at] - level - season[at % 4]
            level, rise = level + alpha * error, rise + beta * error
            season[at % 4] += gamma * error
        assert found.level[number, 1] == pytest.approx(level, rel=1e-3, abs=1e-4)
        assert found.slope[number, 1] == pytest.approx(rise, rel=1e-3, abs=1e-4)
        expected = [season[(end + step) % 4] for step in range(4)]
        np.testing.assert_allclose(found.season[:, number, 1], expected, rtol=1e-3, atol=1e-4)


def test_a_season_that_grows_is_followed() -> None:
    """A season in proportion to the level is exact in logarithms, and better there than as a sum."""
    time = np.arange(96)
    rows = (np.exp(0.02 * time) * (1 + 0.4 * np.sin(np.pi * time / 6)) * np.exp(RNG.normal(0, 0.003, 96)))[None]
    context, steps = prepare(rows[:, :84], 12), np.arange(1, 13)
    found = candidates(context, steps).values[0] * context.scale[0] + context.location[0]
    error = {name: np.abs(found[:, NAMES.index(name)] / rows[0, 84:] - 1).mean() for name in NAMES[FIRST:]}
    assert error["log-holt-winters"] < 0.02
    assert error["log-holt-winters"] < error["holt-winters"]


def test_what_lies_after_an_origin_does_not_change_its_states() -> None:
    rows = np.exp(RNG.normal(size=(4, 60)))
    other = np.concatenate([rows[:, :48], rows[::-1, 48:]], 1)
    one, two = (prepare(values, 12) for values in (rows, other))
    units = [(context.values * context.scale + context.location) for context in (one, two)]
    np.testing.assert_allclose(units[0][:, :48], units[1][:, :48], rtol=1e-5)
    first, second = (States.of(context, (60, 48))[1].logs for context in (one, two))
    assert first is not None
    assert second is not None
    for a, b in zip(first.ahead(np.arange(1, 7), CLASSES), second.ahead(np.arange(1, 7), CLASSES), strict=True):
        move = np.log(rows[:, -1:]) - np.log(other[:, -1:])  # logarithms count from the last value
        np.testing.assert_allclose(a + move, b, rtol=1e-3, atol=2e-3)


def older(tmp_path: Path) -> str:
    """A folder of weights that know the candidates of the first release alone."""
    window, step = input_sizes(FIRST)
    assert (window, step) == (278, 60)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = GeneralistNetwork(window, step, FIRST, wide=8, narrow=8)
    write_weights(tmp_path / "generalist.safetensors", network.to_numpy(), {"name": "older"})
    return str(tmp_path)


def test_older_weights_forecast(tmp_path: Path) -> None:
    weights = load_weights(older(tmp_path))
    found = forecast_rows(weights, 10 + RNG.normal(size=(2, 60)), ((12, 0),), 6)
    assert found.shape == (2, 6, len(LEVELS))
    assert np.isfinite(found).all()
    assert features(prepare(RNG.normal(size=(1, 60)), 12), np.arange(1, 4), FIRST).candidates.shape == (1, 3, FIRST)


def test_a_saved_forecaster_keeps_weights_of_other_sizes_than_those_that_ship_now(tmp_path: Path) -> None:
    frame = pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=200), "y": 10 + RNG.normal(size=200)})
    how = {"model.weights": older(tmp_path)}
    forecaster = latentcast.fit(frame, "generalist", lookback=60, horizon=5, settings=how)
    forecaster.save(tmp_path / "saved")
    expected = forecaster.predict(frame)
    write_weights(tmp_path / "generalist.safetensors", load_weights(), {"name": "what ships now"})
    pd.testing.assert_frame_equal(latentcast.load(tmp_path / "saved").predict(frame), expected)


def test_weights_that_do_not_fit_each_other_are_refused(tmp_path: Path) -> None:
    shipped = GeneralistNetwork.from_numpy(load_weights())
    stored = {name: torch.from_numpy(np.array(value)) for name, value in load_weights(older(tmp_path)).items()}
    with pytest.raises(CheckpointError, match=r"join.weight is \(3, 8\), wanted \(8, 8\)"):
        shipped.load_state_dict({**stored, "join.weight": stored["join.weight"][:3]})
    shipped.load_state_dict(stored)
    assert shipped.candidates == FIRST


def test_forecasts_take_a_share_of_smoothing_where_the_season_is_not_within_a_day(tmp_path: Path) -> None:
    sizes = (*input_sizes(len(NAMES)), len(NAMES))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = GeneralistNetwork(*sizes, wide=8, narrow=8)
    plain = network.to_numpy()
    network.anchored((0.5, 0.25))
    write_weights(tmp_path / "generalist.safetensors", network.to_numpy(), {"name": "anchored"})
    anchored = load_weights(str(tmp_path))
    rows = np.exp(RNG.normal(0, 0.1, (2, 140)).cumsum(1))
    for season, share in ((12, 0.25), (4, 0.5), (52, 0.25), (24, 0.0), (48, 0.0)):
        one, two = (forecast(weights, rows, season, 0, np.arange(1, 7)) for weights in (plain, anchored))
        context = prepare(rows, season)
        smoothed = features(context, np.arange(1, 7)).candidates[..., NAMES.index("log-holt-winters")]
        smoothed = smoothed * context.scale + context.location
        expected = one[..., MEDIAN] + share * (smoothed - one[..., MEDIAN])
        np.testing.assert_allclose(two[..., MEDIAN], expected, rtol=1e-4)
        np.testing.assert_allclose(np.diff(two, axis=2), np.diff(one, axis=2), rtol=1e-2, atol=1e-5)
