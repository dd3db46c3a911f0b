"""Logs in MLflow and Weights & Biases: theirs where they are installed, and what a run hands to them."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from latentcast.core.errors import CheckpointError, MissingExtra
from latentcast.forecaster import storage
from latentcast.models.config.training import TrainingSettings
from latentcast.training import trackers
from latentcast.training.logs import TrainingLog

METRICS = {"val_loss": 0.25, "val_mae": 0.5}


class Recorder:
    """Stands for a logger of Lightning."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    def log_hyperparams(self, values: dict[str, Any]) -> None:
        self.said.append(("settings", values["lr"]))

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        self.said.append((step, metrics))

    def save(self) -> None:
        self.said.append("saved")


def written(name: str, folder: Path) -> None:
    """A training of 20 steps with one validation."""
    log = TrainingLog(TrainingSettings(loggers=name, lr=0.125), folder / "run" / "logs" / "forecast", None)
    for number in range(1, 21):
        log.step(number, 0, number / 10)
    log.validation(20, 0, METRICS)
    log.close()


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder()

    def opened(folder: Path) -> tuple[Any, Callable[[], None]]:
        return made, lambda: made.said.append("ended")

    monkeypatch.setattr(trackers, "find_spec", lambda name: object())
    monkeypatch.setitem(trackers.TRACKERS, "mlflow", opened)
    return made


def test_a_tracker_gets_settings_metrics_and_the_end(recorder: Recorder, tmp_path: Path) -> None:
    written("mlflow", tmp_path)
    mean = {"train_loss_mean": pytest.approx(1.05), **METRICS, "epoch": 0}
    assert recorder.said == [
        ("settings", 0.125),
        (20, {"train_loss": 2.0, "epoch": 0}),
        (20, mean),
        "saved",
        "ended",
    ]
    written("mlflow", tmp_path)  # training that goes on is a run of its own
    assert sorted(path.name for path in (tmp_path / "run" / "logs" / "forecast").iterdir()) == ["mlflow", "mlflow-2"]


def test_a_tracker_that_fails_is_reported(recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(metrics: dict[str, float], step: int) -> None:
        raise ConnectionError("no route to the tracker\nlong story")

    monkeypatch.setattr(recorder, "log_metrics", refuse)
    with pytest.raises(CheckpointError, match=r"mlflow does not take the log: no route to the tracker\. .*--resume"):
        written("mlflow", tmp_path)


@pytest.mark.parametrize("name", sorted(trackers.TRACKERS))
def test_a_missing_package_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda module: None)
    with pytest.raises(MissingExtra, match=rf"training\.loggers={name} needs .*latentcast\[{name}\]"):
        written(name, tmp_path)
    assert not (tmp_path / "run").exists()


def test_overwriting_a_run_removes_its_logs(tmp_path: Path) -> None:
    (tmp_path / storage.SETTINGS).write_text("model: {}")
    for kind in ("csv", "tensorboard", "mlflow", "wandb-2", "mine"):
        (tmp_path / "logs" / "forecast" / kind).mkdir(parents=True)
    storage.make_folder(tmp_path, overwrite=True)
    assert [path.name for path in (tmp_path / "logs" / "forecast").iterdir()] == ["mine"]


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mlflow") is None, reason="mlflow is not installed")
@pytest.mark.filterwarnings("ignore")  # of mlflow and what it imports
def test_mlflow_keeps_them_in_a_database_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    written("mlflow", tmp_path)
    client = MlflowClient(f"sqlite:///{tmp_path / 'run' / 'logs' / 'forecast' / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("latentcast")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == "run/forecast"
    assert run.info.status == "FINISHED"
    assert run.data.params["lr"] == "0.125"
    assert run.data.metrics["val_mae"] == 0.5
    assert [(one.step, one.value) for one in client.get_metric_history(run.info.run_id, "train_loss")] == [(20, 2.0)]


@pytest.mark.slow
@pytest.mark.skipif(find_spec("wandb") is None, reason="wandb is not installed")
@pytest.mark.filterwarnings("ignore")  # of wandb and what it imports
def test_wandb_keeps_them_in_the_run_when_it_is_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    written("wandb", tmp_path)
    (kept,) = (tmp_path / "run" / "logs" / "forecast" / "wandb").rglob("*.wandb")
    content = kept.read_bytes()
    assert b"val_mae" in content
    assert b"run/forecast" in content
