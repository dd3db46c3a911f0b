"""The frozen language model: exact with the prompt computed once, and each way in which that fails in silence."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from latentcast.core.errors import CheckpointError, SettingsError
from latentcast.core.types import Batch, Task, Tokens
from latentcast.models.backbones.frozen_llm import FrozenLLM
from latentcast.models.config.run import resolve_config
from latentcast.models.network import Network, build
from llms import folder

pytestmark = pytest.mark.slow  # every test builds a language model

TASK = Task(48, 11, 3, (0, 1, 2), 4, 7, "hourly load of a transformer")
CAUSAL = ("gpt2", "llama", "mistral", "qwen2", "qwen3")
NARROW = [
    ("mistral", {"sliding_window": 24}),
    ("qwen2", {"use_sliding_window": True, "sliding_window": 24, "max_window_layers": 2}),
]
EXACT = 1e-5


def make(family: str = "gpt2", task: Task = TASK, over: dict[str, Any] | None = None, **backbone: Any) -> Network:
    torch.manual_seed(0)
    settings = {"llm": folder(family, **(over or {})), "llm_layers": 3, "num_prototypes": 20, **backbone}
    run = resolve_config(
        {"model": {"name": "time-llm", "backbone": settings}, "lookback": task.lookback, "horizon": 11}
    )
    return build(run.kind, run.model, task)


def backbone(network: Network) -> FrozenLLM:
    return network.model.backbone


def ragged(series: int = 5, words: int = 40, vocabulary: int = 300) -> Tensor:
    """[series, words] with 0 to all of them real, one twice."""
    prompt = torch.randint(0, vocabulary, (series, words))
    lengths = torch.linspace(0, words, series).long()
    prompt[torch.arange(words) >= lengths[:, None]] = -1
    prompt[1] = prompt[2]
    return prompt


def alone(part: FrozenLLM, llm: Any, embedded: Tensor, prompt: Tensor) -> Tensor:
    """Each series by itself and unpadded, through a model that transformers loaded, with its eager attention."""
    found = []
    for patches, own in zip(embedded, prompt, strict=True):
        ids = torch.cat([part.static, own[own >= 0]])
        whole = torch.cat([llm.get_input_embeddings()(ids), patches])[None]
        found.append(llm(inputs_embeds=whole).last_hidden_state[0, -len(patches) :])
    return torch.stack(found)


def reference(family: str, over: dict[str, Any] | None = None, layers: int = 3) -> Any:
    import transformers

    at = folder(family, **(over or {}))
    config = transformers.AutoConfig.from_pretrained(at, num_hidden_layers=layers, attn_implementation="eager")
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:layers]
    return transformers.AutoModel.from_pretrained(at, config=config).eval().requires_grad_(False)


def hidden_and_gradient(run: Callable[[Tensor], Tensor], embedded: Tensor, ask: Tensor) -> tuple[Tensor, Tensor]:
    given = embedded.clone().requires_grad_()
    hidden = run(given)
    (hidden * ask).sum().backward()
    assert given.grad is not None
    return hidden.detach(), given.grad


def assert_near(found: tuple[Tensor, ...], wanted: tuple[Tensor, ...], tolerance: float = EXACT) -> None:
    for got, want in zip(found, wanted, strict=True):
        assert (got - want).abs().max() <= tolerance * want.abs().max()


@pytest.mark.parametrize(("family", "over"), [(family, {}) for family in CAUSAL] + NARROW)
@pytest.mark.parametrize("way", ["once", "anew"])
def test_a_prompt_computed_once_changes_nothing(family: str, over: dict[str, Any], way: str) -> None:
    """Hidden states and gradients are those of each series alone, unpadded; also with a sliding window exceeded."""
    part = backbone(make(family, over=over))
    assert part.plain is None
    prompt, embedded, ask = ragged(), torch.randn(5, 7, 48), torch.randn(5, 7, 48)
    run = part.reader.after_known if way == "once" else part.reader.as_one
    assert part.static.numel() + 40 + 7 > 24
    found = hidden_and_gradient(lambda x: run(x, prompt, None), embedded, ask)
    llm = reference(family, over)
    assert_near(found, hidden_and_gradient(lambda x: alone(part, llm, x, prompt), embedded, ask))


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_models_that_read_both_ways_take_the_plain_path_and_say_so(family: str) -> None:
    network = make(family)
    part = backbone(network)
    assert "is not among the causal models" in str(part.plain)
    assert any("read anew in every step" in note for note in network.notes)
    prompt, embedded, ask = ragged(), torch.randn(5, 7, 48), torch.randn(5, 7, 48)
    found = hidden_and_gradient(lambda x: part.reader.as_one(x, prompt, None), embedded, ask)
    llm = reference(family)
    assert_near(found, hidden_and_gradient(lambda x: alone(part, llm, x, prompt), embedded, ask))


def test_a_model_that_counts_positions_by_itself_is_run_by_lengths() -> None:
    part = backbone(make("bert"))
    part.reader.language = replace(part.language, takes_positions=False)
    prompt, embedded, ask = ragged(), torch.randn(5, 7, 48), torch.randn(5, 7, 48)
    found = hidden_and_gradient(lambda x: part.reader.as_one(x, prompt, None), embedded, ask)
    llm = reference("bert")
    assert_near(found, hidden_and_gradient(lambda x: alone(part, llm, x, prompt), embedded, ask))


@pytest.mark.parametrize("family", [*CAUSAL, "bert"])
def test_more_padding_changes_nothing(family: str) -> None:
    """Neither in the positions of the patches nor in what they attend to."""
    network = make(family)
    batch = network.prompted(Batch(torch.randn(4, 48, 3).cumsum(1)))
    assert batch.prompt is not None
    wider = replace(batch, prompt=torch.nn.functional.pad(batch.prompt, (0, 23), value=-1))
    torch.testing.assert_close(network(batch).values, network(wider).values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", CAUSAL)
def test_tokens_that_are_padding_change_nothing(family: str) -> None:
    part = backbone(make(family))
    values, prompt = torch.randn(5, 7, 16), ragged()
    keep = torch.ones(5, 7, dtype=torch.bool)
    keep[:, 3] = keep[2, 5] = False
    other = torch.where(keep[..., None], values, torch.full_like(values, 9.0))
    for run in (part.reader.after_known, part.reader.as_one):
        seen, also = (run(part.embed(x), prompt, keep)[keep] for x in (values, other))
        assert_near((seen,), (also,))
    once, anew = (run(part.embed(values), prompt, keep)[keep] for run in (part.reader.after_known, part.reader.as_one))
    assert_near((once,), (anew,))


@pytest.mark.parametrize("family", CAUSAL)
def test_the_static_part_reaches_the_patches_and_the_windows_own_words(family: str) -> None:
    """A mask over the window's words alone would hide the static part from them."""
    from latentcast.models.backbones import prefix_attention

    part = backbone(make(family))
    other = backbone(make(family, replace(TASK, description="daily sales of bread")))
    words, layers = ragged(3)[1:], part.language.layers
    own, others = (
        prefix_attention.of_windows(p.language.model, p.reader.static_part(), words, layers).own[-1][0][-1]
        for p in (part, other)
    )
    assert (own - others).abs().max() > 1e-3
    embedded = torch.randn(2, 7, 48)
    assert (
        part.reader.after_known(embedded, words, None) - other.reader.after_known(embedded, words, None)
    ).abs().max() > 1e-3


