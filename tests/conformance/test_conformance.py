"""One suite over everything registered: named models, and every combination of parts."""

import itertools
import json
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import pytest
import torch

from foundations import FOUNDATIONS
from latentcast.core.errors import SettingsError
from latentcast.core.findings import WindowLabels
from latentcast.core.types import Batch, Task
from latentcast.explain.collect import collect_findings
from latentcast.explain.page import page
from latentcast.models.backbones import BACKBONES
from latentcast.models.config.presets import MODEL_PRESETS
from latentcast.models.config.run import resolve_config
from latentcast.models.heads import HEADS
from latentcast.models.network import Network, build
from latentcast.models.representations import REPRESENTATIONS
from llms import folder

# every dimension of another size, so that a silent broadcast fails
BATCH, TIME, HORIZON, CHANNELS, KNOWN = 5, 48, 11, 3, 4
TASK = Task(TIME, HORIZON, CHANNELS, tuple(range(CHANNELS)), KNOWN, season=7)
SMALL = {"transformer": "small", "autoformer": "small", "patch-transformer": "small", "auto-arima": "fast"}
DROP_INS, ATTENDING = ("wavelet", "multi-scale", "frequency"), ("encoder", "attention", "causal", "frozen_llm")
ABSENT = {name for name, (module, _) in FOUNDATIONS.items() if find_spec(module) is None}
LLM = {"llm": folder("gpt2"), "llm_layers": 2, "num_prototypes": 12}


def _llm(name: str) -> dict:
    """A tiny language model, where one is needed."""
    if name in FOUNDATIONS:
        return {"checkpoint": FOUNDATIONS[name][1]()}
    return {"backbone": {"name": "frozen_llm", **LLM}} if name in ("time-llm", "frozen_llm") else {}


@dataclass(frozen=True)
class Case:
    label: str
    model: dict

    def network(self, task: Task = TASK) -> Network:
        torch.manual_seed(0)
        run = resolve_config({"model": self.model, "lookback": task.lookback, "horizon": task.horizon})
        network = build(run.kind, run.model, task).eval()
        network.register_forward_pre_hook(lambda module, given: (module.prompted(given[0]),))  # as the windows do
        return network


