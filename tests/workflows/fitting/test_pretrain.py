"""Pretraining, fits that begin with its weights, and imputation, as a user meets them."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

import latentcast
from latentcast.cli import app
from latentcast.core.errors import DataError, SettingsError
from latentcast.workflows.imputation import evaluate_imputation

pytestmark = pytest.mark.slow  # trains in nearly every test

MODEL = {
    "model.representation.ratios": (2, 3),
    "model.representation.channels": (8, 12),
    "model.representation.latent_dim": 8,
    "model.representation.width": 16,
    "model.shortcut": "linear",
    "model.backbone.heads": 2,
    "model.backbone.ff": 16,
    "training.max_steps": 3,
    "stages.reconstruct.max_steps": 4,
    "stages.reconstruct.lr": 3e-3,
}
NAME = "latent-transformer"


@pytest.fixture
def daily() -> pd.DataFrame:
    steps = np.arange(400)
    noise = np.random.default_rng(0).normal(size=(2, 400)) * 0.05
    return pd.DataFrame(
        {
            "day": pd.date_range("2022-01-01", periods=400),
            "a": np.sin(steps / 3) + noise[0],
            "b": 40 + 5 * np.cos(steps / 5) + noise[1],
        }
    )


@pytest.fixture
def settings() -> dict[str, object]:
    return {**MODEL, "data.time": "day"}


def of_stages(settings: dict[str, object]) -> dict[str, object]:
    """Settings of a fit without those of its training, which pretraining refuses."""
    return {path: value for path, value in settings.items() if not path.startswith("training")}


def weights(forecaster: latentcast.Forecaster) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in forecaster.network.state_dict().items()}


def test_a_fit_begins_with_pretrained_weights_at_another_horizon(daily, settings, tmp_path: Path) -> None:
    first = latentcast.pretrain(daily, NAME, lookback=20, settings=of_stages(settings), out=tmp_path / "pre")
    assert first.card.stages == ("reconstruct",)
    assert [name for name in first.card.untrained if "shortcut" in name]  # the horizon's own map is not part of it
    tiny = {"training.max_steps": 1, "training.lr": 1e-12, "data.time": "day"}
    second = latentcast.fit(daily, horizon=5, start=tmp_path / "pre", settings=tiny, out=tmp_path / "fit")
    before, after = weights(first), weights(second)
    for name in before:
        if name not in first.card.untrained:
            assert torch.allclose(before[name], after[name], atol=1e-6), name
    assert after["model.shortcut.weight"].shape == (5, 20)
    assert second.card.start.stages == ("reconstruct",)
    assert len(second.predict(daily)) == 10
    assert latentcast.load(tmp_path / "fit").card.start == second.card.start


def test_both_stages_in_one_fit_are_resumable_and_kept_apart(daily, settings, tmp_path: Path) -> None:
    whole = latentcast.fit(daily, NAME, lookback=20, horizon=5, settings={**settings, "stages.reconstruct.mask": 0.3})
    assert [stage.stage for stage in whole.card.training.stages] == ["reconstruct", "forecast"]
    out = tmp_path / "both"
    latentcast.fit(daily, NAME, lookback=20, horizon=5, settings={**settings, "stages.reconstruct.mask": 0.3}, out=out)
    for stage in ("reconstruct", "forecast"):
        assert (out / "checkpoints" / stage / "last.ckpt").is_file()
        assert (out / "logs" / stage / "csv" / "metrics.csv").is_file()
    # cut between the stages: as if stopped before the second began
    for file in (out / "checkpoints" / "forecast").iterdir():
        file.unlink()
    again = latentcast.fit(
        daily, NAME, lookback=20, horizon=5, settings={**settings, "stages.reconstruct.mask": 0.3}, out=out, resume=True
    )
    for name, tensor in weights(whole).items():
        assert torch.equal(tensor, weights(again)[name]), name


def test_what_differs_from_the_pretrained_is_named_with_both_values(daily, settings, tmp_path: Path) -> None:
    latentcast.pretrain(daily, NAME, lookback=20, settings=of_stages(settings), out=tmp_path / "pre")
    base = {"data.time": "day", "training.max_steps": 1}
    with pytest.raises(SettingsError) as told:
        latentcast.fit(
            daily,
            horizon=5,
            start=tmp_path / "pre",
            settings={**base, "model.representation.latent_dim": 9, "model.backbone.heads": 4},
            out=tmp_path / "fit",
        )
    assert "model.representation.latent_dim: 8 where training begins, 9 here" in told.value.faults
    assert "model.backbone.heads: 2 where training begins, 4 here" in told.value.faults
    with pytest.raises(SettingsError, match="channels: 2 where training begins, 1 in these data"):
        latentcast.fit(daily[["day", "a"]], horizon=5, start=tmp_path / "pre", settings=base)
    with pytest.raises(SettingsError, match="those of latent-transformer, and 'dlinear' was asked for"):
        latentcast.fit(daily, "dlinear", horizon=5, start=tmp_path / "pre", settings=base)
    assert not (tmp_path / "fit").exists()


def test_weights_that_belong_to_a_look_back_are_refused_at_another(daily) -> None:
    small = {"data.time": "day", "training.max_steps": 1}
    first = latentcast.fit(daily, "dlinear", lookback=20, horizon=5, settings=small)
    with pytest.raises(SettingsError, match="5×20 where training begins, 1×5×30 here"):
        latentcast.fit(daily, lookback=30, horizon=5, start=first, settings=small)
    again = latentcast.fit(daily, horizon=5, start=first, settings={**small, "training.lr": 1e-12})
    for name, tensor in weights(first).items():
        assert torch.allclose(tensor, weights(again)[name], atol=1e-6)


def test_only_a_model_with_an_inverse_is_pretrained(daily, tmp_path: Path) -> None:
    for model in ("dlinear", "patch-linear"):
        with pytest.raises(SettingsError, match="learns nothing before forecasting; latent-transformer"):
            latentcast.pretrain(daily, model, lookback=20, settings={"data.time": "day"}, out=tmp_path / "pre")
    assert not (tmp_path / "pre").exists()


def test_a_pretrained_model_fills_and_does_not_forecast_and_the_other_way_round(daily, settings) -> None:
    first = latentcast.pretrain(daily, NAME, lookback=20, settings=of_stages(settings))
    with pytest.raises(SettingsError, match="fit … --from"):
        first.predict(daily)
    with pytest.raises(SettingsError, match="fit … --from"):
        first.evaluate(daily)
    second = latentcast.fit(daily, horizon=5, start=first, settings={"data.time": "day", "training.max_steps": 1})
    with pytest.raises(SettingsError, match="learned to forecast, and not to fill"):
        latentcast.impute(second, daily)


def test_gaps_are_filled_and_nothing_else_is_touched(daily, settings) -> None:
    first = latentcast.pretrain(
        daily, NAME, lookback=20, settings=of_stages({**settings, "stages.reconstruct.max_steps": 60})
    )
    holes = daily.copy()
    holes.loc[[0, 50, 51, 52, 399], "a"] = np.nan
    holes.loc[200:203, "b"] = np.nan
    holes = holes.drop(index=[100, 101]).reset_index(drop=True)  # missing days
    result = latentcast.impute(first, holes)
    assert (result.filled, result.values) == (5 + 4 + 4, 800)
    assert list(result.frame.columns) == ["day", "a", "b"]
    assert result.frame["day"].tolist() == daily["day"].tolist()
    same = holes.merge(result.frame, on="day", suffixes=("", "_filled"))
    for name in ("a", "b"):
        there = same[name].notna()
        assert (same.loc[there, name] == same.loc[there, f"{name}_filled"]).all()
    assert np.isfinite(result.frame[["a", "b"]]).all().all()
    assert abs(result.frame["b"][200:204] - daily["b"][200:204]).max() < 5  # in units, near the level of 40


def test_long_data_come_back_long_in_the_kind_that_came(daily, settings) -> None:
    pl = pytest.importorskip("polars")
    long = daily.melt("day", var_name="unique_id", value_name="y").rename(columns={"day": "ds"})
    stated = {key: value for key, value in settings.items() if key != "data.time"}
    first = latentcast.pretrain(long, NAME, lookback=20, settings=of_stages(stated))
    long.loc[[3, 500], "y"] = np.nan
    result = latentcast.impute(first, pl.from_pandas(long))
    assert isinstance(result.frame, pl.DataFrame)
    assert result.frame.columns == ["unique_id", "ds", "y"]
    assert result.frame["y"].null_count() == 0
    assert result.frame.height == len(long)


def test_a_gap_as_long_as_the_look_back_is_said(daily, settings) -> None:
    first = latentcast.pretrain(daily, NAME, lookback=20, settings=of_stages(settings))
    daily.loc[100:160, "a"] = np.nan
    notes = latentcast.impute(first, daily).notes
    assert any("no observed value of their own series within 20 steps" in note for note in notes)
    with pytest.raises(DataError, match="windows of 20 steps"):
        latentcast.impute(first, daily[:12])


def test_imputation_is_judged_alike_for_any_batch_size(daily, settings) -> None:
    first = latentcast.pretrain(daily, NAME, lookback=20, settings=of_stages(settings))
    one, other = (evaluate_imputation(first, daily, masks=[0.25, 0.5], batch_size=size) for size in (7, 512))
    for a, b in zip(one, other, strict=True):
        assert (a.values, a.windows) == (b.values, b.windows)
        assert a.mse == pytest.approx(b.mse, rel=1e-5)
        assert a.linear_mse == pytest.approx(b.linear_mse, rel=1e-9)
    assert one[0].windows == 80 - 20 + 1
    assert one[0].values == pytest.approx(61 * 40 * 0.25, rel=0.1)
    with pytest.raises(SettingsError, match="mask=1"):
        evaluate_imputation(first, daily, masks=[1.0])


def test_the_end_of_every_window_can_be_hidden(daily, settings) -> None:
    """What interpolation does there is to repeat the last value that is shown."""
    first = latentcast.pretrain(daily, NAME, lookback=20, settings=of_stages(settings))
    (judged,) = evaluate_imputation(first, daily, masks=[0.25], tail=True)
    assert judged.tail
    assert judged.values == 61 * 5 * 2
    scaled = daily[["a", "b"]].to_numpy()
    scaled = (scaled - scaled[:280].mean(0)) / scaled[:280].std(0)
    windows = np.lib.stride_tricks.sliding_window_view(scaled[320:], 20, axis=0).transpose(0, 2, 1)
    assert judged.linear_mse == pytest.approx(((windows[:, 15:] - windows[:, 14:15]) ** 2).mean(), rel=1e-4)


def test_several_folders_are_judged_on_the_same_values(daily, settings, tmp_path) -> None:
    for seed in (0, 1):
        latentcast.pretrain(daily, NAME, lookback=20, settings=of_stages(settings), seed=seed, out=tmp_path / str(seed))
    daily.to_csv(tmp_path / "daily.csv", index=False)
    command = ["impute", str(tmp_path / "0"), str(tmp_path / "daily.csv"), "--beside", str(tmp_path / "1")]
    run = CliRunner().invoke(app, [*command, "--judge", "0.25", "--tail"])
    assert run.exit_code == 0, run.output
    assert run.output.count("at their end") == 2
    alone = CliRunner().invoke(app, command)
    assert alone.exit_code
    assert "--judge" in str(alone.exception)


def test_the_filled_error_is_that_of_a_plain_computation(daily, settings) -> None:
    """Interpolation's own error, from pandas, on the windows of the test part."""
    first = latentcast.pretrain(daily, NAME, lookback=20, settings=of_stages(settings))
    from latentcast.layers.masking import visible

    (judged,) = evaluate_imputation(first, daily, masks=[0.4])
    scaled = daily[["a", "b"]].to_numpy()
    scaled = (scaled - scaled[:280].mean(0)) / scaled[:280].std(0)
    windows = np.lib.stride_tricks.sliding_window_view(scaled[320:], 20, axis=0).transpose(0, 2, 1)
    shown = visible(torch.zeros(windows.shape), 0.4, 1, torch.Generator().manual_seed(0)).numpy()
    errors = []
    for window, mask in zip(windows, shown, strict=True):
        holes = pd.DataFrame(np.where(mask, window, np.nan)).interpolate(limit_direction="both").fillna(0).to_numpy()
        errors.append((holes - window)[~mask])
    assert judged.linear_mse == pytest.approx(float(np.square(np.concatenate(errors)).mean()), rel=1e-4)


