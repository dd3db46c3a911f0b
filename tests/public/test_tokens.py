"""Codec, token Transformer and their stages, as a user meets them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import latentcast
from latentcast.core.errors import DataError, SettingsError
from latentcast.core.types import Batch
from latentcast.workflows.anomaly import judge_codec

pytestmark = pytest.mark.slow  # a codec and a token model are trained first

CODEC = {
    "model.representation.codec": {"hidden": 12, "blocks": 1, "code_dim": 6, "codebook_size": 16},
    "stages.codec.max_steps": 20,
    "stages.codec.lr": 3e-3,
}
TOKENS = {
    "model.representation.width": 16,
    "model.backbone": {"layers": 2, "heads": 2, "ff": 24},
    "stages.next-code.max_steps": 6,
}
TIME, HORIZON = 22, 10  # no multiples of the four steps that a code covers


@pytest.fixture(scope="module")
def waves() -> pd.DataFrame:
    rng, t = np.random.default_rng(0), np.arange(500)
    wave = np.sin(2 * np.pi * t / 24)
    return pd.DataFrame(
        {
            "ds": pd.date_range("2024-01-01", periods=500, freq="h"),
            "load": 50 + 10 * wave + rng.normal(0, 0.5, 500),
            "price": 3 - wave * np.cos(t / 50) + rng.normal(0, 0.1, 500),
            "still": 7.0,
        }
    )


@pytest.fixture(scope="module")
def codec(waves, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokens") / "codec"
    latentcast.pretrain(waves, "vq-codec", lookback=TIME, settings=CODEC, out=folder)
    return folder


@pytest.fixture(scope="module")
def tokens(waves, codec: Path) -> Path:
    folder = codec.parent / "tokens"
    latentcast.pretrain(
        waves, "token-transformer", lookback=TIME, horizon=HORIZON, settings=TOKENS, start=codec, out=folder
    )
    return folder


def codec_weights(forecaster: latentcast.Forecaster) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in forecaster.network.state_dict().items() if ".codec." in k}


def batch(size: int = 3, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    return Batch(torch.randn(size, TIME, 3, generator=generator).cumsum(1))


def test_a_codec_gives_the_data_back_and_says_how_healthy_it_is(codec: Path) -> None:
    forecaster = latentcast.load(codec)
    (stage,) = forecaster.card.training.stages
    found = stage.found
    assert found["windows"] == stage.validation_windows
    assert found["codes"] == found["windows"] * 3 * 6  # three channels, 22 steps in codes of 4
    assert found["mse"] < 0.5  # of a standardised series
    assert 1 < found["perplexity"][0] <= 16
    assert 0.1 < found["used"][0] <= 1


def test_a_codec_forecasts_nothing(waves, codec: Path) -> None:
    with pytest.raises(SettingsError, match="vq-codec forecasts nothing: make it with latentcast pretrain"):
        latentcast.fit(waves, "vq-codec", lookback=TIME, horizon=HORIZON)
    with pytest.raises(SettingsError, match="it learned its codes alone, and not to forecast"):
        latentcast.load(codec).predict(waves)


def test_the_token_model_takes_the_codec_over_and_leaves_it_as_it_is(waves, codec: Path, tokens: Path) -> None:
    before, after = latentcast.load(codec), latentcast.load(tokens)
    assert after.card.stages == ("next-code",)
    assert after.card.learned == ("codec", "next-code")
    for name, tensor in codec_weights(before).items():
        assert torch.equal(tensor, codec_weights(after)[name]), name
    forecast = after.predict(waves)
    assert len(forecast) == 3 * HORIZON
    assert np.isfinite(forecast["token-transformer"]).all()


def test_a_fit_alone_goes_through_every_stage(waves) -> None:
    settings = {**CODEC, **TOKENS, "training.max_steps": 2}
    forecaster = latentcast.fit(waves, "token-transformer", lookback=TIME, horizon=HORIZON, settings=settings)
    assert forecaster.card.stages == ("codec", "next-code", "forecast")


@pytest.mark.parametrize("relax", ["expected", "straight-through", "gumbel"])
@pytest.mark.parametrize("decode", ["expected", "queries"])
def test_values_teach_the_transformer_and_not_the_codec(waves, tokens: Path, relax: str, decode: str) -> None:
    settings = {"training.max_steps": 2, "model.head.relax": relax, "model.head.decode": decode, "training.lr": 1e-3}
    fitted = latentcast.fit(waves, horizon=HORIZON, start=tokens, settings=settings)
    assert fitted.card.stages == ("forecast",)
    before = latentcast.load(tokens)
    moved = {
        name
        for name, tensor in fitted.network.state_dict().items()
        if not torch.equal(tensor, before.network.state_dict()[name])
    }
    assert not [name for name in moved if ".codec." in name]
    assert [name for name in moved if ".backbone." in name]


def test_what_is_trained_is_a_choice(waves, tokens: Path) -> None:
    before = latentcast.load(tokens).network.state_dict()

    def moved(train: str) -> set[str]:
        settings = {"training.max_steps": 2, "training.train": train}
        after = latentcast.fit(waves, horizon=HORIZON, start=tokens, settings=settings).network.state_dict()
        names = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
        return {
            part for part in ("backbone", "head", "codec.decoder", "codec.codebook") for name in names if part in name
        }

    assert moved("head") == {"head"}
    assert moved("backbone") == {"backbone", "head"}
    assert moved("all") == {"backbone", "head", "codec.decoder"}
    with pytest.raises(SettingsError, match="stage 'forecast' has no trainable parameter among head"):
        latentcast.fit(
            waves,
            "dlinear",
            lookback=TIME,
            horizon=HORIZON,
            settings={"training.train": "head"},
        )


def test_another_codec_than_that_of_the_folder_is_named(waves, codec: Path) -> None:
    settings = {**TOKENS, "model.representation.codec": {"code_dim": 5, "strides": [2]}}
    with pytest.raises(SettingsError) as error:
        latentcast.pretrain(waves, "token-transformer", start=codec, settings=settings)
    assert "model.representation.codec.code_dim: 6 where training begins, 5 here" in str(error.value)
    assert "model.representation.codec.strides: [2, 2] where training begins, [2] here" in str(error.value)
    assert "width" not in str(error.value)


def test_a_collapsed_codebook_ends_training_before_the_next_stage(waves, tmp_path: Path) -> None:
    still = waves.assign(load=0.0, price=np.r_[np.ones(250), np.zeros(250)])  # one jump, and nothing else to code
    settings = {**CODEC, **TOKENS, "model.representation.codec.codebook_size": 64}
    with pytest.raises(
        SettingsError, match=r"the codebook has collapsed: \d% of its 64 codes are in use.*quantizer=fsq"
    ):
        latentcast.pretrain(still, "token-transformer", lookback=TIME, settings=settings, out=tmp_path / "x")
    assert not (tmp_path / "x" / "checkpoints" / "next-code").exists()


@pytest.mark.parametrize("how", ["expected", "greedy", "sample"])
def test_ways_of_decoding_are_chosen_after_training(tokens: Path, how: str) -> None:
    paths = {"model.head.paths": 7} if how == "sample" else {}
    forecaster = latentcast.load(tokens, settings={"model.head.decode": how, **paths})
    assert forecaster.run.dump()["model"]["head"]["decode"] == how
    with torch.no_grad():
        values = forecaster.network(batch()).values
        alone = forecaster.network(Batch(batch().past[1:2])).values
    assert values.shape == (3, HORIZON, 3)
    assert torch.isfinite(values).all()
    torch.testing.assert_close(values[1:2], alone, rtol=1e-4, atol=1e-4)  # in whatever batch a window stands


def test_the_first_code_of_every_way_is_the_same_distribution(tokens: Path) -> None:
    """Greedy is sampling at no temperature; the mean of many paths comes to what is expected of the first code."""
    ways = {
        how: latentcast.load(tokens, settings={"model.head.decode": how}).network.model
        for how in ("expected", "greedy")
    }
    cold = latentcast.load(tokens, settings={"model.head.temperature": 1e-4}).network.model
    warm = latentcast.load(tokens).network.model
    with torch.no_grad():
        greedy = ways["greedy"](batch()).values
        torch.testing.assert_close(cold.sample(batch(), 2, torch.arange(3))[:, 0], greedy, rtol=1e-4, atol=1e-4)
        paths = warm.sample(batch(1), 3000, torch.tensor([5]))
        codes, first = _first_codes(warm, batch(1))
    assert paths.shape == (1, 3000, HORIZON, 3)
    _, counts = torch.unique(paths[0, :, :4, 0].round(decimals=4), dim=0, return_counts=True)
    likely = codes[0].sort(descending=True).values[: len(counts)]
    torch.testing.assert_close(counts.sort(descending=True).values / 3000, likely, atol=0.03, rtol=0)
    assert first.shape == (3, 16)


def _first_codes(model: torch.nn.Module, given: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities of the first code of the horizon, for each channel."""
    _, normalised = model._normalised(given)
    tokens = model.representation(normalised)
    hidden = model.backbone(replace(tokens, query=None)).values[:, -1]
    logits = model.head.logits[0](hidden)
    return logits.softmax(-1), logits


