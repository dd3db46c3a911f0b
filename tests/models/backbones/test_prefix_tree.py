"""Words that prompts share are read once: the same forecasts, as few words as there are different beginnings."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from latentcast.core.errors import SettingsError
from latentcast.core.types import Batch, Task
from latentcast.models.backbones.frozen_llm import FrozenLLM
from latentcast.models.backbones.prefix_attention import Known
from latentcast.models.backbones.prefix_tree import PrefixTree
from latentcast.models.config.run import resolve_config
from latentcast.models.network import Network, build
from llms import folder

TASK = Task(48, 11, 3, (0, 1, 2), 4, 7, "hourly load of a transformer")
FAMILIES: list[tuple[str, dict[str, Any]]] = [
    ("gpt2", {}),
    ("qwen3", {}),
    ("mistral", {"sliding_window": 24}),
]


def make(family: str = "gpt2", over: dict[str, Any] | None = None, **backbone: Any) -> Network:
    torch.manual_seed(0)
    settings = {"llm": folder(family, **(over or {})), "llm_layers": 3, "num_prototypes": 20, **backbone}
    run = resolve_config({"model": {"name": "time-llm", "backbone": settings}, "lookback": 48, "horizon": 11})
    return build(run.kind, run.model, TASK)


def backbone(network: Network) -> FrozenLLM:
    return network.model.backbone


def alike(series: int, words: int, seed: int) -> Tensor:
    """Ragged prompts of three words of a vocabulary, so that many begin alike."""
    draw = torch.Generator().manual_seed(seed)
    prompt = torch.randint(0, 3, (series, words), generator=draw)
    lengths = torch.randint(0, words + 1, (series,), generator=draw)
    return prompt.masked_fill(torch.arange(words) >= lengths[:, None], -1)


def counted(part: FrozenLLM, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of words of each packed sequence that the tree has the model read."""
    found: list[int] = []
    compute = PrefixTree._compute

    def counts(tree: PrefixTree, llm: Any, plan: Any, device: torch.device) -> None:
        found.append(len(plan.ids))
        compute(tree, llm, plan, device)

    monkeypatch.setattr(PrefixTree, "_compute", counts)
    return found


def beginnings(*prompts: Tensor) -> int:
    rows = [row[row >= 0].tolist() for prompt in prompts for row in prompt]
    return len({tuple(row[:length]) for row in rows for length in range(1, len(row) + 1)})


def assert_same(found: Known, wanted: Known, prompt: Tensor) -> None:
    """Keys and values of all words, within 1e-5 of the largest."""
    real = (prompt >= 0)[:, None, :, None]
    for got, want in zip(found.own, wanted.own, strict=True):
        for mine, theirs in zip(got, want, strict=True):
            assert ((mine - theirs) * real).abs().max() <= 1e-5 * (theirs * real).abs().max()


@pytest.mark.parametrize(("family", "over"), FAMILIES)
def test_shared_words_change_no_hidden_state_and_no_gradient(family: str, over: dict[str, Any]) -> None:
    shared, apart = (backbone(make(family, over, cache=kept)).reader for kept in (16, 0))
    for seed in range(4):  # batches one after another, each partly known from those before
        prompt = alike(9, 8, seed)
        embedded, ask = torch.randn(9, 5, 48), torch.randn(9, 5, 48)
        found = []
        for reader in (shared, apart):
            given = embedded.clone().requires_grad_()
            hidden = reader.after_known(given, prompt)
            (hidden * ask).sum().backward()
            assert given.grad is not None
            found.append((hidden.detach(), given.grad))
        for got, want in zip(*found, strict=True):
            assert (got - want).abs().max() <= 1e-5 * want.abs().max()


def test_words_read_in_inference_mode_serve_training_and_back() -> None:
    part, other = backbone(make()), backbone(make(cache=0))
    for seed in range(4):
        prompt = alike(9, 8, seed)
        with torch.inference_mode(seed % 2 == 0):
            found = part.reader.known(prompt)
        assert_same(found, other.reader.known(prompt), prompt)
    embedded = torch.randn(9, 5, 48, requires_grad=True)
    part.reader.after_known(embedded, alike(9, 8, 0)).sum().backward()
    assert embedded.grad is not None


def test_each_beginning_is_read_once_also_by_later_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    part = backbone(make())
    found = counted(part, monkeypatch)
    first, second = alike(9, 8, 0), alike(9, 8, 1)
    part.reader.known(first)
    assert sum(found) == beginnings(first) < int((first >= 0).sum())
    part.reader.known(second)
    assert sum(found) == beginnings(first, second)
    part.reader.known(torch.cat([second, first]))
    assert len(found) == 2  # nothing new, so that the model is not run


