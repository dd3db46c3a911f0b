"""Parts mixers representation and backbone: built from settings in any order, and what each of them does."""

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from latentcast.core.errors import SettingsError
from latentcast.core.parsing import parse_assignments
from latentcast.core.settings import differing, validate
from latentcast.core.types import Batch, Task, Tokens
from latentcast.layers.mixture_of_experts import Experts, imbalance, usage
from latentcast.models.composed import ComposedSettings
from latentcast.models.config.run import RunConfig, resolve_config
from latentcast.models.mixers.inter_variate import InterVariate
from latentcast.models.mixers.mixture_of_experts import Mixture
from latentcast.models.network import build
from llms import folder

TASK = Task(lookback=48, horizon=5, channels=3, targets=(0, 1, 2))


class Patches:
    """A representation as parts see it."""

    width, query_tokens, folds_channels, uses_known = 16, 0, True, False

    def num_tokens(self, time: int) -> int:
        return 6

    def __call__(self, batch: Batch) -> Tokens:
        raise NotImplementedError


def run(mixers: Any, **model: Any) -> RunConfig:
    chosen = {"name": "patch-linear", "mixers": mixers, **model}
    return resolve_config({"model": chosen, "lookback": 48, "horizon": 5})


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def make(cls: Any, task: Task = TASK, representation: Any = None, **settings: Any) -> Any:
    torch.manual_seed(0)
    return cls(validate(cls.Settings, settings), task, representation or Patches())


# --- settings


@pytest.mark.parametrize(
    ("stated", "names"),
    [
        ([], []),
        (None, []),
        ("mixture", ["mixture"]),
        ({"name": "mixture", "experts": 8}, ["mixture"]),
        (["mixture", {"name": "mixture", "experts": 3}, "inter-variate"], ["mixture", "mixture", "inter-variate"]),
    ],
)  # fmt: skip
def test_any_number_in_any_order(stated: Any, names: list[str]) -> None:
    made = run(stated)
    assert isinstance(made.model, ComposedSettings)
    assert [part.name for part in made.model.mixers] == names
    dumped = made.dump()
    assert [part["name"] for part in dumped["model"]["mixers"]] == names
    assert resolve_config(dumped) == made
    network = build(made.kind, made.model, TASK)
    assert [type(part).__name__ for part in network.model.mixers] == [
        {"mixture": "Mixture", "inter-variate": "InterVariate"}[name] for name in names
    ]
    assert network.mixes_channels == ("inter-variate" in names)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("model.mixers=mixture", [{"name": "mixture", "experts": 4}]),
        ("model.mixers=inter-variate,mixture", [{"name": "inter-variate"}, {"name": "mixture", "experts": 4}]),
        ("model.mixers=[{name: mixture, experts: 6}, mixture]", [{"experts": 6}, {"name": "mixture", "experts": 4}]),
        ("model.mixers=[]", []),
    ],
)  # fmt: skip
def test_from_the_command_line(text: str, parts: list[dict[str, Any]]) -> None:
    values = parse_assignments([text])["model"]["mixers"]
    dumped = run(values).dump()["model"]["mixers"]
    assert len(dumped) == len(parts)
    for found, wanted in zip(dumped, parts, strict=True):
        assert wanted.items() <= found.items()


def test_every_fault_is_said_with_its_place() -> None:
    with pytest.raises(SettingsError) as raised:
        run([{"name": "mixture", "expert": 3}, "intervariate", {"name": "inter-variate", "heads": 0}, 7])
    faults = "\n".join(raised.value.faults)
    for said in (
        "model.mixers.0.expert: no such setting; did you mean experts",
        "model.mixers.1.name: unknown mixer 'intervariate': did you mean inter-variate",
        "model.mixers.2.heads: got 0",
        "model.mixers.3: got 7, wanted the name of a mixer",
    ):
        assert said in faults
    assert len(raised.value.faults) == 4


@pytest.mark.parametrize(
    ("mixers", "message"),
    [
        (["mixture", {"name": "inter-variate", "heads": 5}], "model.mixers.1.heads=5: 5 heads do not divide"),
        ({"name": "mixture", "experts": 2, "top": 3}, "model.mixers.0.top=3: there are 2 experts"),
    ],
)  # fmt: skip
def test_sizes_that_do_not_fit_are_said(mixers: Any, message: str) -> None:
    made = run(mixers)
    with pytest.raises(SettingsError, match=message):
        build(made.kind, made.model, TASK)


def test_codes_refuse_them() -> None:
    made = resolve_config({"model": {"name": "token-transformer", "mixers": "mixture"}, "lookback": 48, "horizon": 5})
    with pytest.raises(SettingsError, match="mixers=mixture: it does not go with codes"):
        build(made.kind, made.model, TASK)


