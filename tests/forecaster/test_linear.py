"""A linear map in the folder of a forecaster forecasts as the network does, without torch."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
from pandas.testing import assert_frame_equal

import latentcast
from latentcast.forecaster.ahead import Asked, forecast_ahead
from latentcast.forecaster.linear.address import LINEAR, holds_linear
from latentcast.forecaster.predictor import LinearForecaster, predictor
from latentcast.models.linear_map import LinearMap

QUICK = {"training.max_steps": 4, "training.batch_size": 16, "training.loggers": []}
SIZES: dict[str, Any] = {"lookback": 14, "horizon": 3}


def test_a_map_by_hand() -> None:
    weight, bias = np.array([[[1.0, 2.0], [0.0, 1.0]]]), np.array([[0.5, 0.0]])
    past = np.array([[[3.0], [5.0]]], np.float32)  # one window of two steps
    assert LinearMap(weight, bias, np.zeros(1, np.int64))(past).reshape(-1).tolist() == [13.5, 5]
    # of 3 - 5 = -2 and 0: -2 + .5 + 5 and 0 + 5
    assert LinearMap(weight, bias, np.zeros(1, np.int64), "last")(past).reshape(-1).tolist() == [3.5, 5]
    # mean 4, standard deviation 1: of -1 and 1: 1 + .5 and 1, times 1, plus 4
    found = LinearMap(weight, bias, np.zeros(1, np.int64), "normalised")(past).reshape(-1)
    assert found.tolist() == pytest.approx([5.5, 5.0], abs=1e-4)
    # the newest mean is 5: of -2 and 0
    newest = LinearMap(weight, bias, np.zeros(1, np.int64), "normalised", 1)(past).reshape(-1)
    assert newest.tolist() == pytest.approx([3.5, 5.0], abs=1e-4)


def test_each_channel_has_its_map() -> None:
    weight, bias = np.array([[[1.0, 0.0]], [[0.0, 1.0]]]), np.zeros((2, 1))
    past = np.array([[[1.0, 10.0, 100.0], [2.0, 20.0, 200.0]]], np.float32)
    assert LinearMap(weight, bias, np.array([0, 1, 0]))(past).tolist() == [[[1, 20, 100]]]


def long(gaps: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    days = pd.date_range("2024-01-01", periods=80)
    frames = [
        pd.DataFrame({"unique_id": name, "ds": days, "y": level + rng.normal(0, 1, 80).cumsum()})
        for name, level in (("a", 5.0), ("b", 500.0), ("c", -3.0))
    ]
    frame = pd.concat(frames, ignore_index=True)
    return frame[rng.random(len(frame)) < 0.9] if gaps else frame


def wide() -> pd.DataFrame:
    return long().pivot_table(index="ds", columns="unique_id", values="y").reset_index()


MODELS: list[tuple[str, dict[str, Any], bool]] = [
    ("dlinear", {"model.normalise": False}, False),
    ("dlinear", {"model.trailing": 0.3}, False),
    ("dlinear", {"model.exponential": 0.3, "model.individual": True}, True),
    ("dlinear", {"data.features": "MS", "data.target": "b"}, True),
    ("fits", {}, False),
    ("ridge", {}, False),
    ("ridge", {"model.maps": "own"}, True),
]


@pytest.mark.slow
@pytest.mark.parametrize(("model", "settings", "of_channels"), MODELS)
def test_forecasts_are_those_of_the_network(
    model: str, settings: dict[str, Any], of_channels: bool, tmp_path: Path
) -> None:
    frame = wide() if of_channels else long()
    trained = {} if model == "ridge" else QUICK
    latentcast.fit(frame, model, **SIZES, settings={**trained, **settings}, out=tmp_path / "model")
    light, whole = predictor(tmp_path / "model"), latentcast.load(tmp_path / "model")
    assert isinstance(light, LinearForecaster)
    for asked in (Asked(None, 80, None, "auto", 100, None), Asked(8, None, None, "auto", 100, None)):
        if asked.horizon and settings.get("data.target"):
            continue  # beyond its horizon it would need channels that it does not forecast
        found = forecast_ahead(light, frame, None, asked)
        wanted = whole.predict(frame, horizon=asked.horizon, level=asked.level)
        assert_frame_equal(found, wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_gaps_are_left_to_the_network(tmp_path: Path) -> None:
    whole = latentcast.fit(long(), "dlinear", **SIZES, settings=QUICK, out=tmp_path / "model")
    asked = Asked(None, None, None, "auto", 100, None)
    found = forecast_ahead(predictor(tmp_path / "model"), long(gaps=True), None, asked)
    assert_frame_equal(found, whole.predict(long(gaps=True)))


@pytest.mark.slow
def test_the_network_is_that_of_the_folder_as_it_is_now(tmp_path: Path) -> None:
    for seed in (0, 1):
        latentcast.fit(
            long(gaps=True), "dlinear", **SIZES, seed=seed, settings=QUICK, out=tmp_path / "model", overwrite=True
        )
        asked = Asked(None, None, None, "auto", 100, None)
        light: Any = forecast_ahead(predictor(tmp_path / "model"), long(gaps=True), None, asked)
        assert_frame_equal(light, latentcast.load(tmp_path / "model").predict(long(gaps=True)))


@pytest.mark.slow
def test_the_command_imports_no_torch(tmp_path: Path) -> None:
    latentcast.fit(long(), "ridge", **SIZES, out=tmp_path / "model")
    long().to_parquet(tmp_path / "data.parquet", index=False)
    code = (
        "import sys\nfrom latentcast.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "assert 'torch' not in sys.modules and 'lightning' not in sys.modules\n"
    )
    for out in ("forecasts", "forecasts.csv"):
        command = ["predict", str(tmp_path / "model"), str(tmp_path / "data.parquet"), "--out", str(tmp_path / out)]
        done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert len(pd.read_csv(tmp_path / "forecasts.csv")) == len(pd.read_parquet(tmp_path / "forecasts")) == 9


@pytest.mark.slow
def test_what_is_no_linear_map_is_loaded_as_it_is(tmp_path: Path) -> None:
    for settings in ({"model.cycles": [7]}, {}):
        latentcast.fit(long(), "dlinear", **SIZES, settings={**QUICK, **settings}, out=tmp_path / "m", overwrite=True)
        assert holds_linear(tmp_path / "m") == (not settings)
    latentcast.fit(long(), "naive", **SIZES, out=tmp_path / "m", overwrite=True)
    assert not holds_linear(tmp_path / "m")
    assert isinstance(predictor(tmp_path / "m"), latentcast.Forecaster)


@pytest.mark.slow
def test_a_damaged_map_is_refused(tmp_path: Path) -> None:
    latentcast.fit(long(), "ridge", **SIZES, out=tmp_path / "model")
    path = tmp_path / "model" / LINEAR
    with safetensors.safe_open(path, "numpy") as file:
        metadata, arrays = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert json.loads(metadata["linear"])["level"] == "last"
    safetensors.numpy.save_file({**arrays, "weight": arrays["weight"] + 1}, path, metadata=metadata)
    for load in (predictor, latentcast.load):
        with pytest.raises(latentcast.CheckpointError, match=r"linear\.safetensors is damaged or was changed"):
            load(tmp_path / "model")
    path.unlink()
    with pytest.raises(latentcast.CheckpointError, match=r"lacks linear\.safetensors"):
        predictor(tmp_path / "model")
