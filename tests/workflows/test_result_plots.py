"""Results of the workflows and of M4 draw themselves, and keep what they draw."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

import latentcast
from latentcast.core.errors import DataError, SettingsError
from latentcast.evaluation.m4_metrics import Score
from latentcast.workflows.plots.series import Stretch, around


@pytest.fixture
def holes() -> pd.DataFrame:
    steps = np.arange(300)
    frame = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=300, freq="h"), "load": np.sin(steps / 4)})
    frame.loc[250:259, "load"] = np.nan
    return frame.assign(price=np.cos(steps / 9))


def check_picture(path: Path) -> None:
    pixels = imread(path)
    assert 100 < pixels.shape[0] < 3000
    assert 400 < pixels.shape[1] < 2000
    assert len(np.unique(pixels[..., :3].reshape(-1, 3), axis=0)) > 3


def test_description_of_data_keeps_its_gaps(holes: pd.DataFrame, tmp_path: Path) -> None:
    found = latentcast.describe(holes)
    assert [(one.name, int(one.missing.sum())) for one in found.series] == [("load", 10), ("price", 0)]
    check_picture(found.plot(tmp_path / "data.png"))
    with pytest.raises(SettingsError, match=r"\.png"):
        found.plot(tmp_path / "data.xyz")


def test_description_of_a_model(holes: pd.DataFrame, tmp_path: Path) -> None:
    found = latentcast.describe(holes.interpolate(), model="dlinear", lookback=48, horizon=2)
    check_picture(found.plot(tmp_path / "model.png"))


def test_runs_are_drawn_with_their_neighbours() -> None:
    assert around(np.array([True, False, False, True, True, False])) == [slice(0, 2), slice(2, 6)]


def test_m4_draws_methods_without_some_scores(tmp_path: Path) -> None:
    scores = [Score(name, "weekly", 2, 9.0, 2.0, owa) for name, owa in (("Naive2", 1.0), ("mine", 0.9))]
    scores += [Score("Naive2", "daily", 2, 3.0, None, None)]
    check_picture(latentcast.M4("mine", tuple(scores), {}, {}, ()).plot(tmp_path / "m4.png"))


def test_imputation_without_a_gap_says_so(tmp_path: Path) -> None:
    result = latentcast.Imputation(pd.DataFrame(), 0, 10, ())
    with pytest.raises(DataError, match="nothing to draw"):
        result.plot(tmp_path / "filled.png")
    assert "0 of 10 values filled" in result._repr_html_()


def test_imputation(tmp_path: Path) -> None:
    times = pd.date_range("2024", periods=5).to_numpy()
    one = Stretch("a<b", times, np.arange(5.0), np.array([False, True, False, False, True]))
    check_picture(latentcast.Imputation(pd.DataFrame(), 2, 5, (), (one,)).plot(tmp_path / "filled.png"))


def test_anomaly_scores_escape_names(holes: pd.DataFrame, tmp_path: Path) -> None:
    count = len(holes)
    frame = pd.DataFrame({"unique_id": "a<b", "ds": holes["ds"], "y": holes["load"], "error": 0.5})
    result = latentcast.AnomalyScores(frame.assign(score=np.arange(count) / count), ())
    check_picture(result.plot(tmp_path / "scores.png"))
    assert "a&lt;b" in result._repr_html_()


@pytest.mark.slow
def test_filled_values_are_those_of_the_frame(holes: pd.DataFrame, tmp_path: Path) -> None:
    settings = {"stages.reconstruct.max_steps": 2, "stages.reconstruct.loggers": []}
    imputer = latentcast.pretrain(holes.interpolate(), "latent-transformer", lookback=24, settings=settings)
    result = latentcast.impute(imputer, holes)
    (one,) = result.gaps
    np.testing.assert_array_equal(one.values, result.frame["load"].to_numpy()[: len(one.values)])
    check_picture(result.plot(tmp_path / "filled.png"))
