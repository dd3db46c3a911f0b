"""Zero-shot, few-shot and several datasets at once, as a user meets them."""

import json
import math
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

import latentcast
from latentcast.cli import app
from latentcast.core.errors import CheckpointError, DataError, Interrupted, LatentcastError, SettingsError
from latentcast.data.panel.split import first_share
from latentcast.models.network import Network
from latentcast.training.loop import StageLoop

pytestmark = pytest.mark.slow  # trains in nearly every test

SIZES = {"lookback": 24, "horizon": 6}
PATCHES = {"model.representation.width": 8, "model.representation.length": 6, "model.representation.stride": 3}
QUICK = {"training.max_steps": 3, "training.loggers": []}
LATENT = {
    "model.representation": {"ratios": (2, 3), "channels": (8, 12), "latent_dim": 8, "width": 16, "mix": False},
    "model.backbone": {"heads": 2, "ff": 16},
    "stages.reconstruct.max_steps": 4,
}
SETTINGS = {"pattn": {**PATCHES, "model.backbone.heads": 2}, "dlinear": {}, "latent-transformer": LATENT}
STILL = {"training.max_steps": 1, "training.lr": 1e-30, "training.keep": "last", "training.patience": None}


def table(steps: int, channels: int, freq: str = "h", seed: int = 0) -> pd.DataFrame:
    rng, t = np.random.default_rng(seed), np.arange(steps)
    columns = {
        f"{'abcdefg'[seed]}{i}": 10 * seed + (1 + i) * np.sin(t / (3 + i)) + rng.normal(0, 0.1, steps)
        for i in range(channels)
    }
    return pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=steps, freq=freq), **columns})


@pytest.fixture
def home() -> pd.DataFrame:
    return table(300, 2)


@pytest.fixture
def other() -> pd.DataFrame:
    return table(260, 3, seed=1)


def fitted(frame: pd.DataFrame, model: str = "pattn", **more: object) -> latentcast.Forecaster:
    stages = {key: value for key, value in SETTINGS[model].items() if not key.startswith("stages.")}
    return latentcast.fit(frame, model, **SIZES, settings={**stages, **QUICK, **more})


def weights(forecaster: latentcast.Forecaster) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in forecaster.network.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


# --- transfer


@pytest.mark.parametrize("model", SETTINGS)
def test_zero_shot_figures_are_those_of_a_fit_that_made_no_step(model: str, home, other) -> None:
    start = fitted(home, model)
    moved = latentcast.transfer(start, other)
    assert same(weights(moved), weights(start))
    none = latentcast.fit(other, horizon=6, start=start, settings={**QUICK, **STILL})
    assert same(weights(none), weights(start))  # no step that could be seen
    for part in ("val", "test"):
        assert moved.evaluate(other, part=part) == none.evaluate(other, part=part)
    pd.testing.assert_frame_equal(moved.predict(other), none.predict(other))


def test_data_are_scaled_by_their_own_training_part(home, other) -> None:
    start = fitted(home)
    moved, past = latentcast.transfer(start, other), latentcast.transfer(start, other, held_out=False)
    values = other.iloc[:, 1:].to_numpy()
    np.testing.assert_allclose(moved.known.scaler.mean[0], values[:182].mean(0))
    np.testing.assert_allclose(past.known.scaler.mean[0], values.mean(0))
    assert "its own training part (182 of 260 steps)" in moved.card.notes[0]
    assert "all its past (260 steps)" in past.card.notes[0]
    assert len(past.predict(other)) == 18
    with pytest.raises(DataError, match=r"test part of .* holds no window"):
        past.evaluate(other)
    stated = latentcast.transfer(start, other, {"data.split": (0.5, 0.2, 0.3)}, held_out=False)
    np.testing.assert_allclose(stated.known.scaler.mean[0], values[:130].mean(0))  # what is stated wins


def test_a_series_as_long_as_the_look_back_can_be_forecast(home) -> None:
    short = table(24, 1, seed=2)
    assert len(latentcast.transfer(fitted(home), short, held_out=False).predict(short)) == 6


def test_what_was_transferred_is_saved_and_described(home, other, tmp_path: Path) -> None:
    fitted(home).save(tmp_path / "home")
    moved = latentcast.transfer(tmp_path / "home", other)
    moved.save(tmp_path / "moved")
    loaded = latentcast.load(tmp_path / "moved")
    pd.testing.assert_frame_equal(loaded.predict(other), moved.predict(other))
    assert loaded.evaluate(other) == moved.evaluate(other)
    assert loaded.channels == ("b0", "b1", "b2")
    facts = latentcast.describe(tmp_path / "moved").facts
    assert facts["trained on"] == "frame"
    assert facts["made ready for"] == "frame"