def cases() -> list[Case]:
    named = [
        Case(name, {"name": name, "preset": SMALL.get(name), **_llm(name)})
        for name in MODEL_PRESETS
        if name not in ABSENT
    ]
    parts = [
        names
        for names in itertools.product(REPRESENTATIONS, BACKBONES, HEADS)
        # there must be something to undo
        if {"decompression": "compression", "code": "codes"}.get(names[2], names[0]) == names[0]
        and names[:2] != ("codes", "none")  # queries that nothing answers
        and names[0] != "views"  # which want to be named
        # what makes the same tokens as patches meets every backbone that patches meet, under one head
        and (names[0] not in DROP_INS or (names[1] in ATTENDING and names[2] == "flatten"))
    ]
    composed = [
        Case(
            "+".join(names),
            {
                "name": "patch-linear",
                **dict(zip(("representation", "backbone", "head"), names, strict=True)),
                **_llm(names[1]),
            },
        )
        for names in parts
    ]
    compression = {"name": "compression", "ratios": [3, 2], "channels": [6, 10], "latent_dim": 7, "width": 16}
    variants = [
        Case(
            f"compression {kind} shortcut={shortcut} mix={mix}",
            {
                "name": "latent-transformer",
                "representation": {**compression, "kind": kind, "mix": mix, "label_len": label},
                "backbone": {"heads": 2, "ff": 24},
                "shortcut": shortcut,
            },
        )
        for kind in ("conv", "pool", "attention")
        for shortcut, mix, label in (("none", True, 0), ("linear", False, 13))
    ]
    codec = {"strides": [3, 2], "hidden": 12, "blocks": 1, "code_dim": 9, "codebook_size": 17}
    tokens = [
        Case(
            f"codes {codec_over} {position} {relax}",
            {
                "name": "token-transformer",
                "representation": {"codec": {**codec, **codec_over}, "width": 16, "position": position},
                "backbone": {"heads": 2, "ff": 24, "layers": 2},
                "head": {"relax": relax, "decode": "queries"},
            },
        )
        for codec_over, position, relax in (
            ({}, "learned", "expected"),
            ({"quantizer": "residual", "levels": 3}, "none", "straight-through"),
            ({"quantizer": "fsq", "grid": [5, 4]}, "sinusoidal", "gumbel"),
            ({"quantizer": "bsq", "bits": 6, "coarse": 0.5}, "none", "expected"),
        )
    ]
    shortcut = {
        "name": "latent-transformer",
        "representation": {**compression, "mix": False},
        "backbone": {"heads": 2, "ff": 24},
        "head": {"name": "quantile", "quantiles": [0.2, 0.5, 0.6, 0.95]},
        "shortcut": "linear",
    }
    every = [{"name": "inter-variate", "heads": 2}, {"name": "mixture", "ff": 2}]
    between = [
        Case("mixers patch+encoder", {"name": "patch-transformer", "preset": "small", "mixers": every[::-1]}),
        Case(
            "views+attention",
            {
                "name": "pattn",
                "representation": {
                    "name": "views",
                    "views": ["patch", {"name": "wavelet", "learn_filters": True}, "multi-scale", "frequency"],
                },
            },
        ),
        Case("mixers frequency+attention", {"name": "pattn", "representation": "frequency", "mixers": "mixture"}),
        Case(
            "mixers wavelet+frozen_llm",
            {
                "name": "time-llm",
                "representation": {"name": "wavelet", "width": 16, "learn_filters": True},
                "mixers": every,
                **_llm("time-llm"),
            },
        ),
        Case(
            "mixers compression+encoder-decoder",
            {
                "name": "latent-transformer",
                "representation": {**compression, "mix": False},
                "backbone": {"heads": 2, "ff": 24},
                "mixers": [every[0], every[1], every[0]],
            },
        ),
        Case(
            "mixers compression+encoder-decoder mixed",
            {
                "name": "latent-transformer",
                "representation": compression,
                "backbone": {"heads": 2, "ff": 24},
                "mixers": [every[1]],
            },
        ),
    ]
    prompts = [
        Case(
            f"dynamic prompt {join}",
            {
                "name": "time-llm",
                "backbone": {**LLM, "dynamic": 3, "local_statistics": True, "join": join, "prototype_start": start},
            },
        )
        for join, start in (("behind", "cluster"), ("fuse", "weighted"))
    ]
    members = {
        "pattn": {"lookback": 30},
        "whole": {"model": {"name": "transformer", "preset": "small"}},
        "seasonal-naive": {},
        "token-transformer": {"model": {"preset": "small"}},
    }
    fused = [
        Case(f"hybrid {how}", {"name": "hybrid", "members": members, "fusion": how}) for how in ("average", "adaptive")
    ]
    level = {"cycles": [7, 5], "trailing": 0.25}
    by_phase = [
        Case("dlinear cycles exponential", {"name": "dlinear", "exponential": 0.3, **level}),
        Case("patches cycles", {"name": "patch-linear", **level}),
        Case("random features", {"name": "random-features", "features": 20}),
        Case("fits own", {"name": "fits", "individual": True, "trailing": 0.25}),
        Case(
            "mixers spectrum",
            {"name": "patch-linear", "mixers": [{"name": "inter-variate", "heads": 2, "mask": "spectrum"}]},
        ),
    ]
    adapted = [Case("generalist all", {"name": "generalist", "adapt": "all"})]
    return [
        *named,
        *adapted,
        *by_phase,
        *fused,
        *composed,
        *variants,
        *tokens,
        *between,
        *prompts,
        Case("compression shortcut=linear quantile", shortcut),
    ]


def _marked(case: Case) -> Any:
    """Language models take seconds each: all but one are slow."""
    slow = ("llm" in str(case.model) and case.label != "time-llm") or case.label == "auto-arima"
    return pytest.param(case, id=case.label, marks=[pytest.mark.slow] if slow else [])


@pytest.fixture(params=[_marked(case) for case in cases()])
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


def make_batch(seed: int = 0, batch: int = BATCH, task: Task = TASK) -> Batch:
    g = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=g)

    return Batch(
        past=draw(batch, task.lookback, task.channels).cumsum(1),
        target=draw(batch, task.horizon, len(task.targets)),
        past_known=draw(batch, task.lookback, task.known),
        future_known=draw(batch, task.horizon, task.known),
        phase=torch.arange(batch) * 5,
    )


def test_forecast_is_finite_and_right_shaped(case: Case) -> None:
    values = case.network()(make_batch()).values
    assert values.shape == (BATCH, HORIZON, CHANNELS)
    assert torch.isfinite(values).all()


def test_only_the_targets_are_forecast(case: Case) -> None:
    every = case.network()(make_batch()).values
    one = case.network(replace(TASK, targets=(2,)))(make_batch()).values
    torch.testing.assert_close(one, every[..., 2:3])


