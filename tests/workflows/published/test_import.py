"""Checkpoints of published codes: the same forecasts as these modules written anew, and refusals with their reason."""

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

import latentcast
from latentcast.cli import app
from latentcast.core.errors import CheckpointError, SettingsError
from latentcast.core.types import Batch
from latentcast.workflows.published.checkpoint import read_checkpoint
from llms import folder
from published import dlinear_forecast, time_llm_forecast, time_llm_state

pytestmark = pytest.mark.slow  # trains, or starts processes

LOOKBACK, HORIZON = 48, 8
TEXT = "hourly load of a power transformer."
LONG = {"n_positions": 512}


def language(address: str) -> tuple[Any, Any]:
    import transformers

    model = transformers.AutoModel.from_pretrained(address).eval().requires_grad_(False)
    return model, transformers.AutoTokenizer.from_pretrained(address)


def saved(state: dict[str, Any], path: Path) -> Path:
    torch.save(OrderedDict(state), path)
    return path


def imported(path: Path, data: Any, **over: Any) -> Any:
    settings = {"data.description": TEXT, **over.pop("settings", {})}
    how = {"lookback": LOOKBACK, "llm": folder("gpt2", **LONG), "calibrate": False, **over}
    return latentcast.import_checkpoint(path, "time-llm", data, settings=settings, **how)


@pytest.mark.parametrize("wording", ["published", "neuralforecast"])
@pytest.mark.parametrize("prototypes", ["direct", "vocabulary"])
def test_time_llm_forecasts_as_the_published_module(
    hourly: pd.DataFrame, tmp_path: Path, wording: str, prototypes: str
) -> None:
    model, tokenizer = language(folder("gpt2", **LONG))
    state = time_llm_state(model, LOOKBACK, HORIZON, wording)
    path = saved({f"module.{name}": tensor for name, tensor in state.items()}, tmp_path / "checkpoint")
    made = imported(path, hourly, settings={"model.backbone.prototypes": prototypes})
    assert made.run.data.scale == (wording == "published")
    series = torch.randn(3, LOOKBACK, 2, generator=torch.Generator().manual_seed(1)).cumsum(1)
    with torch.no_grad():
        together = made.network(made.network.prompted(Batch(series))).values
    for window, found in zip(series, together, strict=True):
        for channel in range(2):
            wanted = time_llm_forecast(state, model, tokenizer, window[:, channel], HORIZON, TEXT, wording)
            torch.testing.assert_close(found[:, channel], wanted, atol=1e-5, rtol=1e-5)


def test_an_imported_forecaster_is_saved_and_goes_on(hourly: pd.DataFrame, tmp_path: Path) -> None:
    model, _ = language(folder("gpt2", **LONG))
    path = saved(time_llm_state(model, LOOKBACK, HORIZON), tmp_path / "checkpoint.pth")
    made = imported(path, hourly, out=tmp_path / "run", calibrate=True)
    loaded = latentcast.load(tmp_path / "run")
    pd.testing.assert_frame_equal(loaded.predict(hourly, level=80), made.predict(hourly, level=80))
    assert loaded.card.imported.source == "Time-LLM"
    assert loaded.card.imported.file == "checkpoint.pth"
    assert {file.suffix for file in (tmp_path / "run").iterdir()} == {".json", ".safetensors"}
    further = latentcast.fit(hourly, start=loaded, horizon=HORIZON, settings={"training.max_steps": 1})
    assert further.card.start.model == "time-llm"


def test_a_forecast_does_not_depend_on_its_batch(hourly: pd.DataFrame, tmp_path: Path) -> None:
    """The published code pads prompts without a mask; here a window is read as it would be alone."""
    model, _ = language(folder("gpt2", **LONG))
    made = imported(saved(time_llm_state(model, LOOKBACK, HORIZON), tmp_path / "x.pth"), hourly)
    series = torch.randn(4, LOOKBACK, 2, generator=torch.Generator().manual_seed(2)).cumsum(1)
    series[1] = series[1].round()  # shorter numbers
    with torch.no_grad():
        together = made.network(made.network.prompted(Batch(series))).values
        alone = [made.network(made.network.prompted(Batch(one[None]))).values[0] for one in series]
    torch.testing.assert_close(together, torch.stack(alone), atol=1e-5, rtol=1e-5)


