"""The loop: resuming, stopping, what is kept, and what is learned."""

import math
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import latentcast
from latentcast.core.errors import CheckpointError, DataError, Interrupted, SettingsError
from latentcast.core.types import Batch
from latentcast.models.config.training import TrainingSettings
from latentcast.models.network import Network
from latentcast.training import checkpoint, loop
from latentcast.training.loop import StageLoop
from latentcast.training.stages import Stage

pytestmark = pytest.mark.slow  # trains in nearly every test

SIZES = {"lookback": 48, "horizon": 12}
# dropout draws random numbers, so that a lost random state would show in the weights
MODEL = {
    "model.representation.width": 8,
    "model.backbone": {"layers": 1, "heads": 2, "ff": 16, "dropout": 0.2},
    "training.max_epochs": 3,
    "training.batch_size": 16,
    "training.patience": None,
}


def weights(forecaster: latentcast.Forecaster) -> dict[str, torch.Tensor]:
    return forecaster.network.state_dict()


def last_weights(folder: Path) -> dict[str, torch.Tensor]:
    return checkpoint.read(folder / "checkpoints" / "forecast" / "last.ckpt")["state_dict"]


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


@pytest.mark.parametrize(
    ("batches", "number", "extra"),
    [
        (14, signal.SIGINT, {}),
        (20, signal.SIGTERM, {"training.accumulate": 2, "training.schedule": "one-cycle"}),
        (14, signal.SIGTERM, {"training.validations": 3, "training.warmup": 0.1, "training.ema": 0.9}),
    ],
)
def test_resumed_training_ends_at_the_same_weights(
    hourly: pd.DataFrame, tmp_path: Path, monkeypatch, batches: int, number: signal.Signals, extra: dict
) -> None:
    settings = {**MODEL, **extra}
    whole = latentcast.fit(hourly, "patch-transformer", **SIZES, settings=settings, out=tmp_path / "whole")
    steps = whole.card.training.stages[0].steps
    with monkeypatch.context() as patch:
        original, seen = StageLoop._made_a_step, [0]

        def counting(self, *arguments, **keywords):
            seen[0] += 1
            if seen[0] == batches:
                os.kill(os.getpid(), number)
            return original(self, *arguments, **keywords)

        patch.setattr(StageLoop, "_made_a_step", counting)
        with pytest.raises(Interrupted, match=r"Go on with the same command and --resume"):
            latentcast.fit(hourly, "patch-transformer", **SIZES, settings=settings, out=tmp_path / "cut")
    assert seen[0] < steps * settings.get("training.accumulate", 1)  # it was cut, not finished
    with pytest.raises(CheckpointError, match="did not finish"):
        latentcast.load(tmp_path / "cut")
    torch.manual_seed(99)  # whatever happened in between must not matter
    resumed = latentcast.fit(hourly, "patch-transformer", **SIZES, settings=settings, out=tmp_path / "cut", resume=True)
    assert resumed.card.training.stages[0].steps == steps
    assert_same(last_weights(tmp_path / "cut"), last_weights(tmp_path / "whole"))
    assert_same(weights(resumed), weights(whole))
    logged = [pd.read_csv(file) for file in sorted((tmp_path / "cut" / "logs" / "forecast").glob("csv*/metrics.csv"))]
    assert len(logged) == 2  # what was logged before the break is kept
    assert logged[1]["step"].min() >= logged[0]["step"].max()


def test_an_interruption_without_a_folder_says_that_nothing_is_kept(hourly: pd.DataFrame, monkeypatch) -> None:
    original = StageLoop._made_a_step

    def signalling(self, *arguments, **keywords):
        os.kill(os.getpid(), signal.SIGINT)
        return original(self, *arguments, **keywords)

    monkeypatch.setattr(StageLoop, "_made_a_step", signalling)
    with pytest.raises(Interrupted, match=r"nothing of it is kept; name a folder \(out\)"):
        latentcast.fit(hourly, "pattn", **SIZES)


def test_a_signal_in_the_last_validation_is_not_lost(hourly: pd.DataFrame, tmp_path: Path, monkeypatch) -> None:
    settings = {"training.max_epochs": 1}
    original = loop.mean_metrics

    def signalling(*arguments, **keywords):
        os.kill(os.getpid(), signal.SIGINT)
        return original(*arguments, **keywords)

    monkeypatch.setattr(loop, "mean_metrics", signalling)
    with pytest.raises(KeyboardInterrupt):
        latentcast.fit(hourly, "pattn", **SIZES, settings=settings, out=tmp_path / "run")
    monkeypatch.undo()
    resumed = latentcast.fit(hourly, "pattn", **SIZES, settings=settings, out=tmp_path / "run", resume=True)
    assert resumed.card.training.stages[0].epochs == 1


