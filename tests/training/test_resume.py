"""Training that is cut goes on to the same weights, or refuses; a fit leaves nothing behind in its process."""

import gc
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

import latentcast
from latentcast.core.errors import CheckpointError, SettingsError
from latentcast.models.config.training import TrainingSettings
from latentcast.training import checkpoint
from latentcast.training.loop import StageLoop
from latentcast.training.progress import Progress, Schedule

pytestmark = pytest.mark.slow  # trains in nearly every test

ROOT = Path(__file__).parents[2]
SIZES = {"lookback": 48, "horizon": 12}
QUICK = {"training.max_epochs": 2, "training.keep": "best", "training.loggers": []}


def same(one: latentcast.Forecaster, other: latentcast.Forecaster) -> bool:
    mine, its = one.network.state_dict(), other.network.state_dict()
    return mine.keys() == its.keys() and all(torch.equal(mine[name], its[name]) for name in mine)


def test_five_kills_end_at_the_same_weights_or_are_refused(tmp_path: Path) -> None:
    script, out = ROOT / "benchmarks" / "reliability" / "kills.py", tmp_path / "kills.json"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(latentcast.__file__).parents[1])}
    command = [sys.executable, str(script), "--sample", "5", "--seed", "11", "--out", str(out)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    report = json.loads(out.read_text())
    assert report["trials"] == 5
    assert report["equal"] + report["refused"] == 5
    assert report["equal"] >= 3  # a library that refuses all would prove nothing
    assert report["killed"] >= 3


def test_resuming_before_the_first_checkpoint_begins_at_the_start(
    hourly: pd.DataFrame, tmp_path: Path, monkeypatch
) -> None:
    whole = latentcast.fit(hourly, "dlinear", **SIZES, settings=QUICK)
    with monkeypatch.context() as patch:
        patch.setattr(StageLoop, "_made_a_step", lambda *_: (_ for _ in ()).throw(MemoryError("killed")))
        with pytest.raises(MemoryError):
            latentcast.fit(hourly, "dlinear", **SIZES, settings=QUICK, out=tmp_path / "run")
    with pytest.raises(CheckpointError, match="go on with the command that began it and --resume"):
        latentcast.load(tmp_path / "run")
    assert same(latentcast.fit(hourly, "dlinear", **SIZES, settings=QUICK, out=tmp_path / "run", resume=True), whole)


def test_an_old_forecaster_stays_until_the_new_one_is_whole(
    hourly: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    old = latentcast.fit(hourly, "dlinear", **SIZES, settings=QUICK, out=run)
    changed = {**QUICK, "training.lr": 0.01}
    with monkeypatch.context() as patch:
        patch.setattr(StageLoop, "_made_a_step", lambda *_: (_ for _ in ()).throw(MemoryError("killed")))
        with pytest.raises(MemoryError):
            latentcast.fit(hourly, "dlinear", **SIZES, settings=changed, out=run, overwrite=True)
    assert same(latentcast.load(run), old)
    new = latentcast.fit(hourly, "dlinear", **SIZES, settings=changed, out=run, resume=True)
    assert same(latentcast.load(run), new)
    assert not same(new, old)


def test_without_the_best_weights_nothing_is_resumed(hourly: pd.DataFrame, tmp_path: Path) -> None:
    latentcast.fit(hourly, "dlinear", **SIZES, settings=QUICK, out=tmp_path / "run")
    best = tmp_path / "run" / "checkpoints" / "forecast" / "best.ckpt"
    kept = best.read_bytes()
    best.unlink()
    with pytest.raises(CheckpointError, match=r"lacks best.ckpt, the weights of the best validation"):
        latentcast.fit(hourly, "dlinear", **SIZES, settings=QUICK, out=tmp_path / "run", resume=True)
    best.write_bytes(kept[: len(kept) // 2])
    with pytest.raises(CheckpointError, match="damaged"):
        latentcast.fit(hourly, "dlinear", **SIZES, settings=QUICK, out=tmp_path / "run", resume=True)
    best.write_bytes(kept)
    state = checkpoint.read(best)
    checkpoint.write({**state, "val_loss": state["val_loss"] + 1}, best)  # of a worse training
    with pytest.raises(CheckpointError, match="is not of this training"):
        latentcast.fit(hourly, "dlinear", **SIZES, settings=QUICK, out=tmp_path / "run", resume=True)


def test_a_moved_folder_goes_on_as_well(hourly: pd.DataFrame, tmp_path: Path, monkeypatch) -> None:
    whole = latentcast.fit(hourly, "dlinear", **SIZES, settings=QUICK)
    short = {**QUICK, "training.max_time": 1e-6}
    latentcast.fit(hourly, "dlinear", **SIZES, settings=short, out=tmp_path / "here")
    (tmp_path / "here").rename(tmp_path / "there")
    monkeypatch.chdir(tmp_path)
    assert same(latentcast.fit(hourly, "dlinear", **SIZES, settings=QUICK, out="there", resume=True), whole)


@pytest.mark.parametrize("damage", ["", "{", "[1]", '{"data": 1}', "[" * 100_000])
def test_a_damaged_note_of_the_data_is_one_error(hourly: pd.DataFrame, tmp_path: Path, damage: str) -> None:
    latentcast.fit(hourly, "dlinear", **SIZES, settings=QUICK, out=tmp_path / "run")
    (tmp_path / "run" / "checkpoints" / "data.json").write_text(damage)
    with pytest.raises(CheckpointError, match=r"data.json is damaged: .*begin anew \(--overwrite\)"):
        latentcast.fit(hourly, "dlinear", **SIZES, settings=QUICK, out=tmp_path / "run", resume=True)


def test_a_disk_that_is_full_is_one_error_and_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "last.ckpt"
    checkpoint.write({"a": torch.ones(3)}, path)

    def full(tensors: object, part: Path, **_: object) -> None:
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(CheckpointError, match=r"cannot be written: .*No space left on device.*--resume"):
        checkpoint.write({"a": torch.zeros(3)}, path)
    assert torch.equal(checkpoint.read(path)["a"], torch.ones(3))
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def test_a_disk_that_fills_up_in_training_costs_nothing(hourly: pd.DataFrame, tmp_path: Path, monkeypatch) -> None:
    whole = latentcast.fit(hourly, "dlinear", **SIZES, settings=QUICK)
    written = []

    def filling(tensors: object, part: Path, **about: object) -> None:
        if len(written) == 2:
            part.write_bytes(b"half")
            raise OSError(28, "No space left on device")
        written.append(part)
        save_file(tensors, part, **about)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_file", filling)
        with pytest.raises(CheckpointError, match=r"No space left on device.*Free space .* --resume"):
            latentcast.fit(hourly, "dlinear", **SIZES, settings=QUICK, out=tmp_path / "run")
    made = latentcast.fit(hourly, "dlinear", **SIZES, settings=QUICK, out=tmp_path / "run", resume=True)
    assert same(made, whole)
    assert len(written) == 2


def test_options_that_exclude_each_other_are_refused(hourly: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="choose one of them"):
        latentcast.fit(hourly, "dlinear", **SIZES, out=tmp_path / "x", resume=True, overwrite=True)
    with pytest.raises(SettingsError, match=r"overwrite replaces a folder: say which \(out\)"):
        latentcast.fit(hourly, "dlinear", **SIZES, overwrite=True)


def test_signal_handlers_are_put_back_and_no_loop_stays_alive(hourly: pd.DataFrame) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    for _ in range(3):
        latentcast.fit(hourly, "dlinear", **SIZES, settings=QUICK)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    gc.collect()
    assert not [one for one in gc.get_objects() if type(one) is StageLoop]


def test_two_processes_find_the_validation_loss_of_one(hourly: pd.DataFrame) -> None:
    still = {
        "training.max_steps": 1,
        "training.lr": 1e-30,
        "training.accelerator": "cpu",
        "training.loggers": [],
        "data.split": [0.7, 0.11, 0.19],
    }
    alone = latentcast.fit(hourly, "dlinear", **SIZES, settings=still).card.training
    assert alone.validation_windows % 2 == 1
    two = {**still, "training.devices": 2, "training.strategy": "ddp_fork"}
    both = latentcast.fit(hourly, "dlinear", **SIZES, settings=two).card.training  # and no folder is named
    assert both.stages[0].best_val_loss == pytest.approx(alone.stages[0].best_val_loss, rel=1e-6)


def test_a_fit_on_one_device_reads_all_windows_where_torch_has_a_process_group(
    hourly: pd.DataFrame, tmp_path: Path
) -> None:
    """A script's second fit runs in every process that its first one started; so does a fit in somebody's own group."""
    settings = {"training.max_epochs": 2, "training.max_steps": None, "training.loggers": []}
    alone = latentcast.fit(hourly, "dlinear", **SIZES, settings=settings)
    store = torch.distributed.FileStore(str(tmp_path / "store"), 2)
    torch.distributed.init_process_group("fake", rank=1, world_size=2, store=store)
    try:
        grouped = latentcast.fit(hourly, "dlinear", **SIZES, settings=settings)
    finally:
        torch.distributed.destroy_process_group()
    assert grouped.card.training.stages[0].steps == alone.card.training.stages[0].steps
    assert grouped.predict(hourly).equals(alone.predict(hourly))


def validated(batches: int, epochs: int = 1, **settings: object) -> list[int]:
    """The optimiser steps after which a stage validates."""
    how = TrainingSettings(max_epochs=epochs, **settings)
    schedule, progress, found = Schedule(how, batches), Progress(), []
    while schedule.end(progress, validated=None) is None:
        progress.advance(batches)
        if schedule.steps_now(progress):
            progress.step += 1
            if schedule.validates_now(progress):
                found.append(progress.step)
    return found


def test_validations_are_evenly_spread_and_the_last_step_is_validated() -> None:
    assert validated(14) == [14]
    assert validated(14, validations=5) == [3, 6, 9, 12, 14]
    assert validated(10, validations=5, epochs=2) == [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]
    assert validated(3, validations=5) == [1, 2, 3]
    assert validated(14, epochs=3, max_steps=20) == [14, 20]
    assert validated(14, max_steps=3) == [3]
    assert validated(9, accumulate=2, validations=2) == [3, 5]  # 5 steps of an epoch, the last of one batch


def test_patience_counts_validations() -> None:
    how = TrainingSettings(patience=2, validations=6, max_epochs=100)
    schedule, progress = Schedule(how, 10), Progress()
    reasons = []
    for loss in (1.0, 0.9, 0.95, 0.9):
        progress.step += 2
        progress.judge(loss)
        reasons.append(schedule.end(progress, validated=loss))
    assert reasons == [None, None, None, "patience (2 validations without a better loss)"]
    assert progress.best == 0.9


def test_early_stopping_ends_after_a_few_validations_within_an_epoch(hourly: pd.DataFrame) -> None:
    settings = {
        "training": {
            "lr": 5.0,
            "schedule": "constant",
            "patience": 2,
            "validations": 9,
            "batch_size": 16,
            "keep": "best",
            "ema": None,
        }
    }
    stage = latentcast.fit(hourly, "dlinear", **SIZES, settings=settings).card.training.stages[0]
    assert stage.stopped_by.startswith("patience (2 ")
    assert stage.epochs <= 2  # nine validations an epoch


def test_pretraining_refuses_settings_of_the_forecasts(hourly: pd.DataFrame) -> None:
    with pytest.raises(SettingsError, match=r"training.max_steps: .*set stages.reconstruct.max_steps"):
        latentcast.pretrain(hourly, "latent-transformer", lookback=48, settings={"training.max_steps": 5})
    with pytest.raises(SettingsError, match=r"stages.reconstruct.train=head: .*leave it out"):
        latentcast.pretrain(hourly, "latent-transformer", lookback=48, settings={"stages.reconstruct.train": "head"})


def test_the_same_data_twice_is_refused_with_a_remedy_that_helps(hourly: pd.DataFrame) -> None:
    frame = hourly[["ds", "load"]]
    with pytest.raises(SettingsError, match="name each dataset once, and give it a greater weight"):
        latentcast.fit([frame, frame], "dlinear", **SIZES, weights=[1, 2], settings=QUICK)


@pytest.mark.parametrize("decode", ["greedy", "sample"])
def test_codes_that_are_chosen_are_trained_through_their_mixture(decode: str) -> None:
    steps = np.arange(300)
    frame = pd.DataFrame({"ds": pd.date_range("2024", periods=300, freq="h"), "y": np.sin(steps / 4)})
    settings = {
        "model.representation": {"codec": {"hidden": 6, "blocks": 1, "code_dim": 4, "codebook_size": 8}, "width": 8},
        "model.backbone": {"layers": 1, "heads": 2, "ff": 8},
        "model.head": {"decode": decode, **({"paths": 2} if decode == "sample" else {})},
        "stages.codec": {"max_steps": 12, "lr": 3e-3, "loggers": []},
        "stages.next-code": {"max_steps": 2, "loggers": []},
        "training": {"max_steps": 2, "train": "all", "loggers": []},
    }
    made = latentcast.fit(frame, "token-transformer", lookback=24, horizon=6, settings=settings)
    assert made.card.training.stages[-1].steps == 2
    assert np.isfinite(made.predict(frame)["token-transformer"]).all()


def test_a_folder_of_an_older_version_goes_on_or_is_refused_in_one_message(
    hourly: pd.DataFrame, tmp_path: Path
) -> None:
    run, settings = tmp_path / "run", tmp_path / "run" / "settings.yaml"
    whole = latentcast.fit(hourly, "patch-linear", **SIZES, settings=QUICK)
    latentcast.fit(hourly, "patch-linear", **SIZES, settings={**QUICK, "training.max_time": 1e-6}, out=run)
    text = settings.read_text()
    settings.write_text(text.replace("  mixers: []\n", "  between: []\n").replace("  compile: false\n", ""))
    assert settings.read_text() != text
    last = run / "checkpoints" / "forecast" / "last.ckpt"
    state, kept = checkpoint.read(last), last.read_bytes()
    checkpoint.write({**state, "state_dict": {}}, last)
    with pytest.raises(CheckpointError, match=r"does not fit this model .*begin anew \(--overwrite\)"):
        latentcast.fit(hourly, "patch-linear", **SIZES, settings=QUICK, out=run, resume=True)
    last.write_bytes(b"PK of another library")
    with pytest.raises(CheckpointError, match=r"is not a training checkpoint.*begin anew \(--overwrite\)"):
        latentcast.fit(hourly, "patch-linear", **SIZES, settings=QUICK, out=run, resume=True)
    last.write_bytes(kept)
    assert same(latentcast.fit(hourly, "patch-linear", **SIZES, settings=QUICK, out=run, resume=True), whole)
    settings.write_text(text.replace("  mixers: []\n", "  unheard: []\n"))
    with pytest.raises(CheckpointError, match=r"does not know \(model.unheard: no such setting.*\(--overwrite\)"):
        latentcast.fit(hourly, "patch-linear", **SIZES, settings=QUICK, out=run, resume=True)