def test_weights_of_models_without_them_keep_their_names_and_others_differ() -> None:
    plain, more = run([]), run([{"name": "mixture", "experts": 3}])
    assert not any("mixers" in name for name in build(plain.kind, plain.model, TASK).state_dict())
    changed = {path: (old, new) for path, old, new in differing(plain.model, more.model)}
    assert changed["mixers.0"] == (None, "mixture")
    assert changed["mixers.0.experts"] == (None, 3)
    assert "mixers.0.balance" not in changed


# --- inter-variate attention


def test_channels_of_one_window_see_each_other_and_no_others() -> None:
    part = make(InterVariate)
    values = draw(12, 6, 16)  # 4 windows of 3 channels
    moved = values.clone()
    moved[4, 2] += 1  # the second channel of the second window, at one place
    changed = (part(Tokens(values), 3).values != part(Tokens(moved), 3).values).any(-1)
    assert changed.nonzero().tolist() == [[3, 2], [4, 2], [5, 2]]


def test_inter_variate_attention_is_the_one_written_out() -> None:
    part = make(InterVariate, heads=2)
    values = draw(6, 4, 16)
    for window in range(2):
        for place in range(4):
            x = values[3 * window : 3 * window + 3, place]
            y = part.norm_attention(x + part.attention(x[None], x[None])[0])
            y = part.norm_ff(y + part.feed_forward(y))
            found = part(Tokens(values), 3).values[3 * window : 3 * window + 3, place]
            torch.testing.assert_close(found, y)


def test_attention_weights_are_those_that_are_used() -> None:
    part = make(InterVariate, heads=4)
    tokens = Tokens(draw(6, 5, 16))
    weights = part.weights(tokens, 3)
    assert weights.shape == (2, 5, 4, 3, 3)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 5, 4, 3))
    x = tokens.values.unflatten(0, (2, 3)).transpose(1, 2)  # window, place, channel, width
    value = part.attention.key_value(x)[..., 16:].unflatten(-1, (4, 4)).transpose(2, 3)
    mixed = part.attention.out((weights @ value).transpose(2, 3).flatten(3))
    torch.testing.assert_close(mixed.flatten(0, 1), part.attention(x.flatten(0, 1), x.flatten(0, 1)))


def test_padding_is_not_attended_to_and_gives_no_nan() -> None:
    part = make(InterVariate)
    values, keep = draw(6, 4, 16), torch.ones(6, 4, dtype=torch.bool)
    keep[1, :2] = False
    keep[3:, 0] = False  # nothing at all at one place
    other = values.clone()
    other[1, :2] = 9
    first, second = (part(Tokens(x, keep), 3).values for x in (values, other))
    assert torch.isfinite(first).all()
    assert torch.equal(first[[0, 2]], second[[0, 2]])


def test_one_channel_is_left_as_it_is_and_that_is_said_once() -> None:
    one = Task(lookback=48, horizon=5)
    part = make(InterVariate, one)
    assert not list(part.parameters())
    tokens = Tokens(draw(4, 6, 16))
    assert part(tokens, 1) is tokens
    made = run(["inter-variate", "mixture", "inter-variate"])
    network = build(made.kind, made.model, one)
    assert network.notes == ("model.mixers: inter-variate changes nothing here: there is one channel",)
    assert not network.mixes_channels
    assert network(Batch(draw(3, 48, 1))).values.shape == (3, 5, 1)


def test_queries_are_changed_in_their_own_places() -> None:
    part = make(InterVariate)
    values, query = draw(6, 4, 16), draw(6, 2, 16, seed=1)
    both = part(Tokens(values, query=query, skips=(values,)), 3)
    assert both.query is not None
    torch.testing.assert_close(both.values, part(Tokens(values), 3).values)
    torch.testing.assert_close(both.query, part(Tokens(query), 3).values)
    assert both.skips == (values,)


# --- mixture of experts


def by_masks(experts: Experts, x: torch.Tensor) -> torch.Tensor:
    """Every expert for every token, and what was not asked for left out."""
    chances = experts.router(x).softmax(1)
    best, which = chances.topk(experts.top, dim=1)
    share = best if experts.top == 1 else best / best.sum(1, keepdim=True)
    found = torch.zeros_like(x)
    for number in range(experts.experts):
        hidden = F.gelu(x @ experts.up[number] + experts.up_bias[number])
        every = hidden @ experts.down[number] + experts.down_bias[number]
        found = found + every * (share * (which == number)).sum(1, keepdim=True)
    return found