def test_auto_goes_by_the_look_back_and_says_so(daily, settings) -> None:
    from latentcast.models.config.run import resolve_config

    for lookback, wanted in ((96, "light"), (100, "medium"), (500, "medium"), (501, "heavy")):
        run = resolve_config({"model": {"name": NAME, "preset": "auto"}, "lookback": lookback, "horizon": 8})
        assert run.preset == wanted
        assert f"preset auto: {wanted} for a look-back of {lookback}" in run.notes[0]
    with pytest.raises(SettingsError, match="no preset 'auto'"):
        resolve_config({"model": {"name": "dlinear", "preset": "auto"}, "lookback": 96, "horizon": 8})


def test_the_card_of_a_pretrained_folder_is_whole(daily, settings, tmp_path: Path) -> None:
    latentcast.pretrain(daily, NAME, lookback=20, settings=of_stages(settings), out=tmp_path / "pre")
    card = json.loads((tmp_path / "pre" / "card.json").read_text())
    assert card["settings"]["stages"]["reconstruct"]["mask"] == 0.4
    assert card["training"]["stages"][0]["windows"] == 280 - 20 + 1


def test_nothing_hidden_is_learned_by_giving_all_back(daily, settings) -> None:
    """Known values are not handed through by the shortcut, and a mask of all-known is no mask."""
    first = latentcast.pretrain(
        daily, NAME, lookback=20, settings=of_stages({**settings, "stages.reconstruct.mask": 0.0})
    )
    stage = first.card.training.stages[0]
    assert stage.best_val_loss > 0.01
    from latentcast.core.types import Batch

    past = torch.randn(3, 20, 2)
    with torch.no_grad():
        bare = first.network.reconstruct(Batch(past)).values
        full = first.network.reconstruct(Batch(past, torch.ones(3, 20, 2, dtype=torch.bool))).values
    assert torch.allclose(bare, full, atol=1e-6)


