"""Pretrained models of other packages: their own forecasts behind one protocol, and the traps of each."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import latentcast
from chronoses import chronos
from foundations import FOUNDATIONS
from latentcast.core.errors import MissingExtra, SettingsError
from latentcast.core.types import Batch, Task
from latentcast.models import MODELS
from latentcast.models.config.presets import MODEL_PRESETS
from latentcast.models.foundation import member
from latentcast.models.foundation.licences import WEIGHTS
from latentcast.models.foundation.member import DECILES, FoundationModel

HERE = [name for name, (module, _) in FOUNDATIONS.items() if find_spec(module) is not None]
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*script_method.*:DeprecationWarning"),  # of tirex-2, while it is imported
    pytest.mark.filterwarnings("ignore:Using `json`-module:UserWarning"),  # of gluonts, which toto-2 imports
]
TASK = Task(lookback=24, horizon=8, channels=2, targets=(0, 1), season=12)


def make(name: str, task: Task = TASK, **settings: Any) -> FoundationModel:
    kind = MODELS.get(name)
    return kind(kind.Settings(**{"checkpoint": FOUNDATIONS[name][1](), **settings}), task)


def past(windows: int = 3, steps: int = 24) -> torch.Tensor:
    return torch.randn(windows, steps, 2, generator=torch.Generator().manual_seed(0)).cumsum(1)


def frame(steps: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    stamps = pd.date_range("2024-01-01", periods=steps, freq="h")
    return pd.DataFrame({"ds": stamps, "a": rng.normal(size=steps).cumsum(), "b": rng.normal(size=steps)})


@pytest.mark.parametrize("name", HERE)
def test_rows_are_forecast_each_by_itself_and_quantiles_ascend(name: str) -> None:
    model, series = make(name), past()
    found = model(Batch(series)).quantiles
    assert found.shape == (3, 8, 2, 9)
    assert found.isfinite().all()
    assert (found.diff(dim=-1) >= 0).all()
    assert found.std(0).min() > 0  # windows differ
    other = series.clone()
    other[0, :, 1] += 5
    changed = model(Batch(other)).quantiles
    torch.testing.assert_close(changed[:, :, 0], found[:, :, 0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(changed[1:], found[1:], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(changed[0, :, 1], found[0, :, 1])
    torch.testing.assert_close(model(Batch(series)).values, found[..., 4])
    torch.testing.assert_close(make(name, quantiles=None)(Batch(series)).values, found[..., 4])
    few = make(name, quantiles=(0.1, 0.5))(Batch(series)).quantiles
    torch.testing.assert_close(few, found[..., [0, 4]])


@pytest.mark.parametrize("name", HERE)
def test_what_was_not_observed_is_not_read(name: str) -> None:
    series, seen = past(), torch.ones(3, 24, 2, dtype=torch.bool)
    seen[:, 3:9, 0] = False
    seen[:, -3:, 1] = False  # in the last patch too
    seen[1, :, 1] = False  # nothing at all
    seen[2, :20, 1] = False  # one value
    other = torch.where(seen, series, torch.tensor(99.0))
    one, two = (make(name)(Batch(values, observed=seen)).quantiles for values in (series, other))
    assert torch.equal(one, two)
    assert one.isfinite().all()
    assert (one[1, :, 1] == 0).all()


@pytest.mark.parametrize("name", HERE)
def test_long_horizons_are_not_cut(name: str) -> None:
    long = Task(lookback=24, horizon=100, channels=2, targets=(0, 1))
    model = make(name, long)
    found = model(Batch(past()))
    assert found.values.shape == (3, 100, 2)
    assert found.values.isfinite().all()
    assert (found.values[:, 50:].std(1) >= 0).all()
    if model._held[0].at_once < 100:
        assert any("beyond the" in note for note in model.notes)


@pytest.mark.parametrize("name", HERE)
def test_fit_predict_save_and_load(name: str, tmp_path: Path) -> None:
    data, settings = frame(200), {"model.checkpoint": FOUNDATIONS[name][1]()}
    forecaster = latentcast.fit(data, name, lookback=24, horizon=8, settings=settings)
    forecaster.save(tmp_path / "run")
    assert sum(file.stat().st_size for file in (tmp_path / "run").iterdir()) < 200_000
    forecast = forecaster.predict(data, level=80)
    pd.testing.assert_frame_equal(latentcast.load(tmp_path / "run").predict(data, level=80), forecast)


@pytest.mark.skipif("timesfm" not in HERE, reason="timesfm is not installed")
def test_timesfm_is_the_packages_own_forecast() -> None:
    from timesfm import ForecastConfig, TimesFM_2p5_200M_torch

    model = TimesFM_2p5_200M_torch.from_pretrained(FOUNDATIONS["timesfm"][1](), torch_compile=False)
    config = ForecastConfig(max_context=24, max_horizon=8, use_continuous_quantile_head=True, infer_is_positive=False)
    model.compile(config)
    series = past()
    _, theirs = model.forecast(8, [row.numpy() for row in series[..., 1]])
    found = make("timesfm")(Batch(series)).quantiles[:, :, 1]
    torch.testing.assert_close(found, torch.from_numpy(theirs[..., 1:]).sort(-1).values, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif("tirex" not in HERE, reason="tirex-2 is not installed")
def test_tirex_goes_on_where_its_package_cuts(tmp_path: Path) -> None:
    from tirex2 import TimeseriesType, load_model

    theirs = load_model(FOUNDATIONS["tirex"][1](), device="cpu")
    series = past()[..., 0]
    asked = [TimeseriesType(row[None], None, None) for row in series]
    assert theirs.forecast(asked, 20)[0].shape == (1, 9, 8)
    found = make("tirex", Task(lookback=24, horizon=20, channels=2, targets=(0, 1)))(Batch(past())).quantiles
    first = torch.stack([one[0].T for one in theirs.forecast(asked, 8)]).sort(-1).values
    torch.testing.assert_close(found[:, :8, 0], first, rtol=1e-4, atol=1e-4)
    folder = Path(FOUNDATIONS["tirex"][1]())
    (tmp_path / "config.json").write_text((folder / "config.json").read_text().replace("SiLU", "antigravity.x"))
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    with pytest.raises(SettingsError, match=r"antigravity\.x.*torch\.nn"):
        make("tirex", checkpoint=str(tmp_path))


@pytest.mark.skipif("toto" not in HERE, reason="toto-2 is not installed")
def test_toto_reads_the_last_observed_value_where_its_mask_is_not_read() -> None:
    from toto2 import Toto2Model

    series, seen = past(), torch.ones(3, 24, 2, dtype=torch.bool)
    seen[:, -3:] = False
    found = make("toto")(Batch(series, observed=seen)).quantiles[:, :, 0]
    carried = series[..., 0].clone()
    carried[:, -3:] = carried[:, -4:-3]
    model = Toto2Model.from_pretrained(FOUNDATIONS["toto"][1]())
    ids = torch.zeros(3, 1, dtype=torch.long)
    inputs = {"target": carried[:, None], "target_mask": seen[:, None, :, 0], "series_ids": ids}
    theirs = model.forecast(inputs, 8, scaler_fallback_min_obs=8, quantile_real_cap_k=1e4)
    torch.testing.assert_close(found, theirs[:, :, 0].permute(1, 2, 0), rtol=1e-4, atol=1e-4)


def test_fracast_is_the_packages_own_forecast_and_needs_eight_values(monkeypatch: pytest.MonkeyPatch) -> None:
    fracast = pytest.importorskip("fracast")
    series = past()
    found = make("fracast")(Batch(series)).quantiles[:, :, 0]
    package = fracast.FracastModel.from_pretrained(FOUNDATIONS["fracast"][1](), weights="fp32")
    theirs = package.forecast_batch(series[..., 0].numpy(), horizon=8)
    torch.testing.assert_close(found, torch.from_numpy(theirs).to(found).sort(-1).values, rtol=1e-4, atol=1e-4)
    seen = torch.zeros(3, 24, 2, dtype=torch.bool)
    seen[:, -7:] = True
    few = make("fracast")(Batch(series, observed=seen)).quantiles
    torch.testing.assert_close(few[:, 0, :, 0], series[:, -7:].mean(1))
    with pytest.raises(SettingsError, match="needs 8 observed values"):
        make("fracast", Task(lookback=7, horizon=8, channels=1, targets=(0,)))
    with pytest.raises(SettingsError, match="no such folder"):
        make("fracast", checkpoint="ztxtech/fracast-0")
    with pytest.raises(SettingsError, match="revision"):
        make("fracast", revision="main")


def test_fracast_follows_a_season_it_was_never_fitted_to() -> None:
    pytest.importorskip("fracast")
    steps = torch.arange(96 + 24)
    wave = torch.sin(2 * torch.pi * steps / 24)
    model = make("fracast", Task(lookback=96, horizon=24, channels=1, targets=(0,)), checkpoint="bundled")
    found = model(Batch(wave[None, :96, None])).values[0, :, 0]
    assert (found - wave[96:]).abs().mean() < 0.2
    assert (found - wave[95]).abs().mean() > 0.4


def test_the_first_steps_of_chronos_2_depend_on_the_horizon() -> None:
    short, long = (
        make("chronos", Task(lookback=24, horizon=steps, channels=2, targets=(0, 1)), checkpoint=chronos("two"))
        for steps in (4, 8)
    )
    apart = (short(Batch(past())).values - long(Batch(past())).values[:, :4]).abs().max()
    assert apart > 1e-4
    assert any("depend on the horizon" in note for note in short.notes)


@pytest.mark.parametrize("name", FOUNDATIONS)
def test_packages_are_named_where_they_are_missing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member, "find_spec", lambda module: None)
    kind = MODELS.get(name)
    with pytest.raises(MissingExtra, match=rf"latentcast\[{name}\]"):
        kind(kind.Settings(), TASK)


def test_every_foundation_model_names_its_licence() -> None:
    listed = {one.model for one in WEIGHTS}
    assert {*FOUNDATIONS, "generalist"} == listed
    assert listed <= set(MODEL_PRESETS)
    assert DECILES[4] == 0.5
