"""Tokens that a window makes itself, and prototypes that start from words for time series."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from latentcast.core.errors import SettingsError
from latentcast.core.settings import validate
from latentcast.core.types import Batch, Task
from latentcast.layers.dynamic_prompt import DynamicPrompt, Made, local_statistics
from latentcast.layers.reprogramming import TextPrototypes
from latentcast.models.backbones import prefix_attention, task_vocabulary
from latentcast.models.backbones.frozen_llm import FrozenLLM
from latentcast.models.backbones.task_vocabulary import WORDS, adaptive_count, clusters, known_words, mixtures
from latentcast.models.config.run import resolve_config
from latentcast.models.network import Network, build
from latentcast.models.representations.patch import Patch
from llms import folder, tokenizer

TASK = Task(48, 11, 3, (0, 1, 2), 4, 7, "hourly load of a transformer")
DYNAMIC = {"dynamic": 5, "local_statistics": True}


def make(family: str = "gpt2", task: Task = TASK, over: dict[str, Any] | None = None, **backbone: Any) -> Network:
    torch.manual_seed(0)
    settings = {"llm": folder(family, **(over or {})), "llm_layers": 2, "num_prototypes": 20, **backbone}
    run = resolve_config(
        {"model": {"name": "time-llm", "backbone": settings}, "lookback": task.lookback, "horizon": 11}
    )
    return build(run.kind, run.model, task)


def batch(seed: int = 0, task: Task = TASK) -> Batch:
    g = torch.Generator().manual_seed(seed)
    return Batch(
        torch.randn(4, task.lookback, 3, generator=g).cumsum(1), target=torch.randn(4, task.horizon, 3, generator=g)
    )


def forecast_and_gradients(network: Network) -> list[torch.Tensor]:
    given = network.prompted(batch())
    network.zero_grad()
    prediction = network(given)
    network.loss(prediction, given).backward()
    found = [prediction.values.detach()]
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        found.append(parameter.grad.clone())
    return found


@pytest.mark.parametrize("family", ["gpt2", "qwen2"])
@pytest.mark.parametrize(
    "how", [DYNAMIC, {"dynamic": 3, "checkpointing": True}, {"local_statistics": True, "statistics": False}], ids=str
)
def test_with_the_prompt_computed_once_forecasts_and_gradients_stay_the_same(family: str, how: dict[str, Any]) -> None:
    """They learn, so that they stand behind what is computed once, and before the patches."""
    once, anew = make(family, **how), make(family, reuse=False, **how)
    assert once.model.backbone.plain is None
    for one, other in zip(forecast_and_gradients(once), forecast_and_gradients(anew), strict=True):
        assert (one - other).abs().max() <= 1e-5 * max(other.abs().max().item(), 1e-2)


def test_with_a_narrow_window_too() -> None:
    """Where the patches no longer see the first words, and the last of them not the first leading tokens."""
    once, anew = (
        make("mistral", over={"sliding_window": 8}, **DYNAMIC, reuse=reuse, statistics=False) for reuse in (True, False)
    )
    for one, other in zip(forecast_and_gradients(once), forecast_and_gradients(anew), strict=True):
        assert (one - other).abs().max() <= 1e-5 * max(other.abs().max().item(), 1e-2)


def kept_for_backward(network: Network) -> int:
    given = network.prompted(batch())
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    network(given)  # the static part is kept once and for all
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        values = network(given).values
    total = sum(kept.values())
    del values
    return total


def test_what_leads_is_run_again_for_backward_a_few_series_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    network = make(**DYNAMIC)
    whole = forecast_and_gradients(network)
    monkeypatch.setattr(prefix_attention, "AT_ONCE", 5)
    for one, other in zip(forecast_and_gradients(network), whole, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
    once, anew = (
        kept_for_backward(make(dynamic=40, reuse=reuse)) - kept_for_backward(make(dynamic=5, reuse=reuse))
        for reuse in (True, False)
    )
    assert once < 0.5 * anew


@pytest.mark.parametrize(
    "how",
    [
        DYNAMIC,
        {**DYNAMIC, "prompt": False},
        {**DYNAMIC, "join": "fuse"},
        {"dynamic": 4, "join": "fuse", "statistics": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_beside_or_instead_of_text(family: str, how: dict[str, Any]) -> None:
    network = make(family, **how).eval()
    part: FrozenLLM = network.model.backbone
    given = network.prompted(batch())
    values = network(given).values
    assert torch.isfinite(values).all()
    alone = Batch(given.past[1:2], prompt=None if given.prompt is None else given.prompt[1:2])
    torch.testing.assert_close(network(alone).values, values[1:2], rtol=1e-4, atol=1e-5)
    assert part.leading == how["dynamic"] + how.get("local_statistics", False)
    loss = network.train().loss(network(replace(given)), given)
    loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0 or name.endswith("key_value.bias"), name


def test_a_fused_text_counts_though_it_is_not_read_on() -> None:
    network = make(**DYNAMIC, join="fuse").eval()
    given = network.prompted(batch())
    assert given.prompt is not None
    other = replace(given, prompt=torch.where(given.prompt > 0, given.prompt - 1, given.prompt))
    assert not torch.allclose(network(given).values, network(other).values)


def test_a_representation_that_mixes_channels_gives_them_all() -> None:
    torch.manual_seed(0)
    model = {
        "name": "time-llm",
        "representation": {"name": "compression", "ratios": [6], "channels": [8], "latent_dim": 8, "width": 16},
        "backbone": {"llm": folder("gpt2"), "llm_layers": 2, "num_prototypes": 20, **DYNAMIC},
    }
    run = resolve_config({"model": model, "lookback": 48, "horizon": 11})
    network = build(run.kind, run.model, replace(TASK, known=0))
    assert network(network.prompted(batch())).values.shape == (4, 11, 3)


def backbone_of(**how: Any) -> Any:
    return make(**how).model.backbone


def test_tokens_are_of_the_size_of_words() -> None:
    torch.manual_seed(0)
    part = DynamicPrompt(48, 1, 32, Made(6, local=True), size=0.14)
    tokens = part(torch.randn(5, 48, 1))
    assert tokens.shape == (5, 7, 32)
    torch.testing.assert_close(tokens.std(-1, unbiased=False), torch.full((5, 7), 0.14), rtol=1e-3, atol=0)
    assert not torch.allclose(tokens[0], tokens[1])


def test_local_statistics_by_hand() -> None:
    window = torch.tensor([1.0, 3, 2, 5, 5, 9, 7, 0])[None, :, None]  # thirds: 1 3 2, 5 5 9, 7 0
    found = local_statistics(window, 3)[0, :, :, 0]
    wanted = [[1, 3, 2, (2 / 3) ** 0.5, 1], [5, 9, 19 / 3, (32 / 9) ** 0.5, 4], [0, 7, 3.5, 3.5, -7]]
    torch.testing.assert_close(found, torch.tensor(wanted))
    constant = torch.full((1, 6, 1), 2.0, requires_grad=True)
    local_statistics(constant, 3).sum().backward()
    assert constant.grad is not None
    assert torch.isfinite(constant.grad).all()


def test_the_gate_of_a_token_is_one_share_or_one_for_each_feature() -> None:
    torch.manual_seed(0)
    window = torch.randn(5, 48, 1)
    for kind, shares in (("token", 1), ("feature", 32)):
        made = DynamicPrompt(48, 1, 32, Made(6, gate=kind), size=1.0).tokens
        told = made.read(window.flatten(1))
        share = made.gate(told).sigmoid().view(5, 6, shares)
        mixed = share * made.make(told).view(5, 6, 32) + (1 - share) * made.base
        torch.testing.assert_close(made(window), torch.nn.functional.layer_norm(mixed, (32,)))


def test_inner_norms_make_tokens_blind_to_the_size_of_what_the_first_map_makes() -> None:
    torch.manual_seed(0)
    made = DynamicPrompt(48, 1, 32, Made(6, norm=True), size=1.0).tokens
    assert [type(part).__name__ for part in made.read] == ["Linear", "LayerNorm", "GELU"] * 2
    torch.nn.init.zeros_(made.read[0].bias)
    window = 100 * torch.randn(3, 48, 1)
    torch.testing.assert_close(made(window), made(2 * window), rtol=1e-4, atol=1e-4)


def test_stretches_of_local_statistics_are_a_setting() -> None:
    part = backbone_of(local_statistics=True, segments=4)
    assert part.dynamic.local.read[0].in_features == 5 * 4
    with pytest.raises(SettingsError, match="segments=49: local statistics want as many steps"):
        make(local_statistics=True, segments=49)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"join": "fuse"}, "join=fuse: dynamic tokens and a text are wanted"),
        ({"join": "fuse", "dynamic": 4, "prompt": False}, "join=fuse: dynamic tokens and a text are wanted"),
        ({"dynamic": 2000}, "reads at most 256"),
    ],
)
def test_what_does_not_fit_is_said(how: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make(**how)


def test_dynamic_tokens_rule_out_going_on_step_by_step() -> None:
    network = make(**DYNAMIC)
    with pytest.raises(SettingsError, match="dynamic=0"):
        network.model.backbone.extend(torch.randn(2, 3, 16))


# --- prototypes


def test_the_adaptive_number_follows_the_formula() -> None:
    assert adaptive_count(96, 96, 7) == 1000
    assert adaptive_count(512, 96, 7) == 1367  # ln 512 / ln 96
    assert adaptive_count(96, 96, 1) == 500
    assert adaptive_count(720, 720, 321) == 2000
    assert adaptive_count(96, 1, 7) == 500
    assert len(make(num_prototypes="adaptive").model.backbone.prototypes.values) == 500
    assert adaptive_count(96, 96, 7, base=600) == 600
    assert len(make(num_prototypes="adaptive", prototype_base=2000).model.backbone.prototypes.values) > 500


def test_prototypes_start_from_anchors_that_are_stated() -> None:
    torch.manual_seed(0)
    part = backbone_of(prototype_start="cluster", anchors=["upward", "downward"], num_prototypes=2)
    words = part.language.words
    pieces = known_words(part.language.tokenizer, len(words), ("upward", "downward"))
    wanted = torch.stack([words[ids].mean(0) for ids in pieces])
    torch.testing.assert_close(part.prototypes.values, wanted, atol=0.15, rtol=0)
    assert (part.prototypes.values - wanted.flip(0)).abs().max() > 0.3


def test_anchors_that_no_tokenizer_knows_are_refused() -> None:
    class Knows:
        unk_token_id = 0

        def __call__(self, text: str, **how: Any) -> dict[str, list[int]]:
            return {"input_ids": [7] if text.strip() == "rise" else [0]}

    assert known_words(Knows(), 10, ("rise",)) == [[7]]
    with pytest.raises(SettingsError, match=r"anchors: this language model's tokenizer does not know fall; leave"):
        known_words(Knows(), 10, ("rise", "fall"))
    assert known_words(Knows(), 10) == [[7]]
    with pytest.raises(SettingsError, match="anchors"):
        make(prototype_start="cluster", anchors=[])


@pytest.mark.parametrize("start", ["weighted", "cluster", "random"])
@pytest.mark.parametrize("kind", ["direct", "vocabulary"])
@pytest.mark.parametrize("count", [20, 300])
def test_prototypes_start_near_words_and_all_differ(start: Any, kind: Any, count: int) -> None:
    torch.manual_seed(0)
    words = torch.randn(400, 24)
    pieces = known_words(tokenizer(), 400)
    part = TextPrototypes(words, count, kind, mixtures(start, pieces, count, words))
    made = part(words)
    assert made.shape == (count, 24)
    apart = torch.cdist(made, made) + 1e9 * torch.eye(count)
    assert apart.min() > 1e-2, "no two are the same"
    of_words = torch.stack([words[ids].mean(0) for ids in pieces])
    if start != "weighted":
        nearest = torch.cdist(made, of_words).amin(1)
        usual = torch.cdist(TextPrototypes(words, count, kind)(words), of_words).amin(1)
        assert nearest.median() < usual.median()


def test_both_kinds_of_prototypes_begin_alike_from_words() -> None:
    words, pieces = torch.randn(400, 24), known_words(tokenizer(), 400)
    made = []
    for kind in ("direct", "vocabulary"):
        torch.manual_seed(3)
        made.append(TextPrototypes(words, 30, kind, mixtures("cluster", pieces, 30, words))(words))
    torch.testing.assert_close(made[0], made[1], rtol=1e-4, atol=1e-4)


def test_clusters_are_of_words_that_stand_together() -> None:
    torch.manual_seed(0)
    groups = torch.arange(12) % 3
    vectors = 10 * torch.eye(3)[groups] + 0.1 * torch.randn(12, 3)
    shares = clusters(vectors, 3)
    torch.testing.assert_close(shares.sum(1), torch.ones(3))
    for row in shares:
        assert len(groups[row > 0].unique()) == 1 or (shares > 0).sum(0).max() == 1
    assert ((shares > 0).sum(0) == 1).all(), "each word in one cluster"
    assert torch.equal(clusters(vectors, 12), torch.eye(12))
    same = clusters(torch.zeros(7, 3), 4)
    assert torch.isfinite(same).all()
    assert ((same > 0).sum(1) > 0).all()


class Known:
    """A tokenizer that knows some words, with and without a space before them."""

    unk_token_id = 0

    def __init__(self, words: dict[str, list[int]]) -> None:
        self.words = words

    def __call__(self, text: str, add_special_tokens: bool) -> dict[str, list[int]]:
        return {"input_ids": self.words.get(text, [0])}


def test_each_word_is_tried_with_a_space_before_it_and_without() -> None:
    known = Known({" rise": [5], "rise": [6, 7], "fall": [8, 9], " grow": [0], "peak": [3], " peak": [4]})
    assert known_words(known, 10) == [[5], [8, 9], [4]]
    assert known_words(known, 9) == [[5], [4]]  # beyond the table


def test_no_word_in_the_vocabulary_is_an_error() -> None:
    with pytest.raises(SettingsError, match=r"prototype_start: none of the words .*; set prototype_start=vocabulary"):
        known_words(Known({}), 100)


def test_the_words_are_many_and_each_stands_once_in_its_group() -> None:
    assert len(WORDS) == 9
    for group in WORDS.values():
        assert len(set(group.split())) == len(group.split())
    assert task_vocabulary.FEWEST < task_vocabulary.BASE < task_vocabulary.MOST


def test_a_start_from_words_trains_and_builds_on_meta() -> None:
    network = make(prototype_start="cluster", num_prototypes=30)
    found = forecast_and_gradients(network)
    assert torch.isfinite(found[0]).all()
    settings = validate(FrozenLLM.Settings, {"llm": folder("gpt2"), "llm_layers": 2, "prototype_start": "weighted"})
    with torch.device("meta"):
        part = Patch(validate(Patch.Settings, {"width": 16}), TASK)
        assert FrozenLLM(settings, TASK, part).prototypes.values.is_meta