def test_another_frequency_is_noted_where_no_calendar_is_read(home) -> None:
    quarters = table(260, 2, "15min", seed=1)
    moved = latentcast.transfer(fitted(home), quarters)
    assert any("steps of h" in note and "15min" in note for note in moved.card.notes)
    with pytest.raises(
        SettingsError, match=r"known: 4 features .* in the trained model \(steps of h\), 5 in .*15min.* reads them"
    ):
        latentcast.transfer(fitted(home, "latent-transformer"), quarters)
    without = fitted(home, "latent-transformer", **{"model.representation.calendar": False})
    assert latentcast.transfer(without, quarters).evaluate(quarters).windows > 0


@pytest.mark.parametrize(
    ("model", "more", "why"),
    [
        ("latent-transformer", {"model.representation.mix": True}, "mixes them"),
        ("dlinear", {"model.individual": True}, "has weights for each of them"),
    ],
)
def test_channels_that_weights_depend_on_are_named_with_both_numbers(home, other, model, more, why) -> None:
    start = fitted(home, model, **more)
    with pytest.raises(SettingsError, match=f"channels: 2 in the trained model, 3 in these data .*{why}"):
        latentcast.transfer(start, other)
    with pytest.raises(DataError) as told:
        start.predict(other)
    assert "--transfer" not in str(told.value)  # it would not help
    alike = table(260, 2, seed=3)
    notes = latentcast.transfer(start, alike).card.notes
    assert any("one for one" in note for note in notes) == (why == "mixes them")


def test_without_asking_other_data_stay_an_error_that_names_the_way(home, other) -> None:
    start = fitted(home)
    with pytest.raises(DataError, match=r"channels are not those of the fit .*--transfer"):
        start.evaluate(other)
    with pytest.raises(DataError, match=r"the fit had steps of h.*--transfer"):
        start.predict(table(200, 2, "15min"))


def test_what_cannot_be_transferred_is_said(home, other) -> None:
    start = fitted(home)
    with pytest.raises(SettingsError, match=r"training\.lr: .*settings of the data alone"):
        latentcast.transfer(start, other, {"training.lr": 1})
    with pytest.raises(SettingsError, match=r"data\.fraction: .*learns nothing"):
        latentcast.transfer(start, other, {"data.fraction": 0.5})
    with pytest.raises(SettingsError, match=r"data\.scale: True in the trained model, False here"):
        latentcast.transfer(start, other, {"data.scale": False})
    with pytest.raises(DataError, match="nothing of the data lies in the training part"):
        latentcast.transfer(start, other, {"data.split": ["2023-01-01", "2024-01-05"]})
    with pytest.raises(SettingsError, match=r"data\.split: .*may have been learned there"):
        latentcast.transfer(start, home, {"data.split": [0.5, 0.1, 0.4]})


def test_data_that_were_learned_from_are_no_zero_shot(home, other) -> None:
    start = fitted(home)
    assert latentcast.transfer(start, home).evaluate(home) == start.evaluate(home)
    onward = latentcast.fit(other, horizon=6, start=start, settings=QUICK)  # learned from both
    for learned in (home, other):
        assert any(note.startswith("not zero-shot") for note in latentcast.transfer(onward, learned).card.notes)
    fresh = latentcast.transfer(onward, table(200, 1, seed=4)).card.notes
    assert not any(note.startswith("not zero-shot") for note in fresh)


def test_what_a_stage_left_alone_is_not_forgotten_by_the_next(home, other) -> None:
    """Weights that were learned at first and kept still after that are laid in like all others."""
    first = fitted(home)
    second = latentcast.fit(home, horizon=6, start=first, settings={**QUICK, **STILL})
    assert same(weights(second), weights(first))
    assert second.card.untrained == first.card.untrained
    third = latentcast.fit(other, horizon=6, start=second, settings={**QUICK, **STILL, "seed": 5})
    assert same(weights(third), weights(first))


def test_the_random_state_of_the_caller_is_left_as_it_is(home, other) -> None:
    start = fitted(home)
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    latentcast.transfer(start, other)
    assert torch.equal(torch.rand(2), expected)


def test_a_pretrained_model_fills_gaps_of_other_data(home, other) -> None:
    start = latentcast.pretrain(home, "latent-transformer", lookback=24, settings=LATENT)
    moved = latentcast.transfer(start, other)
    gappy = other.copy()
    gappy.loc[30:33, "b1"] = np.nan
    moved_on_gaps = latentcast.transfer(start, gappy, {"data.gaps": "interpolate"})
    assert latentcast.impute(moved_on_gaps, gappy).filled == 4
    with pytest.raises(SettingsError, match="and not to forecast"):
        moved.predict(other)


