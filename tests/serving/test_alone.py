"""Requests that share no pass: with covariates known in advance, or intervals that follow outcomes; and other verbs."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient

import latentcast
from latentcast.serving.app import create_app
from latentcast.serving.models import Models
from latentcast.serving.settings import ServeSettings


def columns(frame: pd.DataFrame) -> dict[str, list[Any]]:
    found = frame.assign(ds=frame["ds"].astype(str)) if "ds" in frame else frame
    return {name: [None if value != value else value for value in found[name].tolist()] for name in found}


@pytest.fixture(scope="module")
def promoted(long_frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """A model whose series depend on a covariate, and its data."""
    frame = long_frame.assign(promo=(np.arange(600) % 5 == 0).astype(float))
    frame["y"] += 20 * frame["promo"]
    folder = tmp_path_factory.mktemp("models") / "promo"
    settings = {"data.future": ["promo"]}
    latentcast.fit(frame, "seasonal-naive", lookback=48, horizon=6, settings=settings, out=folder)
    return folder, frame


def test_covariates_of_the_future_come_with_the_request(promoted: tuple[Path, pd.DataFrame]) -> None:
    folder, frame = promoted
    hours = pd.date_range(frame["ds"].max() + pd.Timedelta("1h"), periods=6, freq="h")
    ahead = pd.DataFrame({"unique_id": np.repeat(["north", "south"], 6), "ds": np.tile(hours, 2)})
    ahead["promo"] = [1.0, 0, 0, 0, 1, 0] * 2
    with TestClient(create_app(Models.open([str(folder)]), ServeSettings()), base_url="http://localhost") as client:
        body = {"data": columns(frame), "future_covariates": columns(ahead)}
        found = client.post("/forecast", json=body)
        without = client.post("/forecast", json={"data": columns(frame)})
        files = {name: (f"{name}.csv", table.to_csv(index=False)) for name, table in (("data", frame),)}
        files["future_covariates"] = ("ahead.csv", ahead.to_csv(index=False))
        uploaded = client.post("/forecast", files=files)
    expected = latentcast.load(folder).predict(frame, future_covariates=ahead)["seasonal-naive"].tolist()
    assert found.json()["data"]["seasonal-naive"] == pytest.approx(expected, abs=1e-9)
    assert uploaded.status_code == 200, uploaded.text
    assert uploaded.json()["data"]["seasonal-naive"] == pytest.approx(expected, abs=1e-6)
    assert without.status_code == 422
    assert "promo" in without.json()["detail"]


def test_intervals_that_follow_outcomes(client: TestClient, folder: Path, long_frame: pd.DataFrame) -> None:
    more = long_frame.groupby("unique_id").tail(48).assign(ds=lambda frame: frame["ds"] + pd.Timedelta("48h"))
    frame = pd.concat([long_frame, more]).sort_values(["unique_id", "ds"], ignore_index=True)
    body = {"data": columns(frame), "level": 80, "interval_method": "adaptive"}
    found = client.post("/forecast", json=body)
    expected = latentcast.load(folder).predict(frame, level=80, interval_method="adaptive")
    assert found.status_code == 200, found.text
    assert found.json()["data"]["seasonal-naive-hi-80"] == pytest.approx(expected["seasonal-naive-hi-80"].tolist())


def test_an_explanation_is_that_of_the_library(client: TestClient, folder: Path, long_frame: pd.DataFrame) -> None:
    found = client.post("/explain", json={"data": columns(long_frame), "item": "south", "stretch": 12})
    expected = latentcast.load(folder).explain(long_frame, item="south", stretch=12).to_dict()
    assert found.status_code == 200, found.text
    assert found.json()["forecast"]["south"]["values"] == pytest.approx(expected["forecast"]["south"]["values"])
    assert len(found.json()["findings"]) == len(expected["findings"])
    wrong = client.post("/explain", json={"data": columns(long_frame), "item": "west"})
    assert wrong.status_code == 422
    assert "west" in wrong.json()["detail"]


@pytest.mark.slow
def test_scores_and_filled_gaps(long_frame: pd.DataFrame, tmp_path: Path) -> None:
    codec = {"stages.codec.max_steps": 2, "stages.codec.loggers": []}
    filler = {"stages.reconstruct.max_steps": 2, "stages.reconstruct.loggers": []}
    latentcast.pretrain(long_frame, "vq-codec", lookback=24, settings=codec, out=tmp_path / "codec")
    latentcast.pretrain(long_frame, "latent-transformer", lookback=24, settings=filler, out=tmp_path / "filler")
    models = Models.open([str(tmp_path / "codec"), f"gaps={tmp_path / 'filler'}"])
    holes = long_frame.assign(y=long_frame["y"].where(np.arange(600) % 50 > 0))
    with TestClient(create_app(models, ServeSettings()), base_url="http://localhost") as client:
        scores = client.post("/anomaly-scores", json={"data": columns(long_frame), "model": "codec"})
        filled = client.post("/impute", json={"data": columns(holes), "model": "gaps"})
        which = client.post("/impute", json={"data": columns(holes)})
    expected = latentcast.anomaly_scores(tmp_path / "codec", long_frame).frame
    assert scores.json()["data"]["score"] == pytest.approx(expected["score"].tolist())
    whole = latentcast.impute(tmp_path / "filler", holes).frame
    assert filled.json()["data"]["y"] == pytest.approx(whole["y"].tolist())
    assert None not in filled.json()["data"]["y"]
    assert which.json()["detail"] == "model: which one? known: codec, gaps"
