"""What the latent model leaves out of its arithmetic changes nothing in its forecast."""

import pytest
import torch

from latentcast.core.types import Batch, Task
from latentcast.layers.instance_norm import no_scale
from latentcast.models.composed import Composed
from latentcast.models.config.run import resolve_config
from latentcast.models.network import build

SIZES = [(48, 48, None), (48, 11, 13), (50, 37, 0), (48, 3, None)]  # look-back, horizon, label
RATIOS = {(2, 2): (6, 10), (3, 1): (6, 10), (2, 2, 2): (6, 10, 8)}


def model(kind: str, lookback: int, horizon: int, label: int | None, ratios: tuple[int, ...]) -> Composed:
    torch.manual_seed(0)
    representation = {
        "kind": kind, "ratios": ratios, "channels": RATIOS[ratios], "latent_dim": 7, "width": 16, "label_len": label,
    }  # fmt: skip
    named = {"name": "latent-transformer", "representation": representation, "backbone": {"heads": 2, "ff": 24}}
    run = resolve_config({"model": named, "lookback": lookback, "horizon": horizon})
    built = build(run.kind, run.model, Task(lookback, horizon, 3, (0, 1, 2))).model
    assert isinstance(built, Composed)
    return built.eval()


@pytest.mark.parametrize("kind", ["conv", "pool", "attention"])
@pytest.mark.parametrize("ratios", list(RATIOS))
@pytest.mark.parametrize("sizes", SIZES)
def test_unknown_tokens_are_made_once_and_repeated(kind: str, ratios: tuple[int, ...], sizes: tuple) -> None:
    lookback, horizon, label = sizes
    representation = model(kind, *sizes, ratios).representation
    past = torch.randn(2, lookback, 3)
    start = lookback - (lookback // 2 if label is None else label)
    unknown = torch.zeros(2, horizon, 3)
    query = torch.cat([past[:, start:], unknown], dim=1)
    known = torch.cat([torch.ones_like(past[:, start:]), unknown], dim=1)
    latents, skips = representation.encode(query, known)
    tokens = representation(Batch(past))
    torch.testing.assert_close(tokens.query, representation.embed(latents))
    assert len(tokens.skips) == len(skips)
    for got, expected in zip(tokens.skips, skips, strict=True):
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("kind", ["conv", "pool", "attention"])
@pytest.mark.parametrize("ratios", list(RATIOS))
@pytest.mark.parametrize("sizes", SIZES)
def test_only_tokens_of_the_horizon_are_decompressed(kind: str, ratios: tuple[int, ...], sizes: tuple) -> None:
    built = model(kind, *sizes, ratios)
    batch = Batch(torch.randn(2, sizes[0], 3))
    scale = no_scale(batch.past)
    hidden = built.backbone(built.representation(batch))
    every = built.head.decode(hidden.values, hidden.skips)
    torch.testing.assert_close(built.head(hidden, scale).values, every[:, -sizes[1] :])


def test_heads_of_merging_by_attention_are_a_setting() -> None:
    from latentcast.core.errors import SettingsError
    from latentcast.models.config.run import resolve_config
    from latentcast.models.network import build

    def network(**representation: object) -> object:
        model = {"name": "latent-transformer", "preset": "light", "representation": representation}
        run = resolve_config({"model": model, "lookback": 24, "horizon": 4})
        return build(run.kind, run.model, Task(24, 4, 3, (0, 1, 2), known=4)).model

    model = network(kind="attention", heads=4)
    assert [stage.heads for stage in model.head.up] == [4, 1]
    assert {part.heads for part in model.modules() if type(part).__name__ == "AttentionDown"} == {4}
    with pytest.raises(SettingsError, match="heads=2: kind=conv has none"):
        network(heads=2)
    with pytest.raises(SettingsError, match="heads=3: they do not divide a stage's width of 64"):
        network(kind="attention", heads=3)