def test_where_a_window_holds_nothing_of_a_series_it_is_interpolated(daily, settings) -> None:
    first = latentcast.pretrain(daily, NAME, lookback=20, settings=of_stages(settings))
    daily["b"] = 100.0 + np.arange(400)
    daily.loc[150:209, "b"] = np.nan  # three windows long
    result = latentcast.impute(first, daily)
    assert result.frame["b"][170:190].to_numpy() == pytest.approx(100.0 + np.arange(170, 190))
    assert any("were interpolated, not modelled" in note for note in result.notes)


def test_a_stage_that_ended_is_not_trained_again(daily, settings, tmp_path: Path) -> None:
    both = {**settings, "stages.reconstruct.max_steps": 2, "data.time": "day"}
    latentcast.fit(daily, NAME, lookback=20, horizon=5, settings=both, out=tmp_path / "m")
    stamp = (tmp_path / "m/checkpoints/reconstruct/last.ckpt").stat().st_mtime_ns
    for file in (tmp_path / "m/checkpoints/forecast").iterdir():
        file.unlink()
    latentcast.fit(daily, NAME, lookback=20, horizon=5, settings=both, out=tmp_path / "m", resume=True)
    assert (tmp_path / "m/checkpoints/reconstruct/last.ckpt").stat().st_mtime_ns == stamp
    with pytest.raises(SettingsError, match=r"stages\.reconstruct\.mask: was 0\.4, is 0\.2"):
        latentcast.fit(
            daily, NAME, lookback=20, horizon=5, settings={**both, "stages.reconstruct.mask": 0.2},
            out=tmp_path / "m", resume=True,
        )  # fmt: skip


