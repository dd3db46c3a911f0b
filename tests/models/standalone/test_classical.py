"""Classical models: what is fitted to what, how often, and what is said when it cannot be."""

import json
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import latentcast
from latentcast.core.errors import DataError, MissingExtra, SettingsError
from latentcast.core.types import Batch, Scale, Task
from latentcast.models.standalone import classical, classical_workers
from latentcast.models.standalone.classical import AutoArima, AutoEts, Classical, Theta

TASK = Task(lookback=48, horizon=6, season=12)
EACH = [AutoArima, AutoEts, Theta]


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classical_workers, "MEMO", classical_workers.Memo(2**20))


def make(kind: type[Classical], task: Task = TASK, **settings: object) -> Classical:
    return kind(kind.Settings(processes=1, **settings), task)


def season(steps: int, seed: int = 0) -> torch.Tensor:
    """A cycle of 12, and a little noise."""
    noise = torch.randn(steps, generator=torch.Generator().manual_seed(seed))
    return 20 + 5 * torch.sin(torch.arange(steps) * 2 * torch.pi / 12) + 0.05 * noise


@pytest.mark.parametrize("kind", EACH)
def test_a_season_is_continued(kind: type[Classical]) -> None:
    whole = season(54)
    found = make(kind)(Batch(whole[None, :48, None])).values.flatten()
    torch.testing.assert_close(found, whole[48:], atol=0.4, rtol=0)
    flat = make(kind, season=1)(Batch(whole[None, :48, None])).values.flatten()
    assert (found - whole[48:]).abs().mean() < 0.2 * (flat - whole[48:]).abs().mean()


def test_a_multiplicative_season_is_found_in_standardised_values() -> None:
    """A season that grows with its level: multiplicative Theta of the package itself, in standard deviations."""
    models = pytest.importorskip("statsforecast.models")
    level = 100 * 1.005 ** torch.arange(60, dtype=torch.float64)
    values = level * (1 + 0.5 * torch.sin(torch.arange(60) * 2 * torch.pi / 12))
    mean, std = values.mean().float().reshape(1, 1, 1), values.std().float().reshape(1, 1, 1)
    wanted = (
        models.AutoTheta(season_length=12, model="STM", decomposition_type="multiplicative").forecast(
            values.numpy() / std.item(), h=6
        )["mean"]
        * std.item()
    )
    past = ((values[None, :, None] - mean) / std).float()
    found = make(Theta, replace(TASK, lookback=60))(Batch(past, units=Scale(mean, std))).values
    np.testing.assert_allclose((found * std + mean).flatten(), wanted, rtol=1e-5)
    added = make(Theta, replace(TASK, lookback=60))(Batch(past)).values
    assert ((added * std + mean).flatten() - torch.from_numpy(wanted)).abs().max() > 1e-2


def test_a_zero_of_the_data_stays_a_zero_in_the_history() -> None:
    values = torch.tensor([0.0, 0, 3, 0, 7, 1, 0, 0])[None, :, None]
    units = Scale(torch.full((1, 1, 1), 1.375), torch.full((1, 1, 1), 2.3260))
    (history,) = classical._histories(Batch(units.apply(values), units=units))
    assert (history[values.flatten().numpy() == 0] == 0).all()


def test_ets_without_trend_and_season_is_the_best_simple_smoothing() -> None:
    """Against a search over the smoothing weight and the first level, with nothing of the package."""
    y = torch.randn(40, generator=torch.Generator().manual_seed(3)).cumsum(0).double().numpy()

    def last_level(alpha: float, level: float) -> tuple[float, float]:
        error = 0.0
        for value in y:
            error += (value - level) ** 2
            level += alpha * (value - level)
        return error, level

    starts = np.linspace(y.min(), y.max(), 60)
    best = min(
        (last_level(alpha, start) for alpha in np.linspace(0.01, 0.999, 200) for start in starts),
        key=lambda found: found[0],
    )
    task = Task(lookback=40, horizon=6)
    found = make(AutoEts, task, form="ANN")(Batch(torch.from_numpy(y).float()[None, :, None])).values.flatten()
    assert found.unique().numel() == 1
    assert abs(float(found[0]) - best[1]) < 0.03 * y.std()