def test_training_that_ran_out_of_time_is_kept_and_can_go_on(hourly: pd.DataFrame, tmp_path: Path, monkeypatch) -> None:
    whole = latentcast.fit(hourly, "patch-transformer", **SIZES, settings=MODEL, out=tmp_path / "whole")
    short = {**MODEL, "training.max_time": 1e-6}
    cut = latentcast.fit(hourly, "patch-transformer", **SIZES, settings=short, out=tmp_path / "cut")
    assert cut.card.training.stages[0].stopped_by == "max_time"
    assert cut.card.training.stages[0].steps == 1
    assert len(latentcast.load(tmp_path / "cut").predict(hourly)) == 24
    resumed = latentcast.fit(hourly, "patch-transformer", **SIZES, settings=MODEL, out=tmp_path / "cut", resume=True)
    assert_same(weights(resumed), weights(whole))


def test_resume_refuses_other_settings_and_other_folders(hourly: pd.DataFrame, tmp_path: Path) -> None:
    settings = {"training.max_epochs": 1}
    latentcast.fit(hourly, "dlinear", **SIZES, settings=settings, out=tmp_path / "run")
    with pytest.raises(SettingsError, match=r"training.lr: was 0.002, is 0.1"):
        latentcast.fit(
            hourly, "dlinear", **SIZES, settings={**settings, "training.lr": 0.1}, out=tmp_path / "run", resume=True
        )
    other = hourly.assign(load=hourly["load"] + 1)
    with pytest.raises(DataError, match="began with other data"):
        latentcast.fit(other, "dlinear", **SIZES, settings=settings, out=tmp_path / "run", resume=True)
    with pytest.raises(CheckpointError, match="no checkpoint to go on from"):
        latentcast.fit(hourly, "dlinear", **SIZES, settings=settings, out=tmp_path / "empty", resume=True)