def test_every_trainable_parameter_learns_and_no_frozen_one(case: Case) -> None:
    network = case.network().train()
    batch = make_batch()
    loss = network.loss(network(batch), batch)
    assert torch.isfinite(loss)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        return
    loss.backward()
    for name, parameter in network.named_parameters():
        if name.removeprefix("model.").startswith(network.frozen):
            continue  # a stage before this one makes them
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0 or name.endswith("key_value.bias"), name
        else:
            assert parameter.grad is None, name


def test_windows_do_not_see_each_other(case: Case) -> None:
    network, batch = case.network(), make_batch()
    alone = Batch(**{k: v[:1] for k, v in vars(batch).items() if v is not None})
    torch.testing.assert_close(network(batch).values[:1], network(alone).values, rtol=1e-4, atol=1e-5)


def test_the_target_is_not_seen(case: Case) -> None:
    network, batch = case.network(), make_batch()
    without = replace(batch, target=None)
    torch.testing.assert_close(network(batch).values, network(without).values)


def test_channels_are_apart_where_the_model_says_so(case: Case) -> None:
    network, batch = case.network(), make_batch()
    past = batch.past.clone()
    past[..., 1] += torch.randn(TIME)
    before, after = network(batch).values, network(replace(batch, past=past)).values
    others = [0, 2]
    if network.mixes_channels:
        assert not torch.equal(before[..., others], after[..., others])
    else:
        torch.testing.assert_close(before[..., others], after[..., others])


def test_a_model_that_keeps_channels_apart_takes_any_number_of_them(case: Case) -> None:
    """So that one network learns from several datasets, and serves others."""
    network, batch = case.network(), make_batch()
    if network.mixes_channels:
        return
    more = case.network(replace(TASK, channels=CHANNELS + 1, targets=tuple(range(CHANNELS + 1))))
    if [t.shape for t in network.state_dict().values()] != [t.shape for t in more.state_dict().values()]:
        return  # each channel has weights of its own
    wide = replace(batch, past=torch.cat([batch.past, batch.past[..., :1] + 1], dim=-1), target=None)
    every = network(wide).values
    assert every.shape == (BATCH, HORIZON, CHANNELS + 1)
    torch.testing.assert_close(every[..., :CHANNELS], network(batch).values)
    if network.reconstructs:
        assert network.reconstruct(wide).values.shape == wide.past.shape


def test_the_newest_value_counts(case: Case) -> None:
    network, batch = case.network(), make_batch()
    past = batch.past.clone()
    past[:, -1] += 1
    assert not torch.equal(network(batch).values, network(replace(batch, past=past)).values)


@pytest.mark.parametrize("name", ["naive", "seasonal-naive", "pattn", "patch-transformer", "patch-linear"])
def test_a_shifted_and_stretched_past_gives_a_shifted_and_stretched_forecast(name: str) -> None:
    """Models that normalise each window, or copy from it, know no units."""
    case = Case(name, {"name": name, "preset": SMALL.get(name)})
    network, batch = case.network(), make_batch()
    stretched = network(replace(batch, past=5 * batch.past + 40)).values
    torch.testing.assert_close(stretched, 5 * network(batch).values + 40, rtol=1e-3, atol=5e-2)


def test_the_same_weights_give_the_same_forecast(case: Case) -> None:
    network = case.network()
    other = case.network()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    other.load_state_dict(network.state_dict())
    assert torch.equal(network(make_batch()).values, other(make_batch()).values)


def test_unobserved_targets_do_not_matter_to_the_loss(case: Case) -> None:
    network, batch = case.network(), make_batch()
    seen = torch.rand(BATCH, HORIZON, CHANNELS, generator=torch.Generator().manual_seed(1)) > 0.4
    assert batch.target is not None
    spoiled = torch.where(seen, batch.target, torch.full_like(batch.target, 1e4))
    prediction = network(batch)
    clean = network.loss(prediction, replace(batch, target_observed=seen))
    assert torch.equal(clean, network.loss(prediction, replace(batch, target=spoiled, target_observed=seen)))
    if prediction.quantiles is None:
        expected = (prediction.values - batch.target)[seen].square().mean()
    else:
        above = (batch.target[..., None] - prediction.quantiles)[seen]
        levels = torch.tensor(network.quantile_levels)
        expected = torch.where(above > 0, levels * above, (levels - 1) * above).mean()
    torch.testing.assert_close(clean, expected)


