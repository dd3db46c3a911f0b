"""Shapes, FLOPs and floors are those of the code: closed forms, a count by hand, and the principal components."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.image import imread

import latentcast
from latentcast import cli
from latentcast.core.errors import CheckpointError, DataError, SettingsError
from latentcast.core.types import Batch, Task
from latentcast.data.tables.frequency import Frequency
from latentcast.models.config.run import resolve_config
from latentcast.models.inspection import Architecture, inspect
from latentcast.models.network import Network, build
from latentcast.reporting.figures import DPI, WIDE
from latentcast.workflows.reconstruction_error import _prime_factors

NAME = "latent-transformer"
SMALL = {
    "model.shortcut": "none",
    "model.representation.mix": True,
    "model.representation.ratios": (2, 3),
    "model.representation.channels": (6, 10),
    "model.representation.latent_dim": 7,
    "model.representation.width": 16,
    "model.backbone.heads": 2,
    "model.backbone.ff": 24,
}
CHANNELS = 3


def network(lookback: int, horizon: int, **settings: object) -> Network:
    run = resolve_config({"model.name": NAME, "lookback": lookback, "horizon": horizon, **SMALL, **settings})
    return build(run.kind, run.model, Task(lookback, horizon, CHANNELS, tuple(range(CHANNELS))))


def shapes(made: Architecture) -> dict[str, tuple[tuple[int, ...], ...]]:
    return {row.name: row.shapes for row in made.rows}


@pytest.mark.parametrize(("lookback", "horizon"), [(48, 12), (50, 13), (48, 1), (50, 37)])
@pytest.mark.parametrize("mix", [True, False])
def test_shapes_are_the_closed_forms(lookback: int, horizon: int, mix: bool) -> None:
    made = inspect(network(lookback, horizon, **{"model.representation.mix": mix}))
    series, total = 1 if mix else CHANNELS, 6
    tokens, queries = -(-lookback // total), -(-(lookback // 2 + horizon) // total)
    made_once = queries - max(horizon // total - 1, 0)  # tokens of nothing but unknown steps are all alike
    used = min(queries, -(-horizon // total))
    assert shapes(made) == {
        "model": ((1, horizon, CHANNELS),),
        "representation": ((series, tokens, 16), (series, queries, 16)),
        "representation.stages.0": ((series, tokens * 3, 6), (series, made_once * 3, 6)),
        "representation.stages.1": ((series, tokens, 10), (series, made_once, 10)),
        "representation.to_latent": ((series, tokens, 7), (series, made_once, 7)),
        "representation.to_width": ((series, tokens, 16), (series, made_once, 16)),
        "backbone": ((series, queries, 16),),
        "backbone.encoder": ((series, tokens, 16),),
        "backbone.decoder.0": ((series, queries, 16),),
        "head": ((1, horizon, CHANNELS),),
        "head.from_width": ((series, used, 10),),
        "head.up.0": ((series, used * 3, 6),),
        "head.skip.0": ((series, used * 3, 6),),
        "head.up.1": ((series, used * 6, CHANNELS if mix else 1),),
    }
    assert made.facts["latents of the look-back"] == tokens
    assert made.facts["latents of the decoder's input"] == queries
    assert made.facts["numbers kept of it"] == tokens * 7 * series


def test_one_latent_covers_as_many_steps_as_it_says() -> None:
    built = network(48, 12)
    past = torch.randn(1, 48, CHANNELS, requires_grad=True)
    latents, _ = built.model.representation.encode(past, torch.ones_like(past))
    latents[0, 4].sum().backward()
    reached = past.grad.abs().sum((0, 2)).nonzero().flatten()  # type: ignore[union-attr]
    assert len(reached) == inspect(built).facts["one latent covers"] == 6
    assert reached.tolist() == list(range(24, 30))


def test_flops_are_those_counted_by_hand() -> None:
    """Look-back 12 → 4 patches of 3; width 8, 2 heads of 4; horizon 5; 3 channels are 3 series."""
    settings = {
        "model": {
            "name": "pattn",
            "representation": {"length": 3, "stride": 3, "width": 8},
            "backbone": {"heads": 2},
        },
        "lookback": 9,
        "horizon": 5,
    }
    run = resolve_config(settings)
    made = inspect(build(run.kind, run.model, Task(9, 5, CHANNELS, (0, 1, 2))))
    tokens = shapes(made)["representation"][0][1]
    embed = 2 * CHANNELS * tokens * 3 * 8
    products = 2 * CHANNELS * 2 * (tokens * 4 * tokens) * 2  # heads · (queries × keys + weights × values)
    linear = 2 * CHANNELS * tokens * (8 * 8 + 8 * 16 + 8 * 8)  # query, key and value, out
    head = 2 * CHANNELS * (tokens * 8) * 5
    assert made.attention_flops == products
    assert {row.name: row.flops for row in made.rows if row.depth < 2} == {
        "model": embed + products + linear + head,
        "representation": embed,
        "backbone": products + linear,
        "head": head,
    }
    assert made.flops == embed + products + linear + head
    assert sum(row.parameters for row in made.rows if row.depth == 1) == made.parameters


def test_the_trace_leaves_no_hooks_and_the_mode_as_it_was() -> None:
    built = network(48, 12).train()
    inspect(built)
    assert all(not m._forward_hooks and not m._forward_pre_hooks and m.training for m in built.modules())


@pytest.mark.parametrize(
    ("alias", "steps", "words"),
    [("h", 8, "8 hours"), ("15min", 10, "2 hours 30 minutes"), ("h", 336, "14 days"), ("D", 1, "1 day"),
     ("W-SUN", 3, "3 weeks"), ("MS", 1, "1 month"), ("QS-JAN", 2, "6 months"), ("B", 5, "5 business days"),
     ("ms", 5, "0.005 seconds"), ("WOM-3FRI", 2, None), ("7", 2, None)],
)  # fmt: skip
def test_steps_in_words(alias: str, steps: int, words: str | None) -> None:
    assert Frequency.of(alias).in_words(steps) == words


# --- describe


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> object:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["latentcast", *map(str, arguments)])
        code: object = 0
        try:
            cli.main()
        except SystemExit as exit:
            code = exit.code or 0
        said = capsys.readouterr()
        assert isinstance(code, int)
        return code, said.out, said.err

    return call


@pytest.fixture
def settings() -> dict[str, object]:
    return {**SMALL, "training.max_steps": 2, "training.loggers": ()}


@pytest.fixture
def briefly() -> dict[str, object]:
    """Without steps of training: a floor has its own."""
    return dict(SMALL)


def test_a_fitted_folder_is_described(hourly: pd.DataFrame, settings, run, tmp_path: Path) -> None:
    forecaster = latentcast.fit(
        hourly, NAME, lookback=48, horizon=12, preset="auto", settings=settings, out=tmp_path / "m"
    )
    made = latentcast.describe(tmp_path / "m")
    assert made.facts["preset"] == "light"
    assert made.facts["total compression"] == "6"
    assert made.facts["channel progression"] == "2→6→10→7"
    assert made.facts["one latent covers"] == "6 steps (6 hours)"
    assert made.facts["look-back"] == "48 steps (2 days)"
    assert made.facts["stages"] == "forecast (2 steps)"
    assert any(note.startswith("preset auto: light for a look-back of 48") for note in made.notes)
    summary = forecaster.summary()
    assert summary["architecture"]["rows"][0]["flops"] == made.architecture.flops
    assert json.loads(json.dumps(summary["architecture"]))["facts"]["total compression"] == 6
    assert "architecture" not in json.loads((tmp_path / "m/card.json").read_text())

    code, out, err = run("describe", "m")
    assert code == 0
    assert "preset auto: light" in err
    assert all(len(line.rstrip()) <= 80 for line in out.splitlines())
    assert "1×24×6, 1×15×6" in out  # stages.0: of the look-back; of the decoder's input, alike tokens made once


def test_a_choice_is_described_before_it_is_trained(hourly: pd.DataFrame, settings, run, tmp_path: Path) -> None:
    hourly.to_csv(tmp_path / "data.csv", index=False)
    code, out, _ = run("describe", "data.csv", "-m", NAME, "--preset", "heavy", "-L", 96, "-H", 24)
    assert code == 0
    for words in ("none: untrained", "16 steps (16 hours)", "2→64→128→256→512→256", "stages.3"):
        assert words in out
    described = latentcast.describe(hourly, settings, model=NAME, lookback=48, horizon=12)
    assert described.architecture == inspect(
        latentcast.fit(hourly, NAME, lookback=48, horizon=12, settings=settings).network
    )


def test_a_file_of_settings_is_described(hourly: pd.DataFrame, run, tmp_path: Path) -> None:
    """As fit takes it: with the model that it names, and what is stated beside it wins."""
    hourly.to_csv(tmp_path / "data.csv", index=False)
    (tmp_path / "recipe.yaml").write_text(f"model: {{name: {NAME}, preset: heavy}}\nlookback: 96\nhorizon: 24\n")
    found = latentcast.describe(hourly, config=tmp_path / "recipe.yaml")
    assert found.facts["preset"] == "heavy"
    assert (
        found.architecture
        == latentcast.describe(hourly, model=NAME, preset="heavy", lookback=96, horizon=24).architecture
    )
    code, out, _ = run("describe", "data.csv", "--config", "recipe.yaml", "-H", 12)
    assert code == 0
    assert "12 steps" in out


@pytest.mark.parametrize("model", ["naive", "dlinear", "patch-linear", "transformer"])
def test_every_kind_of_model_is_described(hourly: pd.DataFrame, model: str) -> None:
    preset = "small" if model == "transformer" else None
    made = latentcast.describe(hourly, model=model, preset=preset, lookback=48, horizon=12).architecture
    assert made is not None
    assert shapes(made)["model"] == ((1, 12, 2),)


def test_what_cannot_be_described(hourly: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="was not written by latentcast"):
        latentcast.describe(tmp_path)
    with pytest.raises(SettingsError, match="leave out lookback, model\\.width"):
        latentcast.describe(tmp_path, {"model.width": 3}, lookback=5)
    with pytest.raises(SettingsError, match="preset: belongs to a model"):
        latentcast.describe(hourly, preset="light")
    with pytest.raises(SettingsError, match="horizon: is required"):
        latentcast.describe(hourly, model=NAME, lookback=48)


# --- floor


@pytest.fixture
def waves() -> pd.DataFrame:
    """Two channels of 500 hours that two components of a block explain, but for noise."""
    t, rng = np.arange(500), np.random.default_rng(0)
    a, b = np.sin(t / 4), np.cos(t / 7)
    noise = 0.1 * rng.normal(size=(2, 500))
    return pd.DataFrame(
        {"ds": pd.date_range("2024-01-01", periods=500, freq="h"), "a": a + noise[0], "b": a + b + noise[1]}
    )


@pytest.mark.slow
def test_the_floor_falls_with_the_size_of_the_latent(waves: pd.DataFrame, briefly, tmp_path: Path) -> None:
    result = latentcast.reconstruction_error(
        waves,
        NAME,
        lookback=26,
        ratios=(4,),
        latent_dims=(1, 8),
        max_steps=120,
        settings={**briefly, "training.lr": 5e-3},
    )
    narrow, whole = result.points
    assert narrow.mse > 1.2 * whole.mse
    assert (whole.kept, whole.given, whole.total) == (7 * 8, 26 * 2, 4)  # 26 steps are 7 latents of 4, padded
    assert narrow.linear_mse > 0.01  # type: ignore[operator]
    assert whole.linear_mse == pytest.approx(0, abs=1e-12)  # as many components as a block has numbers
    assert whole.linear_mae == pytest.approx(0, abs=1e-6)
    result.plot(tmp_path / "floor.png")
    assert imread(tmp_path / "floor.png").shape[1] == WIDE * DPI
    assert result.frame()["rate"].tolist() == [p.kept / p.given for p in result.points]


def test_the_linear_code_is_that_of_numpy(waves: pd.DataFrame, briefly) -> None:
    """Without normalisation and padding: an SVD of the training windows' blocks."""
    result = latentcast.reconstruction_error(
        waves, NAME, lookback=24, ratios=(6,), latent_dims=(3,), max_steps=1,
        settings={**briefly, "model.normalise": False},
    )  # fmt: skip
    values = waves[["a", "b"]].to_numpy()
    train, val = values[:350], values[350:400]
    mean, std = train.mean(0), train.std(0)
    blocks = [
        np.concatenate([part[at : at + 24].reshape(4, 12) for at in range(len(part) - 23)])
        for part in ((train - mean) / std, (val - mean) / std)
    ]
    centre = blocks[0].mean(0)
    rows = np.linalg.svd(blocks[0] - centre, full_matrices=False)[2][:3]
    rest = blocks[1] - centre - (blocks[1] - centre) @ rows.T @ rows
    assert result.points[0].linear_mse == pytest.approx((rest**2).mean(), rel=1e-4)
    assert result.points[0].linear_mae == pytest.approx(np.abs(rest).mean(), rel=1e-4)