def test_theta_is_simple_smoothing_with_half_the_trend() -> None:
    """Hyndman and Billah (2003): its forecasts rise by half the slope of a straight line through the history."""
    steps = torch.arange(40.0)
    y = 3 * steps + torch.randn(40, generator=torch.Generator().manual_seed(1))
    slope = np.polyfit(steps.numpy(), y.numpy(), 1)[0]
    found = make(Theta, Task(lookback=40, horizon=6))(Batch(y[None, :, None])).values.flatten()
    torch.testing.assert_close(found.diff(), torch.full((5,), slope / 2).float(), rtol=1e-2, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", EACH)
def test_quantiles_spread_with_the_noise_and_the_horizon(kind: type[Classical]) -> None:
    walk = torch.randn(4, 48, 1, generator=torch.Generator().manual_seed(0)).cumsum(1) + 100
    task = Task(lookback=48, horizon=6)
    model = make(kind, task)
    found, loud = model(Batch(walk)).quantiles, model(Batch(100 + 10 * (walk - 100))).quantiles
    width, wide = found[..., -1] - found[..., 0], loud[..., -1] - loud[..., 0]
    assert (width[:, -1] > width[:, 0]).all()
    assert (wide / width > 4).all()
    none = make(kind, task, quantiles=None)
    assert none(Batch(walk)).quantiles is None
    torch.testing.assert_close(none(Batch(walk)).values, model(Batch(walk)).values)


@pytest.mark.parametrize("kind", EACH)
def test_a_constant_is_repeated(kind: type[Classical]) -> None:
    prediction = make(kind)(Batch(torch.full((2, 48, 1), 7.5)))
    assert (prediction.values == 7.5).all()
    assert (prediction.quantiles == 7.5).all()


def test_what_is_missing_is_cut_off_before_and_filled_within() -> None:
    y = season(48)
    seen = torch.ones(48, dtype=torch.bool)
    seen[:9] = seen[20:22] = False
    masked = Batch(torch.where(seen, y, 1e6)[None, :, None], observed=seen[None, :, None])
    filled = y.clone()
    filled[20:22] = y[19] + (y[22] - y[19]) * torch.tensor([1 / 3, 2 / 3])
    short = make(AutoEts, Task(lookback=39, horizon=6, season=12))(Batch(filled[None, 9:, None]))
    torch.testing.assert_close(make(AutoEts)(masked).values, short.values)
    nothing = Batch(y[None, :, None], observed=torch.zeros(1, 48, 1, dtype=torch.bool))
    assert (make(AutoEts)(nothing).values == 0).all()


def test_a_window_is_fitted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = []
    fit_one = classical_workers.fit_one
    monkeypatch.setattr(classical_workers, "fit_one", lambda spec, y: fitted.append(y) or fit_one(spec, y))
    two = torch.stack([season(48), season(48, 1)], dim=1)[None]
    model = make(Theta)
    first = model(Batch(torch.cat([two, two])))
    assert len(fitted) == 2
    again = make(Theta)(Batch(two))
    assert len(fitted) == 2
    torch.testing.assert_close(again.values, first.values[:1])
    make(Theta, season=6)(Batch(two))
    assert len(fitted) == 4


def test_what_is_remembered_has_an_end() -> None:
    memo = classical_workers.Memo(most=300)
    for number in range(5):
        memo.put(bytes([number]), np.full(10, number, float))
    assert [key[0] for key in memo.kept] == [2, 3, 4]
    memo.get(b"\x02")
    memo.put(b"\x05", np.zeros(10))
    assert [key[0] for key in memo.kept] == [4, 2, 5]
    assert memo.bytes == 240


def test_a_process_that_fits_ends_quietly_while_its_input_is_open() -> None:
    """The thread that waits for the end of the input must hold no lock that the interpreter's end needs."""
    spec = {"model": "theta", "season": 1, "horizon": 2, "levels": [], "options": []}
    given = json.dumps({"spec": spec, "lengths": [20]}).encode() + b"\n" + np.arange(20.0).tobytes()
    command = "from latentcast.models.standalone.classical_workers import serve; serve()"
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-c", command], **pipes) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(given)
        process.stdin.flush()
        assert json.loads(process.stdout.readline()) == {"failed": [None]}
        assert len(process.stdout.read()) == 16
        assert process.wait(30) == 0
        assert process.stderr.read() == b""


@pytest.mark.slow
def test_other_processes_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    histories = [season(20 + 4 * n, n).double().numpy() for n in range(4)] + [np.arange(3.0)]
    spec = classical_workers.Spec("theta", 6, 4, (80.0,), (("model", "STM"),))
    alone, failed = classical_workers.forecast_all(spec, histories)
    monkeypatch.setattr(classical_workers, "MEMO", classical_workers.Memo(2**20))
    monkeypatch.setattr(classical_workers, "ALONE", 0.0)
    monkeypatch.setattr(classical_workers, "_tried", lambda *_: pytest.fail("fitted here"))
    others, their_failed = classical_workers.forecast_all(spec, histories, processes=2)
    np.testing.assert_array_equal(alone, others)
    assert failed == their_failed == {4: "ValueError: 3 observed steps, and 8 are needed"}


def test_a_history_that_cannot_be_fitted_is_an_error_or_is_said(caplog: pytest.LogCaptureFixture) -> None:
    seen = torch.ones(2, 48, 2, dtype=torch.bool)
    seen[1, :45, 1] = False
    batch = Batch(season(48)[None, :, None].expand(2, 48, 2).contiguous(), observed=seen)
    wanted = r"theta cannot be fitted to 1 of 4 look-backs \(window 1, channel 1 of a batch: .*3 observed steps"
    with pytest.raises(DataError, match=wanted):
        make(Theta)(batch)
    with caplog.at_level(logging.WARNING):
        prediction = make(Theta, failing="naive")(batch)
    assert "could not be fitted to 1 of 4 look-backs" in caplog.text
    torch.testing.assert_close(prediction.values[1, :, 1], season(48)[-1].expand(6))
    width = prediction.quantiles[1, :, 1].diff(dim=-1).sum(-1)
    torch.testing.assert_close(width / width[0], torch.arange(1.0, 7).sqrt())
    torch.testing.assert_close(prediction.values[0], make(Theta)(Batch(batch.past[:1])).values[0])


def test_a_look_back_below_two_seasons_is_said_and_one_that_is_too_short_refused() -> None:
    assert len(make(AutoEts).notes) == 1
    _, note = make(AutoEts, Task(lookback=23, horizon=6, season=12)).notes
    assert "without a season: that needs two of 12 steps, and the look-back has 23" in note
    with pytest.raises(SettingsError, match="needs at least 8 steps of it, not 7"):
        make(Theta, Task(lookback=7, horizon=2))


@pytest.mark.parametrize("quantiles", [(0.1, 0.5), (0.1, 0.2, 0.8, 0.9), (0.5, 0.1, 0.9), (0.0, 0.5, 1.0)])
def test_quantiles_that_no_interval_gives_are_refused(quantiles: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"levels of quantiles|the median"):
        AutoEts.Settings(quantiles=quantiles)


def test_a_missing_package_is_said_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsforecast", None)
    with pytest.raises(
        MissingExtra, match=r"model auto-ets needs the package statsforecast: .*latentcast\[classical\]"
    ):
        make(AutoEts)


def test_the_same_doors_as_every_model(hourly: pd.DataFrame, tmp_path: Path) -> None:
    frame = hourly[["ds", "load"]].iloc[:200]
    settings = {"model.processes": 1, "data.split": [0.8, 0.1, 0.1]}
    forecaster = latentcast.fit(frame, "theta", lookback=120, horizon=5, settings=settings, out=tmp_path / "theta")
    forecast = latentcast.load(tmp_path / "theta").predict(frame, level=80)
    assert list(forecast) == ["unique_id", "ds", "theta", "theta-lo-80", "theta-hi-80"]
    assert (forecast["theta-lo-80"] < forecast["theta"]).all()
    assert forecaster.calibration is None
    found = forecaster.evaluate(frame, level=80)
    assert found.intervals.method == "quantiles"
    forecaster.calibrate(frame)
    assert forecaster.evaluate(frame, level=[80]).intervals.method == "conformal"
    assert found.windows == 16
    assert found.original["MASE"] < 1
    result = latentcast.backtest(
        frame,
        ["theta", "seasonal-naive"],
        lookback=120,
        horizon=5,
        n_windows=2,
        settings={"models.theta.model.processes": 1},
    )
    assert set(result.leaderboard["model"]) == {"theta", "seasonal-naive"}


def test_a_stated_order_of_arima_is_fitted_as_it_is() -> None:
    """Of (0,1,0) the forecast is the last value; with a seasonal difference the last season goes on from there."""
    y = season(48)
    batch = Batch(y[None, :, None])
    walk = make(AutoArima, order=(0, 1, 0), quantiles=None)(batch).values.flatten()
    torch.testing.assert_close(walk, y[-1].expand(6), atol=1e-4, rtol=0)
    seasonal = make(AutoArima, order=(0, 1, 0), seasonal_order=(0, 1, 0), quantiles=None)(batch).values.flatten()
    wanted = y[-1] + y[36:42] - y[35]
    torch.testing.assert_close(seasonal, wanted, atol=1e-3, rtol=0)
    short = make(AutoArima, replace(TASK, lookback=20), order=(0, 1, 0), seasonal_order=(0, 1, 0), quantiles=None)
    found = short(Batch(y[None, -20:, None])).values.flatten()
    torch.testing.assert_close(found, y[-1].expand(6), atol=1e-4, rtol=0)
    with pytest.raises(ValueError, match="seasonal_order: belongs to a stated order"):
        AutoArima.Settings(seasonal_order=(1, 0, 0))
    with pytest.raises(ValueError, match="less than or equal to 2"):
        AutoArima.Settings(order=(1, 3, 0))


def test_a_set_order_whose_fast_start_fails_is_fitted_by_maximum_likelihood() -> None:
    """statsforecast 2.1.1 raises for this ordinary series: conditional sums of squares end outside of stationarity."""
    models = pytest.importorskip("statsforecast.models")
    draw, step = np.random.default_rng(0), np.arange(72)
    draw.normal(size=60)
    y = np.sin(2 * np.pi * step / 24) + 0.01 * step + 0.1 * draw.normal(size=72)
    how = {"order": (2, 1, 1), "seasonal_order": (1, 0, 1)}
    wanted = models.ARIMA(season_length=24, method="ML", **how).forecast(y=y, h=6)["mean"]
    found = classical_workers.fit_one(classical_workers.Spec("auto-arima", 24, 6, (), tuple(how.items())), y)
    np.testing.assert_allclose(found[:, 0], wanted)


def test_the_classical_configuration_is_whole() -> None:
    from latentcast.core.parsing import read_yaml
    from latentcast.models.config.run import resolve_config

    run = resolve_config(read_yaml(Path(__file__).parents[3] / "configs" / "classical.yaml"))
    assert [own["label"] for own in run.model.members] == ["auto-arima", "auto-ets", "theta"]


def test_components_of_exponential_smoothing_are_told() -> None:
    """With additive error and season, level and season make the value but for a share of the residual."""
    from latentcast.core.findings import WindowLabels

    y = season(48) + 0.1 * torch.arange(48)
    stamps = tuple(map(str, range(48)))
    shown = WindowLabels(("a",), (0,), (0,), stamps, ("49",), lambda values: values)
    told = make(AutoEts, form="AAA")
    (found,) = told.findings(shown, Batch(y[None, :, None]))
    lines = dict(zip(found.rows, found.values, strict=True))
    assert list(lines) == ["look-back", "level", "slope", "season", "residual"]
    apart = lines["level"] + lines["season"] - lines["look-back"]
    assert (np.abs(apart) <= np.abs(lines["residual"]) + 1e-6).all()
    assert lines["slope"].mean() == pytest.approx(0.1, abs=0.03)
    assert np.ptp(lines["season"]) > 8
    assert found.facts["form"].startswith("ETS(A,A")
    (plain,) = make(AutoEts, form="ANN").findings(shown, Batch(y[None, :, None]))
    assert plain.rows == ("look-back", "level", "residual")
    assert not told.findings(shown, Batch(torch.full((1, 48, 1), 2.0)))


def test_a_hybrid_tells_the_components_of_its_member() -> None:
    from latentcast.core.findings import WindowLabels
    from latentcast.models.config.run import resolve_config
    from latentcast.models.network import build

    run = resolve_config({"model": {"name": "hybrid", "members": ["auto-ets", "naive"]}, "lookback": 48, "horizon": 6})
    model = build(run.kind, run.model, TASK).model
    stamps = tuple(map(str, range(48)))
    shown = WindowLabels(("a",), (0,), (0,), stamps, tuple("123456"), lambda values: values)
    sections = [one.section for one in model.findings(shown, Batch(season(48)[None, :, None]))]
    assert sections[-1] == "Exponential smoothing"
    assert sections.count("Exponential smoothing") == 1