def test_a_resumed_fit_begins_with_the_same_weights(daily, settings, tmp_path: Path) -> None:
    one = latentcast.pretrain(daily, NAME, lookback=20, settings=of_stages(settings))
    other = latentcast.pretrain(daily, NAME, lookback=20, seed=1, settings=of_stages(settings))
    stated = {"data.time": "day", "training.max_steps": 2}
    latentcast.fit(daily, horizon=5, start=one, settings=stated, out=tmp_path / "m")
    with pytest.raises(SettingsError, match="began with other weights"):
        latentcast.fit(daily, horizon=5, start=other, settings=stated, out=tmp_path / "m", resume=True)


def test_a_forecaster_goes_on_at_another_horizon(daily, settings) -> None:
    first = latentcast.fit(daily, NAME, lookback=20, horizon=5, settings=settings)
    stated = {"data.time": "day", "training.max_steps": 1}
    second = latentcast.fit(daily, horizon=8, start=first, settings=stated)
    assert len(second.predict(daily)) == 16
    with pytest.raises(SettingsError, match=r"data.split: 'standard' where training begins"):
        latentcast.fit(daily, horizon=5, start=first, settings={**stated, "data.split": (0.5, 0.2, 0.3)})
    with pytest.raises(SettingsError, match=r"data\.scale: True where training begins, False here"):
        latentcast.fit(daily, horizon=5, start=first, settings={**stated, "data.scale": False})


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"masks": [0.0]}, "mask=0.0"),
        ({"masks": [0.2], "block": 0}, "block=0"),
        ({"masks": [0.2], "block": 3, "tail": True}, "block=3"),
        ({"masks": [0.2], "part": "later"}, "part='later'"),
        ({"masks": [0.2], "batch_size": 0}, "batch_size=0"),
    ],
)
def test_what_cannot_be_judged_is_one_error(daily, settings, wrong: dict[str, object], words: str) -> None:
    first = latentcast.pretrain(daily, NAME, lookback=20, settings=of_stages(settings))
    with pytest.raises(SettingsError, match=re.escape(words)):
        evaluate_imputation(first, daily, **wrong)


