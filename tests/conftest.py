"""Under test, every tensor annotation in the network's folders is checked (jaxtyping + beartype)."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

settings.register_profile("shared machine", deadline=None, max_examples=40)  # long trials live in benchmarks/
settings.register_profile("fast", deadline=None, max_examples=15)  # of make test-fast
settings.load_profile("shared machine")

CHECKED = (
    "core.types",
    "core.protocols",
    "layers",
    "models.representations",
    "models.mixers",
    "models.backbones",
    "models.heads",
    "models.standalone",
    "models.hybrid.model",
    "models.hybrid.gate",
    "models.hybrid.stacking",
    "models.composed",
    "models.network",
    "models.autoregressive",
)
install_import_hook([f"latentcast.{name}" for name in CHECKED], "beartype.beartype")


@pytest.fixture
def data_folder(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of real benchmark data; tests that need it are skipped where there is none."""
    folder = os.environ.get("LATENTCAST_DATA")
    if not folder:
        pytest.skip("LATENTCAST_DATA is not set: the real benchmark data are not here")
    monkeypatch.setenv("LATENTCAST_DATA", str(Path(folder).resolve()))
    return Path(folder).resolve()


@pytest.fixture
def hourly() -> pd.DataFrame:
    """Two channels of 400 hours: a daily cycle, a trend, a little noise."""
    rng = np.random.default_rng(0)
    t = np.arange(400)
    wave = np.sin(2 * np.pi * t / 24)
    return pd.DataFrame(
        {
            "ds": pd.date_range("2024-01-01", periods=400, freq="h"),
            "load": 50 + 10 * wave + 0.02 * t + rng.normal(0, 0.5, 400),
            "price": 3 - wave + rng.normal(0, 0.1, 400),
        }
    )
