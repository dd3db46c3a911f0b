"""Tokens that are told the time of the next code, and codes that are taught by the error of their values."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from latentcast.core.errors import SettingsError
from latentcast.core.types import Batch, Task
from latentcast.models.config.run import resolve_config
from latentcast.models.network import Network, build

TASK = Task(26, 10, 2, (0, 1), 3, 24)  # the look-back's first code is incomplete, and so is the horizon's last


def make(head: dict[str, Any] | None = None, **representation: Any) -> Network:
    torch.manual_seed(0)
    codec = {"hidden": 8, "blocks": 1, "code_dim": 6, "codebook_size": 19}
    model = {
        "name": "token-transformer",
        "representation": {"codec": codec, "width": 16, "dropout": 0.0, **representation},
        "backbone": {"heads": 2, "ff": 24, "layers": 2, "dropout": 0.0},
        "head": head or {},
    }
    run = resolve_config({"model": model, "lookback": TASK.lookback, "horizon": TASK.horizon})
    return build(run.kind, run.model, TASK)


def batch(size: int = 3) -> Batch:
    draw = torch.Generator().manual_seed(1)
    sizes = {"past": (26, 2), "target": (10, 2), "past_known": (26, 3), "future_known": (10, 3)}
    return Batch(**{name: torch.randn(size, *shape, generator=draw) for name, shape in sizes.items()})


@pytest.mark.parametrize("decode", ["expected", "greedy", "sample", "queries"])
def test_a_code_is_forecast_with_its_own_time_and_not_with_later_ones(decode: str) -> None:
    network, given = make({"decode": decode, "paths": 3}, calendar=True).eval(), batch()
    assert network.uses_known
    assert given.future_known is not None
    later = given.future_known.clone()
    later[:, 8:] += 1  # the third code of the horizon begins here
    with torch.no_grad():
        first, changed = (network(replace(given, future_known=x)).values for x in (given.future_known, later))
    assert torch.equal(first[:, :8], changed[:, :8])
    if decode != "greedy" and decode != "sample":  # a choice may stay the same
        assert not torch.allclose(first[:, 8:], changed[:, 8:])


def test_the_roll_out_tells_each_token_what_training_tells_it() -> None:
    """Logits of the last code, of the sequence as training reads it and continued code by code."""
    network, given = make(calendar=True).eval(), batch()
    model: Any = network.model
    with torch.no_grad():
        _, tokens, _ = model._read(given)
        seen: list[torch.Tensor] = []
        future = model._roll(tokens, lambda last, step: (seen.append(last), model._likely(last))[1])
        vectors = torch.cat([tokens.skips[0], future], 1)
        told = model.representation.ahead(given, vectors.shape[1])
        whole = model.backbone(replace(tokens, values=model.representation.embed(vectors, ahead=told), query=None))
    torch.testing.assert_close(whole.values[:, -2], seen[-1], rtol=1e-4, atol=1e-5)


def test_without_known_features_the_calendar_is_refused() -> None:
    with pytest.raises(SettingsError, match="known in advance"):
        make(calendar=True)(replace(batch(), past_known=None))


def test_values_join_the_loss_of_the_next_code() -> None:
    """The loss differs from that of the codes by the weighted squared error of the likely codes' values."""
    given = batch()
    losses = [make({"aligned": weight}).train().model.next_code_loss(given) for weight in (0.0, 0.5, 2.0)]
    apart = [loss - losses[0] for loss in losses[1:]]
    torch.testing.assert_close(4 * apart[0], apart[1])
    model: Any = make().train().model
    whole, _ = model._whole(given)
    series, codec = model.representation.series(whole), model.representation.codec
    vectors, _ = codec.encode(series)
    from latentcast.core.types import Tokens

    hidden = model.backbone(Tokens(model.representation.embed(vectors))).values
    values = codec.decode(torch.cat([vectors[:, :1], model.head.mixture(hidden)[:, :-1]], 1))
    missing = values.shape[1] - series.shape[1]
    wanted = (values[:, 4:] - series[:, 4 - missing :]).square().mean()
    torch.testing.assert_close(apart[1], 2 * wanted)
    apart[1].backward()
    assert model.head.settings.aligned == 0


def test_missing_values_leave_their_codes_out_of_both_parts_of_the_loss() -> None:
    given = batch()
    observed = torch.ones(3, 26, 2, dtype=torch.bool)
    observed[:, 10:14] = False
    masked = replace(given, observed=observed, target_observed=torch.ones(3, 10, 2, dtype=torch.bool))
    assert torch.isfinite(make({"aligned": 1.0}).train().model.next_code_loss(masked))
