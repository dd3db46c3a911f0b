"""The ablation: variants that differ in one thing, one budget, and sentences that the numbers carry."""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import latentcast
from latentcast.benchmarking.ablation import Ablation, t_quantile
from latentcast.benchmarking.plan import plan
from latentcast.benchmarking.variants import ATTENTION, BLOCK, LLM, NOTHING, PROMPT, RANDOM
from latentcast.core.errors import SettingsError
from latentcast.core.nested import nested
from latentcast.core.types import Task
from latentcast.models.network import build
from llms import folder

pytestmark = pytest.mark.slow  # trains, or starts processes

ALL = [LLM, RANDOM, ATTENTION, BLOCK, NOTHING, PROMPT]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("data") / "days.csv"
    days = pd.date_range("2020-01-01", periods=160, freq="D")
    noise = np.random.default_rng(0).normal(5, 1, 160)
    pd.DataFrame({"date": days, "a": np.sin(np.arange(160) / 5), "b": noise}).to_csv(path, index=False)
    return str(path)


def settings(**over: Any) -> dict[str, Any]:
    return {
        "model.backbone.llm": folder("gpt2"),
        "model.backbone.llm_layers": 1,
        "model.backbone.num_prototypes": 8,
        "training.max_steps": 2,
        "data.description": "days of a and b",
        **over,
    }


def ablate(file: str, out: Path, *, seeds: Any = (0, 1), report: Any = None, **over: Any) -> Ablation:
    return latentcast.ablate(
        file, lookback=24, horizon=4, seeds=seeds, settings=settings(**over), out=out, workers=0, report=report
    )


@pytest.fixture(scope="module")
def done(file: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ablation]:
    out = tmp_path_factory.mktemp("ablation") / "out"
    return out, ablate(file, out)


def told(result: Ablation, scores: dict[str, tuple[float, ...]]) -> Ablation:
    """The same ablation, had it found these errors."""
    changed = []
    for cell, record in zip(result.results.cells, result.results.records, strict=True):
        assert record is not None
        mse = scores[cell.label][cell.run.seed]
        test = {**record["test"], "scaled": {**record["test"]["scaled"], "MSE": mse}}
        changed.append({**record, "test": test})
    return Ablation(result.study, replace(result.results, records=tuple(changed)))


def test_variants_are_drawn(done: tuple[Path, Ablation], tmp_path: Path) -> None:
    assert done[1].plot(tmp_path / "ablation.png").stat().st_size > 5000


# --- what is compared


@pytest.mark.slow
def test_variants_differ_from_the_model_in_what_their_name_says(done: tuple[Path, Ablation]) -> None:
    runs = {cell.label: cell.run for cell in done[1].results.cells}
    assert list(runs) == ALL
    assert len({(run.training, run.data, run.lookback, run.horizon) for run in runs.values()}) == 1
    parts: dict[str, Any] = {label: run.model for label, run in runs.items()}
    whole = parts[LLM].backbone.settings
    assert parts[RANDOM].backbone.settings == whole.model_copy(update={"random": True})
    assert parts[PROMPT].backbone.settings == whole.model_copy(update={"prompt": False})
    assert [parts[label].backbone.name for label in (ATTENTION, BLOCK, NOTHING)] == ["attention", "encoder", "none"]
    assert parts[BLOCK].backbone.settings.layers == 1
    for label in ALL:
        assert parts[label].head == parts[LLM].head
        assert parts[label].representation.settings.kernel == 3
    heads = set()
    for run in runs.values():
        network = build(run.kind, run.model, Task(24, 4, 2, (0, 1)))
        heads.add(sum(p.numel() for p in network.model.head.parameters()))
    assert len(heads) == 1  # the head reads as much of each token, whatever stands before it


