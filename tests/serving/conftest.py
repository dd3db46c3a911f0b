"""A server with one small model, in this process."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient

import latentcast
from latentcast.serving.app import create_app
from latentcast.serving.models import Models
from latentcast.serving.settings import ServeSettings


@pytest.fixture(scope="session")
def long_frame() -> pd.DataFrame:
    """Two series of 300 hours with different means."""
    rng, hours = np.random.default_rng(0), np.arange(300)
    wave = np.sin(2 * np.pi * hours / 24)
    return pd.DataFrame(
        {
            "unique_id": np.repeat(["north", "south"], 300),
            "ds": np.tile(pd.date_range("2024-01-01", periods=300, freq="h"), 2),
            "y": np.concatenate([50 + 10 * wave, 8 - wave]) + rng.normal(0, 0.2, 600),
        }
    )


@pytest.fixture(scope="session")
def folder(long_frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved seasonal-naive model with intervals."""
    place = tmp_path_factory.mktemp("models") / "load"
    latentcast.fit(long_frame, "seasonal-naive", lookback=48, horizon=6, out=place)
    return place


@pytest.fixture(scope="session")
def client(folder: Path) -> Iterator[TestClient]:
    app = create_app(Models.open([str(folder)]), ServeSettings())
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        yield client
