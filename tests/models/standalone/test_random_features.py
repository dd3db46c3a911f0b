"""Random features on the residual of a solved map: the solution, its selection, and its way through the interface."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import latentcast
from latentcast.core.errors import SettingsError
from latentcast.data.windows.block import Block
from latentcast.data.windows.windows import Windows
from latentcast.layers.random_features import RandomFeatures, stretches_of_noise, waves
from latentcast.models.ridge.readout import ColumnSums, near_best
from latentcast.workflows.fitting.solving import _earlier_origin

LOOKBACK, HORIZON = 12, 3
FEW = {"model.features": 60}


def chaotic(steps: int = 900) -> pd.DataFrame:
    """Two logistic maps: the next value is a parabola of the last one, which no linear map follows."""
    values = np.empty((steps, 2))
    values[0] = 0.3, 0.4
    for step in range(1, steps):
        values[step] = 3.9 * values[step - 1] * (1 - values[step - 1])
    frame = pd.DataFrame(values, columns=["a", "b"])
    return frame.assign(date=pd.date_range("2024-01-01", periods=steps, freq="h"))


def test_features_see_one_stretch_each_and_have_the_asked_spread() -> None:
    torch.manual_seed(0)
    weights = stretches_of_noise(50, 40, 8)
    torch.testing.assert_close(weights.norm(dim=0), torch.ones(40))
    for column in weights.T:
        seen = column.nonzero().flatten()
        assert 8 <= len(seen) == int(seen[-1] - seen[0]) + 1
    assert stretches_of_noise(5, 3, 8).count_nonzero() == 15  # shorter than a stretch: all of it
    features = RandomFeatures(50, 4)
    x = torch.randn(4000, 50) * 3
    features.scale_to((x @ features.directions).std(0))
    torch.testing.assert_close((x @ features.directions).std(0), torch.ones(4), rtol=1e-3, atol=1e-3)
    bent = RandomFeatures(50, 4, activation="relu")
    torch.testing.assert_close(bent(x), torch.relu(x @ bent.directions + bent.biases))
    features.scale_to(torch.zeros(4))  # windows that never vary
    assert torch.isfinite(features(x)).all()


def test_sums_over_batches_give_least_squares_and_its_error() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((200, 5)), rng.standard_normal((200, 2))
    halves = (slice(90), slice(90, 200))
    sums = ColumnSums.of((torch.from_numpy(x[part]).float(), torch.from_numpy(y[part]).float()) for part in halves)
    assert sums is not None
    (found,) = sums.solutions([0.2])
    penalty = 0.2 * np.trace(x.T @ x) / 5
    expected = np.linalg.solve(x.T @ x + penalty * np.eye(5), x.T @ y)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert sums.error(found) == pytest.approx(((y - x @ expected) ** 2).mean(), rel=1e-5)
    assert ColumnSums.of(iter(())) is None


def test_candidates_weigh_less_with_their_relative_error() -> None:
    weights = near_best([1.0, 1.01, 2.0], smoothing=0.01)
    np.testing.assert_allclose(weights, [np.e / (np.e + 1), 1 / (np.e + 1), 0.0])
    assert near_best([3.0, 1.0], smoothing=0).tolist() == [0, 1]
    assert near_best([0.0, 0.0, 1.0], smoothing=0.01).tolist() == [0.5, 0.5, 0]


def test_a_parabola_is_followed_where_a_linear_map_cannot(tmp_path: Path) -> None:
    frame, sizes = chaotic(), {"lookback": LOOKBACK, "horizon": 1}
    ridge = latentcast.fit(frame, "ridge", **sizes).evaluate(frame).scaled["MSE"]
    settings = {**FEW, "model.solved.maps": "shared", "model.level": 1.0, "model.alphas": [1e-5, 1e-3]}
    forecaster = latentcast.fit(frame, "random-features", **sizes, settings=settings, out=tmp_path / "run")
    assert forecaster.evaluate(frame).scaled["MSE"] < 0.3 * ridge
    assert forecaster.card.solved is not None
    assert forecaster.card.solved["share_of_linear_map_alone"] == 0
    assert forecaster.card.solved["parts"] == "used"
    loaded = latentcast.load(tmp_path / "run")
    np.testing.assert_array_equal(loaded.predict(frame).iloc[:, -1], forecaster.predict(frame).iloc[:, -1])


def coupled(steps: int = 900) -> pd.DataFrame:
    """The next value of `b` is a parabola of the last one of `a`, which is noise: only `a` shows it."""
    rng = np.random.default_rng(0)
    noise = rng.uniform(-1, 1, steps + 1)
    frame = pd.DataFrame({"a": noise[1:], "b": noise[:-1] ** 2})
    return frame.assign(date=pd.date_range("2024-01-01", periods=steps, freq="h"))


def test_features_across_channels_forecast_one_channel_from_another(tmp_path: Path) -> None:
    frame, sizes = coupled(), {"lookback": LOOKBACK, "horizon": 1}
    settings = {**FEW, "model.level": 1.0, "model.alphas": [1e-5, 1e-3], "model.shortest": 1}
    alone = latentcast.fit(frame, "random-features", **sizes, settings=settings)
    more = {**settings, "model.across": 200, "model.across_reads": 2}
    both = latentcast.fit(frame, "random-features", **sizes, settings=more, out=tmp_path / "run")
    variables = [found.evaluate(frame).scaled["MSE"] for found in (alone, both)]
    assert variables[1] < 0.7 * variables[0]  # of two channels one can be forecast
    loaded = latentcast.load(tmp_path / "run")
    np.testing.assert_array_equal(loaded.predict(frame).iloc[:, -1], both.predict(frame).iloc[:, -1])


def test_features_that_read_more_than_the_look_back_are_refused() -> None:
    with pytest.raises(SettingsError, match="reads"):
        latentcast.fit(
            chaotic(), "random-features", lookback=LOOKBACK, horizon=1, settings={"model.reads": LOOKBACK + 1}
        )


def test_features_that_do_not_pay_are_not_used() -> None:
    rng = np.random.default_rng(0)
    walks = pd.DataFrame(rng.standard_normal((700, 2)).cumsum(0), columns=["a", "b"])
    frame = walks.assign(date=pd.date_range("2024-01-01", periods=700, freq="h"))
    ridge, features = (
        latentcast.fit(frame, name, lookback=LOOKBACK, horizon=HORIZON, seed=0) for name in ("ridge", "random-features")
    )
    assert features.card.solved is not None
    assert features.card.solved["parts"] == "not used"
    torch.testing.assert_close(features.network.model.solved_maps.weight, ridge.network.model.maps.weight)
    assert features.evaluate(frame).scaled["MSE"] == pytest.approx(ridge.evaluate(frame).scaled["MSE"])


def test_features_must_pay_at_an_origin_within_the_training_part_too() -> None:
    """Noise until two thirds of the training part, then a parabola: only later origins show a gain."""
    frame, rng = chaotic(1500), np.random.default_rng(0)
    early = frame.copy()
    early.loc[:1019, ["a", "b"]] = rng.uniform(0.1, 0.9, (1020, 2))
    settings = {**FEW, "model.solved.maps": "shared", "model.level": 1.0, "model.alphas": [1e-5, 1e-3]}
    whole, late = (
        latentcast.fit(one, "random-features", lookback=LOOKBACK, horizon=1, settings=settings)
        for one in (frame, early)
    )
    assert whole.card.solved is not None
    assert late.card.solved is not None
    assert whole.card.solved["parts_in_training_part"]["pay"]
    assert whole.card.solved["parts"] == "used"
    assert late.card.solved["validation_mse_with_parts"] < 0.99 * late.card.solved["validation_mse_map"]
    assert not late.card.solved["parts_in_training_part"]["pay"]
    assert late.card.solved["parts"] == "not used"


def test_the_origin_within_the_training_part_separates_what_is_learned_from_what_is_judged() -> None:
    block = Block(np.zeros((100, 1), np.float32), 6)

    def windows(first: int, last: int) -> Windows:
        starts = np.arange(first, last)
        return Windows(block, starts, np.zeros(len(starts), np.int64), 4, 2)

    train, held_out = windows(0, 65), windows(66, 75)  # training steps 0 to 69, validation steps 70 to 79
    earlier = _earlier_origin(train, held_out)
    assert earlier is not None
    learned, judged = earlier
    assert isinstance(learned, Windows)
    assert isinstance(judged, Windows)
    assert learned.starts[-1] + learned.steps == judged.starts[0] + judged.lookback == 60
    assert judged.starts[-1] == 64
    assert _earlier_origin(windows(0, 12), held_out) is None


@pytest.mark.parametrize("readouts", ["shared", "own"])
def test_an_update_keeps_the_features_and_what_was_chosen(readouts: str) -> None:
    frame = chaotic()
    settings = {**FEW, "model.readouts": readouts, "model.level": 1.0, "model.alphas": [1e-4, 1e-2]}
    first = latentcast.fit(
        frame[:400], "random-features", lookback=LOOKBACK, horizon=HORIZON, settings=settings, seed=0
    )
    updated = latentcast.update(first, frame)
    ours, theirs = (one.network.model for one in (first, updated))
    torch.testing.assert_close(theirs.features.directions, ours.features.directions, rtol=0, atol=0)
    torch.testing.assert_close(theirs.readout.chosen, ours.readout.chosen, rtol=0, atol=0)
    assert len(theirs.readout.weight) == {"shared": 1, "own": 2}[readouts]
    assert (theirs.readout.weight - ours.readout.weight).abs().max() > 0


def test_gaps_and_constant_channels_give_finite_forecasts() -> None:
    frame = chaotic()
    frame.loc[100:400, "a"] = np.nan
    frame["flat"] = 3.0
    forecaster = latentcast.fit(frame, "random-features", lookback=LOOKBACK, horizon=HORIZON, settings=FEW)
    assert np.isfinite(forecaster.predict(frame).iloc[:, -1]).all()


def test_penalties_are_ascending() -> None:
    with pytest.raises(SettingsError, match="ascending"):
        latentcast.fit(chaotic(), "random-features", lookback=12, horizon=3, settings={"model.alphas": [1.0, 0.1]})


def test_harmonics_let_features_see_the_clock(tmp_path: Path) -> None:
    """The next value is the last one, its sign turned in the second half of the day: no map of values knows when."""
    rng, steps = np.random.default_rng(0), 2400
    values = np.empty(steps)
    values[0] = 1.0
    for step in range(1, steps):
        values[step] = values[step - 1] * (1 if step % 24 < 12 else -1) + 0.2 * rng.standard_normal() * (step % 7 == 0)
    frame = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=steps, freq="h"), "a": values / 10})
    errors = {}
    for harmonics in (0, 3):
        settings = {**FEW, "model.harmonics": harmonics, "model.level": 1.0, "model.alphas": [1e-4]}
        fitted = latentcast.fit(
            frame, "random-features", lookback=2, horizon=1, settings=settings, out=tmp_path / str(harmonics)
        )
        errors[harmonics] = fitted.evaluate(frame).scaled["MSE"]
        loaded = latentcast.load(tmp_path / str(harmonics))
        assert loaded.evaluate(frame).scaled["MSE"] == errors[harmonics]
    assert errors[3] < 0.7 * errors[0]
    shifted = frame.assign(date=frame["date"] + pd.Timedelta(hours=12))
    with_clock = latentcast.load(tmp_path / "3")
    assert with_clock.evaluate(shifted).scaled["MSE"] > 2 * errors[3]  # the clock is read from the stamps


def test_waves_repeat_with_the_season() -> None:
    found = waves(torch.tensor([0, 6, 24, 30]), 24, 2)
    torch.testing.assert_close(found[:2], torch.tensor([[0.0, 0, 1, 1], [1, 0, 0, -1]]), atol=1e-6, rtol=0)
    torch.testing.assert_close(found[2:], found[:2])


def test_harmonics_need_a_season() -> None:
    frame = chaotic(200)
    settings = {**FEW, "model.harmonics": 1, "data.season": 1}
    with pytest.raises(SettingsError, match="harmonics=1: wanted 0, as the data have no season"):
        latentcast.fit(frame, "random-features", lookback=LOOKBACK, horizon=1, settings=settings)