def test_another_language_model_is_refused(hourly: pd.DataFrame, tmp_path: Path) -> None:
    model, _ = language(folder("gpt2", **LONG))
    path = saved(time_llm_state(model, LOOKBACK, HORIZON), tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="not the language model that the weights were trained with"):
        imported(path, hourly, llm=folder("gpt2", seed=1, **LONG))
    with pytest.raises(CheckpointError, match=r"48 features; .* has 400 and 24: name another"):
        imported(path, hourly, llm=folder("gpt2", n_embd=24, **LONG))


def test_sizes_that_do_not_fit_are_named(hourly: pd.DataFrame, tmp_path: Path) -> None:
    model, _ = language(folder("gpt2", **LONG))
    path = saved(time_llm_state(model, LOOKBACK, HORIZON), tmp_path / "x.pth")
    with pytest.raises(SettingsError, match="lookback: is required"):
        imported(path, hourly, lookback=None)
    with pytest.raises(SettingsError, match="would be 11 of them, and the weights hold 48 features"):
        imported(path, hourly, lookback=88)
    with pytest.raises(SettingsError, match="horizon=9: the weights belong to horizon=8"):
        imported(path, hourly, horizon=9)
    with pytest.raises(SettingsError, match=r"data\.description: the forecasts depend on the description"):
        latentcast.import_checkpoint(path, "time-llm", hourly, lookback=LOOKBACK, llm=folder("gpt2", **LONG))


@pytest.mark.parametrize("individual", [False, True])
def test_dlinear_forecasts_as_the_published_module(hourly: pd.DataFrame, tmp_path: Path, individual: bool) -> None:
    draw = torch.Generator().manual_seed(0)
    state = {
        f"{part}{at}.{kind}": torch.randn((HORIZON, LOOKBACK) if kind == "weight" else (HORIZON,), generator=draw)
        for part in ("Linear_Seasonal", "Linear_Trend")
        for at in ((".0", ".1") if individual else ("",))
        for kind in ("weight", "bias")
    }
    save_file(state, tmp_path / "x.safetensors")
    made = latentcast.import_checkpoint(tmp_path / "x.safetensors", "dlinear", hourly, settings={"model.kernel": 13})
    assert (made.task.lookback, made.task.horizon) == (LOOKBACK, HORIZON)
    window = torch.randn(LOOKBACK, 2, generator=draw)
    with torch.no_grad():
        found = made.network(Batch(window[None])).values[0]
    torch.testing.assert_close(found, dlinear_forecast(state, window, 13), atol=2e-5, rtol=1e-5)
    assert len(made.predict(hourly, level=90)) == 2 * HORIZON
    if individual:
        with pytest.raises(CheckpointError, match="2×8×48, and the settings ask for 1×8×48"):
            latentcast.import_checkpoint(tmp_path / "x.safetensors", "dlinear", hourly[["ds", "load"]])


def test_the_command_imports(hourly: pd.DataFrame, tmp_path: Path) -> None:
    hourly.to_csv(tmp_path / "data.csv", index=False)
    state = {f"Linear_{part}.weight": torch.ones(2, 24) / 24 for part in ("Trend", "Seasonal")}
    state |= {f"Linear_{part}.bias": torch.zeros(2) for part in ("Trend", "Seasonal")}
    path, out = saved(state, tmp_path / "checkpoint.pth"), tmp_path / "run"
    command = ["import", "dlinear", str(path), "--data", str(tmp_path / "data.csv"), "--out", str(out)]
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0, shown.output
    assert "dlinear of DLinear of Time-Series-Library: 24 → 2 steps" in shown.output
    assert "moving average of 25 steps" in shown.output
    assert latentcast.load(out).card.imported.source == "DLinear of Time-Series-Library"


class Module(torch.nn.Linear):
    """A module that is pickled whole."""