def test_a_window_has_the_same_paths_in_any_batch(tokens: Path) -> None:
    model = latentcast.load(tokens).network.model
    seeds = torch.tensor([3, 11, 4])
    with torch.no_grad():
        together = model.sample(batch(), 5, seeds)
        alone = model.sample(Batch(batch().past[1:2]), 5, seeds[1:2])
        other = model.sample(Batch(batch().past[1:2]), 5, torch.tensor([12]))
    torch.testing.assert_close(together[1:2], alone, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(alone, other)
    assert together.std(dim=1).max() > 0


def test_paths_are_the_same_however_many_fit_into_memory(tokens: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = latentcast.load(tokens).network.model
    with torch.no_grad():
        together = model.sample(batch(), 5, torch.arange(3))
        monkeypatch.setattr("latentcast.models.autoregressive.SERIES_AT_ONCE", 1)
        torch.testing.assert_close(model.sample(batch(), 5, torch.arange(3)), together, rtol=1e-4, atol=1e-4)


def test_a_longer_horizon_goes_on_and_warns(waves, tokens: Path, caplog: pytest.LogCaptureFixture) -> None:
    near = latentcast.load(tokens).predict(waves)
    far = latentcast.load(tokens, horizon=3 * HORIZON).predict(waves)
    assert f"a horizon of {3 * HORIZON} steps is longer than the {HORIZON}" in caplog.text
    assert len(far) == 3 * len(near)
    one = [frame[frame["unique_id"] == "load"]["token-transformer"].to_numpy() for frame in (near, far)]
    np.testing.assert_allclose(one[0], one[1][:HORIZON], rtol=1e-4)


def test_what_weights_belong_to_does_not_change_after_training(waves, tokens: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"model.backbone.layers: 2 when it was trained, 3 here"):
        latentcast.load(tokens, settings={"model.backbone.layers": 3})
    with pytest.raises(SettingsError, match="training: settings of the model alone can change"):
        latentcast.load(tokens, settings={"training.lr": 3})
    with pytest.raises(SettingsError, match=r"model\.head\.temperature: got 0\.0, wanted a number above 0"):
        latentcast.load(tokens, settings={"model.head.temperature": 0.0})
    latentcast.fit(waves, "dlinear", lookback=TIME, horizon=HORIZON, out=tmp_path, overwrite=True)
    with pytest.raises(
        SettingsError, match=f"horizon=20: the weights of this dlinear belong to its horizon of {HORIZON}"
    ):
        latentcast.load(tmp_path, horizon=20)


def test_codes_are_scaled_by_the_look_back_alone(tokens: Path) -> None:
    """The next-code loss of the look-back's codes does not change with the horizon's values."""
    model = latentcast.load(tokens).network.model
    given = batch()
    target = torch.randn(3, HORIZON, 3)
    for values in (target, 9 * target + 4):
        whole, judged = model._whole(replace(given, target=values))
        assert judged is None
        codes = model.representation.codec.encode(model.representation.series(whole))[1]
        assert torch.equal(codes[:, :6], model.codes(given))
        assert codes.shape[1] == 6 + HORIZON // 4


def test_missing_values_are_bridged_and_codes_of_nothing_else_left_out(tokens: Path) -> None:
    model = latentcast.load(tokens).network.model
    observed = torch.ones(3, TIME, 3, dtype=torch.bool)
    observed[0, 6:14, 1] = False  # two whole codes, the first of which begins at 22 - 4·4 = 6
    observed[1, 3, 2] = False
    past = torch.where(observed, batch().past, torch.tensor(float("nan")))
    past = torch.where(observed, batch().past, torch.full_like(past, 1e6))
    _, normalised = model._normalised(Batch(past, observed))
    keep = model.representation.keep(normalised)
    assert keep.sum() == keep.numel() - 2
    assert not keep[1, 2:4].any()
    with torch.no_grad():
        values = model(Batch(past, observed)).values
        assert torch.isfinite(values).all()
        torch.testing.assert_close(values, model(Batch(past.masked_fill(~observed, -3.0), observed)).values)
        paths = model.sample(Batch(past, observed), 4, torch.arange(3))
    assert torch.isfinite(paths).all()


def test_a_constant_window_stays_finite(tokens: Path) -> None:
    model = latentcast.load(tokens).network.model
    with torch.no_grad():
        values = model(Batch(torch.full((2, TIME, 3), 3.0))).values
    assert torch.isfinite(values).all()
    assert (values - 3).abs().max() < 1


def test_a_window_shorter_than_a_code_is_refused(waves) -> None:
    settings = {**CODEC, "model.representation.codec.strides": [4, 4, 4]}
    with pytest.raises(SettingsError, match=r"strides=\[4, 4, 4\]: one code covers 64 steps, the look-back has 22"):
        latentcast.pretrain(waves, "vq-codec", lookback=TIME, settings=settings)
    with pytest.raises(DataError, match="the train part holds no window"):
        latentcast.pretrain(waves, "vq-codec", lookback=400, settings=CODEC)


def test_parts_that_make_no_codes_are_refused(waves) -> None:
    for over, fault in (
        ({"model.representation": "patch"}, "representation=patch: only codes can be predicted one by one"),
        ({"model.head": "flatten"}, "head=flatten: codes are predicted by the head code"),
        ({"model.backbone": "encoder"}, "backbone=encoder: it cannot go on token by token"),
        ({"model.shortcut": "linear"}, "shortcut=linear: codes stand for values"),
    ):
        with pytest.raises(SettingsError, match=fault):
            latentcast.fit(waves, "token-transformer", lookback=TIME, horizon=HORIZON, settings=over)


def test_training_that_was_cut_ends_at_the_same_codes(waves, tmp_path: Path) -> None:
    """The codebook's moving averages are part of what a checkpoint keeps."""
    settings = {**CODEC, "stages.codec.max_steps": 8, "data.time": "ds"}
    whole = latentcast.pretrain(waves, "vq-codec", lookback=TIME, settings=settings, out=tmp_path / "whole")
    cut = {**settings, "stages.codec.max_time": 1e-6}
    latentcast.pretrain(waves, "vq-codec", lookback=TIME, settings=cut, out=tmp_path / "cut")
    resumed = latentcast.pretrain(
        waves, "vq-codec", lookback=TIME, settings=settings, out=tmp_path / "cut", resume=True
    )
    for name, tensor in codec_weights(whole).items():
        assert torch.equal(tensor, codec_weights(resumed)[name]), name


def test_a_spike_is_strange(waves, tokens: Path, codec: Path) -> None:
    spoiled = waves.copy()
    spoiled.loc[300, "load"] += 40
    result = latentcast.anomaly_scores(tokens, spoiled)
    frame = result.frame
    assert list(frame.columns) == ["unique_id", "ds", "y", "error", "surprise", "score"]
    assert len(frame) == 3 * 500
    assert (frame["y"].to_numpy().reshape(3, 500) == spoiled[["load", "price", "still"]].to_numpy().T).all()
    strangest = frame.loc[frame["error"].idxmax()]
    assert strangest["unique_id"] == "load"
    assert strangest["ds"] == spoiled["ds"][300]
    seen = frame["surprise"].notna().to_numpy().reshape(3, 500)
    assert not seen[:, 0].any()  # nothing was read before the first code
    assert seen[:, 4:].all()
    alone = latentcast.anomaly_scores(codec, spoiled)
    assert "surprise" not in alone.frame
    assert "no language of them yet" in alone.notes[-1]
    np.testing.assert_allclose(alone.frame["error"], frame["error"], rtol=1e-4, atol=1e-5)


def test_scores_depend_on_nothing_but_the_look_back_before(waves, tokens: Path) -> None:
    whole = latentcast.anomaly_scores(tokens, waves).frame
    begun = latentcast.anomaly_scores(tokens, waves.iloc[: TIME + 20]).frame
    for name in ("load", "price"):
        one, other = (frame[frame["unique_id"] == name]["error"].to_numpy() for frame in (whole, begun))
        np.testing.assert_allclose(one[: TIME + 20], other, rtol=1e-3, atol=1e-4)


def test_missing_steps_have_no_score_and_models_without_codes_none_at_all(waves, tokens: Path, tmp_path: Path) -> None:
    gaps = waves.copy()
    gaps.loc[200:203, "price"] = np.nan
    scored = latentcast.anomaly_scores(tokens, gaps).frame
    missing = scored[scored["ds"].isin(gaps["ds"][200:204]) & (scored["unique_id"] == "price")]
    assert missing["error"].isna().all()
    latentcast.fit(waves, "dlinear", lookback=TIME, horizon=HORIZON, out=tmp_path, overwrite=True)
    with pytest.raises(SettingsError, match="dlinear has no codes: this takes a vq-codec"):
        latentcast.anomaly_scores(tmp_path, waves)
    with pytest.raises(DataError, match="judged after a look-back of 22 steps; shorter"):
        latentcast.anomaly_scores(tokens, waves[:20])


def test_a_codec_is_judged_on_any_part(waves, codec: Path) -> None:
    found = judge_codec(codec, waves, part="test")
    assert found.windows == 100 - TIME + 1
    assert sum(found.counts[0]) == found.codes == found.windows * 3 * 6
    share = np.array(found.counts[0]) / found.codes
    entropy = -(share[share > 0] * np.log(share[share > 0])).sum()
    assert found.perplexity[0] == pytest.approx(np.exp(entropy))
    assert found.used[0] == pytest.approx((share > 0).mean())
    with pytest.raises(DataError, match="the val part of frame holds no window of 22 steps"):
        judge_codec(codec, waves[:60], part="val")


def test_the_log_says_how_healthy_the_codebook_is_at_each_validation(codec: Path) -> None:
    log = pd.read_csv(codec / "logs" / "codec" / "csv" / "metrics.csv")
    seen = log.dropna(subset="val_loss")
    assert ((seen["val_perplexity"] > 1) & (seen["val_perplexity"] <= 16)).all()
    assert ((seen["val_codes_in_use"] > 0) & (seen["val_codes_in_use"] <= 1)).all()
    (stage,) = latentcast.load(codec).card.training.stages
    of_codec = sum(p.numel() for n, p in latentcast.load(codec).network.named_parameters() if ".codec." in n)
    assert stage.trained_parameters == of_codec


def test_one_codec_and_one_language_for_several_datasets(waves, tmp_path: Path) -> None:
    other = waves.drop(columns="still").assign(load=lambda f: f["load"] ** 2)
    both = latentcast.pretrain([waves, other], "vq-codec", lookback=TIME, settings=CODEC, out=tmp_path / "codec")
    (stage,) = both.card.training.stages
    assert stage.found["windows"] == stage.validation_windows
    assert stage.found["codes"] == stage.validation_windows // 2 * (3 + 2) * 6
    language = latentcast.pretrain(
        [waves, other], "token-transformer", weights=[1, 3], horizon=HORIZON, settings=TOKENS, start=both
    )
    assert [one.weight for one in language.card.datasets] == [1, 3]
    unseen = latentcast.transfer(language, waves[["ds", "price"]])  # zero-shot, one channel
    forecast = unseen.predict(waves[["ds", "price"]])
    assert np.isfinite(forecast["token-transformer"]).all()
