"""Time-LLM from a table to a forecast and back from its folder, with a tiny language model."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open

import latentcast
from latentcast.core.errors import CheckpointError, DataError, SettingsError
from latentcast.data.sources.catalog import DATASETS
from latentcast.data.sources.descriptions import BANK, described
from latentcast.forecaster.forecaster import Forecaster
from llms import folder

pytestmark = pytest.mark.slow  # every test reads or trains a language model

QUICK = {"training.max_steps": 4, "training.loggers": [], "model.backbone.num_prototypes": 12}


def fit(data: Any, llm: str, **over: Any) -> Forecaster:
    settings = {**QUICK, "model.backbone.llm": llm, "model.backbone.llm_layers": 2, **over.pop("settings", {})}
    return latentcast.fit(data, "time-llm", lookback=48, horizon=8, settings=settings, **over)


def test_a_saved_folder_holds_what_was_trained_and_forecasts_the_same(hourly: pd.DataFrame, tmp_path: Path) -> None:
    llm = folder("gpt2")
    fitted = fit(hourly, llm, out=tmp_path / "run", settings={"data.description": "load and price"})
    # 400 words of 48 features: the smallest of the model's tables
    with safe_open(tmp_path / "run" / "weights.safetensors", "pt") as file:
        names = list(file.keys())
    held = [name for name, _ in fitted.network.model.backbone.language.model.named_parameters()]
    assert not [name for name in names if name.endswith(tuple(held))]
    for kept in (tmp_path / "run" / "checkpoints" / "forecast").glob("*.ckpt"):
        with safe_open(kept, "pt") as file:
            assert max(np.prod(file.get_slice(key).get_shape()) for key in file.keys()) < 400 * 48  # noqa: SIM118
    card = json.loads((tmp_path / "run" / "card.json").read_text())
    assert card["settings"]["model"]["backbone"]["llm"] == llm
    assert card["settings"]["data"]["description"] == "load and price"
    loaded = latentcast.load(tmp_path / "run")
    assert "description: load and price Task" in loaded.network.model.backbone.static_text
    pd.testing.assert_frame_equal(loaded.predict(hourly), fitted.predict(hourly))


def test_another_language_model_behind_the_address_is_refused(hourly: pd.DataFrame, tmp_path: Path) -> None:
    own = tmp_path / "llm"
    shutil.copytree(folder("llama"), own)
    fit(hourly, str(own), out=tmp_path / "run")
    shutil.rmtree(own)
    with pytest.raises(CheckpointError, match="no such folder"):
        latentcast.load(tmp_path / "run")
    shutil.copytree(folder("llama", seed=1), own)
    with pytest.raises(CheckpointError, match="not the one that these weights were trained with"):
        latentcast.load(tmp_path / "run")


def test_figures_do_not_depend_on_the_batch(hourly: pd.DataFrame) -> None:
    """Prompts of different lengths beside each other: padding must not be seen."""
    fitted = fit(hourly, folder("gpt2"))
    one, many = (fitted.evaluate(hourly, batch_size=size).scaled["MSE"] for size in (3, 50))
    assert one == pytest.approx(many, rel=1e-5)


def test_original_units_are_those_of_the_table(hourly: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    from latentcast.models.backbones.prompt import PromptWriter

    told: list[str] = []
    texts = PromptWriter.texts
    monkeypatch.setattr(PromptWriter, "texts", lambda self, *given: told.extend(t := texts(self, *given)) or t)
    fitted = fit(hourly, folder("gpt2"), settings={"model.backbone.units": "original"})
    told.clear()
    fitted.predict(hourly)
    last = hourly["load"].tail(48)
    assert f" {last.min():.3g}, max value {last.max():.3g}, median value {last.median():.3g}" in told[0]


def test_training_that_was_cut_goes_on_to_the_same_weights(hourly: pd.DataFrame, tmp_path: Path) -> None:
    whole = fit(hourly, folder("gpt2"), out=tmp_path / "whole", settings={"training.patience": None})
    fit(hourly, folder("gpt2"), out=tmp_path / "cut", settings={"training.patience": None, "training.max_time": 1e-3})
    more = fit(hourly, folder("gpt2"), out=tmp_path / "cut", resume=True, settings={"training.patience": None})
    for a, b in zip(whole.network.state_dict().values(), more.network.state_dict().values(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("how", [{"training.precision": "bf16"}, {"training.ema": 0.9}, {"training.accumulate": 2}])
def test_training_in_other_ways(hourly: pd.DataFrame, how: dict[str, Any]) -> None:
    """Mixed precision must not reach what is kept of the prompt; an average takes no copy of the language model."""
    fitted = fit(hourly, folder("llama"), settings=how)
    part = fitted.network.model.backbone
    assert np.isfinite(fitted.predict(hourly)["time-llm"]).all()
    assert part.reader._known[0][0].dtype == torch.float32


def test_mixed_precision_first_and_none_after() -> None:
    from latentcast.core.types import Batch, Task
    from latentcast.models.config.run import resolve_config
    from latentcast.models.network import build

    chosen = {"llm": folder("llama"), "llm_layers": 2, "num_prototypes": 12}
    run = resolve_config({"model": {"name": "time-llm", "backbone": chosen}, "lookback": 48, "horizon": 8})
    torch.manual_seed(0)
    network, again = (build(run.kind, run.model, Task(48, 8, 3, (0, 1, 2))) for _ in range(2))
    again.load_state_dict(network.state_dict())
    batch = network.prompted(Batch(torch.randn(4, 48, 3)))
    with torch.autocast("cpu", torch.bfloat16):
        rough = network(batch).values
        rough.float().square().mean().backward()
    torch.testing.assert_close(network(batch).values, again(batch).values)
    assert (rough - again(batch).values).norm() < 0.1 * rough.norm()


def test_what_is_missing_never_reaches_the_prompt_as_a_number(hourly: pd.DataFrame) -> None:
    hourly.loc[40:44, "load"] = np.nan
    hourly.loc[390, "price"] = np.nan
    with pytest.raises(DataError, match=r"data\.gaps"):
        fit(hourly, folder("gpt2"), settings={"data.gaps": "error"})
    for gaps in ("mask", "interpolate"):
        fitted = fit(hourly, folder("gpt2"), settings={"data.gaps": gaps})
        assert np.isfinite(fitted.predict(hourly)["time-llm"]).all()


def test_a_description_may_hold_braces_and_percent_signs(hourly: pd.DataFrame, tmp_path: Path) -> None:
    text = "Load {load} of 50 %s {} and {0}"
    fitted = fit(hourly, folder("gpt2"), out=tmp_path / "run", settings={"data.description": text})
    assert f"Dataset description: {text} Task" in fitted.network.model.backbone.static_text
    assert f"Dataset description: {text} Task" in latentcast.load(tmp_path / "run").network.model.backbone.static_text


@pytest.mark.parametrize("heads", [1, 3, 7])
def test_any_number_of_heads_reads_prototypes(hourly: pd.DataFrame, heads: int) -> None:
    """Their width is a setting of its own, so that none needs to divide anything."""
    fitted = fit(hourly, folder("gpt2"), settings={"model.backbone.heads": heads, "training.max_steps": 1})
    assert np.isfinite(fitted.predict(hourly)["time-llm"]).all()


def test_random_weights_stand_in_the_run_card(hourly: pd.DataFrame, tmp_path: Path) -> None:
    fit(hourly, folder("gpt2"), out=tmp_path / "run", settings={"model.backbone.random": True})
    card = json.loads((tmp_path / "run" / "card.json").read_text())
    assert card["settings"]["model"]["backbone"]["llm_seed"] == 0
    assert any("random weights of the shape of" in note["text"] for note in card["notes"])


def test_an_average_of_adapters_is_refused(hourly: pd.DataFrame) -> None:
    pytest.importorskip("peft")
    with pytest.raises(SettingsError, match=r"training\.ema.*does not go with adapters"):
        fit(hourly, folder("llama"), settings={"training.ema": 0.9, "model.backbone.lora": 2})


def test_every_named_dataset_is_described() -> None:
    for name in DATASETS:
        assert len(described(name)["description"]) > 40, f"{name} is not in {BANK}"
    assert described("mine") == {}


def test_prompts_are_shown_with_their_length(hourly: pd.DataFrame) -> None:
    chosen = {"model.backbone.llm": folder("gpt2"), "model.backbone.llm_layers": 2, "data.description": "a {b}"}
    shown = latentcast.prompts(hourly, lookback=48, horizon=8, settings=chosen)
    assert list(shown.texts) == ["load", "price"]
    for text in shown.texts.values():
        assert text.startswith("<|start_prompt|>Dataset description: a {b} Task description: forecast the next 8 steps")
        assert text.endswith("<|end_prompt|>")
        assert "the trend of input is" in text
    assert f"{shown.static} tokens for all windows" in shown.summary()
    whole = shown.static + max(shown.own.values()) + 6
    assert shown.summary().endswith(f"+ 6 patches = {whole}, of 256 that the model reads")
    fixed = latentcast.prompts(hourly, lookback=48, horizon=8, settings={**chosen, "model.backbone.statistics": False})
    assert list(fixed.texts) == ["every series"]
    with pytest.raises(SettingsError, match="dlinear is told nothing"):
        latentcast.prompts(hourly, "dlinear", lookback=48, horizon=8)


def test_prompts_that_are_shown_are_those_that_are_read(hourly: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    from latentcast.models.backbones.prompt import PromptWriter

    told: list[str] = []
    texts = PromptWriter.texts
    monkeypatch.setattr(PromptWriter, "texts", lambda self, *given: told.extend(t := texts(self, *given)) or t)
    fitted = fit(hourly, folder("gpt2"), settings={"data.description": "x"})
    told.clear()
    fitted.predict(hourly)
    read = [fitted.network.model.backbone.static_text + text for text in told]
    same = {"model.backbone.llm": folder("gpt2"), "model.backbone.llm_layers": 2, "data.description": "x"}
    assert list(latentcast.prompts(hourly, lookback=48, horizon=8, settings=same).texts.values()) == read


def test_the_heat_map_is_the_attention_of_the_last_window(hourly: pd.DataFrame, tmp_path: Path) -> None:

    fitted = fit(hourly, folder("gpt2"))
    first, second = (
        latentcast.prototype_attention(fitted, hourly),
        latentcast.prototype_attention(fitted, hourly, series="price"),
    )
    assert first.series == "load"
    assert first.weights.shape == (8, 6, 12)
    np.testing.assert_allclose(first.weights.sum(-1), 1, rtol=1e-5)
    assert not np.allclose(first.weights, second.weights)
    assert [len(words) for words in first.words] == [3] * 12
    earlier = latentcast.prototype_attention(fitted, hourly.iloc[:-5])
    assert not np.allclose(first.weights, earlier.weights)
    first.plot(tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_size > 5_000
    with pytest.raises(latentcast.LatentcastError, match="no series 'prise'; did you mean price"):
        latentcast.prototype_attention(fitted, hourly, series="prise")
    plain = latentcast.fit(hourly, "naive", lookback=48, horizon=8)
    with pytest.raises(SettingsError, match="no text prototypes"):
        latentcast.prototype_attention(plain, hourly)


def test_a_prototype_that_is_a_word_is_nearest_to_it(hourly: pd.DataFrame) -> None:
    part = fit(hourly, folder("gpt2")).network.model.backbone
    word = part.language.tokenizer("trend", add_special_tokens=False)["input_ids"][0]
    with torch.no_grad():
        part.prototypes.values[0] = 3 * part.language.words[word]
    assert part.nearest_words(2)[0][0] == part.language.tokenizer.decode([word]).strip()


def test_memory_is_estimated_before_training(hourly: pd.DataFrame) -> None:
    from latentcast.models.inspection import training_memory

    network = fit(hourly, folder("gpt2")).network
    few, many = (training_memory(network, windows) for windows in (2, 20))
    held = sum(p.numel() for p in network.model.backbone.language.model.parameters())
    assert few.frozen == 4 * held
    assert few.learned == 4 * sum(p.numel() for p in network.parameters())
    assert few.optimiser == 3 * few.learned
    batch = network.prompted(latentcast_batch(20))
    kept: dict[int, int] = {}
    there = {p.data_ptr() for p in (*network.parameters(), *network.model.backbone.language.model.parameters())}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in there:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        values = network(batch).values
    assert values.requires_grad
    assert many.kept == pytest.approx(sum(kept.values()), rel=0.1)
    assert many.total > few.total
    chosen = {"model.backbone.llm": folder("gpt2"), "model.backbone.llm_layers": 2}
    told = latentcast.describe(hourly, chosen, model="time-llm", lookback=48, horizon=8)
    assert "kept for backward" in told.facts["memory to train"]


def latentcast_batch(windows: int) -> Any:
    from latentcast.core.types import Batch

    return Batch(torch.zeros(windows, 48, 2))


RECIPES = sorted((Path(__file__).parents[2] / "configs").glob("timellm-*.yaml"))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_recipes_are_whole(recipe: Path) -> None:
    from latentcast.core.parsing import read_yaml
    from latentcast.models.config.run import resolve_config

    run = resolve_config(read_yaml(recipe))
    assert run.name == "time-llm"
    assert run.model.backbone.name == "frozen_llm"
