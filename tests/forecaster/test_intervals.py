"""Prediction intervals of a fitted forecaster: what can be asked for, from what, and that nothing unknown is used."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import latentcast
from latentcast import Forecaster
from latentcast.core.errors import CheckpointError, DataError, SettingsError
from latentcast.core.types import Batch, Task
from latentcast.data.windows.windows import window_seeds, window_starts
from latentcast.forecaster import storage
from latentcast.forecaster.calibration import OWN
from latentcast.forecaster.inputs import open_prepared
from latentcast.forecaster.intervals import levels_of
from latentcast.forecaster.judge import choose_intervals, forecast_windows
from latentcast.models import MODELS
from latentcast.models.config.presets import MODEL_PRESETS, ModelPreset
from latentcast.models.config.run import resolve_config
from latentcast.models.network import build
from latentcast.models.standalone.naive import Naive

QUICK = {"training.max_steps": 3, "training.loggers": [], "training.batch_size": 8}
SMALL = {"lookback": 24, "horizon": 6}
ENDS = ["lo-90", "lo-80", "hi-80", "hi-90"]


def _quick(model: str) -> dict[str, Any]:
    """A short training, of a model that has something to train."""
    return {} if model in ("naive", "seasonal-naive", "walk") else QUICK


def _fit(frame: Any, model: str = "naive", settings: dict[str, Any] | None = None, **sizes: int) -> Forecaster:
    return latentcast.fit(frame, model, **{**SMALL, **sizes}, settings={**_quick(model), **(settings or {})})


def _frame(steps: int = 1500, channels: str = "xy", seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    t = np.arange(steps)
    columns = {
        name: 10 * n + 3 * np.sin(t * np.pi / 12) + rng.normal(0, 1 + n, steps) for n, name in enumerate(channels)
    }
    return pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=steps, freq="h"), **columns})


def _long(lengths: dict[str, int]) -> pd.DataFrame:
    parts = []
    for n, (name, steps) in enumerate(lengths.items()):
        stamps = pd.date_range("2024-01-01", periods=steps, freq="D")
        values = np.random.default_rng(n).normal(5 * n, 1 + n, steps)
        parts.append(pd.DataFrame({"unique_id": name, "ds": stamps, "y": values}))
    return pd.concat(parts, ignore_index=True)


class Walk(Naive):
    """The last value, and random walks from it: a model that samples."""

    capabilities = replace(Naive.capabilities, samples=True)

    def sample(self, batch: Batch, paths: int, seeds: Tensor, **how: Any) -> Tensor:
        _, time, channels = batch.past.shape
        drawn = []
        for window, seed in enumerate(seeds.tolist()):
            g = torch.Generator().manual_seed(seed)
            past = batch.past[window]
            steps = past.diff(dim=0)[torch.randint(time - 1, (paths, self.horizon, channels), generator=g)[..., 0]]
            drawn.append(past[-1] + steps.cumsum(1))
        return torch.stack(drawn)


@pytest.fixture
def walk() -> Iterator[str]:
    MODELS.add("walk", Walk)
    MODEL_PRESETS["walk"] = ModelPreset("random walks", "walk")
    yield "walk"
    del MODELS.entries["walk"], MODEL_PRESETS["walk"]


# --- what comes back


@pytest.mark.parametrize("model", ["naive", "seasonal-naive", "dlinear", "patch-linear"])
def test_every_model_has_intervals_around_its_point(model: str) -> None:
    frame = _frame(600)
    forecaster = _fit(frame, model)
    forecast = forecaster.predict(frame, level=[90, 80])
    assert list(forecast.columns) == ["unique_id", "ds", model, *(f"{model}-{end}" for end in ENDS)]
    lowest, low, high, highest = (forecast[f"{model}-{end}"] for end in ENDS)
    assert ((lowest <= low) & (low <= forecast[model]) & (forecast[model] <= high) & (high <= highest)).all()
    assert forecast[model].equals(forecaster.predict(frame)[model])
    one = forecaster.predict(frame, level=97.5)
    assert list(one.columns[3:]) == [f"{model}-lo-97.5", f"{model}-hi-97.5"]


def test_intervals_are_in_the_units_of_each_series() -> None:
    frame = _frame()
    wide = _fit(frame).predict(frame, level=80).set_index("unique_id")
    width = wide["naive-hi-80"] - wide["naive-lo-80"]
    assert 1.5 < width["y"].mean() / width["x"].mean() < 2.5  # the noise of y is twice that of x
    stretched = frame.assign(x=1000 * frame["x"] + 7)
    again = _fit(stretched).predict(stretched, level=80).set_index("unique_id")
    for column in ("naive", "naive-lo-80", "naive-hi-80"):
        expected = 1000 * wide.loc["x", column] + 7
        np.testing.assert_allclose(again.loc["x", column], expected, rtol=1e-4)


def test_polars_in_polars_out() -> None:
    frame = pl.from_pandas(_frame(600))
    forecast = _fit(frame).predict(frame, level=[80])
    assert isinstance(forecast, pl.DataFrame)
    assert forecast.columns[-2:] == ["naive-lo-80", "naive-hi-80"]


@pytest.mark.parametrize("data", [{}, {"data.scale": False}, {"data.gaps": "ffill"}])
@pytest.mark.parametrize("seen", [0, 1])
def test_a_silent_sensor_has_intervals_as_wide_as_its_series_is_restless(
    data: dict[str, Any], seen: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    n = 120
    x = 50 + 10 * np.sin(np.arange(n) / 3)
    frame = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=n), "x": x, "z": 2 * x})
    fitted = _fit(frame, settings=data, lookback=8, horizon=4)
    fitted.save(tmp_path / "m")
    forecaster = latentcast.load(tmp_path / "m")
    silent = frame.assign(z=frame["z"].where(frame.index < n - 8 + seen))

    def radius(data: pd.DataFrame, intervals: str) -> np.ndarray:
        forecast = forecaster.predict(data, level=80, interval_method=intervals).query("unique_id == 'z'")
        return (forecast["naive-hi-80"] - forecast["naive-lo-80"]).to_numpy() / 2

    for intervals in ("conformal", "adaptive"):
        ratio = radius(silent, intervals) / radius(frame, intervals)
        assert ((ratio > 0.8) & (ratio < (2 if seen else 2 * np.sqrt(1 + 8 / 4)))).all()  # wider after silence
    assert ("look-back of z holds no value" in caplog.text) == (seen == 0)


def test_only_the_target_of_mode_ms() -> None:
    frame = _frame(600)
    forecaster = _fit(frame, "dlinear", {"data.features": "MS", "data.target": "y"})
    forecast = forecaster.predict(frame, level=[80])
    assert set(forecast["unique_id"]) == {"y"}
    assert np.isfinite(forecast.iloc[:, 2:].to_numpy(float)).all()


def test_a_loaded_folder_needs_the_look_back_alone(tmp_path: Path) -> None:
    frame = _frame()
    forecaster = _fit(frame, "dlinear")
    forecaster.save(tmp_path / "saved")
    loaded = latentcast.load(tmp_path / "saved")
    recent = frame.tail(24).reset_index(drop=True)
    pd.testing.assert_frame_equal(loaded.predict(recent, level=[80, 90]), forecaster.predict(frame, level=[80, 90]))
    card = json.loads((tmp_path / "saved" / "card.json").read_text(encoding="utf-8"))
    assert card["intervals"]["base"] == "point"
    assert card["intervals"]["part"] == "val"
    assert card["intervals"]["chose_weights"] is False  # dlinear keeps the end of training
    assert card["intervals"]["windows"] == card["validation"]["windows"]


def test_a_damaged_calibration_is_refused(tmp_path: Path) -> None:
    _fit(_frame(600)).save(tmp_path / "saved")
    path = tmp_path / "saved" / storage.INTERVALS
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(CheckpointError, match=r"intervals.safetensors is damaged"):
        latentcast.load(tmp_path / "saved")
    path.unlink()
    with pytest.raises(CheckpointError, match=r"lacks intervals.safetensors"):
        latentcast.load(tmp_path / "saved")


# --- how good they are


def test_what_is_exchangeable_is_covered() -> None:
    frame = _frame(6000, "x", seed=3)
    result = _fit(frame, "seasonal-naive").evaluate(frame, level=[50, 80, 90])
    assert result.intervals is not None
    for units in (result.intervals.scaled, result.intervals.original):
        for level, row in units["levels"].items():
            assert row["coverage"] == pytest.approx(float(level) / 100, abs=0.03)
    shown = str(result)
    assert "90 %: coverage" in shown
    assert "conformal around the point forecast" in shown


@pytest.mark.parametrize("method", ["conformal", "adaptive"])
def test_figures_are_those_of_the_bands_and_of_no_batch_size(method: str) -> None:
    frame = _frame(700)
    forecaster = _fit(frame, "dlinear")
    results = [
        forecaster.evaluate(frame, level=[80, 90], interval_method=method, batch_size=size).to_dict()["intervals"]
        for size in (7, 500)
    ]
    for name in ("scaled", "original"):
        for level in ("80", "90"):
            for figure, value in results[0][name]["levels"][level].items():
                assert results[1][name]["levels"][level][figure] == pytest.approx(value, rel=1e-9)
    _, view = open_prepared(forecaster, frame)
    starts = window_starts(view.panel, *view.parts.bounds("test"), 24, 6)
    how = choose_intervals(forecaster, 90, method)
    inside = total = 0
    for batch in forecast_windows(forecaster, view, starts, how=how):
        assert batch.bands is not None
        target = batch.outcome.scaled
        inside += ((batch.bands.lo[..., 0] <= target) & (target <= batch.bands.hi[..., 0])).sum()
        total += target.size
    assert results[0]["scaled"]["levels"]["90"]["coverage"] == pytest.approx(inside / total, rel=1e-12)


def test_adaptive_intervals_widen_where_the_noise_grew() -> None:
    frame = _frame(6000, "x")
    late = np.random.default_rng(1).normal(0, 4, 1200)
    frame.loc[4800:, "x"] += late  # the test part alone
    forecaster = _fit(frame, "seasonal-naive")
    found = {
        how: forecaster.evaluate(frame, level=80, interval_method=how).intervals for how in ("conformal", "adaptive")
    }
    shares = {how: each.scaled["levels"]["80"]["coverage"] for how, each in found.items() if each is not None}
    assert shares["conformal"] < 0.7
    assert shares["adaptive"] > shares["conformal"] + 0.05


# --- nothing unknown is used


@pytest.mark.parametrize("model", ["dlinear", "patch-linear"])
def test_the_intervals_at_an_origin_do_not_change_with_what_comes_after_it(model: str) -> None:
    frame = _frame(700)
    settings = {"model.head": "quantile"} if model == "patch-linear" else {}
    forecaster = _fit(frame, model, settings)
    changed = frame.copy()
    changed.loc[620:, ["x", "y"]] += 50
    starts = np.arange(530, 660)

    def bands(data: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        _, view = open_prepared(forecaster, data)
        how = choose_intervals(forecaster, [80, 90], "adaptive")
        batches = list(forecast_windows(forecaster, view, (starts, np.zeros_like(starts)), how=how))
        return np.concatenate([b.bands.lo for b in batches]), np.concatenate([b.bands.hi for b in batches])

    for one, two in zip(bands(frame), bands(changed), strict=True):
        same = (one == two).reshape(len(starts), -1).all(1)
        last = np.asarray(starts) + 24 - 1  # the newest step that is known
        assert same[last < 620].all()
        assert not same[last >= 620].any()


def test_adaptive_predict_is_what_evaluate_saw_at_that_origin() -> None:
    frame = _frame(700)
    forecaster = _fit(frame, "dlinear")
    _, view = open_prepared(forecaster, frame)
    starts = window_starts(view.panel, *view.parts.bounds("test"), 24, 6)
    how = choose_intervals(forecaster, 80, "adaptive")
    batches = list(forecast_windows(forecaster, view, starts, how=how))
    seen = np.concatenate([b.in_original(b.bands.lo)[..., 0] for b in batches if b.bands is not None])
    number = 77
    origin = int(starts[0][number]) + 24
    forecast = forecaster.predict(frame.head(origin), level=80, interval_method="adaptive")
    np.testing.assert_allclose(forecast["dlinear-lo-80"].to_numpy().reshape(2, 6).T, seen[number], rtol=1e-6)
    plain = forecaster.predict(frame.head(origin), level=80)
    assert not np.allclose(plain["dlinear-lo-80"], forecast["dlinear-lo-80"], rtol=1e-6)


def test_adaptive_predict_needs_outcomes() -> None:
    frame = _frame(700)
    forecaster = _fit(frame)
    with pytest.raises(DataError, match=r"no outcome after .*at least 25 steps.*interval_method='conformal'"):
        forecaster.predict(frame.tail(24), level=80, interval_method="adaptive")
    forecaster.predict(frame.tail(25), level=80, interval_method="adaptive")


# --- few windows, many series


def test_series_with_few_windows_share_their_scores() -> None:
    many = _long({f"s{n}": 150 + n for n in range(8)})
    forecaster = _fit(many, lookback=14, horizon=3)
    assert forecaster.calibration is not None
    assert forecaster.calibration.rows == {}
    assert "all series together" in forecaster.card.intervals["scores"]
    assert forecaster.card.intervals["windows"] < OWN * 8
    forecast = forecaster.predict(many, level=90).set_index("unique_id")
    width = forecast["naive-hi-90"] - forecast["naive-lo-90"]
    assert width["s7"].mean() > 4 * width["s0"].mean()  # its noise is eight times as large
    new = _long({"other": 60})
    assert np.isfinite(forecaster.predict(new, level=90).iloc[:, 2:].to_numpy(float)).all()


def test_long_series_have_their_own_scores_beside_short_ones() -> None:
    both = _long({"long": 1600, "short": 150})
    forecaster = _fit(both, lookback=14, horizon=3)
    assert forecaster.calibration is not None
    assert set(forecaster.calibration.rows) == {"long"}
    assert forecaster.card.intervals["scores"] == "1 series by their own, others by all together"
    forecaster.predict(both, level=[80, 99])


def test_a_level_that_needs_more_windows_than_there_are() -> None:
    frame = _frame(150, "x")
    forecaster = _fit(frame)  # 15 validation steps: 10 windows
    with pytest.raises(DataError, match=r"level 95 needs at least 19 held-out windows, and there were 10 .*is 90.9"):
        forecaster.predict(frame, level=[80, 95])
    forecaster.predict(frame, level=90)


def test_nothing_was_held_out(tmp_path: Path) -> None:
    frame = _frame(600)
    forecaster = _fit(frame, "dlinear", {"data.split": [0.8, 0, 0.2]})
    assert forecaster.calibration is None
    with pytest.raises(DataError, match=r"need held-out windows, and this dlinear was saved without any: calibrate"):
        forecaster.predict(frame, level=90)
    forecaster.calibrate(frame, part="test")
    forecaster.save(tmp_path / "saved")
    assert "dlinear-lo-90" in latentcast.load(tmp_path / "saved").predict(frame, level=90)
    result = forecaster.evaluate(frame, level=90)
    assert any("judged on windows that they were calibrated on" in note for note in result.notes)


def test_gaps_are_no_outcomes() -> None:
    frame = _frame(800, "x")
    rng = np.random.default_rng(5)
    frame.loc[rng.random(800) < 0.2, "x"] = np.nan
    forecaster = _fit(frame, settings={"data.gaps": "interpolate"})
    for how in ("conformal", "adaptive"):
        result = forecaster.evaluate(frame, level=80, interval_method=how)
        assert result.intervals is not None
        assert 0.6 < result.intervals.scaled["levels"]["80"]["coverage"] < 0.95


# --- quantiles


def test_the_quantile_head_has_intervals_of_its_own() -> None:
    frame = _frame(600)
    forecaster = _fit(frame, "patch-linear", {"model.head": {"name": "quantile", "quantiles": [0.1, 0.3, 0.5, 0.9]}})
    raw = forecaster.predict(frame, level=80, interval_method="quantiles")
    assert (raw["patch-linear-lo-80"] < raw["patch-linear"]).all()
    result = forecaster.evaluate(frame, level=80, interval_method="quantiles")
    assert result.intervals is not None
    assert result.intervals.scaled["CRPS"] > 0
    assert result.intervals.original["CRPS"] > result.intervals.scaled["CRPS"]
    assert forecaster.card.intervals["base"] == "quantiles"
    assert choose_intervals(forecaster, 80).method == "conformal"  # what can be calibrated, is
    with pytest.raises(
        SettingsError, match=r"level 90: .* learned the quantiles 0.1, 0.3, 0.5, 0.9, .* of 80;.*0.05, 0"
    ):
        forecaster.predict(frame, level=90, interval_method="quantiles")
    forecaster.predict(frame, level=90)


def test_conformal_quantiles_mend_untrained_ones() -> None:
    frame = _frame(3000, "x")
    forecaster = _fit(frame, "patch-linear", {"model.head": "quantile"})
    raw = forecaster.evaluate(frame, level=[50, 80, 90, 95], interval_method="quantiles").intervals
    mended = forecaster.evaluate(frame, level=[50, 80, 90, 95]).intervals
    assert raw is not None
    assert mended is not None

    def off(figures: Any) -> float:
        return max(abs(100 * row["coverage"] - float(level)) for level, row in figures.scaled["levels"].items())

    assert off(mended) < 4 < off(raw)


@pytest.mark.parametrize(
    ("quantiles", "words"),
    [
        ([0.1, 0.9], "the median, 0.5, must be among them"),
        ([0.5, 0.1], "ascend"),
        ([0.5, 0.5], "ascend"),
        ([0.0, 0.5], "between 0 and 1"),
        ([10, 50, 90], "between 0 and 1"),
    ],
)
def test_quantiles_that_cannot_be_learned(quantiles: list[float], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        _fit(_frame(300), "patch-linear", {"model.head": {"name": "quantile", "quantiles": quantiles}})


# --- sampled paths


def test_paths(walk: str) -> None:
    frame = _frame(400)
    forecaster = _fit(frame, walk)
    assert forecaster.network.samples
    assert choose_intervals(forecaster, 80).method == "conformal"  # around the point, until paths are calibrated
    result = forecaster.evaluate(frame, level=80, interval_method="paths", paths=20)
    assert result.intervals is not None
    assert "20 sampled paths" in result.intervals.about
    assert result.intervals.scaled["CRPS"] > 0
    twice = [forecaster.predict(frame, level=80, interval_method="paths", paths=20) for _ in range(2)]
    pd.testing.assert_frame_equal(*twice)
    with pytest.raises(SettingsError, match=r"paths=18 are too few for level 90: wanted at least 19"):
        forecaster.predict(frame, level=90, interval_method="paths", paths=18)
    forecaster.calibrate(frame, base="paths", paths=40)
    assert forecaster.card.intervals["base"] == "paths"
    again = forecaster.evaluate(frame, level=80, paths=40)
    assert again.intervals is not None
    assert again.intervals.about.startswith("conformal around sampled paths")


def test_a_window_has_the_same_paths_in_any_batch_and_any_data(walk: str) -> None:
    frame = _frame(400)
    forecaster = _fit(frame, walk)
    results = [
        forecaster.evaluate(frame, level=80, interval_method="paths", paths=15, batch_size=size).to_dict()["intervals"]
        for size in (3, 64)
    ]
    assert results[0]["scaled"]["CRPS"] == pytest.approx(results[1]["scaled"]["CRPS"], rel=1e-9)
    whole = forecaster.predict(frame, level=80, interval_method="paths")
    recent = forecaster.predict(frame.tail(24).reset_index(drop=True), level=80, interval_method="paths")
    pd.testing.assert_frame_equal(whole, recent)
    panel = open_prepared(forecaster, frame)[1].panel
    starts = np.arange(300)
    seeds = window_seeds(panel, starts, np.zeros_like(starts), 24, 0)
    assert len(set(seeds.tolist())) == 300
    assert (seeds >= 0).all()
    assert not np.array_equal(seeds, window_seeds(panel, starts, np.zeros_like(starts), 24, 1))


def test_the_network_hands_the_targets_alone_through(walk: str) -> None:
    run = resolve_config({"model": walk, "lookback": 12, "horizon": 5})
    task = Task(12, 5, 3, (2,))
    every, one = build(run.kind, run.model, Task(12, 5, 3, (0, 1, 2))), build(run.kind, run.model, task)
    batch, seeds = Batch(torch.randn(4, 12, 3)), torch.arange(4)
    assert one.sample(batch, 7, seeds).shape == (4, 7, 5, 1)
    assert torch.equal(one.sample(batch, 7, seeds), every.sample(batch, 7, seeds)[..., 2:])


# --- what cannot be asked for


@pytest.mark.parametrize("level", [0, 100, -5, 120, True, "90", None, float("nan"), float("inf"), [80, "x"], []])
def test_levels_that_are_none(level: Any) -> None:
    with pytest.raises(SettingsError, match="level"):
        levels_of(level)


def test_shares_are_no_levels() -> None:
    with pytest.raises(SettingsError, match=r"levels are per cent; for 90 % say 90"):
        levels_of(0.9)
    with pytest.raises(SettingsError) as caught:
        levels_of([0.8, 200, 90])
    assert len(caught.value.faults) == 2


def test_levels_that_are_close_have_columns_of_their_own() -> None:
    frame = _frame(300)
    columns = _fit(frame).predict(frame, level=[50, 50.00001]).columns
    assert list(columns[3:]) == ["naive-lo-50.00001", "naive-lo-50", "naive-hi-50", "naive-hi-50.00001"]


@given(st.lists(st.floats(1, 99.99), min_size=1, max_size=5))
def test_levels_ascend_each_once(levels: list[float]) -> None:
    assert levels_of(levels) == tuple(sorted(set(levels)))
    assert levels_of(np.array(levels)) == levels_of(tuple(levels))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"interval_method": "conformall"}, "did you mean conformal"),
        ({"interval_method": "quantiles"}, "naive forecasts points alone"),
        ({"interval_method": "paths"}, "naive draws no paths"),
        ({"paths": 1}, "at least 2"),
    ],
)
def test_methods_that_cannot_be_had(how: dict[str, Any], words: str) -> None:
    frame = _frame(300)
    with pytest.raises(SettingsError, match=words):
        _fit(frame).predict(frame, level=80, **how)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"part": "train"}, "held out: val or test"),
        ({"base": "quantiles"}, "forecasts points alone"),
        ({"base": "paths"}, "draws no paths"),
        ({"base": "pint"}, "did you mean point"),
    ],
)
def test_calibrations_that_cannot_be_had(how: dict[str, Any], words: str) -> None:
    frame = _frame(300)
    with pytest.raises(SettingsError, match=words):
        _fit(frame).calibrate(frame, **how)


def test_what_was_pretrained_alone_says_so_first() -> None:
    frame = _frame(300)
    settings = {"model.representation": {"ratios": [2], "channels": [4]}, "stages.reconstruct.max_steps": 1}
    pretrained = latentcast.pretrain(frame, "latent-transformer", lookback=24, settings=settings)
    with pytest.raises(SettingsError, match="and not to forecast"):
        pretrained.predict(frame, level=80)


# --- backtest


@pytest.mark.parametrize("method", ["auto", "adaptive"])
@pytest.mark.parametrize("refit", [False, True])
def test_backtest_has_intervals_beside_each_model(method: str, refit: bool) -> None:
    frame = _frame(900)
    result = latentcast.backtest(
        frame,
        ["naive", "dlinear"],
        **SMALL,
        n_windows=4,
        level=[80, 90],
        interval_method=method,
        refit=refit,
        settings=QUICK,
    )
    table = result.forecasts
    for model in ("naive", "dlinear"):
        lowest, low, high, highest = (table[f"{model}-{end}"] for end in ENDS)
        assert ((lowest <= low) & (low <= high) & (high <= highest)).all()
        found = result.intervals[model].original["levels"]["90"]
        assert found["coverage"] == pytest.approx(((lowest <= table["y"]) & (table["y"] <= highest)).mean())
        assert found["width"] == pytest.approx((highest - lowest).mean())
    assert list(table.columns[4:9]) == ["naive", *(f"naive-{end}" for end in ENDS)]


def test_backtest_without_levels_is_as_before() -> None:
    result = latentcast.backtest(_frame(300), ["naive"], **SMALL)
    assert result.intervals == {}
    assert list(result.forecasts.columns) == ["unique_id", "ds", "cutoff", "y", "naive"]


def test_values_that_are_very_large_and_not_scaled_have_intervals() -> None:
    stamps = pd.date_range("2024-01-01", periods=60, freq="h")
    frame = pd.DataFrame({"ds": stamps, "y": np.random.default_rng(0).normal(0, 1e25, 60)})
    fitted = latentcast.fit(frame, "naive", lookback=4, horizon=2, settings={"data.scale": False})
    bands = fitted.predict(frame, level=[50])
    assert np.isfinite(bands.select_dtypes("number")).all(axis=None)


# --- one window of so many


def test_a_stride_judges_one_window_of_so_many() -> None:
    frame = _frame(1500)
    forecaster = _fit(frame)
    every, some = forecaster.evaluate(frame, level=90), forecaster.evaluate(frame, level=90, stride=24)
    assert some.windows == -(-every.windows // 24)
    assert some.scaled["MSE"] == pytest.approx(every.scaled["MSE"], rel=0.3)
    assert any("one window of 24" in note for note in some.notes)
    assert not any("one window of" in note for note in every.notes)


def test_calibration_by_a_stride_is_said_and_covers() -> None:
    frame = _frame(4000)
    forecaster = _fit(frame)
    forecaster.calibrate(frame, stride=3)
    about = forecaster.card.intervals
    assert about["one_window_of"] == 3
    assert about["windows"] == -(-(forecaster.evaluate(frame, part="val").windows) // 3)
    judged = forecaster.evaluate(frame, level=80)
    assert judged.intervals is not None
    assert judged.intervals.scaled["levels"]["80"]["coverage"] == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize("stride", [0, -1, 1.5, True])
def test_strides_that_are_none(stride: Any) -> None:
    frame = _frame(600)
    with pytest.raises(SettingsError, match="stride"):
        _fit(frame).evaluate(frame, stride=stride)


def test_adaptive_intervals_follow_at_the_pace_of_their_calibration() -> None:
    """So that a model whose forecasts are fits forecasts few windows on the way, and evaluate agrees with predict."""
    frame = _frame(1500)
    forecaster = _fit(frame)
    forecaster.calibrate(frame, stride=7)
    judged = forecaster.evaluate(frame, level=80, interval_method="adaptive", stride=7)
    assert judged.intervals is not None
    assert judged.intervals.scaled["levels"]["80"]["coverage"] == pytest.approx(0.8, abs=0.1)
    passed: list[int] = []
    forecast = forecaster.network.forward

    def counted(batch: Batch) -> Any:
        passed.append(len(batch.past))
        return forecast(batch)

    forecaster.network.forward = counted  # type: ignore[method-assign]
    forecaster.predict(frame, level=80, interval_method="adaptive")
    assert sum(passed) <= 1000 / 7 + 2
    plain = forecaster.evaluate(frame, level=80, stride=7).intervals
    assert plain is not None
    assert plain.scaled["levels"]["80"]["width"] != judged.intervals.scaled["levels"]["80"]["width"]


def test_a_calibration_kept_before_there_were_strides_has_none(tmp_path: Path) -> None:
    forecaster = _fit(_frame(600))
    assert forecaster.calibration is not None
    tensors, words = forecaster.calibration.dump()
    rest = json.loads(words["calibration"])
    del rest["stride"]
    assert type(forecaster.calibration).parse(tensors, {"calibration": json.dumps(rest)}).stride == 1
