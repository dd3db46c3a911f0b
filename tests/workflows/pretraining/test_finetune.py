"""Fine-tuning: it learns what the shipped weights cannot know, and never keeps what is worse on validation."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import latentcast
from latentcast.core.errors import DataError, SettingsError
from latentcast.models.pretrained.weights import load_weights, read_card
from latentcast.workflows.pretraining.finetune import TuningPlan, finetune_generalist
from latentcast.workflows.zero_shot import zero_shot


def echo(count: int = 900) -> pd.DataFrame:
    """A series whose value of ten steps ago comes back with the other sign, which no simulated series does."""
    rng = np.random.default_rng(0)
    values = list(rng.normal(size=10))
    for _ in range(count - 10):
        values.append(-0.9 * values[-10] + 0.3 * rng.normal())
    return pd.DataFrame({"ds": range(count), "y": values})


def test_it_learns_from_the_data(tmp_path: Path) -> None:
    found = finetune_generalist(echo(), tmp_path, 5, TuningPlan(learn="head", context=48, windows=800, epochs=6))
    assert found.after < found.before
    assert found.epochs > 0
    assert found.map_share > 0.5  # a linear map knows the rule exactly
    card = read_card(str(tmp_path))
    assert card["started_from"] == "small"
    assert card["validation_after"] == found.after
    shipped, tuned = load_weights(), load_weights(str(tmp_path))
    assert not np.array_equal(shipped["last.weight"], tuned["last.weight"])
    past, future = echo()[:890], echo()["y"][890:].to_numpy()
    errors = [
        np.abs(zero_shot(past, 10, weights=w)["generalist"].to_numpy()[:5] - future[:5]).mean()
        for w in ("small", str(tmp_path))
    ]
    assert errors[1] < errors[0]


def test_the_head_alone_changes_where_it_is_asked_for(tmp_path: Path) -> None:
    finetune_generalist(echo(), tmp_path, 5, TuningPlan(learn="head", context=48, windows=800, epochs=2))
    shipped, tuned = load_weights(), load_weights(str(tmp_path))
    changed = {name for name, value in shipped.items() if not np.array_equal(value, tuned[name])}
    assert changed == {"last.weight", "last.bias", "anchor"}


def test_whole_forecasts_decide_not_the_network_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The start draws walks to their last value; a network that learned to do so by itself adds nothing."""
    from latentcast.models.pretrained import tuning

    monkeypatch.setattr(tuning, "_whole_loss", lambda *_: 1.0)
    found = finetune_generalist(echo(), tmp_path, 5, TuningPlan(learn="head", context=48, windows=800, epochs=2))
    assert (found.epochs, found.map_share, found.after) == (0, 0.0, 1.0)
    kept = load_weights(str(tmp_path))
    assert all(np.array_equal(value, kept[name]) for name, value in load_weights().items())
    assert "the weights of the start are kept" in caplog.text


def test_what_is_worse_on_validation_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from latentcast.workflows.pretraining import finetune

    monkeypatch.setitem(finetune.RATES, "all", 10.0)
    walk = pd.DataFrame({"ds": range(300), "y": np.random.default_rng(1).normal(size=300).cumsum()})
    found = finetune_generalist(walk, tmp_path, 3, TuningPlan(context=32, windows=100, epochs=2))
    assert (found.epochs, found.after) == (0, found.before)
    for name, value in load_weights(str(tmp_path)).items():
        if "." in name:  # of the network
            np.testing.assert_array_equal(value, load_weights()[name])


def test_a_forecaster_takes_the_weights(tmp_path: Path) -> None:
    finetune_generalist(echo(), tmp_path, 5, TuningPlan(context=48, windows=100, epochs=1))
    how = {"model.weights": str(tmp_path), "model.season": 10}
    forecaster = latentcast.fit(echo(), "generalist", lookback=48, horizon=5, settings=how)
    forecaster.save(tmp_path / "saved")
    again = latentcast.load(tmp_path / "saved")
    pd.testing.assert_frame_equal(forecaster.predict(echo()), again.predict(echo()))


def test_faults_are_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="windows=0"):
        finetune_generalist(echo(), tmp_path, 5, TuningPlan(windows=0))
    with pytest.raises(DataError, match="validation part holds no window"):
        finetune_generalist(echo(40), tmp_path, 20)
