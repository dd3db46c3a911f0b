"""Gaps filled and steps scored part by part equal those of one table."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import latentcast

HOURS = pd.date_range("2024-01-01", periods=300, freq="h")


def panel() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    made = [
        pd.DataFrame({"unique_id": name, "ds": HOURS, "y": level + np.arange(300) % 24 + rng.normal(0, 1, 300)})
        for level, name in enumerate("abcde")
    ]
    return pd.concat(made, ignore_index=True)


@pytest.mark.slow
def test_gaps_are_filled_alike(tmp_path: Path) -> None:
    settings = {"stages.reconstruct.max_steps": 2, "stages.reconstruct.loggers": []}
    imputer = latentcast.pretrain(panel(), "latent-transformer", lookback=24, settings=settings)
    holes = panel()
    holes.loc[holes.index % 17 == 0, "y"] = np.nan
    holes.to_parquet(tmp_path / "data.parquet", index=False, row_group_size=70)
    whole = latentcast.impute(imputer, holes)
    found: Any = latentcast.impute(imputer, tmp_path / "data.parquet", out=tmp_path / "out", rows=600)
    assert_frame_equal(pd.read_parquet(tmp_path / "out"), whole.frame, rtol=1e-5)
    assert (found.parts, found.rows) == (3, 1500)
    assert (found.filled, found.values) == (whole.filled, whole.values)


@pytest.mark.slow
def test_steps_are_ranked_among_those_of_all_parts(tmp_path: Path) -> None:
    settings = {"stages.codec.max_steps": 2, "stages.codec.loggers": []}
    codec = latentcast.pretrain(panel(), "vq-codec", lookback=24, settings=settings)
    strange = panel()
    strange.loc[[50, 400], "y"] = [90.0, np.nan]
    strange.to_parquet(tmp_path / "data.parquet", index=False, row_group_size=70)
    whole: Any = latentcast.anomaly_scores(codec, strange)
    found: Any = latentcast.anomaly_scores(codec, tmp_path / "data.parquet", out=tmp_path / "out", rows=600)
    assert found.parts == 3
    assert_frame_equal(pd.read_parquet(tmp_path / "out"), whole.frame, rtol=1e-5, atol=1e-6)
    of_pandas = whole.frame["error"].rank(method="average")
    expected = (of_pandas - 1) / (whole.frame["error"].notna().sum() - 1)
    np.testing.assert_allclose(whole.frame["score"], expected, rtol=1e-12)
