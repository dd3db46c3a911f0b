"""Loading: only what is asked for, never a substitute, and errors that say what to do."""

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from latentcast.core.errors import MissingExtra, SettingsError
from latentcast.models.backbones import language_model
from llms import folder


def load(address: str, **over: Any) -> language_model.LanguageModel:
    how: dict[str, Any] = {
        "revision": None, "layers": None, "dtype": "fp32", "quantise": "none", "random": False, "seed": 0, "lora": 0,
        "checkpointing": False,
    }  # fmt: skip
    return language_model.load(address, language_model.Loading(**{**how, **over}))


@pytest.mark.parametrize("family", ["gpt2", "llama", "qwen2", "qwen3", "mistral", "bert"])
def test_only_the_first_layers_are_built_and_they_are_those_stored(family: str) -> None:
    import transformers

    cut, whole = load(folder(family), layers=2), transformers.AutoModel.from_pretrained(folder(family))
    assert (cut.layers, cut.stored, cut.width) == (2, 4, 48)
    stored = dict(whole.named_parameters())
    own = dict(cut.model.named_parameters())
    assert own
    assert not any(f".{n}." in name for name in own for n in (2, 3) if ".h." in name or "layers." in name)
    for name, parameter in own.items():
        assert torch.equal(parameter, stored[name]), name
        assert not parameter.requires_grad


def test_more_layers_than_stored_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"llm_layers=9: .* has 4 layers"):
        load(folder("gpt2"), layers=9)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(folder("gpt2"), bare)
    (bare / "model.safetensors").unlink()
    with pytest.raises(SettingsError, match=r"cannot be loaded.*the weights \(\*\.safetensors"):
        load(str(bare))
    drawn = load(str(bare), random=True)  # asked for by name
    again = load(str(bare), random=True)
    assert torch.equal(drawn.words, again.words)
    assert not torch.equal(drawn.words, load(str(bare), random=True, seed=1).words)


class Runs:
    """Pickled, it would leave a file behind when it is read."""

    def __init__(self, left: Path) -> None:
        self.left = left

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.left,)


def test_a_pickled_folder_is_refused_in_one_message_and_runs_nothing(tmp_path: Path) -> None:
    pickled = tmp_path / "pickled"
    shutil.copytree(folder("gpt2"), pickled)
    (pickled / "model.safetensors").unlink()
    for content in (pickle.dumps({"a": Runs(tmp_path / "ran")}), b"garbage"):
        (pickled / "pytorch_model.bin").write_bytes(content)
        with pytest.raises(SettingsError, match=r"a pickle of more than plain tensors, or damaged.*\*\.safetensors"):
            load(str(pickled))
    torch.save({"a": Runs(tmp_path / "ran")}, pickled / "pytorch_model.bin")
    with pytest.raises(SettingsError, match="could run any code and is not opened"):
        load(str(pickled))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_halved_or_deeply_nested_file_is_one_message(tmp_path: Path, file: str) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(folder("gpt2"), damaged)
    raw = (damaged / file).read_bytes()
    for content in (raw[: len(raw) // 2], b"[" * 100_000):
        (damaged / file).write_bytes(content)
        with pytest.raises(SettingsError, match=r"cannot be loaded \(.+\); the folder needs config.json"):
            load(str(damaged))


def test_weights_that_lack_a_layer_are_refused(tmp_path: Path) -> None:
    """transformers would draw it at random, with a warning."""
    more = tmp_path / "more"
    shutil.copytree(folder("gpt2"), more)
    config = json.loads((more / "config.json").read_text())
    (more / "config.json").write_text(json.dumps({**config, "n_layer": 6}))
    with pytest.raises(SettingsError, match=r"do not fit its configuration \(h\.4\..* is missing"):
        load(str(more))


def test_a_folder_that_is_none_and_one_that_is_empty(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such folder"):
        load(str(tmp_path / "nothing"))
    with pytest.raises(SettingsError, match=r"no config\.json in this folder"):
        load(str(tmp_path))


def test_an_unknown_hub_id_without_a_network_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(SettingsError, match=r"nobody/nothing: cannot be loaded.*check the id.*give its folder"):
        load("nobody/nothing")


def test_models_of_two_sequences_are_refused() -> None:
    with pytest.raises(SettingsError, match="t5 is an encoder-decoder"):
        load(folder("t5"))


def test_a_model_without_inputs_embeds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers

    def forward(self: Any, input_ids: Any) -> None: ...

    monkeypatch.setattr(transformers.GPT2Model, "forward", forward)
    with pytest.raises(SettingsError, match="takes no inputs_embeds"):
        load(folder("gpt2"))


@pytest.mark.parametrize(
    ("package", "extra", "how"),
    [
        ("transformers", "llm", {}),
        ("bitsandbytes", "llm-4bit", {"quantise": "nf4"}),
        ("bitsandbytes", "llm-4bit", {"quantise": "int8"}),
        ("bitsandbytes", "llm-4bit", {"quantise": "nf4", "random": True}),
        ("peft", "lora", {"lora": 2}),
    ],
)
def test_what_lacks_is_an_extra_to_install(
    package: str, extra: str, how: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    at = folder("llama")
    there = language_model.find_spec
    monkeypatch.setattr(language_model, "find_spec", lambda name: None if name == package else there(name))
    with pytest.raises(MissingExtra, match=rf"needs the package {package}: pip install 'latentcast\[{extra}\]'"):
        load(at, **how)


def test_minilm_comes_from_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load("minilm", layers=1)
    assert (loaded.family, loaded.layers, loaded.stored, loaded.width) == ("bert", 1, 6, 384)
    there = language_model.find_spec
    monkeypatch.setattr(language_model, "find_spec", lambda name: None if "minilm" in name else there(name))
    with pytest.raises(MissingExtra, match=r"latentcast\[minilm\]"):
        load("minilm")


def test_nothing_is_read_where_only_shapes_are_wanted() -> None:
    with torch.device("meta"):
        assert load(folder("gpt2"), layers=2).words.is_meta


def test_the_fused_activation_is_the_one_it_replaces() -> None:
    from transformers.activations import NewGELUActivation

    kinds = {type(module).__name__ for module in load(folder("gpt2")).model.modules()}
    assert "GELU" in kinds
    assert "NewGELUActivation" not in kinds
    x = torch.linspace(-6, 6, 1001)
    torch.testing.assert_close(torch.nn.GELU(approximate="tanh")(x), NewGELUActivation()(x), rtol=1e-6, atol=1e-6)


def test_layers_can_be_placed_by_a_device_map(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("accelerate")
    spread, plain = load(folder("llama"), device_map="auto"), load(folder("llama"))
    assert spread.spread
    assert not plain.spread
    ids = torch.tensor([[1, 2, 3]])
    with torch.no_grad():
        found, wanted = (one.model(ids).last_hidden_state for one in (spread, plain))
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)  # their products are summed in another order
    monkeypatch.setattr(language_model, "find_spec", lambda name: None if name == "accelerate" else object())
    with pytest.raises(MissingExtra, match=r"latentcast\[llm-4bit\]"):
        load(folder("llama"), device_map="auto")
