"""Hybrids: what the weights are, what they are learned from, and members that fail."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.optimize import minimize
from typer.testing import CliRunner

import latentcast
from latentcast.cli import app
from latentcast.core.capabilities import Capabilities
from latentcast.core.errors import CheckpointError, DataError, SettingsError
from latentcast.core.nested import merge
from latentcast.core.parsing import parse_assignments
from latentcast.core.registry import Entry
from latentcast.core.types import Batch, Prediction, Task
from latentcast.models import MODELS
from latentcast.models.config.presets import MODEL_PRESETS, ModelPreset
from latentcast.models.config.run import resolve_config
from latentcast.models.hybrid.gate import Gate, distance, gate_features
from latentcast.models.hybrid.model import Hybrid
from latentcast.models.hybrid.stacking import PRIOR, HeldOutForecasts, learn
from latentcast.models.network import build
from latentcast.models.standalone.naive import Naive
from latentcast.training.loop import StageLoop

NAIVES = {"model.members": ["naive", "seasonal-naive"]}  # nothing to train, nothing to fit: quick


def hybrid(data: pd.DataFrame, **settings: object) -> latentcast.Forecaster:
    stated = {**NAIVES, **{key.replace("__", "."): value for key, value in settings.items()}}
    return latentcast.fit(data, "hybrid", lookback=48, horizon=6, settings=stated)


def held(
    rows: int, members: int, horizon: int = 4, series: int = 1, seed: int = 0, noise: tuple = (0.5, 1.0, 2.0)
) -> HeldOutForecasts:
    """Rows whose members are the truth and independent noise of known deviations."""
    g = torch.Generator().manual_seed(seed)
    target = torch.randn(rows, horizon, generator=g, dtype=torch.float64)
    apart = torch.randn(rows, horizon, members, generator=g, dtype=torch.float64) * torch.tensor(noise[:members])
    return HeldOutForecasts(
        target[..., None] + apart,
        torch.ones(rows, members, dtype=torch.bool),
        target,
        torch.ones(rows, horizon, dtype=torch.bool),
        torch.arange(rows) * series // rows,
        torch.randn(rows, 5, generator=g, dtype=torch.float64),
        torch.zeros(rows, members, dtype=torch.float64),
    )


# ------------------------------------------------------------------------------------------------ weights


def test_weights_are_inverse_squared_errors_drawn_towards_equal_ones() -> None:
    """By hand in numpy: errors in shares of their mean, `PRIOR` windows of equal errors beside them."""
    given = held(40, 3)
    gate = Gate(3, 4, 1, 1)
    learn(gate, given, "weighted")
    squared = (given.forecasts - given.target[..., None]).square().numpy()
    shares = squared / squared.mean()
    overall = (40 * shares.mean((0, 1)) + PRIOR) / (40 + PRIOR)
    at_step = (40 * shares.mean(0) + PRIOR * overall) / (40 + PRIOR)
    own = (40 * shares.mean((0, 1)) + PRIOR * overall) / (40 + PRIOR) / overall
    wanted = 1 / (at_step * own)
    np.testing.assert_allclose(gate.table()[0, 0], wanted / wanted.sum(-1, keepdims=True), rtol=1e-5)


def test_weights_of_many_windows_are_those_of_bates_and_granger() -> None:
    """Without correlation the least variance has weights 1/σ²; their optimum is found by another solver."""
    given = held(4000, 3, horizon=2)
    gate = Gate(3, 2, 0, 1)
    learn(gate, given, "weighted")
    best = np.array([4, 1, 0.25]) / 5.25
    np.testing.assert_allclose(gate.table()[0, 0], np.tile(best, (2, 1)), atol=0.03)

    def error(logits: np.ndarray) -> float:
        weights = np.exp(logits) / np.exp(logits).sum()
        return float(((given.forecasts.numpy() @ weights - given.target.numpy()) ** 2).mean())

    found = minimize(error, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-9}).x
    np.testing.assert_allclose(gate.table()[0, 0, 0], np.exp(found) / np.exp(found).sum(), atol=0.03)


def test_weights_know_no_units() -> None:
    """Each series is measured by its own members: other units change nothing, and no series outweighs the others."""
    given, gates = held(60, 2, series=3), [Gate(2, 4, 3, 1) for _ in range(2)]
    units = torch.tensor([1.0, 1e6, 1e-4], dtype=torch.float64)[given.series]
    stretched = HeldOutForecasts(
        **{**vars(given), "forecasts": given.forecasts * units[:, None, None], "target": given.target * units[:, None]}
    )
    for gate, rows in zip(gates, (given, stretched), strict=True):
        learn(gate, rows, "adaptive")
    torch.testing.assert_close(gates[0].table(), gates[1].table())


def test_a_series_has_weights_of_its_own_the_more_the_more_windows_it_has() -> None:
    """One member is good on the first series, the other on the second."""

    def own(rows: int) -> torch.Tensor:
        given = held(2 * rows, 2, series=2, noise=(1.0, 1.0))
        forecasts = given.forecasts.clone()
        apart = forecasts - given.target[..., None]
        forecasts[:rows, :, 1] += 2 * apart[:rows, :, 1]
        forecasts[rows:, :, 0] += 2 * apart[rows:, :, 0]
        gate = Gate(2, 4, 2, 1)
        learn(gate, HeldOutForecasts(**{**vars(given), "forecasts": forecasts}), "weighted")
        return gate.table().mean((1, 2))

    few, many = own(1), own(100)
    assert many[0, 0] > 0.8
    assert many[1, 1] > 0.8
    assert 0.5 < few[0, 0] < many[0, 0]
    assert 0.5 < few[1, 1] < many[1, 1]


def test_a_gate_learns_which_look_backs_suit_which_member() -> None:
    given = held(400, 2, noise=(1.0, 1.0))
    first = given.traits[:, :1, None] > 0
    apart = given.forecasts - given.target[..., None]
    worse = torch.cat([~first, first], dim=-1)  # [row, 1, member]
    forecasts = given.target[..., None] + torch.where(worse, 3 * apart, apart)
    gate = Gate(2, 4, 1, 1)
    found = learn(gate, HeldOutForecasts(**{**vars(given), "forecasts": forecasts}), "adaptive")
    assert found["penalty"] is not None
    assert found["errors"]["adaptive"] < 0.6 * found["errors"]["weighted"] < found["errors"]["average"]
    like = torch.zeros(2, 1, 5)
    like[0, 0, 0], like[1, 0, 0] = 1.5, -1.5
    weights = gate(like, torch.zeros(2, 1, 2), torch.ones(2, 1, 2, dtype=torch.bool))
    assert weights[0, :, 0, 0].min() > 0.75
    assert weights[1, :, 0, 1].min() > 0.75


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 12, 100])
def test_a_gate_that_has_nothing_to_learn_stays_with_the_weights_it_starts_from(rows: int) -> None:
    """Traits are noise here; on new rows it is not much worse than plain weights, however few were held out."""
    ratios = []
    for seed in range(2):
        plain, gate, new = Gate(3, 4, 1, 1), Gate(3, 4, 1, 1), held(500, 3, seed=seed + 100)
        learn(plain, held(rows, 3, seed=seed), "weighted")
        learn(gate, held(rows, 3, seed=seed), "adaptive")
        each = []
        for one in (plain, gate):
            weights = one(new.traits[:, None].float(), torch.zeros(500, 1, 3), torch.ones(500, 1, 3, dtype=torch.bool))
            fused = (weights[:, :, 0].double() * new.forecasts).sum(-1)
            each.append((fused - new.target).square().mean())
        ratios.append(float(each[1] / each[0]))
    assert np.mean(ratios) < 1.05


def test_what_was_not_observed_and_members_that_were_not_there_do_not_count() -> None:
    given = held(30, 2)
    seen, there = given.seen.clone(), given.there.clone()
    seen[::3, 1:], there[::4, 0] = False, False
    spoiled = given.forecasts.clone()
    spoiled[::4, :, 0] = torch.nan
    target = torch.where(seen, given.target, 1e9)
    both = []
    for forecasts, truth in ((given.forecasts, given.target), (spoiled, target)):
        both.append(Gate(2, 4, 1, 1))
        changed = {"forecasts": forecasts, "target": truth, "seen": seen, "there": there}
        learn(both[-1], HeldOutForecasts(**{**vars(given), **changed}), "adaptive")
    for one, other in zip(both[0].buffers(), both[1].buffers(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(ValueError, match="no held-out window"):
        learn(both[0], HeldOutForecasts(**{**vars(given), "seen": torch.zeros_like(seen)}), "weighted")


def test_traits_by_hand() -> None:
    t = torch.arange(96, dtype=torch.float64)
    rng = torch.Generator().manual_seed(0)
    wave, line = torch.sin(2 * torch.pi * t / 12), t / 10
    noise = torch.randn(96, generator=rng, dtype=torch.float64)
    flat = torch.full((96,), 3.0, dtype=torch.float64)
    past = torch.stack([wave, line, noise, flat], dim=-1)[None]
    noisy, trend, season, end, length = gate_features(past, None, 12)[0].unbind(-1)
    assert season[0] > 0.95 > 0.5 > season[2]
    assert trend[1] > 0.95 > 0.5 > trend[2]
    assert noisy[2] == pytest.approx(float(noise.diff().std(unbiased=False) / noise.std(unbiased=False)))
    assert end[1] == pytest.approx(float((line[-1] - line.mean()) / line.std(unbiased=False)))
    assert [float(x[3]) for x in (noisy, trend, season, end)] == [0] * 4
    assert length.exp().tolist() == pytest.approx([96] * 4)
    shown = torch.ones_like(past, dtype=torch.bool)
    shown[:, :24] = False
    spoiled = torch.where(shown, past, 1e6)
    torch.testing.assert_close(
        gate_features(5 * spoiled + 7, shown, 12)[..., 1:], gate_features(spoiled, shown, 12)[..., 1:]
    )
    torch.testing.assert_close(
        gate_features(spoiled, shown, 12)[..., 3:], gate_features(past[:, 24:], None, 12)[..., 3:]
    )


def test_a_forecast_far_from_the_others_is_told_apart() -> None:
    past, there = torch.randn(2, 20, 1), torch.ones(2, 1, 3, dtype=torch.bool)
    values = torch.zeros(2, 4, 1, 3)
    values[0, ..., 2] = 9.0
    there[1, 0, 2] = False
    far = distance(values, there, past)
    assert far[0, 0, 2] > far[0, 0, 0] == far[0, 0, 1] > 0
    assert far[1].tolist() == [[0, 0, 0]]


# ------------------------------------------------------------------------------------------------ a forecaster


def test_a_hybrid_is_the_weighted_sum_of_its_members(hourly: pd.DataFrame) -> None:
    forecaster = hybrid(hourly)
    found = latentcast.member_forecasts(forecaster, hourly)
    pd.testing.assert_frame_equal(forecaster.predict(hourly), found[["unique_id", "ds", "hybrid"]])
    fused = sum(found[name] * found[f"{name}-weight"] for name in ("naive", "seasonal-naive"))
    np.testing.assert_allclose(found["hybrid"], fused, rtol=1e-5)
    alone = latentcast.fit(hourly, "seasonal-naive", lookback=48, horizon=6).predict(hourly)
    np.testing.assert_array_equal(found["seasonal-naive"], alone["seasonal-naive"])
    table = latentcast.fusion_weights(forecaster)
    assert list(table) == ["unique_id", "step", "naive", "seasonal-naive"]
    assert len(table) == 2 * 6
    np.testing.assert_allclose(table["naive"] + table["seasonal-naive"], 1, rtol=1e-6)
    late = table[table.step == 6]
    assert (late["seasonal-naive"] > late["naive"]).all()  # a daily cycle six hours on


def test_average_is_the_mean(hourly: pd.DataFrame) -> None:
    found = latentcast.member_forecasts(hybrid(hourly, model__fusion="average"), hourly)
    np.testing.assert_allclose(found["hybrid"], (found["naive"] + found["seasonal-naive"]) / 2, rtol=1e-6)


def test_weights_are_learned_before_the_test_part(hourly: pd.DataFrame) -> None:
    spoiled = hourly.copy()
    spoiled.loc[spoiled.index >= 320, ["load", "price"]] *= -30  # 400 steps, of which the last 80 are the test part
    one, other = (hybrid(data).network.state_dict() for data in (hourly, spoiled))
    assert all(torch.equal(one[name], other[name]) for name in one)
    part = spoiled.copy()
    part.loc[(part.index >= 280) & (part.index < 320), "load"] *= 2
    assert not torch.equal(one["model.gate.step"], hybrid(part).network.state_dict()["model.gate.step"])


def test_one_window_of_each_series_overlaps_with_nothing() -> None:
    """Twelve of them are enough to choose by; twelve of one series are a window and a few steps more."""
    g = np.random.default_rng(0)
    hours = pd.date_range("2024-01-01", periods=120, freq="h")
    many = pd.concat(
        pd.DataFrame({"unique_id": f"s{n}", "ds": hours, "y": g.normal(size=120).cumsum()}) for n in range(12)
    )
    assert "weighted" in hybrid(many, data__split=[0, 6, 6]).card.fusion.fused
    one = many[many["unique_id"] == "s0"]
    alone = hybrid(one, data__split=[0, 17, 6])
    assert alone.card.fusion.windows == 12
    assert "weighted" not in alone.card.fusion.fused


def test_the_gate_reads_the_look_back_alone(hourly: pd.DataFrame) -> None:
    model = hybrid(hourly, model__stride=2).network.model
    assert isinstance(model, Hybrid)
    batch = Batch(torch.randn(3, 48, 2), target=torch.zeros(3, 6, 2), item=torch.tensor([0, -1, 0]))
    found, later = model.members(batch), model.members(Batch(batch.past, target=torch.ones(3, 6, 2), item=batch.item))
    assert torch.equal(found.weights, later.weights)
    torch.testing.assert_close(found.weights.sum(0), torch.ones(3, 6, 2))
    torch.testing.assert_close(found.fused(), model(batch).values)


def test_saved_and_loaded_it_forecasts_the_same(hourly: pd.DataFrame, tmp_path: Path) -> None:
    forecaster = hybrid(hourly, model__error="mae")
    forecaster.save(tmp_path / "run")
    loaded = latentcast.load(tmp_path / "run")
    pd.testing.assert_frame_equal(forecaster.predict(hourly, level=80), loaded.predict(hourly, level=80))
    pd.testing.assert_frame_equal(latentcast.fusion_weights(tmp_path / "run"), latentcast.fusion_weights(forecaster))
    assert loaded.run == forecaster.run
    assert loaded.card.fusion == forecaster.card.fusion
    assert {path.suffix for path in (tmp_path / "run").iterdir()} == {".json", ".safetensors"}
    said = latentcast.describe(tmp_path / "run").facts
    assert said["members"] == "naive, seasonal-naive"
    assert "held-out windows" in said["held out"]
    with pytest.raises(SettingsError, match="belong to its horizon"):
        latentcast.load(tmp_path / "run", horizon=3)
    with pytest.raises(SettingsError, match=r"model.fusion: 'adaptive' when it was trained, 'average' here"):
        latentcast.load(tmp_path / "run", settings={"model.fusion": "average"})
    (tmp_path / "run" / "weights.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError):
        latentcast.load(tmp_path / "run")


@pytest.mark.slow
def test_a_member_learns_what_it_would_learn_alone(hourly: pd.DataFrame) -> None:
    settings = {
        "model.members": {
            "dlinear": {"lookback": 24},
            "wide": {"model": {"name": "dlinear", "kernel": 5}, "training.max_steps": 2},
            "naive": {},
        },
        "training.max_steps": 4,
        "seed": 3,
    }
    both = latentcast.fit(hourly, "hybrid", lookback=48, horizon=6, settings=settings)
    for label, lookback, own in (
        ("dlinear", 24, {"training.max_steps": 4}),
        ("wide", 48, {"training.max_steps": 2, "model.kernel": 5}),
    ):
        alone = latentcast.fit(hourly, "dlinear", lookback=lookback, horizon=6, seed=3, settings=own)
        mine = both.network.model.networks[label].state_dict()
        assert all(torch.equal(value, mine[name]) for name, value in alone.network.state_dict().items())
        np.testing.assert_allclose(
            latentcast.member_forecasts(both, hourly)[label], alone.predict(hourly)["dlinear"], rtol=1e-6
        )
        assert both.card.members[label].stages == tuple(
            replace(stage, seconds=both.card.members[label].stages[0].seconds) for stage in alone.card.training.stages
        )


def test_series_that_the_fit_did_not_see_have_the_weights_of_all() -> None:
    t = np.arange(120)
    rows = [
        pd.DataFrame({"unique_id": name, "ds": t, "y": np.sin(2 * np.pi * t / 12) * size + np.cumsum(np.sin(t * size))})
        for name, size in (("a", 1.0), ("b", 0.2), ("c", 3.0))
    ]
    settings = {**NAIVES, "data.season": 12, "model.fusion": "weighted"}
    forecaster = latentcast.fit(pd.concat(rows[:2]), "hybrid", lookback=24, horizon=4, settings=settings)
    table = latentcast.fusion_weights(forecaster)
    assert not np.allclose(*(table[table.unique_id == name]["naive"] for name in "ab"))
    found = latentcast.member_forecasts(forecaster, pd.concat(rows[::-1]))
    weights = {name: group["naive-weight"].to_numpy() for name, group in found.groupby("unique_id")}
    for name in "ab":  # whatever order they come in
        np.testing.assert_allclose(weights[name], table[table.unique_id == name]["naive"], rtol=1e-5)
    np.testing.assert_allclose(weights["c"], forecaster.network.model.gate.step.softmax(-1)[:, 0], rtol=1e-5)
    moved = latentcast.transfer(forecaster, rows[2])  # its series are not those of the fit, though it has a number too
    np.testing.assert_allclose(latentcast.member_forecasts(moved, rows[2])["naive-weight"], weights["c"], rtol=1e-5)


# ------------------------------------------------------------------------------------------------ members that fail


class Fragile(Naive):
    """Forecasts look-backs whose newest value is above zero, and fails on all others."""

    capabilities = Capabilities(reads_everything=True, cheap_to_calibrate=False, training=())

    def forecast_where_possible(self, batch: Batch) -> tuple[Prediction, dict[int, str]]:
        below = (batch.past[:, -1] <= 0).flatten()
        return Prediction(super().forward(batch).values + 1), {int(n): "it is below zero" for n in below.nonzero()}


@pytest.fixture
def fragile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS.entries, "fragile", Entry(Fragile, ""))
    monkeypatch.setitem(MODEL_PRESETS, "fragile", ModelPreset("fails", "fragile"))


def test_a_member_that_fails_is_said_and_left_out_there(
    fragile: None, hourly: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    members = ["fragile", "naive", "seasonal-naive"]
    forecaster = hybrid(hourly, model__members=members)
    assert forecaster.card.fusion.stride == 24
    assert any("fragile could not be fitted to" in note for note in forecaster.card.notes)
    assert any("one window of 24" in note for note in forecaster.card.notes)
    caplog.clear()
    batch = Batch(torch.ones(2, 48, 2) * torch.tensor([1.0, -1.0]))
    model = forecaster.network.model
    values, found = model(batch).values, model.members(batch)
    assert "fragile cannot be fitted to 2 of 4 look-backs, and is left out there" in caplog.text
    assert found.weights[0, ..., 1].eq(0).all()
    assert found.values[0, ..., 1].isnan().all()
    assert found.weights[0, ..., 0].gt(0).all()
    torch.testing.assert_close(found.weights.sum(0), torch.ones(2, 6, 2))
    torch.testing.assert_close(values[..., 1], -torch.ones(2, 6))


def test_where_all_fail_is_an_error(fragile: None, hourly: pd.DataFrame) -> None:
    members = {"fragile": {}, "other": {"model": {"name": "fragile"}}}
    with pytest.raises(DataError, match="no member can forecast"):
        hybrid(hourly, model__members=members)
    run = resolve_config({"model": {"name": "hybrid", "members": members}, "lookback": 48, "horizon": 6})
    model = build(run.kind, run.model, Task(48, 6, 2, (0, 1))).model
    batch = Batch(torch.ones(2, 48, 2) * torch.tensor([1.0, -1.0]))
    with pytest.raises(DataError, match=r"no member can forecast 2 of 4 .*channel 1; fragile: it is below zero"):
        model(batch)
    assert model.members(batch).weights[..., 1].eq(0).all()


def test_theta_that_is_too_short_to_be_fitted_is_left_out() -> None:
    model = resolve_config({"model": {"name": "hybrid", "members": ["theta", "naive"]}, "lookback": 12, "horizon": 2})
    network = build(model.kind, model.model, Task(12, 2)).eval()
    seen = torch.ones(2, 12, 1, dtype=torch.bool)
    seen[1, :9] = False
    past = torch.randn(2, 12, 1).cumsum(1)
    found = network.model.members(Batch(past, seen))
    assert found.weights[:, 0].gt(0).all()
    assert found.weights[:, 1, :, 0].T.tolist() == [[0, 1]] * 2
    torch.testing.assert_close(network(Batch(past, seen)).values[1, :, 0], past[1, -1:, 0].expand(2))


# ------------------------------------------------------------------------------------------------ settings


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (["dlinear", "theeta"], "model.members.theeta.model: unknown model 'theeta'; did you mean theta"),
        ("dlinear", "a hybrid wants two of them or more, and there is dlinear"),
        ({"auto-ets": False, "dlinear": {}}, "two of them or more, and there is dlinear"),
        (["dlinear", "hybrid"], "model.members.hybrid: a hybrid is no member of a hybrid"),
        (["dlinear", "vq-codec"], "model.members.vq-codec: vq-codec forecasts nothing"),
        (["naive", "naive"], "naive is named twice; give each a label"),
        ({"naive": {"lookback": 49}, "dlinear": {}}, "naive.lookback: got 49, wanted at most the hybrid's own of 48"),
        ({"naive": {"horizon": 3}, "dlinear": {}}, "members.naive.horizon: is the hybrid's"),
        ({"naive": {"kernel": 3}, "dlinear": {}}, "members.naive.kernel: no such setting; a member states model"),
        ({"dlinear": {"model.kernal": 3}, "naive": {}}, "dlinear.model.kernal: no such setting; did you mean kernel"),
        ({"y": {"model": "naive"}, "naive": {}}, "members.y: is no label"),
        ({"naive": 3, "dlinear": {}}, "members.naive: got 3, wanted its settings"),
        ({"hybrid": {"model": "dlinear"}, "naive": {}}, "members.hybrid: is the name of the whole"),
        ({"dlinear": {"model": 3, "training": 4}, "naive": {}}, "members.dlinear.training: got 4, wanted settings"),
        (7, "members: got 7, wanted a list of names"),
    ],
)  # fmt: skip
def test_members_that_cannot_be(members: object, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        resolve_config({"model": {"name": "hybrid", "members": members}, "lookback": 48, "horizon": 6})
    assert said in str(error.value)


def test_all_faults_of_all_members_at_once() -> None:
    members = {"dlinear": {"model.kernel": 4, "training.lr": -1}, "theta": {"model.variant": "best"}}
    with pytest.raises(SettingsError) as error:
        resolve_config({"model": {"name": "hybrid", "members": members, "fusion": "sum"}, "lookback": 48, "horizon": 6})
    assert len(error.value.faults) == 4
    assert any("model.fusion" in fault for fault in error.value.faults)


def test_what_does_not_fit_the_data_is_said_of_its_member(hourly: pd.DataFrame) -> None:
    with pytest.raises(SettingsError, match=r"model\.members\.pattn\.model\.representation\.length|members\.pattn"):
        hybrid(hourly, model__members={"pattn": {"model.representation.length": 60}, "naive": {}})


def test_settings_of_members_from_the_command_line() -> None:
    stated = ["model.members=[theta,dlinear]", "model.members.dlinear.training.lr=0.5", "training.max_steps=7"]
    values = merge({"model": {"name": "hybrid"}, "lookback": 48, "horizon": 6}, parse_assignments(stated))
    run = resolve_config(values)
    members = {one["label"]: one for one in run.dump()["model"]["members"]}
    assert list(members) == ["theta", "dlinear"]
    assert members["dlinear"]["training"]["lr"] == 0.5
    assert members["dlinear"]["training"]["max_steps"] == 7
    assert members["dlinear"]["training"]["keep"] == "last"  # its own recipe
    assert members["theta"]["model"]["quantiles"] is None
    assert resolve_config(run.dump()) == run
    off = merge(
        {"model": {"name": "hybrid", "preset": "wide"}, "lookback": 48, "horizon": 6},
        parse_assignments(["model.members.auto-arima=false"]),
    )
    assert [one["label"] for one in resolve_config(off).dump()["model"]["members"]] == ["auto-ets", "theta", "dlinear"]
    assert resolve_config(resolve_config(off).dump()) == resolve_config(off)


def test_what_a_hybrid_is_not_made_for(hourly: pd.DataFrame, tmp_path: Path) -> None:
    forecaster = hybrid(hourly)
    with pytest.raises(SettingsError, match="a hybrid begins with no weights"):
        latentcast.fit(hourly, lookback=48, horizon=6, start=forecaster)
    with pytest.raises(SettingsError, match="a hybrid learns from one dataset"):
        latentcast.fit([hourly, hourly.assign(load=hourly.price)], "hybrid", lookback=48, horizon=6, settings=NAIVES)
    with pytest.raises(DataError, match=r"learns its weights on held-out windows.*model.fusion=average"):
        hybrid(hourly, data__split=[0.8, 0.0, 0.2])
    assert hybrid(hourly, data__split=[0.8, 0.0, 0.2], model__fusion="average").predict(hourly).shape == (12, 3)
    with pytest.raises(SettingsError, match="naive has no members"):
        latentcast.member_forecasts(latentcast.fit(hourly, "naive", lookback=8, horizon=2), hourly)


def test_the_command(hourly: pd.DataFrame, tmp_path: Path) -> None:
    data, out = tmp_path / "data.csv", tmp_path / "run"
    hourly.to_csv(data, index=False)
    command = ["fit", str(data), "--model", "hybrid", "-L", "48", "-H", "6", "--out", str(out)]
    ran = CliRunner().invoke(app, [*command, "--set", "model.members=[naive,seasonal-naive]"])
    assert ran.exit_code == 0, ran.output
    assert "fusion adaptive: weights naive 0." in ran.output
    assert CliRunner().invoke(app, ["evaluate", str(out), str(data), "--level", "80"]).exit_code == 0
    assert "held out" in CliRunner().invoke(app, ["describe", str(out)]).output


def test_an_explanation_shows_the_members_and_what_each_counts_for(hourly: pd.DataFrame) -> None:
    forecaster = hybrid(hourly)
    found = forecaster.explain(hourly, level=None, attribution="none")
    assert "Members and their weights" in found.sections
    side_by_side, weights, *_ = found.of("Members and their weights")[:3]
    frame = latentcast.member_forecasts(forecaster, hourly)
    assert list(side_by_side.rows) == ["naive", "seasonal-naive"]
    first = frame[frame["unique_id"] == frame["unique_id"].iloc[0]]
    assert side_by_side.values is not None
    assert weights.values is not None
    np.testing.assert_allclose(side_by_side.values[0], first["naive"], rtol=1e-5)
    np.testing.assert_allclose(weights.values.sum(0), 1, rtol=1e-5)
    assert sum(found.of("Members and their weights")[-1].facts["confidences"].values()) == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.parametrize("steps_made", [0, 3, 8])
def test_a_hybrid_that_was_cut_goes_on_to_the_same_weights(
    hourly: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps_made: int
) -> None:
    """Cut within the first or the second of two members that are trained."""
    loop = {"training.max_steps": 5, "training.validations": 2, "training.loggers": []}
    settings = {"model.members": ["naive", "dlinear", "patch-linear"], **loop}
    sizes = {"lookback": 48, "horizon": 6}
    whole = latentcast.fit(hourly, "hybrid", **sizes, settings=settings)
    made = StageLoop._made_a_step
    calls = []

    def cut(self: StageLoop, *arguments: object) -> bool:
        if len(calls) == steps_made:
            raise MemoryError("killed")
        calls.append(1)
        return made(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(StageLoop, "_made_a_step", cut)
        with pytest.raises(MemoryError):
            latentcast.fit(hourly, "hybrid", **sizes, settings=settings, out=tmp_path / "run")
    resumed = latentcast.fit(hourly, "hybrid", **sizes, settings=settings, out=tmp_path / "run", resume=True)
    first, second = whole.network.state_dict(), resumed.network.state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert {label: one.stages[0].steps for label, one in resumed.card.members.items()} == {
        label: one.stages[0].steps for label, one in whole.card.members.items()
    }
