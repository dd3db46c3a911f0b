"""A model is chosen on the validation part alone, and never does worse there than the naive forecast."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import latentcast
from latentcast.benchmarking import auto
from latentcast.benchmarking import candidates as module
from latentcast.benchmarking.auto import default_horizon, whole_split
from latentcast.benchmarking.candidates import Candidate
from latentcast.benchmarking.ensemble import ensemble_weights, greedy_weights, scaled_error
from latentcast.benchmarking.origins import JudgedCandidate, Searched, origins_of
from latentcast.cli import app
from latentcast.core.errors import SettingsError
from latentcast.core.parsing import write_yaml
from latentcast.data.panel.build import build
from latentcast.data.panel.split import split
from latentcast.data.settings import DataSettings
from latentcast.models.config.other_names import NEAREST
from latentcast.models.config.presets import MODEL_PRESETS


@pytest.fixture(autouse=True)
def without_classical(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of their forecasts is a fit; what is tested here is the choice."""
    monkeypatch.setattr(module, "FEW_FITS", 0)


def days(steps: int = 200, seed: int = 0, noise: float = 0.3) -> pd.DataFrame:
    """A weekly pattern on a slow trend."""
    rng, at = np.random.default_rng(seed), np.arange(steps)
    values = 20 + 0.05 * at + np.array([0, 1, 3, 2, 1, -2, -4])[at % 7] + noise * rng.normal(size=steps)
    return pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=steps), "sales": values})


def test_greedy_weights_by_hand() -> None:
    target, scale = np.zeros(2), np.ones(2)
    above, below, far = np.array([1.0, 1.0]), np.array([-1.0, -1.0]), np.array([5.0, 5.0])
    weights, error = greedy_weights([far, above, below], target, scale)
    assert weights.tolist() == [0, 0.5, 0.5]  # their mean is the target
    assert error == 0
    weights, error = greedy_weights([far, above], target, scale)
    assert weights.tolist() == [0, 1]
    assert error == 1


def test_half_of_the_weight_is_the_pretrained_members_where_it_is_nearly_as_good() -> None:
    target, scale = np.zeros(4), np.ones(4)
    naive, fitted, other = np.full(4, 3.0), np.array([1.0, 1.0, 1.0, 1.0]), np.array([1.04, 1.04, 1.04, 1.04])
    assert ensemble_weights([naive, fitted, other], target, scale, [2]).tolist() == [0, 0.5, 0.5]
    assert ensemble_weights([naive, fitted, 1.1 * other], target, scale, [2]).tolist() == [0, 1, 0]
    assert ensemble_weights([naive, other, fitted], target, scale, [2]).tolist() == [0, 0, 1]
    assert ensemble_weights([fitted, naive, other], target, scale, [2]).tolist() == [1, 0, 0]  # naive is the best
    below = np.array([1.0, 1.0, -1.0, 1.0])  # its mean with `fitted` has three quarters of the error
    assert ensemble_weights([naive, fitted, below], target, scale).tolist() == [0, 0.5, 0.5]
    slightly = np.array([1.0] * 98 + [-1.0] * 2)  # a gain of 2 %
    many = np.ones(100)
    assert ensemble_weights([3 * many, many, slightly], np.zeros(100), many).tolist() == [0, 1, 0]


def test_no_choice_is_worse_than_the_naive_one() -> None:
    target, ones = np.zeros((1, 4)), np.ones((1, 4))
    naive, best, other = ones, 0.99 * ones, 1.03 * ones
    assert ensemble_weights([naive, best, other], target, ones, [2]).tolist() == [0, 1, 0]  # the mean has 1.01
    assert ensemble_weights([naive, other, best], target, ones, [2], alone=True).tolist() == [0, 0, 1]
    assert ensemble_weights([naive, other], target, ones, [1], alone=True).tolist() == [1, 0]
    assert ensemble_weights([naive, naive], target, ones, [1], alone=True).tolist() == [0, 1]  # as good
    week = np.array([[5.0, 7, 9, 3]])
    rounding = week * (1 + 1e-7)  # and the other one is closer by chance
    assert ensemble_weights([rounding, week], week, ones, [1]).tolist() == [1, 0]
    assert ensemble_weights([1.001 * week, week], week, ones, [1]).tolist() == [0, 1]
    high = week + 1e7  # what matters is how far values lie apart, not their level
    assert ensemble_weights([high + 0.01, high], high, ones, [1]).tolist() == [0, 1]


def test_errors_count_where_something_was_observed() -> None:
    target = np.array([1.0, np.nan, 3.0])
    assert scaled_error(np.array([2.0, 9.0, 3.0]), target, np.array([2.0])) == 0.25
    assert scaled_error(np.array([2.0, 9.0, np.nan]), target, np.array([2.0])) == np.inf