@pytest.mark.parametrize("family", CAUSAL)
def test_what_is_kept_of_the_prompt_is_neither_grown_nor_spoiled_by_use(family: str) -> None:
    """A pass under inference mode, passes without and with gradient, other windows between: always the same."""
    network = make(family)
    batch = network.prompted(Batch(torch.randn(4, 48, 3).cumsum(1)))
    other = network.prompted(Batch(torch.randn(2, 48, 3)))
    with torch.inference_mode():
        first = network(batch).values.clone()
    static = backbone(network).reader.static_part()
    before = [(k.clone(), v.clone()) for k, v in static]
    network(other).values.sum().backward()
    with torch.no_grad():
        network(batch)
    again = network(batch).values
    again.square().mean().backward()
    torch.testing.assert_close(first, again.detach())
    assert backbone(network).reader.static_part() is static
    for (k, v), (k_before, v_before) in zip(static, before, strict=True):
        assert torch.equal(k, k_before)
        assert torch.equal(v, v_before)
        assert not k.requires_grad


@pytest.mark.parametrize("family", ["gpt2", "llama", "bert"])
def test_training_mode_leaves_the_language_model_as_it_is(family: str) -> None:
    """GPT-2's own dropout would change hidden states by four fifths."""
    network = make(family)
    batch = network.prompted(Batch(torch.randn(4, 48, 3).cumsum(1)))
    torch.testing.assert_close(network.train()(batch).values, network.eval()(batch).values)
    assert not backbone(network).language.model.training


