"""Chronos as a member: the package's own forecasts, of every channel by itself, and nothing trained or saved."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import latentcast
from chronoses import LEVELS, chronos
from latentcast.core.errors import CheckpointError, MissingExtra, SettingsError
from latentcast.core.types import Batch, Task
from latentcast.models.foundation import member as module
from latentcast.models.foundation.chronos import Chronos
from latentcast.models.inspection import count_parameters

TASK = Task(lookback=24, horizon=8, channels=2, targets=(0, 1), season=12)
KINDS = ["bolt", "two"]


def make(kind: str, task: Task = TASK, **settings: object) -> Chronos:
    return Chronos(Chronos.Settings(checkpoint=chronos(kind), **settings), task)


def past(windows: int = 3, steps: int = 24) -> torch.Tensor:
    return torch.randn(windows, steps, 2, generator=torch.Generator().manual_seed(0)).cumsum(1)


def frame(steps: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    stamps = pd.date_range("2024-01-01", periods=steps, freq="h")
    return pd.DataFrame({"ds": stamps, "a": rng.normal(size=steps).cumsum(), "b": rng.normal(size=steps)})


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_packages_own_forecast(kind: str) -> None:
    from chronos import BaseChronosPipeline

    pipeline = BaseChronosPipeline.from_pretrained(chronos(kind), device_map="cpu")
    series = past()
    found = make(kind)(Batch(series))
    for channel in range(2):
        rows = series[..., channel]
        theirs, _ = pipeline.predict_quantiles(rows[:, None] if kind == "two" else rows, 8, LEVELS)
        theirs = torch.cat(theirs) if kind == "two" else theirs
        torch.testing.assert_close(found.quantiles[:, :, channel], theirs.sort(-1).values, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.values, found.quantiles[..., LEVELS.index(0.5)])


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_not_observed_is_not_read(kind: str) -> None:
    series, seen = past(), torch.ones(3, 24, 2, dtype=torch.bool)
    seen[:, 3:9, 0] = False
    seen[1, :, 1] = False  # nothing at all
    other = torch.where(seen, series, torch.tensor(99.0))
    one, two = (make(kind)(Batch(values, observed=seen)).quantiles for values in (series, other))
    assert torch.equal(one, two)
    assert one.isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_fit_predict_evaluate_save_and_load(kind: str, tmp_path: Path) -> None:
    data = frame()
    forecaster = latentcast.fit(data, "chronos", lookback=24, horizon=8, settings={"model.checkpoint": chronos(kind)})
    assert count_parameters(forecaster.network)[0] == 0
    forecast = forecaster.predict(data, level=80)
    judged = forecaster.evaluate(data, level=80, interval_method="quantiles")
    assert judged.intervals is not None
    forecaster.save(tmp_path / "run")
    assert sum(file.stat().st_size for file in (tmp_path / "run").iterdir()) < 200_000
    pd.testing.assert_frame_equal(latentcast.load(tmp_path / "run").predict(data, level=80), forecast)


def test_other_weights_where_saved_ones_lay_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(chronos("bolt"), folder)
    settings = {"model.checkpoint": str(folder)}
    latentcast.fit(frame(), "chronos", lookback=24, horizon=8, settings=settings, out=tmp_path / "run")
    shutil.copytree(chronos("bolt", seed=1), folder, dirs_exist_ok=True)
    with pytest.raises(CheckpointError, match="not those that were there"):
        latentcast.load(tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"checkpoint": "no/such-folder-here"}, "cannot be loaded"),
        ({"checkpoint": "T5"}, "draws samples"),
        ({"quantiles": (0.05, 0.5)}, "not trained on 0.05"),
    ],
)
def test_checkpoints_that_do_not_serve(
    settings: dict[str, object], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # no attempts to reach the hub
    stated = {"checkpoint": chronos("bolt"), **settings}
    if stated["checkpoint"] == "T5":
        stated["checkpoint"] = chronos("t5")
    with pytest.raises(SettingsError, match=words):
        Chronos(Chronos.Settings(**stated), TASK)


def test_the_median_alone() -> None:
    series = past()
    torch.testing.assert_close(make("bolt", quantiles=None)(Batch(series)).values, make("bolt")(Batch(series)).values)


def test_levels_that_are_none() -> None:
    for levels, said in (((0.1, 0.9), r"the median, 0\.5, must be among them"), ((0.5, 0.1), "ascend, each once")):
        with pytest.raises(ValueError, match=said):
            Chronos.Settings(quantiles=levels)


def test_long_horizons_and_look_backs_are_said() -> None:
    model = make("bolt", Task(lookback=60, horizon=20, channels=2, targets=(0, 1)))
    assert model(Batch(past(steps=60))).values.shape == (3, 20, 2)
    assert any("beyond the 8 steps" in note for note in model.notes)
    assert any("last 48 of 60 steps" in note for note in model.notes)


def test_the_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"latentcast\[chronos\]"):
        make("bolt")


def test_code_in_a_folder_of_weights_is_never_run(tmp_path: Path) -> None:
    folder, ran = tmp_path / "weights", tmp_path / "ran"
    shutil.copytree(chronos("two"), folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Own", "AutoModel": "own.Own"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(f"from pathlib import Path\nPath({str(ran)!r}).touch()\nclass Own: pass\n")
    with pytest.raises(SettingsError, match="cannot be loaded"):
        Chronos(Chronos.Settings(checkpoint=str(folder)), TASK)
    assert not ran.exists()