def test_of_one_channel_the_others_are_said_to_be_left_out(daily, settings) -> None:
    stated = {**settings, "data.features": "S", "data.target": "b"}
    first = latentcast.pretrain(daily, NAME, lookback=20, settings=of_stages(stated))
    daily.loc[5, "b"] = np.nan
    result = latentcast.impute(first, daily)
    assert list(result.frame.columns) == ["day", "b"]
    assert any("not in the result: 'a'" in note or "not in the result: a" in note for note in result.notes)


def test_a_stage_that_a_model_does_not_have_is_named(daily) -> None:
    with pytest.raises(SettingsError, match=r"stages\.reconstruct: dlinear has no such stage"):
        latentcast.fit(daily, "dlinear", lookback=20, horizon=5, settings={"stages.reconstruct.mask": 0.1})
    with pytest.raises(SettingsError, match=r"stages\.reconstuct: latent-transformer has no such stage"):
        latentcast.fit(daily, NAME, lookback=20, horizon=5, settings={"stages.reconstuct.mask": 0.1})


def test_what_one_of_two_stages_learned_counts_as_learned(daily, settings) -> None:
    """The shortcut is no part of the first stage, skips and compression of both: nothing is left over."""
    both = latentcast.fit(daily, NAME, lookback=20, horizon=5, settings={**settings, "stages.reconstruct.max_steps": 2})
    assert not [name for name in both.card.untrained if "shortcut" in name or "representation" in name]
