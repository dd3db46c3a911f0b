"""A search is judged by the validation part, can be gone on with, and ends as a folder like any fit's."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import latentcast
from latentcast.benchmarking.tuning.space import space_of
from latentcast.cli import app
from latentcast.core.errors import CheckpointError, SettingsError
from latentcast.core.nested import nested
from latentcast.models.config.presets import MODEL_PRESETS
from latentcast.models.config.run import resolve_config
from latentcast.models.config.search_spaces import SEARCH_SPACES

pytestmark = pytest.mark.slow  # trains, or starts processes

pytest.importorskip("optuna")
SPACE = {"training.lr": {"low": 1e-5, "high": 1e-2, "log": True}, "lookback": {"times": [0.5, 1.0]}}
QUICK = {"training.max_steps": 20, "training.validations": 2}


def days(last: float = 0.0) -> pd.DataFrame:
    rng, at = np.random.default_rng(0), np.arange(160)
    values = np.array([5.0, 1, 2, 8, 3, 9, 4])[at % 7] + 0.3 * rng.normal(size=160)
    values[129:] += last  # the test part
    return pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=160), "sales": values})


def test_every_space_holds_settings_that_its_model_has() -> None:
    for name in SEARCH_SPACES:
        assert name in MODEL_PRESETS
        for one in space_of(name, None):
            for value in one.choices or ([one.low, one.high] if not one.times else [96]):
                values = nested({"model": {"name": name}, "lookback": 96, "horizon": 24, "stages": {}})
                extra = nested({one.path: value})
                merged = {
                    **values,
                    **{k: ({**values.get(k, {}), **v} if isinstance(v, dict) else v) for k, v in extra.items()},
                }
                if one.path.startswith("model."):
                    merged["model"] = {"name": name, **extra["model"]}
                resolve_config(merged)


def test_a_search_finds_what_is_best_on_the_validation_part_and_goes_on(tmp_path: Path) -> None:
    asked = {"space": SPACE, "horizon": 7, "seed": 3, "settings": QUICK, "out": tmp_path / "run"}
    first = latentcast.tune(days(), "dlinear", trials=3, **asked)
    assert len(first.history) == 3
    done = first.history[first.history["state"] == "complete"]
    assert first.error == done["validation MSE"].min()
    best = done.loc[done["validation MSE"].idxmin()]
    assert first.settings == {"training.lr": best["training.lr"], "lookback": best["lookback"]}
    assert first.forecaster.card.validation["scaled"]["MSE"] == pytest.approx(first.error)
    saved = latentcast.load(tmp_path / "run")
    assert saved.predict(days())["dlinear"].tolist() == first.forecaster.predict(days())["dlinear"].tolist()
    further = latentcast.tune(days(), "dlinear", trials=5, resume=True, **asked)
    assert len(further.history) == 5
    assert further.error <= first.error
    pd.testing.assert_frame_equal(further.history[:3], first.history, check_dtype=False)
    html = (tmp_path / "run" / "tune" / "page.html").read_text("utf-8")
    assert "training.lr" in html
    assert "<svg" in html
    assert further.plot(tmp_path / "lines.png").stat().st_size > 5000
    with pytest.raises(CheckpointError, match="other space"):
        latentcast.tune(days(), "dlinear", trials=5, resume=True, **{**asked, "space": {"lookback": {"times": [1.0]}}})


def test_the_test_part_changes_nothing() -> None:
    asked = {"space": SPACE, "horizon": 7, "trials": 2, "settings": QUICK}
    one, other = (latentcast.tune(days(last), "dlinear", **asked) for last in (0.0, 1e6))
    assert one.history["validation MSE"].tolist() == other.history["validation MSE"].tolist()


def test_what_is_wrong_is_said_at_once() -> None:
    for space, words in (
        ({"training.lr": {"low": 2, "high": 1}}, "low below high"),
        ({"training.lr": {"lowest": 1}}, "no such key"),
        ({"data.gaps": {"choices": ["mask"]}}, "same for all trials"),
        ({"training.rate": {"choices": [1]}}, "no such setting|did you mean|training.rate"),
    ):
        with pytest.raises(SettingsError, match=words):
            latentcast.tune(days(), "dlinear", space=space, horizon=7, trials=1)
    with pytest.raises(SettingsError, match="trials: wanted a number of trials, or a time_limit"):
        latentcast.tune(days(), "dlinear", horizon=7)
    with pytest.raises(SettingsError, match="naive has no search space"):
        latentcast.tune(days(), "naive", horizon=7, trials=1)


@pytest.mark.slow
def test_workers_share_a_search_from_the_command_line(tmp_path: Path) -> None:
    days().to_csv(tmp_path / "days.csv", index=False)
    (tmp_path / "space.yaml").write_text("training.lr: {low: 1.0e-4, high: 1.0e-2, log: true}\n", encoding="utf-8")
    asked = ["tune", str(tmp_path / "days.csv"), "--model", "dlinear", "--horizon", "7", "--trials", "2"]
    asked += ["--workers", "2", "--space", str(tmp_path / "space.yaml"), "--set", "training.max_steps=10"]
    ran = CliRunner().invoke(app, [*asked, "--out", str(tmp_path / "run")])
    assert ran.exit_code == 0, ran.output
    assert "best of 2 trials" in ran.output or "best of 3 trials" in ran.output
    assert (tmp_path / "run" / "tune" / "history.csv").is_file()