def test_quantiles_do_not_cross_and_hold_the_point(case: Case) -> None:
    network, batch = case.network(), make_batch()
    with torch.no_grad():  # whatever the weights are
        for parameter in network.parameters():
            parameter.mul_(30)
    prediction = network(batch)
    if prediction.quantiles is None:
        assert network.quantile_levels == ()
        return
    assert prediction.quantiles.shape == (BATCH, HORIZON, CHANNELS, len(network.quantile_levels))
    assert (prediction.quantiles.diff(dim=-1) >= 0).all()
    middle = network.quantile_levels.index(0.5)
    torch.testing.assert_close(prediction.quantiles[..., middle], prediction.values)
    one = case.network(replace(TASK, targets=(2,)))
    every = case.network()
    cut, whole = one(batch).quantiles, every(batch).quantiles
    assert cut is not None
    assert whole is not None
    torch.testing.assert_close(cut, whole[:, :, 2:3])


def test_a_window_has_its_own_paths(case: Case) -> None:
    """The same in any batch, other ones for another seed, and of the targets alone."""
    network, batch = case.network(), make_batch()
    if not network.samples:
        return
    seeds = torch.arange(BATCH) + 7
    paths = network.sample(batch, 6, seeds)
    assert paths.shape == (BATCH, 6, HORIZON, CHANNELS)
    assert torch.isfinite(paths).all()
    last = Batch(**{k: v[-1:] for k, v in vars(batch).items() if v is not None})
    torch.testing.assert_close(paths[-1:], network.sample(last, 6, seeds[-1:]), rtol=1e-4, atol=1e-4)
    assert not torch.equal(paths, network.sample(batch, 6, seeds + 1))
    one = case.network(replace(TASK, targets=(2,)))
    torch.testing.assert_close(one.sample(batch, 6, seeds), paths[..., 2:])


def test_what_parts_say_of_a_window_can_be_drawn_and_kept(case: Case) -> None:
    network, batch = case.network(), make_batch(batch=1)
    if not network.calibrates:
        pytest.skip("it is fitted to each window, and says nothing of it")
    names = tuple(f"channel {number}" for number in range(CHANNELS))
    past, ahead = (tuple(map(str, range(steps))) for steps in (TIME, HORIZON))
    before = network(batch).values
    said = collect_findings(network, batch, WindowLabels(names, (1, 0), TASK.targets, past, ahead, lambda x: x))
    assert page("a window", {}, said, ()).endswith("</html>\n")
    json.dumps([one.to_dict() for one in said], allow_nan=False)
    assert all(one.sentence and one.section and one.part for one in said)
    torch.testing.assert_close(network(batch).values, before, rtol=0, atol=0)
    assert not any(module._forward_pre_hooks for module in network.model.modules())


def test_parts_that_do_not_fit_fail_before_anything_is_trained() -> None:
    heads = Case("", {"name": "patch-transformer", "backbone": {"heads": 7}})
    with pytest.raises(SettingsError, match=r"^model.backbone.heads=7: 7 heads do not divide the width 128; 8 "):
        heads.network()
    alone = Case("", {"name": "transformer", "preset": "small", "heads": 7})
    with pytest.raises(SettingsError, match=r"^model.heads=7: 7 heads do not divide"):
        alone.network()
    patch = Case("", {"name": "pattn", "representation": {"length": 60}})
    with pytest.raises(
        SettingsError,
        match=r"patch of 60 steps does not fit into a look-back of 48.*shorten model.representation.length",
    ):
        patch.network()
    undo = Case("", {"name": "pattn", "head": "decompression"})
    with pytest.raises(
        SettingsError, match=r"head decompression: it undoes .* choose model.representation=compression"
    ):
        undo.network()
    unanswered = Case("", {"name": "patch-linear", "representation": "codes"})
    with pytest.raises(SettingsError, match=r"backbone none: the queries .* know nothing of the look-back"):
        unanswered.network()
    ratios = Case(
        "", {"name": "pattn", "representation": {"name": "compression", "ratios": [8, 8], "channels": [4, 4]}}
    )
    with pytest.raises(SettingsError, match=r"ratios \[8, 8\] merge 64 steps, the look-back has 48"):
        ratios.network()
    label = Case("", {"name": "transformer", "preset": "small", "label_len": 49})
    with pytest.raises(SettingsError, match="label_len=49 is longer than the look-back 48"):
        label.network()
    season = Case("", {"name": "seasonal-naive", "season": 50})
    with pytest.raises(SettingsError, match="season of 50 steps, the look-back has 48"):
        season.network()