def test_every_cell_says_what_it_was(done: tuple[Path, Ablation]) -> None:
    records = [json.loads(line) for line in (done[0] / "cells.jsonl").read_text().splitlines()]
    assert len(records) == 2 * len(ALL)
    for record in records:
        drawn = any("random weights of the shape of" in note for note in record["notes"])
        assert drawn == (record["model"] == RANDOM)
        assert record["training"]["stages"][0]["steps"] == 2
    trained = {record["model"]: record["parameters"]["trainable"] for record in records}
    assert trained[LLM] == trained[RANDOM] == trained[PROMPT]
    assert trained[NOTHING] < trained[ATTENTION] < trained[BLOCK]


@pytest.mark.slow
def test_what_is_finished_is_not_run_again_and_seeds_can_be_added(file: str, tmp_path: Path) -> None:
    said: list[str] = []
    first = ablate(file, tmp_path / "out", seeds=(0,))
    again = ablate(file, tmp_path / "out", seeds=(0, 1), report=said.append)
    assert said[0] == "6 of 12 cells are finished already"
    assert sum(" of 6: " in line for line in said) == 6
    assert again.rows[BLOCK].finished == 2
    assert [r for r in again.results.records if r and r["seed"] == 0] == list(first.results.records)


def test_the_tables_hold_what_was_found(done: tuple[Path, Ablation]) -> None:
    out, result = done
    text = (out / "ablation.md").read_text(encoding="utf-8")
    for sentence in (*result.verdicts(), result.caveat()):
        assert sentence in text
    for label, variant in result.study.variants.items():
        assert f"* {label}: {variant.about}" in text
    frame = pd.read_csv(out / "ablation.csv")
    assert list(frame["variant"]) == ALL
    assert frame["steps"].tolist() == [2] * 6
    apart = frame.set_index("variant")
    assert apart.loc[BLOCK, "apart"] == pytest.approx(apart.loc[BLOCK, "MSE"] - apart.loc[LLM, "MSE"], abs=1e-9)
    assert apart.loc[LLM, "apart"] == 0
    assert (frame["peak_mib"] > 0).all()


def test_without_a_prompt_there_is_none_to_leave_out(file: str, tmp_path: Path) -> None:
    result = ablate(file, tmp_path / "out", seeds=(0,), **{"model.backbone.prompt": False})
    assert list(result.rows) == ALL[:-1]
    assert result.study.left_out == ("no prompt: the model has none (model.backbone.prompt=false)",)
    assert not any("read anew" in note for record in result.results.records if record for note in record["notes"])


def test_widths_that_heads_do_not_divide_get_heads_that_do(file: str, tmp_path: Path) -> None:
    result = ablate(file, tmp_path / "out", seeds=(0,), **{"model.backbone.width": 12})
    attention: Any = next(cell.run.model for cell in result.results.cells if cell.label == ATTENTION)
    assert (attention.representation.settings.width, attention.backbone.settings.heads) == (12, 4)
    assert not result.results.errors


def test_what_is_told_of_the_data_is_no_other_data(file: str) -> None:
    """Models without words have no description; they are asked the same all the same."""
    told = {"model": {"name": "time-llm", "backbone": {"llm": folder("gpt2"), "llm_layers": 1}}}
    board = {"datasets": file, "horizons": 4, "common": {"lookback": 24}, "models": {"a": told, "pattn": None}}
    described = {**told, "data": {"description": "days of a and b"}}
    assert len(plan({**board, "models": {"a": described, "pattn": None}})) == 2
    with pytest.raises(SettingsError, match="must be asked the same"):
        plan({**board, "models": {"a": told, "pattn": {"data": {"features": "S", "target": "a"}}}})


# --- what is said


@given(scores=st.lists(st.tuples(*[st.floats(0.125, 1)] * 2), min_size=2, max_size=12))
def test_differences_are_those_of_a_paired_t_test(scores: list[tuple[float, float]]) -> None:
    from scipy import stats

    from latentcast.benchmarking.ablation import paired

    first, second = np.array(scores, np.float64).T
    found = paired(first.tolist(), second.tolist())
    apart = first - second
    half = stats.t.ppf(0.975, len(apart) - 1) * apart.std(ddof=1) / np.sqrt(len(apart))
    assert found.mean == pytest.approx(apart.mean(), abs=1e-12)
    assert found.half == pytest.approx(half, rel=2e-3, abs=1e-9)