# --- few-shot


@pytest.mark.parametrize(
    ("n", "share", "lookback"), [(8640, 0.1, 512), (8640, 0.05, 336), (100, 1.0, 24), (20, 0.5, 24)]
)
def test_a_first_share_is_that_of_the_published_protocol(n: int, share: float, lookback: int) -> None:
    expected = (n - lookback) * round(share * 100) // 100 + lookback if n > lookback else n
    assert first_share(np.array([n]), share, lookback).tolist() == [expected]


def test_only_the_first_windows_are_learned_from_and_all_else_is_as_ever(home) -> None:
    whole, few = fitted(home), fitted(home, **{"data.fraction": 0.25})
    left = 24 + (210 - 24) // 4
    assert whole.card.training.windows == 210 - 30 + 1
    assert few.card.training.windows == left - 30 + 1
    assert few.card.training.validation_windows == whole.card.training.validation_windows
    assert np.array_equal(few.known.scaler.mean, whole.known.scaler.mean)
    np.testing.assert_array_equal(few.known.ends.stamps, whole.known.ends.stamps)
    assert few.evaluate(home).windows == whole.evaluate(home).windows
    assert any("few-shot" in note and f"{left - 29} windows" in note for note in few.card.notes)
    assert not any("few-shot" in note for note in whole.card.notes)
    # what lies behind the share is not seen: training on it gives the same weights
    changed = home.copy()
    changed.iloc[left:210, 1:] = home.iloc[left:210, 1:].to_numpy()[::-1]  # mean and deviation stay
    again = fitted(changed, **{"data.fraction": 0.25, "training.keep": "last", "training.patience": None})
    before = fitted(home, **{"data.fraction": 0.25, "training.keep": "last", "training.patience": None})
    for name, tensor in weights(before).items():
        torch.testing.assert_close(weights(again)[name], tensor, msg=name)


def test_a_share_without_a_window_says_how_many_steps_are_needed(home) -> None:
    with pytest.raises(DataError, match=r"30 steps are needed, and it leaves 25 of 210; from (0\.0\d+) on") as told:
        fitted(home, **{"data.fraction": 0.01})
    least = float(str(told.value).split("from ")[1].split(" ")[0])
    assert fitted(home, **{"data.fraction": least}).card.training.windows >= 1
    for wrong in (0, 1.5, -0.1, "half"):
        with pytest.raises(SettingsError, match=r"data\.fraction: got"):
            fitted(home, **{"data.fraction": wrong})
    with pytest.raises(SettingsError, match=r"data\.fraction: a floor"):
        latentcast.reconstruction_error(home, "latent-transformer", lookback=24, settings={"data.fraction": 0.5})


def test_pretraining_takes_a_share_too(home) -> None:
    few = latentcast.pretrain(home, "latent-transformer", lookback=24, settings={**LATENT, "data.fraction": 0.5})
    assert few.card.training.windows == (210 - 24) // 2 + 1


def test_folders_from_before_the_setting_was_known_are_valid(home, tmp_path: Path) -> None:
    out = tmp_path / "old"
    settings = {**SETTINGS["pattn"], **QUICK}
    made = latentcast.fit(home, "pattn", **SIZES, settings=settings, out=out)
    text = (out / "settings.yaml").read_text()
    assert "  fraction: 1.0\n" in text
    (out / "settings.yaml").write_text(text.replace("  fraction: 1.0\n", ""))
    resumed = latentcast.fit(home, "pattn", **SIZES, settings=settings, out=out, resume=True)
    assert same(weights(resumed), weights(made))
    with pytest.raises(SettingsError, match=r"data\.fraction: was 1\.0, is 0\.5"):
        latentcast.fit(home, "pattn", **SIZES, settings={**settings, "data.fraction": 0.5}, out=out, resume=True)


# --- several datasets