def test_a_full_tree_forgets_what_was_not_needed_for_the_longest_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for twelve words, batches of four prompts keep all their words, and forecasts stay the same."""
    part, other = backbone(make()), backbone(make(cache=0))
    tree = PrefixTree(part.reader.static_part(), 12)
    llm = part.language.model
    found = counted(part, monkeypatch)
    row = torch.tensor([[5, 6, 7, 8]])
    for seed in range(12):
        tree.read(llm, row)
        prompt = alike(4, 3, seed)
        assert_same(tree.read(llm, prompt), other.reader.known(prompt), prompt)
    assert found[0] == 4
    before = len(found)
    tree.read(llm, row)
    assert len(found) == before  # used in every round, never forgotten
    assert len(tree._children) <= 12


def test_a_batch_with_more_words_than_are_kept_is_read_by_itself() -> None:
    part, other = backbone(make()), backbone(make(cache=0))
    tree, prompt = PrefixTree(part.reader.static_part(), 2), alike(9, 8, 3)
    got, want = tree.read(part.language.model, prompt), other.reader.known(prompt)
    assert not tree._children
    assert_same(got, want, prompt)


def test_a_pass_that_fails_leaves_no_words_without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    part, other = backbone(make()), backbone(make(cache=0))
    prompt = alike(5, 6, 2)

    def fails(*_: object, **__: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(PrefixTree, "_compute", fails)
        with pytest.raises(MemoryError):
            part.reader.known(prompt)
    assert_same(part.reader.known(prompt), other.reader.known(prompt), prompt)


@pytest.mark.parametrize("kind", ["bf16", "int8"])
@pytest.mark.parametrize("family", ["gpt2", "qwen3"])
def test_words_read_coarsely_leave_patches_in_float32_and_near(kind: str, family: str) -> None:
    """Hidden states and gradients within the rounding of 8 bits, and unequal to those of float32."""
    exact, rounded = (backbone(make(family, prompt_dtype=one)).reader for one in ("same", kind))
    prompt, embedded, ask = alike(9, 8, 0), torch.randn(9, 5, 48), torch.randn(9, 5, 48)
    found = []
    for reader in (exact, rounded):
        given = embedded.clone().requires_grad_()
        hidden = reader.after_known(given, prompt)
        assert hidden.dtype == torch.float32
        (hidden * ask).sum().backward()
        assert given.grad is not None
        found.append((hidden.detach(), given.grad))
    for want, got in zip(*found, strict=True):
        apart = float((got - want).norm() / want.norm())
        assert 1e-6 < apart < 1e-2
    alone = torch.cat([rounded.after_known(embedded[at : at + 1], prompt[at : at + 1]) for at in range(9)])
    torch.testing.assert_close(alone, found[1][0], rtol=1e-5, atol=1e-5)
    assert all(p.dtype == torch.float32 for p in rounded.language.model.parameters())
    with pytest.raises(SettingsError, match=f"prompt_dtype={kind}: is for weights in float32"):
        make(prompt_dtype=kind, dtype="bf16")


def test_words_in_a_file_are_those_in_memory_and_the_file_vanishes(tmp_path: Path) -> None:
    kept, filed = (backbone(make(cache_folder=place)).reader for place in (None, str(tmp_path)))
    prompt = alike(9, 8, 0)
    for _ in range(2):
        assert_same(kept.known(prompt), filed.known(prompt), prompt)
    assert filed._tree().tables[0][0].untyped_storage().filename is not None
    assert not list(tmp_path.iterdir())
    for wrong in (tmp_path / "none", "/dev/null"):
        with pytest.raises(SettingsError, match=r"cache_folder=.*: a file of 256 MiB is wanted there"):
            make(cache_folder=str(wrong))
    with pytest.raises(SettingsError, match="cache=0 keeps none"):
        make(cache_folder=str(tmp_path), cache=0)


@pytest.mark.parametrize("wording", ["rounded", "short"])
def test_forecasts_are_those_without_sharing(wording: str) -> None:
    once, apart = (make(cache=kept, prompt_wording=wording) for kept in (16, 0))
    for seed in range(3):
        past = torch.from_numpy(np.random.default_rng(seed).normal(size=(4, 48, 3)).cumsum(1)).float()
        batch = once.prompted(Batch(past))
        torch.testing.assert_close(once(batch).values, apart(batch).values, rtol=1e-5, atol=1e-5)