def test_overwriting_removes_what_was_written_here_before_and_nothing_else(
    hourly: pd.DataFrame, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    (mine / "logs").mkdir(parents=True)
    (mine / "logs" / "server.log").write_text("keep me")
    with pytest.raises(CheckpointError, match="latentcast wrote none of them"):
        latentcast.fit(hourly, "naive", **SIZES, out=mine, overwrite=True)
    settings = {"training.max_epochs": 1}
    ours = tmp_path / "ours"
    latentcast.fit(hourly, "dlinear", **SIZES, settings=settings, out=ours)
    (ours / "logs" / "notes.txt").write_text("keep me")
    before = latentcast.load(ours).predict(hourly)
    for wrong in ({"lookback": 300, "horizon": 80}, {**SIZES, "settings": {"training.strategy": "no-such-strategy"}}):
        with pytest.raises((DataError, SettingsError)):
            latentcast.fit(hourly, "dlinear", **wrong, out=ours, overwrite=True)
    pd.testing.assert_frame_equal(
        latentcast.load(ours).predict(hourly), before
    )  # a fit that cannot begin harms nothing
    latentcast.fit(hourly, "naive", **SIZES, out=ours, overwrite=True)
    assert latentcast.load(ours).name == "naive"
    assert (ours / "logs" / "notes.txt").read_text() == "keep me"
    assert (mine / "logs" / "server.log").read_text() == "keep me"
    assert not list(ours.glob("checkpoints/**/*.ckpt"))


def test_no_validation_part_is_needed_where_nothing_is_chosen_by_it(hourly: pd.DataFrame) -> None:
    settings = {"training.max_epochs": 1, "data.split": (0.8, 0, 0.2)}
    forecaster = latentcast.fit(hourly, "dlinear", **SIZES, settings=settings)
    assert forecaster.card.training.validation_windows == 0
    assert np.isfinite(forecaster.evaluate(hourly).scaled["MSE"])
    with pytest.raises(DataError, match="the val part holds no window"):
        latentcast.fit(hourly, "dlinear", **SIZES, settings={**settings, "training.keep": "best"})


def test_the_random_state_of_the_caller_is_left_as_it_is(hourly: pd.DataFrame) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    latentcast.fit(hourly, "pattn", **SIZES, settings={"training.max_steps": 1})
    assert torch.equal(torch.rand(3), expected)


def test_the_same_seed_gives_the_same_weights_and_another_one_others(hourly: pd.DataFrame) -> None:
    fits = [latentcast.fit(hourly, "patch-transformer", **SIZES, seed=seed, settings=MODEL) for seed in (1, 1, 2)]
    assert_same(weights(fits[0]), weights(fits[1]))
    assert not torch.equal(weights(fits[0])["model.head.project.weight"], weights(fits[2])["model.head.project.weight"])


@pytest.mark.parametrize("keep", ["best", "last"])
def test_the_best_validation_is_kept_or_the_last_as_asked(hourly: pd.DataFrame, tmp_path: Path, keep: str) -> None:
    wild = {
        "model.preset": "published",
        "training.lr": 0.5,
        "training.max_epochs": 4,
        "training.schedule": "constant",
        "training.patience": None,
    }
    forecaster = latentcast.fit(
        hourly, "dlinear", **SIZES, settings={**wild, "training.keep": keep}, out=tmp_path / "run"
    )
    logged = pd.read_csv(tmp_path / "run" / "logs" / "forecast" / "csv" / "metrics.csv")["val_loss"].dropna()
    assert forecaster.card.training.stages[0].best_val_loss == pytest.approx(logged.min())
    expected = logged.min() if keep == "best" else logged.iloc[-1]
    assert logged.iloc[-1] > 1.1 * logged.min()  # it matters which
    assert forecaster.card.validation["scaled"]["MSE"] == pytest.approx(expected, rel=1e-4)


def test_the_average_of_the_weights_is_what_is_kept(hourly: pd.DataFrame) -> None:
    settings = {"training.max_epochs": 1, "training.schedule": "constant", "training.batch_size": 16}
    last = latentcast.fit(hourly, "dlinear", **SIZES, settings=settings)
    slow = latentcast.fit(hourly, "dlinear", **SIZES, settings={**settings, "training.ema": 0.999999})
    start = torch.full((1, 12, 48), 1 / 48)
    assert (weights(last)["model.trend"] - start).abs().max() > 1e-3
    # hardly any weight has moved on average: only what the first step set the average to
    assert (weights(slow)["model.trend"] - start).abs().max() < 0.01


def test_patience_and_steps_are_said_as_reasons(hourly: pd.DataFrame) -> None:
    def reason(**training: object) -> str:
        settings = {f"training.{key}": value for key, value in training.items()}
        return latentcast.fit(hourly, "dlinear", **SIZES, settings=settings).card.training.stages[0].stopped_by

    assert reason(max_epochs=2) == "max_epochs"
    assert reason(max_steps=3) == "max_steps"
    assert reason(lr=5.0, schedule="constant", max_epochs=60, patience=1, keep="best").startswith("patience (1 ")


def test_training_learns_what_can_be_learned() -> None:
    t = np.arange(600)
    frame = pd.DataFrame({"ds": pd.date_range("2024", periods=600, freq="h"), "y": np.sin(2 * np.pi * t / 24)})
    settings = {"training.max_epochs": 15, "training.lr": 0.02, "training.patience": None}
    forecaster = latentcast.fit(frame, "dlinear", lookback=48, horizon=24, settings=settings)
    assert forecaster.evaluate(frame).scaled["MSE"] < 1e-3


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one-cycle", "halving"])
@pytest.mark.parametrize("warmup", [0.0, 0.2])
def test_rates_follow_their_schedule(hourly: pd.DataFrame, tmp_path: Path, schedule: str, warmup: float) -> None:
    from latentcast.training.schedule import factor

    at = factor(TrainingSettings(schedule=schedule, warmup=warmup), total_steps=100, epoch_steps=25)
    factors = [at(step) for step in range(100)]
    assert all(0 <= value <= 1 for value in factors)
    if schedule == "one-cycle":
        assert factors[0] == pytest.approx(1 / 25)
        assert max(factors) == pytest.approx(factors[30], abs=1e-3)
    elif warmup:
        assert np.all(np.diff(factors[:20]) > 0)
        assert factors[20] == 1
    else:
        assert factors[0] == 1
    expected_last = {"constant": 1, "cosine": 0, "one-cycle": 1e-4, "halving": 0.125}
    assert factors[-1] == pytest.approx(expected_last[schedule], abs=2e-3)


def test_published_scripts_name_their_schedules() -> None:
    from latentcast.training.schedule import factor

    def rates(schedule: str) -> list[float]:
        at = factor(TrainingSettings(schedule=schedule, lr=1e-4), total_steps=60, epoch_steps=10)
        assert all(at(step) == at(10 * (step // 10)) for step in range(60))
        return [1e-4 * at(10 * epoch) for epoch in range(6)]

    assert rates("type1") == pytest.approx([1e-4, 5e-5, 2.5e-5, 1.25e-5, 6.25e-6, 3.125e-6])
    assert rates("type2") == pytest.approx([1e-4, 5e-5, 5e-5, 1e-5, 1e-5, 5e-6])
    assert rates("type3") == pytest.approx([1e-4, 1e-4, 1e-4, 9e-5, 8.1e-5, 7.29e-5])


def test_losses_of_training_and_validation_are_logged_and_those_of_the_test_part_on_request(
    hourly: pd.DataFrame, tmp_path: Path
) -> None:
    same = {"training.max_epochs": 2, "training.batch_size": 16}
    latentcast.fit(hourly, "dlinear", **SIZES, settings=same, out=tmp_path / "a")
    judged = latentcast.fit(
        hourly, "dlinear", **SIZES, settings={**same, "training.log_test": True}, out=tmp_path / "b"
    )
    plain, more = (pd.read_csv(tmp_path / at / "logs" / "forecast" / "csv" / "metrics.csv") for at in ("a", "b"))
    assert "test_loss" not in plain
    ends = more.dropna(subset="val_loss")
    assert len(ends) == 2
    assert ends["train_loss_mean"].iloc[0] > ends["train_loss_mean"].iloc[1] > 0
    assert ends["test_loss"].iloc[-1] == pytest.approx(judged.evaluate(hourly).scaled["MSE"], rel=1e-4)
    assert any("losses of the test part are logged" in note for note in judged.card.notes)
    assert_same(last_weights(tmp_path / "a"), last_weights(tmp_path / "b"))


COMPILING = """
import sys
import numpy as np, pandas as pd, torch
import latentcast
from latentcast.training import compiling

frame = pd.DataFrame({"ds": pd.date_range("2024", periods=400, freq="h"), "y": np.sin(np.arange(400) / 3.8)})

def fit(compiled):
    settings = {"training.max_steps": 3, "training.compile": compiled, "model.backbone.layers": 1}
    return latentcast.fit(frame, "patch-transformer", lookback=48, horizon=12, preset="small", settings=settings)

def counted(graph, inputs):
    seen.append(len(inputs))
    return graph.forward

def broken(graph, inputs):
    raise RuntimeError("no compiler")

seen, compiling.BACKEND = [], counted
plain, other = fit(False), fit(True)
assert len(seen) >= 3, seen
for name, value in plain.network.state_dict().items():
    torch.testing.assert_close(other.network.state_dict()[name], value)
assert all(module._compiled_call_impl is None for module in other.network.modules())
torch._dynamo.reset()
compiling.BACKEND = broken
try:
    fit(True)
except latentcast.SettingsError as error:
    assert "training.compile: torch cannot compile this model" in str(error)
else:
    sys.exit("nothing was raised")
"""


def test_parts_are_compiled_while_they_train() -> None:
    """In a process of its own: here every call is checked by beartype, which is not compiled."""
    done = subprocess.run([sys.executable, "-c", COMPILING], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_loss_that_is_never_finite_is_an_error_not_a_forecast(hourly: pd.DataFrame) -> None:
    settings = {"training.lr": 1e30, "training.schedule": "constant", "training.optimizer": "adamw"}
    with pytest.raises(SettingsError, match=r"training diverged: .*training.lr=1e\+30"):
        latentcast.fit(hourly, "dlinear", **SIZES, settings=settings)


def test_precisions_train(hourly: pd.DataFrame) -> None:
    settings = {**MODEL, "training.precision": "bf16", "training.max_steps": 2}
    forecaster = latentcast.fit(hourly, "patch-transformer", **SIZES, settings=settings)
    assert all(value.dtype == torch.float32 for value in weights(forecaster).values())
    assert np.isfinite(forecaster.predict(hourly)["patch-transformer"]).all()


def test_what_this_machine_lacks_is_one_error(hourly: pd.DataFrame) -> None:
    with pytest.raises(SettingsError, match="training cannot run with"):
        latentcast.fit(hourly, "dlinear", **SIZES, settings={"training.strategy": "no-such-strategy"})
    if not torch.cuda.is_available():
        with pytest.raises(SettingsError, match="training cannot run with accelerator=cuda"):
            latentcast.fit(hourly, "dlinear", **SIZES, settings={"training.accelerator": "cuda"})


def test_tensorboard_logs_are_written(hourly: pd.DataFrame, tmp_path: Path) -> None:
    settings = {"training.max_epochs": 1, "training.loggers": "tensorboard"}
    latentcast.fit(hourly, "dlinear", **SIZES, settings=settings, out=tmp_path / "run")
    assert list((tmp_path / "run" / "logs" / "forecast" / "tensorboard").glob("events.*"))


def test_a_stage_trains_only_its_parts_and_refuses_to_train_nothing(hourly: pd.DataFrame, monkeypatch) -> None:
    def loss(network: Network, batch: Batch) -> torch.Tensor:
        return network.loss(network(batch), batch)

    from latentcast.workflows.fitting import spec

    monkeypatch.setattr(spec, "forecasting", lambda _: Stage("head only", loss, ("head",)))
    before = latentcast.fit(
        hourly, "patch-transformer", **SIZES, settings={**MODEL, "training.max_steps": 1, "training.lr": 1e-12}
    )
    after = latentcast.fit(hourly, "patch-transformer", **SIZES, settings=MODEL)
    old, new = weights(before), weights(after)
    assert not torch.equal(old["model.head.project.weight"], new["model.head.project.weight"])
    assert torch.equal(old["model.representation.embed.weight"], new["model.representation.embed.weight"])
    monkeypatch.setattr(spec, "forecasting", lambda _: Stage("nothing", loss, ("no_such_part",)))
    with pytest.raises(SettingsError, match="no trainable parameter"):
        latentcast.fit(hourly, "patch-transformer", **SIZES, settings=MODEL)


def test_two_processes_train_together_also_without_a_folder(hourly: pd.DataFrame, tmp_path: Path) -> None:
    settings = {
        **MODEL,
        "training.accelerator": "cpu",
        "training.devices": 2,
        "training.strategy": "ddp_fork",
        "training.max_epochs": 1,
    }
    forecaster = latentcast.fit(hourly, "patch-transformer", **SIZES, settings=settings, out=tmp_path / "run")
    windows = forecaster.card.training.windows
    assert forecaster.card.training.stages[0].steps == math.ceil(math.ceil(windows / 2) / 16)
    assert_same(weights(latentcast.load(tmp_path / "run")), weights(forecaster))
    assert_same(weights(latentcast.fit(hourly, "patch-transformer", **SIZES, settings=settings)), weights(forecaster))


def test_checkpoints_hold_every_plain_value_and_nothing_else(tmp_path: Path) -> None:
    state = {
        "tensors": {0: torch.randn(2, 3), "b": [torch.arange(4), (1, 2.5, None)]},
        "nested": {"empty": {}, "text": "a", "flag": True, "inf": float("inf")},
        "tied": torch.ones(3).expand(2, 3),
    }
    checkpoint.write(state, tmp_path / "a.ckpt")
    back = checkpoint.read(tmp_path / "a.ckpt")
    assert torch.equal(back["tensors"][0], state["tensors"][0])
    assert torch.equal(back["tensors"]["b"][0], torch.arange(4))
    assert back["tensors"]["b"][1] == (1, 2.5, None)
    assert back["nested"] == state["nested"]
    assert torch.equal(back["tied"], torch.ones(2, 3))
    with pytest.raises(CheckpointError, match="cannot hold"):
        checkpoint.write({"thread": threading.Lock()}, tmp_path / "b.ckpt")
    raw = (tmp_path / "a.ckpt").read_bytes()
    (tmp_path / "cut.ckpt").write_bytes(raw[: len(raw) // 2])
    torch.save(state["tensors"], tmp_path / "pickle.ckpt")
    for name in ("cut.ckpt", "pickle.ckpt", "missing.ckpt"):
        with pytest.raises(CheckpointError, match="is not a training checkpoint, or is damaged"):
            checkpoint.read(tmp_path / name)