@pytest.mark.parametrize("model", SETTINGS)
def test_several_datasets_are_learned_from_and_listed(model: str, home, other, tmp_path: Path) -> None:
    stages = {key: value for key, value in SETTINGS[model].items() if not key.startswith("stages.")}
    made = latentcast.fit(
        [home, other], model, **SIZES, settings={**stages, **QUICK}, weights=[1, 2], out=tmp_path / "run"
    )
    first, second = made.card.datasets
    assert (first.weight, second.weight) == (1.0, 2.0)
    assert (first.windows, second.windows) == (210 - 29, 182 - 29)
    assert made.card.training.windows == first.windows + second.windows
    assert made.card.training.validation_windows == (30 - 5) + (26 - 5)
    assert first.fingerprint != second.fingerprint
    assert made.card.schema.fingerprint == first.fingerprint
    assert made.channels == ("a0", "a1")  # at home in the first
    loaded = latentcast.load(tmp_path / "run")
    assert loaded.card.datasets == made.card.datasets
    assert latentcast.transfer(loaded, other).evaluate(other).windows > 0
    notes = latentcast.transfer(loaded, other).card.notes
    assert any(note.startswith("not zero-shot") for note in notes)
    with pytest.raises(SettingsError, match=r"data\.split"):  # learned from by another split
        latentcast.transfer(loaded, other, {"data.split": [0.5, 0.1, 0.4]})


def test_pretraining_on_several_and_going_on_with_one(home, other) -> None:
    start = latentcast.pretrain([home, other], "latent-transformer", lookback=24, settings=LATENT)
    assert [one.windows for one in start.card.datasets] == [210 - 23, 182 - 23]
    third = table(200, 4, seed=2)
    made = latentcast.fit(third, horizon=6, start=start, settings=QUICK)
    assert made.card.start.stages == ("reconstruct",)
    assert len(made.card.start.learned_from) == 2


def test_one_dataset_in_a_list_is_that_dataset(home) -> None:
    settings = {**SETTINGS["pattn"], **QUICK}
    alone, listed = (latentcast.fit(data, "pattn", **SIZES, settings=settings) for data in (home, [home]))
    assert same(weights(alone), weights(listed))
    assert listed.card.datasets == ()


def test_each_is_scaled_by_its_own_training_part(home, monkeypatch) -> None:
    """A copy of the first in other units is the first to the model."""
    twin = home.copy()
    twin[["a0", "a1"]] = twin[["a0", "a1"]] * 64 - 1024
    settings = {**SETTINGS["pattn"], **QUICK}
    past = []
    forward = Network.forward

    def watched(self, batch):
        if self.training:
            past.append(batch.past)
        return forward(self, batch)

    monkeypatch.setattr(Network, "forward", watched)
    latentcast.fit([home, twin], "pattn", **SIZES, settings={**settings, "training.max_steps": 30})
    means = torch.stack([batch.mean() for batch in past])
    assert len(past) > 5
    assert means.abs().max() < 1


def test_validation_is_the_mean_over_all_windows_of_all(home, other) -> None:
    settings = {**SETTINGS["dlinear"], **STILL, "training.loggers": [], "training.keep": "best", "training.patience": 3}
    both = latentcast.fit([home, other], "dlinear", **SIZES, settings=settings)
    parts = [latentcast.transfer(both, frame).evaluate(frame, part="val") for frame in (home, other)]
    mean = sum(part.windows * part.scaled["MSE"] for part in parts) / sum(part.windows for part in parts)
    assert both.card.training.stages[0].best_val_loss == pytest.approx(mean, rel=1e-5)


LONG = {**PATCHES, "model.backbone": {"heads": 2, "dropout": 0.2}, "training.max_epochs": 3, "training.patience": None}


@pytest.mark.parametrize("shares", [None, [1, 2]])
def test_resumed_in_the_middle_of_an_epoch_it_ends_at_the_same_weights(
    home, other, tmp_path: Path, monkeypatch, shares
) -> None:
    settings = {**LONG, "training.batch_size": 16, "training.loggers": []}

    def run(out: Path, **more: object) -> latentcast.Forecaster:
        return latentcast.fit(
            [home, other], "patch-transformer", **SIZES, settings=settings, weights=shares, out=out, **more
        )

    settings |= {"model.backbone": {"layers": 1, "heads": 2, "ff": 16, "dropout": 0.2}}
    whole = run(tmp_path / "whole")
    with monkeypatch.context() as patch:
        original, seen = StageLoop._made_a_step, [0]

        def counting(self, *arguments, **keywords):
            seen[0] += 1
            if seen[0] == 30:  # of 22 an epoch
                os.kill(os.getpid(), signal.SIGINT)
            return original(self, *arguments, **keywords)

        patch.setattr(StageLoop, "_made_a_step", counting)
        with pytest.raises(Interrupted):
            run(tmp_path / "cut")
    shutil.copytree(tmp_path / "cut", tmp_path / "changed")
    torch.manual_seed(99)
    assert same(weights(run(tmp_path / "cut", resume=True)), weights(whole))

    def changed(frames: list[pd.DataFrame], its: object) -> None:
        latentcast.fit(
            frames, "patch-transformer", **SIZES, settings=settings, weights=its, out=tmp_path / "changed", resume=True
        )

    touched = other.copy()
    touched.loc[100, "b0"] += 1
    with pytest.raises(DataError, match="other data beside the first"):
        changed([home, touched], shares)
    with pytest.raises(DataError, match="other data beside the first"):
        changed([home], None)
    with pytest.raises(SettingsError, match="began with weights"):
        changed([home, other], [5, 1])
    with pytest.raises(DataError, match="began with other data than these"):
        changed([other, home], shares)