@pytest.mark.parametrize(("count", "top"), [(4, 2), (4, 1), (3, 3), (1, 1), (50, 2)])
def test_groups_are_what_masks_are_forward_and_backward(count: int, top: int) -> None:
    torch.manual_seed(1)
    experts = Experts(8, 12, count, top, 0.0)
    results = []
    for how in ("groups", "masks"):
        x = draw(30, 8).requires_grad_()
        found = experts(x, *experts.route(x)[1:]) if how == "groups" else by_masks(experts, x)
        found.square().sum().backward()
        results.append([found, x.grad, *(p.grad for p in experts.parameters())])
        experts.zero_grad()
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_the_balance_is_one_where_even_and_has_a_gradient() -> None:
    even = torch.full((8, 4), 0.25)
    which = torch.arange(8)[:, None] % 4
    assert imbalance(even, which) == 1
    assert usage(which, 4).tolist() == [0.25] * 4
    one = F.one_hot(torch.zeros(8, dtype=torch.long), 4).float()
    assert imbalance(one, torch.zeros(8, 1, dtype=torch.long)) == 4
    logits = torch.zeros(8, 4, requires_grad=True)
    imbalance(logits.softmax(1), torch.zeros(8, 1, dtype=torch.long)).backward()
    assert logits.grad is not None
    assert (logits.grad[:, 0] > 0).all(), "the probability of the expert that is used too much is to fall"
    assert (logits.grad[:, 1:] < 0).all()


def test_the_balance_alone_makes_use_even() -> None:
    part = make(Mixture, experts=4, top=2, balance=1.0)
    tokens = Tokens(draw(40, 6, 16) + 2)  # a shift that favours some experts
    learn = torch.optim.Adam(part.experts.router.parameters(), lr=1e-2)
    before = part.usage(tokens)
    for _ in range(200):
        learn.zero_grad()
        penalty = part(tokens, 3).penalty
        assert penalty is not None
        penalty.backward()
        learn.step()
    after = part.usage(tokens)
    assert after.max() - after.min() < 0.5 * (before.max() - before.min())
    assert after.max() < 2 * 0.25
    assert after.min() > 0.25 / 2


def test_the_balance_reaches_the_loss_in_training_alone() -> None:
    made = run([{"name": "mixture", "balance": 0.5}, {"name": "mixture", "balance": 0.25}])
    network = build(made.kind, made.model, TASK)
    batch = Batch(draw(4, 48, 3), target=draw(4, 5, 3))
    prediction = network(batch)
    assert prediction.penalty is not None
    assert prediction.penalty >= 0.7  # each at least about its weight
    assert network.eval().loss(prediction, batch) < network.train().loss(prediction, batch)


def test_padding_goes_through_no_expert() -> None:
    part = make(Mixture)
    values, keep = draw(5, 6, 16), torch.rand(5, 6, generator=torch.Generator().manual_seed(0)) > 0.4
    spoiled = torch.where(keep[..., None], values, 100.0)
    one, other = part(Tokens(values, keep), 1), part(Tokens(spoiled, keep), 1)
    torch.testing.assert_close(one.values[keep], other.values[keep])
    assert torch.equal(one.penalty, other.penalty)
    assert torch.equal(part.usage(Tokens(values, keep)), part.usage(Tokens(spoiled, keep)))
    assert torch.equal(other.values[~keep], spoiled[~keep])


def test_a_mixture_in_half_precision() -> None:
    part = make(Mixture)
    tokens = Tokens(draw(5, 6, 16))
    with torch.autocast("cpu", torch.bfloat16):
        half = part(tokens, 1).values
    torch.testing.assert_close(half.float(), part(tokens, 1).values, rtol=0.1, atol=0.1)


# --- inside the language model


def language_task() -> Task:
    return Task(lookback=48, horizon=5, channels=3, targets=(0, 1, 2), season=24)


def inside(*mixers: Any, representation: dict[str, Any] | None = None, **backbone: Any) -> Any:
    torch.manual_seed(0)
    chosen = {"llm": folder("gpt2"), "llm_layers": 2, "num_prototypes": 12, **backbone}
    model = {"name": "time-llm", "mixers": list(mixers), "backbone": chosen}
    model |= {} if representation is None else {"representation": representation}
    made = resolve_config({"model": model, "lookback": 48, "horizon": 5})
    return build(made.kind, made.model, language_task())


