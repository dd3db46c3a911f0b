"""Any horizon, quantiles and sampled paths; every judgement stands beside that of seasonal-naive."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import latentcast
from latentcast.cli import app
from latentcast.core.errors import SettingsError


@pytest.fixture(scope="module")
def weeks() -> pd.DataFrame:
    rng, at = np.random.default_rng(0), np.arange(300)
    values = np.array([5.0, 1, 2, 8, 3, 9, 4])[at % 7] + 0.1 * rng.normal(size=300)
    return pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=300), "sales": values})


@pytest.fixture(scope="module")
def linear(weeks: pd.DataFrame) -> latentcast.Forecaster:
    return latentcast.fit(weeks, "dlinear", lookback=14, horizon=7, settings={"training.max_steps": 60})


def test_a_longer_horizon_rolls_on(linear: latentcast.Forecaster, weeks: pd.DataFrame) -> None:
    ahead = linear.predict(weeks, horizon=10)
    assert len(ahead) == 10
    assert ahead["ds"].tolist() == pd.date_range("2024-10-27", periods=10).tolist()
    first = linear.predict(weeks)
    assert ahead["dlinear"][:7].tolist() == first["dlinear"].tolist()
    longer = pd.concat([weeks, pd.DataFrame({"ds": first["ds"], "sales": first["dlinear"]})], ignore_index=True)
    assert ahead["dlinear"][7:].to_numpy() == pytest.approx(linear.predict(longer)["dlinear"][:3].to_numpy(), rel=1e-5)
    with pytest.raises(SettingsError, match="intervals are calibrated for the 7 steps"):
        linear.predict(weeks, horizon=10, level=80)


def test_a_shorter_horizon_is_the_beginning(linear: latentcast.Forecaster, weeks: pd.DataFrame) -> None:
    whole, short = (linear.predict(weeks, horizon=steps, level=80) for steps in (None, 3))
    pd.testing.assert_frame_equal(short, whole.iloc[:3])
    with pytest.raises(SettingsError, match="horizon=0"):
        linear.predict(weeks, horizon=0)


def test_quantiles_are_ends_of_intervals_and_the_point(linear: latentcast.Forecaster, weeks: pd.DataFrame) -> None:
    found = linear.predict(weeks, quantiles=[0.9, 0.1, 0.5])
    bands = linear.predict(weeks, level=80)
    assert found.columns.tolist() == ["unique_id", "ds", "dlinear", "dlinear-q-0.1", "dlinear-q-0.5", "dlinear-q-0.9"]
    assert found["dlinear-q-0.1"].tolist() == bands["dlinear-lo-80"].tolist()
    assert found["dlinear-q-0.9"].tolist() == bands["dlinear-hi-80"].tolist()
    assert found["dlinear-q-0.5"].tolist() == bands["dlinear"].tolist()
    with pytest.raises(SettingsError, match="between 0 and 1"):
        linear.predict(weeks, quantiles=[10])


def test_seasonal_naive_stands_beside_every_figure(weeks: pd.DataFrame) -> None:
    holes = weeks.copy()
    holes.loc[[250, 251, 270], "sales"] = np.nan
    model = latentcast.fit(weeks, "naive", lookback=7, horizon=7)
    itself = latentcast.fit(weeks, "seasonal-naive", lookback=7, horizon=7).evaluate(weeks)
    found = model.evaluate(weeks).baseline
    assert found is not None
    assert found.original == pytest.approx({name: itself.original[name] for name in found.original})
    assert found.scaled == pytest.approx({name: itself.scaled[name] for name in found.scaled})
    values = holes["sales"].to_numpy()
    errors = []
    for origin in range(240, 294):  # the last fifth
        for step in range(7):
            source = origin + step - 7
            while np.isnan(values[source]):
                source -= 7
            errors.append(values[origin + step] - values[source])
    with_holes = model.evaluate(holes).baseline
    assert with_holes is not None
    assert with_holes.original["MAE"] == pytest.approx(np.nanmean(np.abs(errors)))


@pytest.mark.slow
def test_forecasts_and_quantile_scores_of_an_evaluation(linear: latentcast.Forecaster, weeks: pd.DataFrame) -> None:
    found = linear.evaluate(weeks, forecasts=True)
    rows = found.forecasts
    assert np.abs(rows["y"] - rows["dlinear"]).mean() == pytest.approx(found.original["MAE"])
    assert (rows["ds"] > rows["cutoff"]).all()
    losses = []
    for tau in np.arange(1, 10) / 10:
        cut = [linear.predict(weeks[weeks["ds"] <= at], quantiles=float(tau)) for at in rows["cutoff"].unique()]
        above = rows["y"].to_numpy() - np.concatenate([one.iloc[:, 3] for one in cut])
        losses.append(2 * np.maximum(tau * above, (tau - 1) * above).sum())
    assert found.distribution is not None
    assert found.distribution.wql == pytest.approx(np.mean(losses) / np.abs(rows["y"]).sum(), rel=1e-6)
    assert found.distribution.crps == pytest.approx(np.mean(losses) / len(rows), rel=1e-6)


def test_paths_are_drawn_by_models_that_sample_alone(linear: latentcast.Forecaster, weeks: pd.DataFrame) -> None:
    with pytest.raises(SettingsError, match="draws no paths"):
        linear.sample(weeks)


def test_commands_take_the_same(linear: latentcast.Forecaster, weeks: pd.DataFrame, tmp_path: Path) -> None:
    linear.save(tmp_path / "model")
    weeks.to_csv(tmp_path / "weeks.csv", index=False)
    data, out = str(tmp_path / "weeks.csv"), str(tmp_path / "ahead.csv")
    told = ["--horizon", "10", "--quantiles", "0.5", "--out", out]
    ran = CliRunner().invoke(app, ["predict", str(tmp_path / "model"), data, *told])
    assert ran.exit_code == 0, ran.output
    assert pd.read_csv(out).columns.tolist() == ["unique_id", "ds", "dlinear", "dlinear-q-0.5"]
    rows = str(tmp_path / "rows.csv")
    ran = CliRunner().invoke(app, ["evaluate", str(tmp_path / "model"), data, "--out", rows])
    assert "seasonal-naive scaled" in ran.output
    assert "WQL" in ran.output
    assert len(pd.read_csv(rows)) == 54 * 7


@pytest.mark.slow
def test_auto_is_a_model_of_fit_and_backtest(weeks: pd.DataFrame) -> None:
    made = latentcast.fit(weeks, "auto", horizon=7, settings={"training.max_steps": 20})
    assert made.card.notes[-1].startswith(("dlinear", "ridge", "patch", "theta", "auto-ets"))
    with pytest.raises(SettingsError, match="lookback: model='auto' chooses it"):
        latentcast.fit(weeks, "auto", lookback=3, horizon=7)
    rolled = latentcast.backtest(weeks, ["auto"], horizon=7, n_windows=2, settings={"training.max_steps": 20})
    assert rolled.baseline is not None
    assert set(rolled.table()["model"]) == {"auto", "seasonal-naive"}