def test_quantiles_of_t() -> None:
    from scipy import stats

    for freedom in (*range(1, 40), 200):
        assert t_quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-3)


HIGH, SAME, LOW = (1.5, 1.501), (0.5, 1.6), (0.8, 0.801)


@pytest.mark.parametrize(("attention", "block"), list(product((HIGH, SAME, LOW), repeat=2)))
def test_a_claim_is_supported_only_against_every_control(
    done: tuple[Path, Ablation], attention: tuple[float, ...], block: tuple[float, ...]
) -> None:
    scores = {LLM: (1.0, 1.0005), RANDOM: SAME, ATTENTION: attention, BLOCK: block, NOTHING: HIGH, PROMPT: LOW}
    whether, learned, prompt = told(done[1], scores).verdicts()
    if LOW in (attention, block):
        assert whether.startswith(
            "These numbers speak against the language model: lower errors over 2 seeds without it have one"
        )
    elif SAME in (attention, block):
        assert whether.startswith(
            "These numbers do not show that the language model helps; not distinguished over 2 seeds:"
        )
    else:
        assert whether.startswith("These numbers support that the language model helps: without it errors")
    for label in (ATTENTION, BLOCK, NOTHING):
        assert f"{label} (" in whether
    assert learned.startswith("These numbers do not show that what it has learned from text helps")
    assert prompt.startswith("These numbers speak against the prompt: lower errors over 2 seeds without it have no")


def test_one_seed_or_a_missing_one_supports_nothing(done: tuple[Path, Ablation], file: str, tmp_path: Path) -> None:
    alone = ablate(file, tmp_path / "out", seeds=(0,))
    assert alone.verdicts()[0].startswith("Whether the language model helps is not said: one seed tells nothing")
    assert alone.difference(BLOCK, LLM) is None
    result = done[1]
    cut = [
        {**record, "error": "it died"} if (cell.label, cell.run.seed) == (BLOCK, 1) and record else record
        for cell, record in zip(result.results.cells, result.results.records, strict=True)
    ]
    part = Ablation(result.study, replace(result.results, records=tuple(cut)))
    assert part.verdicts()[0] == (
        "Whether the language model helps is not said: a seed is missing, of language model or of one block."
    )
    assert part.verdicts()[1].startswith("These numbers")
    assert "* failed: one block on" in part.to_markdown()


# --- what is refused


@pytest.mark.parametrize(
    ("given", "over", "wanted"),
    [
        ({"model": "dlinear"}, {}, "dlinear has no language model to switch off"),
        ({"model": "pattn"}, {}, "pattn has no language model to switch off"),
        ({}, {"model.backbone.random": True}, "there is no language model to judge"),
        ({}, {"model.backbone.lora": 2}, "adapters would train in some variants alone"),
        ({}, {"seed": 3}, "seed: several are wanted here"),
        ({"model": "dlinear", "switches": "all"}, {}, "not made of plain patches"),
        ({"switches": "all"}, {"model.backbone.dynamic": 4}, "among the extensions"),
        ({"switches": "all"}, {"model.mixers": [{"name": "mixture"}]}, "set \\[\\]"),
        ({"model": "fits", "switches": "linear"}, {}, "fits has no linear map that a part can be added to"),
        ({"switches": "linear"}, {"model.shortcut": "solved"}, "among the parts that are compared"),
        ({"switches": "lm"}, {}, "switches: 'lm' is not known; did you mean llm"),
        ({"data": pd.DataFrame({"a": [1.0]})}, {}, "data: got DataFrame, wanted a dataset's name or a file"),
        ({"seeds": (1, 1)}, {}, "wanted each once; named twice: 1"),
        ({"seeds": ()}, {}, "seeds"),
        ({"horizon": None}, {}, "horizon: is required"),
        ({}, {"training.lr": -1}, r"training\.lr"),
    ],
)
def test_what_is_refused(file: str, tmp_path: Path, given: dict[str, Any], over: dict[str, Any], wanted: str) -> None:
    call = {"data": file, "lookback": 24, "horizon": 4, "out": tmp_path / "out", "workers": 0, **given}
    stated = settings(**over) if given.get("model", "time-llm") == "time-llm" else {}
    with pytest.raises(SettingsError, match=wanted):
        latentcast.ablate(**call, settings=stated)
    assert not (tmp_path / "out" / "cells.jsonl").exists()


