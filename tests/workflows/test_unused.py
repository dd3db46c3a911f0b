"""Settings that nothing reads are refused, with what the model does read; defaults and shared files are no fault."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import latentcast
from latentcast.core.errors import SettingsError
from latentcast.core.nested import nested
from latentcast.core.settings import unread
from latentcast.models.config.presets import MODEL_PRESETS
from latentcast.models.config.run import resolve_config
from latentcast.workflows.fitting.spec import FitSpec
from latentcast.workflows.fitting.unused import check_all_read

SIZES = {"lookback": 24, "horizon": 6}


def frame() -> pd.DataFrame:
    steps = np.arange(200)
    return pd.DataFrame(
        {"ds": pd.date_range("2024-01-01", periods=200, freq="h"), "a": np.sin(steps / 4), "b": steps % 7.0}
    )


def refused(model: str, settings: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        latentcast.fit(frame(), model, **SIZES, settings=settings)
    return caught.value.faults


@pytest.mark.parametrize(
    ("model", "reads"),
    [
        ("naive", "it has no settings of its own"),
        ("seasonal-naive", "its settings are model.season"),
        ("ridge", "its settings are model.maps, model.lookbacks"),
        ("generalist", "model.adapt=head, all or low-rank fine-tunes it"),
    ],
)
def test_training_of_a_model_that_trains_nothing_is_refused(model: str, reads: str) -> None:
    faults = refused(model, {"training.lr": 0.5, "training.max_steps": 3})
    assert [fault.split(":")[0] for fault in faults] == ["training.lr", "training.max_steps"]
    assert all("has nothing to train" in fault and reads in fault for fault in faults)


def test_a_hybrid_without_a_trained_member_refuses_them_as_well() -> None:
    faults = refused("hybrid", {"model.members": ["naive", "seasonal-naive"], "training.lr": 0.5, "data.fraction": 0.5})
    assert [fault.split(":")[0] for fault in faults] == ["training.lr", "data.fraction"]
    one = {"model.members.naive.training.lr": 0.5, "model.members.seasonal-naive": True}
    (fault,) = refused("hybrid", one)
    assert fault == "model.members.naive.training.lr: naive has nothing to train; leave it out"


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"data.description": "load of a town"}, "data.description: naive reads no words"),
        ({"data.target": "a"}, "data.target=a: with data.features=M every channel is forecast"),
        ({"data.aggregate": "sum"}, "data.aggregate: is of resampling; set data.resample"),
        ({"data.resample_share": 0.1}, "data.resample_share: is of resampling"),
        ({"data.covariate_aggregate": "max"}, "data.covariate_aggregate: is of resampling"),
        ({"data.fraction": 0.5}, "data.fraction: naive learns from no training part"),
    ],
)
def test_settings_of_the_data_that_nothing_reads_are_refused(settings: dict[str, Any], fault: str) -> None:
    assert refused("naive", settings)[0].startswith(fault)


def test_a_description_that_was_taken_away_is_no_setting() -> None:
    """As in the settings of a chosen model, next to the description that a catalogued dataset has."""
    model = latentcast.fit(frame(), "naive", **SIZES)
    run = resolve_config({"model": "naive", **SIZES})
    described = {"description": "load of a town"}
    check_all_read(FitSpec(run, given={"data": {"description": None}}, data_defaults=described), model)


def test_parts_that_other_settings_switch_off_are_refused() -> None:
    assert refused("patch-linear", {"model.solved.alphas": [0.1]})[0].startswith("model.solved: is read only with")


def test_the_settings_of_another_run_are_taken_where_they_are_defaults(tmp_path: Path) -> None:
    latentcast.fit(frame(), "seasonal-naive", **SIZES, out=tmp_path / "run")
    again = latentcast.fit(frame(), config=tmp_path / "run" / "settings.yaml")
    assert again.name == "seasonal-naive"


def test_a_time_format_of_dates_that_need_none_is_noted() -> None:
    made = latentcast.fit(frame(), "naive", **SIZES, settings={"data.time_format": "%d.%m.%Y"})
    assert "data.time_format=%d.%m.%Y is not used: 'ds' holds dates, and no text" in made.card.notes


@pytest.mark.parametrize(
    ("model", "settings", "wanted"),
    [
        (
            "auto-arima",
            {"model.order": [1, 0, 0], "model.max_order": 2},
            "model.max_order: is read only with model.order=none",
        ),
        (
            "patch-linear",
            {"model.representation.name": "frequency", "model.representation.top_k": 3},
            "model.representation.adaptive=true",
        ),
        (
            "patch-linear",
            {"model.representation.name": "wavelet", "model.representation.penalty": 1.0},
            "model.representation.learn_as=free",
        ),
        (
            "dlinear",
            {"training.schedule": "one-cycle", "training.warmup": 0.1},
            "training.warmup: is read only with training.schedule=constant",
        ),
        ("token-transformer", {"model.representation.codec.grid": [4, 4]}, "model.representation.codec.quantizer=fsq"),
        (
            "time-llm",
            {"model.backbone.llm": "gpt2-here", "model.backbone.segments": 4},
            "model.backbone.local_statistics=true",
        ),
        ("time-llm", {"model.backbone.dynamic_norm": True}, "model.backbone.dynamic other than 0"),
    ],
)
def test_settings_that_another_one_switches_off_are_refused(model: str, settings: dict[str, Any], wanted: str) -> None:
    run = resolve_config(nested({"model.name": model, **SIZES, **settings}))
    (fault,) = [*unread(run.model, "model."), *unread(run.training, "training.")]
    assert wanted in fault
    assert fault.endswith("set that too, or leave it out")


def test_a_fit_refuses_them_and_takes_them_once_the_switch_is_set() -> None:
    own = {"model.representation.length": 8, "training.max_steps": 1, "model.representation.name": "frequency"}
    (fault,) = refused("patch-linear", {**own, "model.representation.top_k": 3})
    wanted = "is read only with model.representation.adaptive=true; set that too, or leave it out"
    assert fault == f"model.representation.top_k: {wanted}"
    latentcast.fit(
        frame(),
        "patch-linear",
        **SIZES,
        settings={**own, "model.representation.top_k": 3, "model.representation.adaptive": True},
    )


@pytest.mark.parametrize("model", sorted(MODEL_PRESETS))
def test_no_preset_sets_what_it_does_not_read(model: str) -> None:
    members = {"members": ["naive", "dlinear"]} if model == "hybrid" else {}
    for preset in (None, *(name for name in MODEL_PRESETS[model].presets if name != "auto")):
        chosen = {"name": model, "preset": preset} if preset else {"name": model, **members}
        run = resolve_config({"model": chosen, "lookback": 96, "horizon": 24})
        assert list(unread(run.model)) == []
        assert list(unread(run.training)) == []