def test_pickled_objects_are_refused_with_the_way_out(hourly: pd.DataFrame, tmp_path: Path) -> None:
    torch.save(Module(3, 2), tmp_path / "whole.pth")
    with pytest.raises(CheckpointError) as caught:
        latentcast.import_checkpoint(tmp_path / "whole.pth", "dlinear", hourly)
    lines = str(caught.value).splitlines()
    assert "pickled object" in lines[0]
    assert "Module" in lines[0]
    namespace: dict[str, Any] = {}
    exec("\n".join(line.strip() for line in lines[1:]), namespace)  # the two lines as they stand
    plain = read_checkpoint(tmp_path / "whole.pth.state.pth")
    assert set(plain.tensors) == {"weight", "bias"}


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    class Bad:
        def __reduce__(self) -> Any:
            return Path.touch, (mark,)

    (tmp_path / "bad.pth").write_bytes(pickle.dumps({"a": Bad()}))
    with pytest.raises(CheckpointError):
        read_checkpoint(tmp_path / "bad.pth")
    torch.save({"a": Bad()}, tmp_path / "worse.pth")
    with pytest.raises(CheckpointError, match="pickled object"):
        read_checkpoint(tmp_path / "worse.pth")
    assert not mark.exists()


@pytest.mark.parametrize("kind", [torch.complex64, torch.int64])
def test_values_of_another_kind_are_refused(hourly: pd.DataFrame, tmp_path: Path, kind: torch.dtype) -> None:
    state = {
        f"Linear_{part}.{name}": torch.ones(shape, dtype=kind)
        for part in ("Trend", "Seasonal")
        for name, shape in (("weight", (HORIZON, LOOKBACK)), ("bias", (HORIZON,)))
    }
    with pytest.raises(CheckpointError, match=r"Linear_Trend.bias holds \w+64 instead of real floating-point numbers"):
        latentcast.import_checkpoint(saved(state, tmp_path / "other.pth"), "dlinear", hourly)


def test_damaged_files_are_refused_by_what_is_wrong(tmp_path: Path) -> None:
    whole = saved({"a": torch.ones(300)}, tmp_path / "whole.pth").read_bytes()
    at = whole.index(torch.ones(300).numpy().tobytes()) + 400
    changed = whole[:at] + bytes(40) + whole[at + 40 :]
    pickled = pickle.dumps(print)
    for name, content, reason in (
        ("empty.pth", b"", "is empty"),
        ("cut.pth", whole[: len(whole) // 2], "no state_dict of plain tensors: PytorchStreamReader"),
        ("changed.pth", changed, "the checksum of whole/data/0 is another"),
        ("plain.pkl", pickled, r"pickled object \(of a kind that torch.save does not write by default\)"),
        ("wrong.safetensors", b"\xff" * 64, "no state_dict of plain tensors: Error while deserializing header"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError, match=reason):
            read_checkpoint(tmp_path / name)


def test_a_small_file_cannot_take_all_memory(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1).expand(2**40)}, tmp_path / "bomb.pth")
    with pytest.raises(CheckpointError, match="far more memory than its size"):
        read_checkpoint(tmp_path / "bomb.pth")


@pytest.mark.parametrize(
    ("names", "model", "reason"),
    [
        (["patch_embedding.value_embedding.weight", "head.linear.weight"], "dlinear", "BatchNorm"),
        (["patch_embedding.value_embedding.weight", "out_layer.weight"], "time-llm", "feed-forward"),
        (["Linear.weight", "Linear.bias"], "dlinear", "subtracts the last value"),
        (["Linear_Trend.weight"], "time-llm", "holds a dlinear"),
        (["Linear_Trend.weight"], "dlinear", "Linear_Trend.bias is missing"),
        (["anything"], "dlinear", "holds anything, and not dlinear"),
    ],
)
def test_other_models_are_refused_by_what_the_file_holds(
    hourly: pd.DataFrame, tmp_path: Path, names: list[str], model: str, reason: str
) -> None:
    save_file({name: torch.zeros(2) for name in names}, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match=reason):
        latentcast.import_checkpoint(tmp_path / "x.safetensors", model, hourly)


def test_models_without_a_mapping_are_refused_by_name(hourly: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="PatchTST: its weights cannot be imported: it normalises features over"):
        latentcast.import_checkpoint(tmp_path / "x.pth", "PatchTST", hourly)
    with pytest.raises(SettingsError, match="wanted time-llm or dlinear"):
        latentcast.import_checkpoint(tmp_path / "x.pth", "nonsense", hourly)
    with pytest.raises(CheckpointError, match="missing; wanted the file of a state_dict"):
        latentcast.import_checkpoint(tmp_path / "x.pth", "dlinear", hourly)
    with pytest.raises(SettingsError, match=r"training: nothing is trained"):
        latentcast.import_checkpoint(tmp_path / "x.pth", "dlinear", hourly, settings={"training.lr": 1})