# --- the extensions


@pytest.mark.slow
def test_each_extension_alone_and_all_together(file: str, tmp_path: Path) -> None:
    result = latentcast.ablate(
        file,
        "patch-transformer",
        switches="all",
        preset="small",
        lookback=72,
        horizon=4,
        seeds=(0, 1),
        settings={"training.max_steps": 1, "training.batch_size": 8},
        out=tmp_path / "out",
        workers=0,
    )
    assert not result.results.errors
    singles = ["wavelet", "multi-scale", "frequency", "inter-variate", "mixture"]
    assert list(result.rows) == ["plain patches", *singles, "all together"]
    runs = {cell.label: cell.run.model for cell in result.results.cells}
    plain = runs["plain patches"].dump()
    for name in singles[:3]:
        its = runs[name].dump()
        assert its["representation"]["name"] == name
        assert its["representation"].items() >= {**plain["representation"], "name": name}.items()  # the same patches
        assert {**its, "representation": plain["representation"]} == plain
    for name in singles[3:]:
        its = runs[name].dump()
        assert [part["name"] for part in its["mixers"]] == [name]
        assert {**its, "mixers": []} == plain
    together = runs["all together"].dump()
    assert [view["name"] for view in together["representation"]["views"]] == singles[:3]
    assert [part["name"] for part in together["mixers"]] == singles[3:]
    assert len(result.verdicts()) == 6
    assert "has no language model" in result.to_markdown()


def test_extensions_of_a_language_model_are_among_them(file: str) -> None:
    from latentcast.benchmarking.switches import study
    from latentcast.models.config.run import resolve_config

    stated = nested({"model.name": "time-llm", "lookback": 72, "horizon": 4, **settings()})
    run = resolve_config(stated)
    variants = study("all", run).variants
    assert {"dynamic prompt", "task vocabulary"} <= variants.keys()
    assert variants["all together"].model["backbone"].keys() == {
        "dynamic", "local_statistics", "prototype_start", "num_prototypes"
    }  # fmt: skip


# --- the parts of linear models


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "preset", "own"),
    [
        (
            "dlinear",
            "normalised",
            ["exponential average", "arctangent loss", "frequency map", "solved map", "clustered maps"],
        ),
        (
            "patch-transformer",
            "small",
            ["linear shortcut", "solved shortcut", "folded periods", "channels by spectrum"],
        ),
    ],
)
def test_each_part_of_linear_models_alone(file: str, tmp_path: Path, model: str, preset: str, own: list[str]) -> None:
    result = latentcast.ablate(
        file,
        model,
        switches="linear",
        preset=preset,
        lookback=72,
        horizon=4,
        seeds=(0,),
        settings={"training.max_steps": 1, "training.batch_size": 8},
        out=tmp_path / "out",
        workers=0,
    )
    assert not result.results.errors
    assert list(result.rows) == ["as it is", "cycle", "trailing mean", *own]
    runs = {cell.label: cell.run for cell in result.results.cells}
    plain = runs["as it is"].model.dump()
    assert runs["cycle"].model.dump() == {**plain, "cycles": [24]}
    assert runs["trailing mean"].model.dump() == {**plain, "trailing": 0.1, "normalise": True}
    changed = {name: run.name for name, run in runs.items() if run.name != model}
    maps = {"frequency map": "fits", "solved map": "ridge", "clustered maps": "ridge"}
    assert changed == (maps if model == "dlinear" else {})
    assert len({row.mean["MSE"] for row in result.rows.values()}) > len(own)