@pytest.mark.parametrize("family", [*CAUSAL, "bert"])
def test_blocks_run_again_for_backward_change_nothing_but_memory(family: str) -> None:
    """transformers does so in training mode only, and forgets the cache there: the prompt was then ignored."""
    saved: dict[bool, int] = {}
    found = []
    for again in (False, True):
        network = make(family, checkpointing=again).train()
        batch = network.prompted(Batch(torch.randn(6, 48, 3, generator=torch.Generator().manual_seed(1)).cumsum(1)))
        seen: dict[int, int] = {}

        def count(tensor: Tensor, seen: dict[int, int] = seen) -> Tensor:
            seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda x: x):
            values = network(batch).values
        saved[again] = sum(seen.values())
        values.square().mean().backward()
        found.append((values.detach(), *(p.grad for p in network.parameters() if p.grad is not None)))
    assert len(found[0]) > 5
    assert_near(found[1], found[0])
    assert saved[True] < saved[False]


def test_the_prompt_counts() -> None:
    network = make("gpt2")
    past = torch.randn(4, 48, 3).cumsum(1)
    batch = network.prompted(Batch(past))
    shuffled = replace(batch, prompt=batch.prompt.flip(0) if batch.prompt is not None else None)
    assert (network(batch).values - network(shuffled).values).abs().max() > 1e-4
    without = make("gpt2", prompt=False)
    assert without.prompter is None
    without.load_state_dict(network.state_dict())
    assert (network(batch).values - without(Batch(past)).values).abs().max() > 1e-4


def test_without_its_prompt_a_batch_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"holds no prompts.*prompted"):
        make("gpt2")(Batch(torch.randn(4, 48, 3)))


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_adapters_learn_and_take_the_plain_path(family: str) -> None:
    pytest.importorskip("peft")
    network = make(family, lora=2)
    part = backbone(network)
    assert "adapters are trained" in str(part.plain)
    names = [name for name, _ in network.named_parameters()]
    assert sum("adapters" in name for name in names) == len(list(part.adapters or ()))
    batch = network.prompted(Batch(torch.randn(4, 48, 3)))
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    before = network(batch).values
    for _ in range(2):  # the second matrix of an adapter begins at zero, and the first learns only after it
        optimiser.zero_grad()
        network(batch).values.square().mean().backward()
        optimiser.step()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in part.adapters or ())
    assert not torch.allclose(before, network(batch).values)
    fresh = make(family, lora=2)
    fresh.load_state_dict(network.state_dict())
    torch.testing.assert_close(fresh(batch).values, network(batch).values)