def test_two_processes_train_together_on_several(home, other, tmp_path: Path) -> None:
    settings = {
        **SETTINGS["pattn"],
        "training.accelerator": "cpu",
        "training.devices": 2,
        "training.strategy": "ddp_fork",
        "training.max_epochs": 1,
        "training.batch_size": 16,
    }
    made = latentcast.fit([home, other], "pattn", **SIZES, settings=settings, out=tmp_path / "run")
    steps = sum(math.ceil(math.ceil(one.windows / 2) / 16) for one in made.card.datasets)
    assert made.card.training.stages[0].steps == steps
    assert same(weights(latentcast.load(tmp_path / "run")), weights(made))


def test_what_does_not_go_together_is_named(home, other) -> None:
    def together(frames: list[pd.DataFrame], model: str = "pattn", its: object = None, **more: object) -> None:
        settings = {**SETTINGS[model], **QUICK, **more}
        settings = {key: value for key, value in settings.items() if not key.startswith("stages.")}
        latentcast.fit(frames, model, **SIZES, settings=settings, weights=its)

    with pytest.raises(SettingsError, match=r"channels: latent-transformer mixes .*model\.representation\.mix=false"):
        together([home, other], "latent-transformer", **{"model.representation.mix": True})
    with pytest.raises(SettingsError, match=r"channels: 2 in frame 1, 3 in frame 2, and dlinear has weights for each"):
        together([home, other], "dlinear", **{"model.individual": True})
    with pytest.raises(SettingsError, match=r"known: 4 features .*steps of h.*, 5 in .*15min.*reads them"):
        together([home, table(260, 2, "15min", seed=1)], "latent-transformer")
    with pytest.raises(SettingsError, match="the same as"):
        together([home, home.copy()])
    with pytest.raises(SettingsError, match=r"data\.features: MS"):
        together([home, other.rename(columns={"b0": "a0"})], **{"data.features": "MS", "data.target": "a0"})
    for wrong in ([1], [1, 0], [1, -2], [1, float("nan")], [1, "2"], []):
        with pytest.raises(SettingsError, match=r"weights: got .*wanted one positive number for each of 2 datasets"):
            together([home, other], its=wrong)
    with pytest.raises(DataError, match="shorter than look-back"):
        together([home, table(25, 1, seed=1)])
    with pytest.raises(LatentcastError):
        latentcast.fit([], "pattn", **SIZES)
    together([home, table(260, 2, "15min", seed=1)])  # reads no calendar: any frequencies go together


# --- the card


def test_the_card_is_plain_json(home, other, tmp_path: Path) -> None:
    made = latentcast.fit([home, other], "dlinear", **SIZES, settings=QUICK, out=tmp_path / "run")
    card = json.loads((tmp_path / "run" / "card.json").read_text())
    assert [one["weight"] for one in card["datasets"]] == [None, None]
    assert card["datasets"] == [one.to_dict() for one in made.card.datasets]
    (tmp_path / "run" / "weights.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError):
        latentcast.transfer(tmp_path / "run", other)


def test_one_command_judges_it_on_others(home, other, tmp_path) -> None:
    """`evaluate --on`: what `transfer` and `evaluate` find, in each data's own units."""
    folder, path, report = tmp_path / "run", tmp_path / "other.csv", tmp_path / "found.json"
    own = tmp_path / "home.csv"
    other.to_csv(path, index=False)
    home.to_csv(own, index=False)
    start = fitted(home)
    start.save(folder)
    run = CliRunner().invoke(app, ["evaluate", str(folder), str(own), "--on", str(path), "--json", str(report)])
    assert run.exit_code == 0, run.output
    assert "without training on it" in run.output
    found = json.loads(report.read_text())
    expected = latentcast.transfer(start, path).evaluate(path)
    assert found["on"][str(path)]["scaled"]["MSE"] == pytest.approx(expected.scaled["MSE"])
    assert found["scaled"]["MSE"] == pytest.approx(start.evaluate(own).scaled["MSE"])
