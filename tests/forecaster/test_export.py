"""Exported graphs forecast as the fitted model does, without torch."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import latentcast
from latentcast.core.errors import CheckpointError, SettingsError

LOOKBACK, HORIZON = 48, 4


def frame_of(channels: int = 2, rows: int = 400) -> pd.DataFrame:
    rng, t = np.random.default_rng(0), np.arange(rows)
    made = {f"c{n}": 50 * n + 10 * np.sin(2 * np.pi * t / 24 + n) + rng.normal(size=rows) for n in range(channels)}
    return pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=rows, freq="h"), **made})


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[latentcast.Forecaster, Path]:
    forecaster = latentcast.fit(
        frame_of(), "dlinear", lookback=LOOKBACK, horizon=HORIZON, settings={"training.max_steps": 4}
    )
    file = tmp_path_factory.mktemp("export") / "dlinear.onnx"
    forecaster.export(file)
    return forecaster, file


@pytest.mark.slow
def test_forecasts_and_intervals_are_those_of_the_fitted_model(exported: tuple[latentcast.Forecaster, Path]) -> None:
    forecaster, file = exported
    graph = latentcast.load(file)
    for missing in (None, ("c0", slice(350, 360)), ("c1", slice(340, 400))):
        frame = frame_of()
        if missing is not None:
            frame.loc[missing[1], missing[0]] = np.nan
        wanted = forecaster.predict(frame, level=[80], quantiles=[0.1, 0.5])
        found = graph.predict(frame, level=[80], quantiles=[0.1, 0.5])
        pd.testing.assert_frame_equal(found, wanted, rtol=1e-5)


@pytest.mark.slow
def test_a_longer_horizon_goes_on_from_the_forecast(exported: tuple[latentcast.Forecaster, Path]) -> None:
    forecaster, file = exported
    pd.testing.assert_frame_equal(
        latentcast.load(file).predict(frame_of(), horizon=9), forecaster.predict(frame_of(), horizon=9), rtol=1e-5
    )


@pytest.mark.slow
def test_learned_cycles_follow_the_phase_of_each_window(tmp_path: Path) -> None:
    settings = {"training.max_steps": 60, "training.lr": 0.05, "training.loggers": [], "model.cycles": [24]}
    forecaster = latentcast.fit(frame_of(), "patch-linear", lookback=LOOKBACK, horizon=HORIZON, settings=settings)
    forecaster.export(tmp_path / "cycles.onnx")
    graph = latentcast.load(tmp_path / "cycles.onnx")
    found = []
    for rows in (400, 393, 371):  # the last look-back begins at other hours of the day
        frame = frame_of().iloc[:rows]
        found.append(graph.predict(frame, level=80))
        pd.testing.assert_frame_equal(found[-1], forecaster.predict(frame, level=80), rtol=1e-5)
        shifted = forecaster.predict(frame.assign(ds=frame["ds"] + pd.Timedelta("5h")), level=80)
        change = shifted.select_dtypes("number") - found[-1].select_dtypes("number")
        assert change.abs().max().max() > 1e-3  # another phase, another forecast
    uncounted = frame_of().assign(ds=range(400))
    with pytest.raises(latentcast.LatentcastError):
        graph.predict(uncounted)


@pytest.mark.slow
def test_what_cannot_be_exported_says_why(tmp_path: Path, exported: tuple[latentcast.Forecaster, Path]) -> None:
    forecaster, file = exported
    generalist = latentcast.fit(frame_of(), "generalist", lookback=LOOKBACK, horizon=HORIZON)
    with pytest.raises(SettingsError, match=r"generalist cannot be exported: its candidates .* numpy"):
        generalist.export(tmp_path / "model.onnx")
    with pytest.raises(SettingsError, match=r"onx.*did you mean onnx"):
        forecaster.export(tmp_path / "model.onnx", to="onx")
    with pytest.raises(SettingsError, match=r"ends in \.pt2"):
        forecaster.export(tmp_path / "model.onnx", to="torch-export")
    with pytest.raises(SettingsError, match="exists"):
        forecaster.export(file)
    with pytest.raises(CheckpointError, match="predicts alone"):
        latentcast.impute(file, frame_of())