def test_four_bits_have_right_gradients_after_passes_without_any() -> None:
    """bitsandbytes repacks such weights in place on some CPUs, and later gradients are wrong with only a warning."""
    pytest.importorskip("bitsandbytes")
    # wide enough that bitsandbytes packs them
    over = {"hidden_size": 128, "intermediate_size": 256}
    network = make("llama", over=over, quantise="nf4", width=16)
    part = backbone(network)
    kinds = {type(module).__name__ for module in part.language.model.modules()}
    assert "Linear4bit" in kinds
    with torch.inference_mode():
        network(network.prompted(Batch(torch.randn(2, 48, 3))))
    prompt, embedded, ask = ragged(), torch.randn(5, 7, 128), torch.randn(5, 7, 128)
    found = hidden_and_gradient(lambda x: part.reader.after_known(x, prompt, None), embedded, ask)
    plain = reference("llama", over)
    import bitsandbytes as bnb

    for name, module in part.language.model.named_modules():
        if isinstance(module, bnb.nn.Linear4bit):
            whole = bnb.functional.dequantize_4bit(module.weight.data, module.weight.quant_state)
            plain.get_submodule(name).weight.data = whole.float()
    assert_near(found, hidden_and_gradient(lambda x: alone(part, plain, x, prompt), embedded, ask), 1e-4)


@pytest.mark.parametrize("family", ["llama", "bert"])
def test_eight_bits_are_those_of_the_packed_weights_and_know_no_batch_mates(family: str) -> None:
    """What is read is rounded too, row by row: near, and for a window the same in any batch."""
    bnb = pytest.importorskip("bitsandbytes")
    over = {"hidden_size": 128, "intermediate_size": 256}
    network, whole = make(family, over=over, quantise="int8", width=16), make(family, over=over, width=16)
    part = backbone(network)
    packed = [module for module in part.language.model.modules() if isinstance(module, bnb.nn.Linear8bitLt)]
    assert packed
    batch = network.prompted(Batch(torch.randn(6, 48, 3).cumsum(1)))
    each = torch.cat([network(network.prompted(Batch(batch.past[i : i + 1]))).values for i in range(6)])
    assert (network(batch).values - each).norm() < 1e-2 * each.norm()
    embedded, ask = torch.randn(5, 7, 128), torch.randn(5, 7, 128)
    prompt = ragged()
    for name, module in part.language.model.named_modules():
        if isinstance(module, bnb.nn.Linear8bitLt):
            assert module.state.CB is not None
            values = module.state.CB.float() * module.state.SCB[:, None].float() / 127
            backbone(whole).language.model.get_submodule(name).weight.data = values
    run = backbone(whole).reader.as_one
    wanted = hidden_and_gradient(lambda x: run(x, prompt, None), embedded, ask)
    found = hidden_and_gradient(lambda x: part.reader.as_one(x, prompt, None), embedded, ask)
    for got, want in zip(found, wanted, strict=True):
        assert (got - want).norm() < 0.3 * want.norm()


@pytest.mark.parametrize("how", [{}, {"quantise": "nf4"}, {"quantise": "int8"}, {"dtype": "bf16"}])
def test_random_weights_are_of_the_same_shape_and_said_to_be_drawn(how: dict[str, Any]) -> None:
    if "quantise" in how:
        pytest.importorskip("bitsandbytes")
    over = {"hidden_size": 128, "intermediate_size": 256} if "quantise" in how else {}  # narrower ones are not packed
    networks = [make("llama", over=over, width=16, random=random, **how) for random in (False, True, True)]
    read, drawn, again = ([(n, p.shape, p.dtype) for n, p in backbone(x).language.model.named_parameters()]
                          for x in networks)  # fmt: skip
    assert read == drawn == again
    assert torch.equal(backbone(networks[1]).llm, backbone(networks[2]).llm)
    assert not torch.equal(backbone(networks[0]).language.words, backbone(networks[1]).language.words)
    assert not any("random weights" in note for note in networks[0].notes)
    assert any("from llm_seed 0: it has learned nothing from text" in note for note in networks[1].notes)


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_in_half_precision_the_plain_path_attends_in_float32(family: str) -> None:
    """So it is nearer to the whole weights' result than their own rounding is."""
    part = backbone(make(family, dtype="bf16", prompt=False))
    embedded, ask = torch.randn(5, 7, 48).bfloat16(), torch.randn(5, 7, 48)
    prompt = torch.zeros(5, 0, dtype=torch.long)
    found = hidden_and_gradient(lambda x: part.reader.as_one(x, prompt, None).float(), embedded, ask)
    llm = reference(family)
    wanted = hidden_and_gradient(lambda x: alone(part, llm, x, prompt), embedded.float(), ask)
    for got, want in zip(found, wanted, strict=True):
        assert (got - want).norm() < 0.1 * want.norm()