def test_each_channel_a_series_of_its_own_and_gaps(waves: pd.DataFrame, briefly) -> None:
    waves.loc[100:110, "a"] = np.nan
    result = latentcast.reconstruction_error(
        waves, NAME, lookback=24, ratios=(4,), latent_dims=(4,), max_steps=1,
        settings={**briefly, "model.representation.mix": False, "data.gaps": "interpolate"},
    )  # fmt: skip
    assert result.points[0].kept == 6 * 4 * 2
    assert result.points[0].linear_mse == pytest.approx(0, abs=1e-12)  # blocks of 4 steps of one channel


@pytest.mark.slow
def test_the_command_and_a_folder_to_begin_with(waves: pd.DataFrame, settings, run, tmp_path: Path) -> None:
    waves.to_csv(tmp_path / "data.csv", index=False)
    latentcast.fit(waves, NAME, lookback=48, horizon=12, settings=settings, out=tmp_path / "m")
    code, out, err = run(
        "reconstruction-error", "data.csv", "--from", "m", "--presets", "light", "--ratios", "2,6", "--steps", 1,
        "--out", "floor.csv", "--plot", "floor.png",
    )  # fmt: skip
    assert code == 0, err
    table = pd.read_csv("floor.csv")
    assert table["label"].tolist() == ["as stated", "light", "2×", "6×"]
    assert table["total"].tolist() == [6, 4, 2, 6]
    assert table["latent_dim"].tolist() == [7, 64, 7, 7]
    assert all(len(line.rstrip()) <= 80 for line in out.splitlines() if not line.startswith(NAME))
    assert "windows of the validation part, scaled units" in out