@pytest.mark.parametrize("name", ["inter-variate", "mixture"])
def test_a_mixer_works_behind_the_reprogramming_at_the_width_of_the_language_model(name: str) -> None:
    network = inside({"name": name, "at": "llm"}, {"name": "mixture", "experts": 2})
    model = network.model
    part, outer = model.mixers
    assert {part.norm.normalized_shape if name == "mixture" else part.norm_ff.normalized_shape} == {(48,)}
    assert outer.norm.normalized_shape == (16,)
    batch = network.prompted(Batch(draw(2, 48, 3)))
    tokens = model.tokens(model.normalised(batch))
    embedded = part(Tokens(model.backbone.embed(tokens.values)), 3)
    wanted = model.backbone.reader.after_known(embedded.values, tokens.prompt)[..., :32]
    found = model._through_backbone(tokens, 3)
    torch.testing.assert_close(found.values, wanted)
    assert network.mixes_channels == (name == "inter-variate")
    if name == "mixture":
        torch.testing.assert_close(found.penalty, outer(model.representation(batch), 3).penalty * 0 + found.penalty)
        assert found.penalty > tokens.penalty
    network(batch).values.sum().backward()
    assert all(p.grad is not None for p in part.parameters())


@pytest.mark.parametrize(
    "representation",
    [
        {"name": "multi-scale", "scales": [1, 2], "kernel": 3, "width": 4},
        {"name": "frequency", "width": 4},
        {"name": "views", "views": [{"name": name, "width": 4} for name in ("patch", "frequency")]},
    ],
    ids=lambda value: value["name"],
)
def test_views_are_fused_after_each_was_reprogrammed(representation: dict[str, Any]) -> None:
    network = inside(representation={**representation, "fusion": "concat", "fuse_at": "llm"})
    backbone = network.model.backbone
    values = draw(6, 7, 8)
    prototypes = backbone.prototypes(backbone.language.words)
    each = [backbone.reprogram(view, prototypes) for view in (values[..., :4], values[..., 4:])]
    wanted = torch.cat(each, -1) @ backbone.fuse.project.weight.T + backbone.fuse.project.bias
    torch.testing.assert_close(backbone.embed(values), wanted)
    assert backbone.fuse.project.weight.shape == (48, 96)
    batch = network.prompted(Batch(draw(2, 48, 3)))
    found = network(batch).values
    assert found.shape == (2, 5, 3)
    found.sum().backward()
    assert all(p.grad is not None for p in network.parameters() if p.requires_grad)


def test_views_within_views_are_not_left_to_the_language_model() -> None:
    inner = {"name": "frequency", "width": 4, "fuse_at": "llm"}
    with pytest.raises(SettingsError, match=r"views\.1\.fuse_at=llm: views are fused in one place"):
        inside(representation={"name": "views", "views": [{"name": "patch", "width": 8}, inner], "fuse_at": "llm"})


def test_a_backbone_without_a_language_model_has_no_place_inside() -> None:
    for over, setting in (
        ({"mixers": [{"name": "mixture", "at": "llm"}]}, "model.mixers.0.at"),
        ({"mixers": [], "representation": {"name": "multi-scale", "fuse_at": "llm"}}, "model.representation.fuse_at"),
        ({"mixers": [], "representation": {"name": "frequency", "fuse_at": "llm"}}, "model.representation.fuse_at"),
    ):
        made = run(**over)
        with pytest.raises(SettingsError, match=f"{setting}=llm: backbone none has no language model; set patches"):
            build(made.kind, made.model, TASK)


def test_views_are_averaged_by_mean() -> None:
    from latentcast.layers.view_fusion import Fuse

    one, two = draw(2, 3, 4), draw(2, 3, 4, seed=1)
    fuse = Fuse("mean", 2, 4, 1)
    torch.testing.assert_close(fuse((one, two)), (one + two) / 2)
    torch.testing.assert_close(fuse.contributions((one, two)).sum(0), (one + two) / 2)
    assert not list(fuse.parameters())


def test_channels_with_equal_spectra_attend_as_without_a_mask_and_others_less() -> None:
    masked, plain = make(InterVariate, heads=2, mask="spectrum"), make(InterVariate, heads=2)
    masked.attention.load_state_dict(plain.attention.state_dict())
    time = torch.arange(48.0)
    same, other = torch.sin(time), torch.sin(3 * time)
    windows = torch.stack([same, -same, other])[..., None]  # the sign changes no amplitude
    tokens = Tokens(draw(3, 6, 16), window=windows)
    weights, without = masked.weights(tokens, 3)[0, 0], plain.weights(tokens, 3)[0, 0]
    ratio = weights / without
    torch.testing.assert_close(ratio[:, 0, 0], ratio[:, 0, 1])
    assert (ratio[:, 0, 2] < 0.9 * ratio[:, 0, 0]).all()
    masked(tokens, 3).values.square().sum().backward()
    assert masked.similarity.metric.grad.abs().sum() > 0