def test_the_choice_is_no_worse_than_naive_and_repeats() -> None:
    first, again = (latentcast.fit_auto(days(), horizon=7, seed=1) for _ in range(2))
    assert first.baseline[0] == "seasonal-naive"
    assert first.error <= first.baseline[1]
    assert first.error <= min(trial.error for trial in first.trials if trial.error is not None)
    assert sum(trial.weight for trial in first.trials) == pytest.approx(1)
    assert [trial.error for trial in first.trials] == [trial.error for trial in again.trials]
    name = first.forecaster.name
    assert first.forecaster.predict(days())[name].tolist() == again.forecaster.predict(days())[name].tolist()


def test_the_test_part_is_never_read() -> None:
    changed = days()
    changed.loc[161:, "sales"] = 1e6  # the last fifth is the test part
    one, other = (latentcast.fit_auto(frame, horizon=7) for frame in (days(), changed))
    assert [trial.error for trial in one.trials] == [trial.error for trial in other.trials]
    past = days().iloc[:150]
    assert one.forecaster.predict(past).iloc[:, 2].tolist() == other.forecaster.predict(past).iloc[:, 2].tolist()


def test_noise_is_answered_with_what_is_best_and_said() -> None:
    copy = pd.DataFrame({"ds": days()["ds"], "sales": np.tile([5.0, 1, 2, 8, 3, 9, 4], 29)[:200]})
    found = latentcast.fit_auto(copy, horizon=7, time_limit=0)
    assert found.error == pytest.approx(0, abs=1e-6)  # an exact repetition: nothing beats it
    assert found.summary().startswith("chosen: seasonal-naive; no other candidate is better")


def test_weights_are_fixed_in_a_hybrid_and_kept(tmp_path: Path) -> None:
    settings = {
        "model.members": ["naive", "seasonal-naive"],
        "model.fusion": "fixed",
        "model.weights": [1, 3],
    }
    frame = days()
    whole = latentcast.fit(frame, "hybrid", lookback=7, horizon=2, settings=settings, out=tmp_path / "run")
    beside = latentcast.member_forecasts(whole, frame)
    mean = 0.25 * beside["naive"] + 0.75 * beside["seasonal-naive"]
    assert np.allclose(beside["hybrid"], mean)
    assert np.allclose(latentcast.load(tmp_path / "run").predict(frame)["hybrid"], mean)
    with pytest.raises(SettingsError, match="weights: got 3, wanted one for each of naive, seasonal-naive"):
        latentcast.fit(frame, "hybrid", lookback=7, horizon=2, settings={**settings, "model.weights": [1, 2, 3]})
    with pytest.raises(SettingsError, match="weights: belong to fusion=fixed"):
        latentcast.fit(frame, "hybrid", lookback=7, horizon=2, settings={**settings, "model.fusion": "average"})


def test_sizes_that_follow_from_the_data() -> None:
    panel = build(days(200), DataSettings())
    assert default_horizon(panel) == 7
    assert whole_split(panel, 7) == (0, 40, 0)  # a fifth
    assert whole_split(panel, 1) == (0, 40, 0)
    assert whole_split(build(days(2000), DataSettings()), 3) == (0, 120, 0)  # 40 horizons
    assert whole_split(build(days(20), DataSettings()), 12) == (0.7, 0.3, 0.0)


def test_a_horizon_that_no_part_holds() -> None:
    found = latentcast.fit_auto(days(), horizon=60)
    assert found.forecaster.name == "generalist"
    assert "holds a forecast of 60 steps" in found.summary()
    with pytest.raises(SettingsError, match="horizon=0"):
        latentcast.forecast(days(), 0)


def test_forecast_from_the_command_line(tmp_path: Path) -> None:
    days().to_csv(tmp_path / "sales.csv", index=False)
    out = tmp_path / "out"
    call = ["forecast", str(tmp_path / "sales.csv"), "--time-limit", "0", "--out", str(out)]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 0, done.output
    assert "seasonal-naive" in done.output
    table = pd.read_csv(out / "forecast.csv", parse_dates=["ds"])
    assert table["ds"].tolist() == list(pd.date_range("2024-07-19", periods=7))
    model = latentcast.load(out / "model")
    assert np.allclose(model.predict(days())[model.name], table[model.name])
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "data:image/png;base64," in page
    assert "http" not in page.replace("http-equiv", "")
    again = latentcast.fit(days(), config=out / "auto.yaml").predict(days(), level=[80, 95])
    for column in (name for name in table if name.startswith(model.name)):  # points and intervals
        assert np.allclose(again[column], table[column]), column
    assert CliRunner().invoke(app, call).exit_code == 1  # what is there is not replaced unasked
    assert CliRunner().invoke(app, [*call, "--overwrite", "--time-limit", "soon"]).exit_code == 1


def test_the_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).output.strip() == f"latentcast {latentcast.__version__}"