def test_what_has_no_floor(waves: pd.DataFrame, run, tmp_path: Path) -> None:
    for model in ("dlinear", "patch-linear"):
        with pytest.raises(SettingsError, match=f"{model} cannot reconstruct a look-back.*these can: {NAME}"):
            latentcast.reconstruction_error(waves, model, lookback=24)
    with pytest.raises(SettingsError, match="model: is required"):
        latentcast.reconstruction_error(waves, lookback=24)
    with pytest.raises(SettingsError, match=r"^lookback: is required$"):
        latentcast.reconstruction_error(waves, NAME)
    with pytest.raises(SettingsError, match="ratios: got 1, wanted"):
        latentcast.reconstruction_error(waves, NAME, lookback=24, ratios=[1])
    with pytest.raises(SettingsError, match="merge 32 steps, the look-back has 24"):
        latentcast.reconstruction_error(waves, NAME, lookback=24, ratios=[32])
    with pytest.raises(DataError, match="the val part holds no window of 96 steps: its longest has 50"):
        latentcast.reconstruction_error(waves, NAME, lookback=96, ratios=[2])
    waves.to_csv(tmp_path / "data.csv", index=False)
    code, _, err = run("reconstruction-error", "data.csv", "-m", NAME, "-L", 24, "--ratios", "2,x")
    assert (code, "--ratios 2,x: wanted whole numbers" in err) == (1, True)


def test_ratios_are_stages_of_prime_factors() -> None:
    assert [_prime_factors(n) for n in (2, 6, 16, 7)] == [[2], [2, 3], [2, 2, 2, 2], [7]]


def test_alone_reads_neither_backbone_nor_finer_features() -> None:
    built = network(48, 12).eval()
    batch = Batch(torch.randn(2, 48, CHANNELS))
    before = built.reconstruct(batch, alone=True).values
    with torch.no_grad():
        for part in (built.model.backbone, built.model.head.skip):
            for parameter in part.parameters():
                parameter.normal_()
    torch.testing.assert_close(built.reconstruct(batch, alone=True).values, before)