@pytest.mark.parametrize("family", CAUSAL)
def test_step_by_step_is_the_same_as_at_once(family: str) -> None:
    network = make(family)
    part = backbone(network)
    values, prompt = torch.randn(3, 9, 16), torch.randint(0, 300, (3, 6))
    whole = part(Tokens(values, prompt=prompt)).values
    first, cache = part.extend(values[:, :4], None, prompt)
    second, _ = part.extend(values[:, 4:8], cache)
    third, longer = part.extend(values[:, 4:5], cache)  # a cache is a value: going on from it leaves it as it was
    last, _ = part.extend(values[:, 5:], longer)
    assert_near((torch.cat([first, third, last], 1), second), (whole, whole[:, 4:8]))


def test_models_that_read_both_ways_cannot_go_on_step_by_step() -> None:
    with pytest.raises(SettingsError, match="bert cannot go on step by step"):
        backbone(make("bert")).extend(torch.randn(2, 3, 16))


def test_only_the_trained_weights_are_saved_and_another_model_is_refused() -> None:
    network = make("gpt2")
    held = {name for name, _ in backbone(network).language.model.named_parameters()}
    assert not any(name.endswith(tuple(held)) for name in network.state_dict())
    saved = network.state_dict()
    with pytest.raises(CheckpointError, match="not the one that these weights were trained with"):
        make("gpt2", over={"seed": 1}).load_state_dict(saved)
    make("gpt2").load_state_dict(saved)


def test_both_kinds_of_prototypes_begin_alike() -> None:
    direct, published = (make("gpt2", prototypes=kind) for kind in ("direct", "vocabulary"))
    words = backbone(direct).language.words
    torch.testing.assert_close(backbone(direct).prototypes(words), backbone(published).prototypes(words))
    batch = direct.prompted(Batch(torch.randn(2, 48, 3)))
    torch.testing.assert_close(direct(batch).values, published(batch).values)


def test_heat_map_weights_are_those_of_the_attention() -> None:
    part = backbone(make("gpt2"))
    values = torch.randn(3, 5, 16)
    prototypes = part.prototypes(part.language.words)
    weights = part.reprogram.weights(values, prototypes)
    assert weights.shape == (3, 8, 5, 20)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 8, 5))
    value = part.reprogram.value(prototypes).unflatten(1, (8, -1)).transpose(0, 1)
    mixed = part.reprogram.out((weights @ value).transpose(1, 2).flatten(2))
    torch.testing.assert_close(mixed, part.reprogram(values, prototypes))


def test_half_the_bits_stay_near() -> None:
    whole, half = make("llama"), make("llama", dtype="bf16")
    half.load_state_dict({**whole.state_dict(), "model.backbone.llm": half.state_dict()["model.backbone.llm"]})
    assert backbone(half).language.dtype == torch.bfloat16
    batch = whole.prompted(Batch(torch.randn(4, 48, 3)))
    want, got = whole(batch).values, half(batch).values
    assert got.dtype == torch.float32
    assert (got - want).norm() < 0.1 * want.norm()
    half.double()  # what learns changes its type; what is frozen keeps its own
    assert backbone(half).language.dtype == torch.bfloat16
