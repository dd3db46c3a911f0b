"""One run's settings: what wins over what, and every fault at once."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from latentcast.core.errors import SettingsError
from latentcast.core.nested import nested
from latentcast.core.parsing import write_yaml
from latentcast.models import MODELS
from latentcast.models.config.presets import MODEL_PRESETS
from latentcast.models.config.run import merge_user_settings, resolve_config

BASE = {"lookback": 48, "horizon": 24}


def _faults(values: dict[str, Any], defaults: dict[str, Any] | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        resolve_config(values, defaults)
    return caught.value.faults


@pytest.mark.parametrize("name", sorted(MODEL_PRESETS))
def test_a_run_written_down_is_the_same_run(name: str, tmp_path: Path) -> None:
    for preset in (None, *MODEL_PRESETS[name].presets):
        run = resolve_config({**BASE, "model": {"name": name, "preset": preset}, "data.split": [0.6, 0.2, 0.2]})
        assert resolve_config(run.dump()) == run
        write_yaml(tmp_path / "run.yaml", run.dump())
        assert resolve_config(yaml.safe_load((tmp_path / "run.yaml").read_text(encoding="utf-8"))) == run


def test_what_is_stated_wins_over_preset_over_model_over_class() -> None:
    by_class = MODELS.get("transformer").Settings()
    plain = resolve_config({**BASE, "model": "transformer"})
    assert plain.model == by_class
    assert plain.training.lr == MODEL_PRESETS["transformer"].training["lr"]
    small = resolve_config({**BASE, "model": {"name": "transformer", "preset": "small"}})
    assert (small.model.width, small.training.lr) == (64, 5e-4)
    merge_user_settings = resolve_config(
        {**BASE, "model": {"name": "transformer", "preset": "small", "width": 32}, "training.lr": 0.1}
    )
    assert (merge_user_settings.model.width, merge_user_settings.model.ff, merge_user_settings.training.lr) == (
        32,
        128,
        0.1,
    )


def test_what_a_dataset_asks_for_loses_to_what_is_stated() -> None:
    defaults = {"split": (10, 5, 5), "target": "OT"}
    assert resolve_config({**BASE, "model": "naive"}, defaults).data.split == (10, 5, 5)
    run = resolve_config({**BASE, "model": "naive", "data.split": [0.5, 0.25, 0.25]}, defaults)
    assert run.data.split == (0.5, 0.25, 0.25)
    assert run.data.target == "OT"


def test_a_part_that_is_renamed_starts_from_its_own_defaults() -> None:
    run = resolve_config({**BASE, "model": {"name": "patch-transformer", "backbone": "none"}})
    assert run.dump()["model"]["backbone"] == {"name": "none"}
    assert run.dump()["model"]["representation"]["length"] == 16


def test_dotted_and_nested_are_the_same() -> None:
    dotted = {"model.name": "pattn", "model.representation.width": 8, "training.lr": 0.1, **BASE}
    assert resolve_config(dotted) == resolve_config(nested(dotted))


def test_every_fault_at_once() -> None:
    faults = _faults(
        {
            "model": {"name": "dlinear", "kernel": 4, "kernle": 3},
            "lookback": "long",
            "horizon": 0,
            "training": {"lr": "fast", "max_epoch": 3, "batch_size": 1.5},
            "data": {"gaps": "guess", "split": [1, 2]},
            "sede": 1,
        }
    )
    text = "\n".join(faults)
    for words in (
        "lookback: got 'long'",
        "horizon: got 0",
        "model.kernel: got 4",
        "model.kernle: no such setting; did you mean kernel?",
        "training.lr: got 'fast'",
        "training.max_epoch: no such setting; did you mean",
        "training.batch_size: got 1.5",
        "data.gaps: got 'guess'",
        "sede: no such setting; did you mean seed?",
    ):
        assert words in text


def test_nothing_stated() -> None:
    text = "\n".join(_faults({}))
    for words in ("model: is required", "lookback: is required", "horizon: is required"):
        assert words in text


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("lr", "did you mean training.lr?"),
        ("gap", "did you mean data.gaps?"),
        ("kernel", "did you mean model.kernel?"),
        ("lookbak", "did you mean lookback?"),
        ("qqqqq", "below data, model, training"),
    ],
)
def test_a_setting_in_the_wrong_place_is_shown_its_place(key: str, hint: str) -> None:
    (fault,) = _faults({**BASE, "model": "dlinear", key: 1})
    assert fault.startswith(f"{key}: no such setting")
    assert hint in fault


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("dlinaer", "did you mean dlinear?"),
        ({"name": "transformer", "preset": "smal"}, "did you mean small?"),
        ({"name": "naive", "preset": "small"}, "naive has no preset"),
        ({"name": "pattn", "backbone": "encodr"}, "did you mean encoder?"),
        ({"name": "pattn", "head": 3}, "wanted the name of a head"),
        ({"name": 3}, "unknown model 3"),
        ({"name": ["a"]}, "unknown model"),
        (3, "unknown model 3"),
        (["dlinear"], "unknown model"),
        ({"name": "transformer", "preset": ["small"]}, "no preset"),
    ],
)
def test_unknown_names(model: Any, words: str) -> None:
    assert any(words in fault for fault in _faults({**BASE, "model": model}))


@pytest.mark.parametrize("value", [3, "x", [1]])
@pytest.mark.parametrize("group", ["data", "training"])
def test_a_group_that_is_no_mapping(group: str, value: Any) -> None:
    assert any(
        fault.startswith(f"{group}: got {value!r}") for fault in _faults({**BASE, "model": "naive", group: value})
    )


@pytest.mark.parametrize("value", [True, 1.5, "7", -1, None])
def test_seed_lookback_and_horizon_are_whole_numbers(value: Any) -> None:
    good = {**BASE, "model": "naive", "seed": 0}
    for key in ("lookback", "horizon", "seed"):
        if key == "seed" and value is None:
            continue
        assert any(fault.startswith(f"{key}: ") for fault in _faults({**good, key: value}))


def test_an_argument_and_a_setting_must_agree_and_win_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("model: {name: dlinear, kernel: 5}\nhorizon: 9\n")
    values = merge_user_settings("dlinear", None, 8, np.int64(4), None, {"horizon": 4, "model": "dlinear"}, path)
    run = resolve_config(values)
    assert (run.lookback, run.horizon, run.model.kernel) == (8, 4, 5)  # type: ignore[attr-defined]
    for settings, told in (({"horizon": 6}, "horizon: stated as 6 and as 4"), ({"model": "naive"}, "model: stated")):
        with pytest.raises(SettingsError, match=told):
            merge_user_settings("dlinear", None, 8, 4, None, settings, path)