def test_fit_chooses_and_refuses_what_it_chooses(tmp_path: Path) -> None:
    days().to_csv(tmp_path / "sales.csv", index=False)
    call = ["fit", str(tmp_path / "sales.csv"), "--model", "auto", "--horizon", "7", "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 0, done.output
    chosen = latentcast.load(tmp_path / "run")
    again = latentcast.fit(days(), config=tmp_path / "run" / "auto.yaml")
    assert np.allclose(chosen.predict(days())[chosen.name], again.predict(days())[again.name], rtol=1e-4)
    refused = CliRunner().invoke(app, [*call, "--lookback", "9", "--overwrite"])
    assert isinstance(refused.exception, SettingsError)
    assert "--lookback: --model auto chooses it" in str(refused.exception)


@pytest.mark.parametrize(
    ("name", "near"),
    [("PatchTST", "patch-transformer"), ("nhits", "dlinear"), ("ARIMA", "auto-arima"), ("Prophet", "ets")],
)
def test_names_of_other_libraries(name: str, near: str) -> None:
    with pytest.raises(SettingsError, match=f"unknown model '{name}'; the nearest here is .*{near}"):
        latentcast.fit(days(), name, lookback=7, horizon=7)


def test_each_nearest_model_is_one_of_ours() -> None:
    assert {near.split()[0] for near in NEAREST.values()} <= set(MODEL_PRESETS)


def test_a_model_that_loses_to_naive_is_told_so(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pattern = np.tile([0.0, 5, 9, 4, -3, -8, -2], 29)[:200]
    frame = pd.DataFrame({"ds": days()["ds"], "sales": pattern + 0.1 * rng.normal(size=200)})
    frame.to_csv(tmp_path / "sales.csv", index=False)
    model = ["--lookback", "14", "--horizon", "7", "--set", "training.max_steps=1", "--out", str(tmp_path / "run")]
    fitted = CliRunner().invoke(app, ["fit", str(tmp_path / "sales.csv"), "--model", "dlinear", *model])
    assert "is above that of seasonal-naive" in fitted.output
    naive = ["--lookback", "14", "--horizon", "7", "--out", str(tmp_path / "naive")]
    fitted = CliRunner().invoke(app, ["fit", str(tmp_path / "sales.csv"), "--model", "seasonal-naive", *naive])
    assert "MASE is above 1" not in fitted.output


@pytest.mark.parametrize("limit", ["10s", -1, True, float("nan")])
def test_a_time_limit_is_seconds(limit: object) -> None:
    frame = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=60), "sales": np.arange(60.0)})
    with pytest.raises(SettingsError, match=r"time_limit=.*wanted seconds as a number"):
        latentcast.fit_auto(frame, horizon=3, time_limit=limit)  # type: ignore[arg-type]


def test_training_that_the_limit_ended_is_repeated_to_the_same_step(tmp_path: Path) -> None:
    frame = days()
    panel = build(frame, DataSettings())
    task = Searched("frame", panel, split(panel, (0.6, 0.4, 0.0)), 7, {"data": {"split": [0.6, 0.4, 0.0]}}, {})
    endless = {"max_steps": 10**6, "max_epochs": 10**6, "patience": None}
    cut = auto._try(task, Candidate("dlinear", 14, training=endless), origins_of(task), 0.3)
    other = auto._try(task, Candidate("ridge", 14), origins_of(task), None)
    assert isinstance(cut, JudgedCandidate)
    assert isinstance(other, JudgedCandidate)
    assert cut.trial.why == "trained in part: the time limit ended its training"
    whole = auto._hybrid(task, [(cut, 0.5), (other, 0.5)])
    for made in (cut.forecaster, whole):
        write_yaml(tmp_path / "auto.yaml", made.run.dump())
        again = latentcast.fit(frame, config=tmp_path / "auto.yaml")
        assert np.allclose(again.predict(frame)[made.name], made.predict(frame)[made.name], rtol=1e-6)


@pytest.mark.parametrize(("series", "limit", "windows"), [(1, 0, 1), (12, None, 1), (20, 0, "origins")])
def test_the_settings_of_a_choice_give_its_intervals_again(
    series: int, limit: float | None, windows: object, tmp_path: Path
) -> None:
    frame = pd.concat([days(seed=seed).assign(unique_id=f"s{seed}") for seed in range(series)])
    found = latentcast.forecast(frame, 7, settings={"training.max_steps": 30}, level=80, time_limit=limit)
    assert found.forecaster.run.training.calibration == windows
    write_yaml(tmp_path / "auto.yaml", found.forecaster.run.dump())
    again = latentcast.fit(frame, config=tmp_path / "auto.yaml").predict(frame, level=80)
    for column in found.frame.columns[2:]:
        assert np.allclose(again[column], found.frame[column], rtol=1e-5), column


def test_a_backtest_chooses_before_its_first_origin() -> None:
    changed = days()
    changed.loc[186:, "sales"] += 50  # what both windows forecast
    one, other = (latentcast.backtest(frame, ["auto"], horizon=7, n_windows=2).forecasts for frame in (days(), changed))
    first = one["ds"] <= one["ds"].min() + pd.Timedelta(6, "D")
    assert one["auto"][first].tolist() == other["auto"][first].tolist()
    assert one["y"][first].tolist() != other["y"][first].tolist()


def test_options_of_other_engines_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"workers: model='auto' chooses in one process.*\n?.*storage"):
        latentcast.fit(days(), "auto", horizon=7, workers=2, storage="s3://runs")
