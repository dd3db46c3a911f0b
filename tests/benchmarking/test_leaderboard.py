"""The leaderboard: every cell once, whatever happens; all faults before the first; tables that say what they hold."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from scipy.stats import friedmanchisquare

import latentcast
from foundations import FOUNDATIONS
from latentcast.benchmarking import workers
from latentcast.benchmarking.leaderboard import Results, benchmark
from latentcast.benchmarking.plan import plan
from latentcast.core.errors import CheckpointError, Interrupted, SettingsError
from latentcast.core.parsing import write_yaml
from latentcast.evaluation.significance import significance
from latentcast.models.config.presets import MODEL_PRESETS
from llms import folder

QUICK = {"max_steps": 2, "batch_size": 8}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """160 days of two channels."""
    path = tmp_path_factory.mktemp("data") / "days.csv"
    rng = np.random.default_rng(0)
    days = pd.date_range("2020-01-01", periods=160, freq="D")
    pd.DataFrame({"date": days, "a": np.sin(np.arange(160) / 5), "b": rng.normal(5, 1, 160)}).to_csv(path, index=False)
    return str(path)


def board(file: str, **over: Any) -> dict[str, Any]:
    return {
        "datasets": [file],
        "horizons": [4, 6],
        "seeds": [0, 1],
        "common": {"lookback": 16, "training": QUICK},
        "models": {"naive": None, "linear": {"model": "dlinear", "lookback": 12}},
        **over,
    }


def here(config: Any, out: Path, **options: Any) -> Results:
    return benchmark(config, out=out, workers=0, **options)


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "cells.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def done(file: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Results]:
    out = tmp_path_factory.mktemp("board") / "out"
    return out, here(board(file), out)


def figures(results: Results) -> pd.DataFrame:
    return results.frame()[["dataset", "horizon", "model", "finished", "windows", "MSE", "MSE_sd", "MAE", "MAE_sd"]]


# --- what is run, and what is said of it


def test_a_line_holds_the_whole_cell(done: tuple[Path, Results], file: str) -> None:
    records = lines(done[0])
    assert len(records) == 8
    line = next(r for r in records if (r["model"], r["horizon"], r["seed"]) == ("linear", 6, 1))
    assert line["settings"]["lookback"] == 12
    assert line["settings"]["training"]["max_steps"] == 2
    assert line["test"]["part"] == "test"
    assert line["windows"] == line["test"]["windows"] == 32 - 6 + 1
    assert line["validation"]["part"] == "val"
    (stage,) = line["training"]["stages"]
    assert (stage["steps"], stage["stopped_by"]) == (2, "max_steps")
    assert line["prediction"]["windows_per_second"] > 0
    assert line["peak_memory"]["process_mib"] is None or line["peak_memory"]["process_mib"] > 50
    assert line["parameters"]["trainable"] > 0
    assert line["machine"]["threads"] == 1
    assert {"torch", "latentcast"} <= set(line["versions"])


def test_a_cell_is_what_fit_and_evaluate_find(done: tuple[Path, Results], file: str) -> None:
    settings = {f"training.{name}": value for name, value in QUICK.items()}
    found = [
        latentcast.fit(file, "dlinear", lookback=12, horizon=6, seed=seed, settings=settings).evaluate(file).scaled
        for seed in (0, 1)
    ]
    row = next(row for row in done[1].rows if (row.model, row.horizon) == ("linear", 6))
    for name in ("MSE", "MAE"):
        values = [scaled[name] for scaled in found]
        assert row.mean[name] == pytest.approx(np.mean(values), rel=1e-6)
        assert row.sd[name] == pytest.approx(np.std(values, ddof=1), rel=1e-4, abs=1e-9)


def test_results_are_drawn(done: tuple[Path, Results], tmp_path: Path) -> None:
    assert done[1].plot(tmp_path / "results.svg").stat().st_size > 5000
    unfinished = replace(done[1], records=(None, *done[1].records[1:]))
    assert unfinished.plot(tmp_path / "results.png").stat().st_size > 5000
    empty = replace(done[1], records=(None,) * len(done[1].records))
    assert empty.plot(tmp_path / "empty.png").stat().st_size > 1000


def test_ranks_and_tables(done: tuple[Path, Results]) -> None:
    out, results = done
    frame = results.frame()
    for _, group in frame.groupby("horizon"):
        assert list(group["rank_MSE"]) == list(group["MSE"].rank())
    average = frame.groupby("model")["rank_MSE"].mean()
    assert {m: ranks["MSE"] for m, ranks in results.average_ranks.items()} == average.to_dict()
    text = (out / "table.md").read_text(encoding="utf-8")
    assert text == results.to_markdown()
    assert "2 seeds (0, 1)" in text
    assert "over 2 of 2 datasets × horizons" in text
    table = [line for line in text.splitlines() if line.startswith("|") and "days.csv" in line]
    assert len(table) == 4
    assert sum(line.count("**") for line in table) == 2 * 2 * 2  # one best MSE and one best MAE a horizon
    assert len(pd.read_csv(out / "table.csv")) == 4
    assert len(repr(results).splitlines()) == 1 + 4


def test_a_setting_that_is_laid_over_some_cells(file: str) -> None:
    overrides = [
        {"where": {"horizon": 6}, "training.lr": 0.5},
        {"where": {"model": ["linear"], "horizon": [4, 6], "dataset": file}, "lookback": 10},
    ]
    cells = plan(board(file, overrides=overrides))
    found = {(c.label, c.run.horizon): (c.run.training.lr, c.run.lookback) for c in cells}
    assert found[("naive", 6)] == (0.5, 16)
    assert found[("linear", 6)] == (0.5, 10)
    assert found[("linear", 4)] == (MODEL_PRESETS["dlinear"].training["lr"], 10)


def test_every_named_model_can_be_planned(file: str) -> None:
    absent = {name for name, (package, _) in FOUNDATIONS.items() if find_spec(package) is None}
    models: dict[str, object] = dict.fromkeys(
        name for name, named in MODEL_PRESETS.items() if named.forecasts and name not in absent
    )
    models["time-llm"] = {"model": {"name": "time-llm", "backbone": {"llm": folder("gpt2"), "llm_layers": 1}}}
    assert len(plan(board(file, models=models, seeds=3, horizons=4))) == len(models)
    with pytest.raises(SettingsError, match="vq-codec forecasts nothing"):
        plan(board(file, models={"vq-codec": None}, seeds=3, horizons=4))


# --- going on


def test_what_is_finished_is_not_run_again(done: tuple[Path, Results], file: str, tmp_path: Path) -> None:
    (tmp_path / "cells.jsonl").write_bytes((done[0] / "cells.jsonl").read_bytes())
    said: list[str] = []
    again = here(board(file), tmp_path, report=said.append)
    assert said == ["8 of 8 cells are finished already"]
    assert len(lines(tmp_path)) == 8
    assert again.to_markdown() == done[1].to_markdown()


@pytest.mark.slow
def test_cut_anywhere_it_ends_the_same(done: tuple[Path, Results], file: str, tmp_path: Path) -> None:
    text = (done[0] / "cells.jsonl").read_bytes()
    whole = text.splitlines(keepends=True)
    (tmp_path / "cells.jsonl").write_bytes(b"".join(whole[:5]) + whole[5][:200])
    said: list[str] = []
    again = here(board(file), tmp_path, report=said.append)
    assert said[0] == "5 of 8 cells are finished already"
    assert len(said) == 1 + 3
    assert "left" in said[1]
    pd.testing.assert_frame_equal(figures(again), figures(done[1]))
    assert here(board(file), tmp_path).to_markdown() == again.to_markdown()


def test_changed_settings_run_again_and_others_do_not(done: tuple[Path, Results], file: str, tmp_path: Path) -> None:
    (tmp_path / "cells.jsonl").write_bytes((done[0] / "cells.jsonl").read_bytes())
    said: list[str] = []
    config = board(file, overrides=[{"where": {"model": "linear", "horizon": 4}, "training": {"lr": 0.1}}], seeds=[0])
    results = here(config, tmp_path, report=said.append)
    assert said[0] == "3 of 4 cells are finished already"
    assert len(said) == 2
    assert figures(results)["MSE_sd"].isna().all()  # one seed


def test_a_setting_that_is_newer_than_the_line_has_its_default(
    done: tuple[Path, Results], file: str, tmp_path: Path
) -> None:
    records = lines(done[0])
    for record in records:
        del record["settings"]["training"]["accumulate"]
    records[0]["settings"]["training"]["forgotten"] = 1  # and one that is no more: run again
    text = "".join(json.dumps(record) + "\n" for record in records)
    (tmp_path / "cells.jsonl").write_text(text + "5\nnull\n", encoding="utf-8")
    said: list[str] = []
    here(board(file), tmp_path, report=said.append)
    assert said[0] == "7 of 8 cells are finished already"


# --- failures


def test_a_cell_that_fails_stops_no_other(file: str, tmp_path: Path) -> None:
    diverges = {"model": "patch-linear", "training": {"lr": 1e30, "clip": None}}
    config = board(file, models={"naive": None, "wild": diverges}, horizons=[4])
    said: list[str] = []
    results = here(config, tmp_path, report=said.append)
    assert len(results.errors) == 2
    assert all("diverged" in why for why in results.errors.values())
    assert sum(": failed: " in line for line in said) == 2
    naive, wild = results.rows
    assert (naive.finished, wild.finished, wild.failed) == (2, 0, 2)
    assert not naive.rank  # nothing is ranked beside what is missing
    assert not results.average_ranks
    text = results.to_markdown()
    assert "| wild | failed | failed | 0 of 2, 2 failed |" in text
    assert "tries cells again" in text
    said.clear()
    here(config, tmp_path, report=said.append)
    assert said[0] == "2 of 4 cells are finished already"
    assert len(said) == 3


def test_all_faults_before_the_first_cell(file: str, tmp_path: Path) -> None:
    config = board(
        file,
        datasets=[file, "ETTh9"],
        seedss=[1],
        models={"naive": None, "bad": {"model": "dlinear", "training": {"lr": "fast"}, "horizon": 3}},
        overrides=[{"where": {"model": "bda"}}, {"where": {"horizons": 4}}, {"lookback": 3}],
    )
    with pytest.raises(SettingsError) as caught:
        here(config, tmp_path / "out")
    assert caught.value.faults == ("seedss: no such setting; did you mean seeds?",)
    del config["seedss"]
    with pytest.raises(SettingsError) as caught:
        here(config, tmp_path / "out")
    said = str(caught.value)
    for words in (
        "'ETTh9'",
        "models.bad: training.lr: got 'fast'",
        "models.bad.horizon: stands beside models, as horizons",
        "overrides.0.where.model: 'bda' is not compared; did you mean bad?",
        "overrides.1.where.horizons: no such setting; did you mean horizon?",
        "overrides.2.where: got None",
    ):
        assert words in said, said
    assert said.count("got 'fast'") == 1
    assert not (tmp_path / "out").exists()


def test_what_is_wrong_with_every_model_is_said_once(file: str) -> None:
    with pytest.raises(SettingsError) as caught:
        plan(board(file, common={"training": QUICK}, models={"naive": None, "dlinear": None}))
    assert caught.value.faults == ("lookback: is required (every model)",)


def test_parts_that_do_not_fit_are_found_before(file: str) -> None:
    wrong = {"model": {"name": "patch-transformer", "representation": {"width": 30}, "backbone": {"heads": 4}}}
    with pytest.raises(SettingsError, match=r"models\.wrong: model\.backbone\.heads"):
        plan(board(file, models={"naive": None, "wrong": wrong}))


def test_models_must_be_asked_the_same(file: str) -> None:
    with pytest.raises(SettingsError, match="asked the same"):
        plan(board(file, models={"naive": None, "dlinear": {"data": {"split": [0.5, 0.2, 0.3]}}}))


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"models": {}}, "models"),
        ({"models": "naive"}, "models"),
        ({"horizons": [0]}, "horizons"),
        ({"horizons": [4, 4]}, "horizons: got [4, 4], wanted each once; named twice: 4"),
        ({"seeds": []}, "seeds"),
        ({"common": 3}, "common"),
        ({"models": {"dlinaer": None}}, "did you mean dlinear?"),
    ],
)
def test_configurations_that_are_wrong(file: str, over: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        plan(board(file, **over))
    assert words in str(caught.value)


def test_options_and_folders_that_are_wrong(file: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"(?s)threads: got 0.*workers: got -1"):
        benchmark(board(file), out=tmp_path, workers=-1, threads=0)
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="is a file"):
        here(board(file), tmp_path / "file")


def test_the_shipped_comparison_is_valid(data_folder: Path) -> None:
    cells = plan(Path(__file__).parents[2] / "configs" / "latent-ett.yaml")
    assert len(cells) == 2 * 4 * 3 * len({cell.label for cell in cells})


# --- in processes


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_keeps_what_is_finished_which_is_what_one_process_finds(
    done: tuple[Path, Results], file: str, tmp_path: Path
) -> None:
    endless = {"model": "patch-linear", "training": {"max_steps": None, "max_epochs": 10**6, "patience": None}}
    models = {"linear": {"model": "dlinear", "lookback": 12}, "endless": endless}
    write_yaml(tmp_path / "board.yaml", board(file, horizons=[4], seeds=[1], models=models))
    code = "if __name__ == '__main__':\n    from latentcast.cli import main\n    main()\n"
    (tmp_path / "door.py").write_text(code, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "door.py", "benchmark", "board.yaml", "--out", "out", "--workers", "2"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    assert "1 of 2: linear on " in process.stderr.readline()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does it: to every process
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Go on with the same command" in err
    assert "Traceback" not in err
    (record,) = lines(tmp_path / "out")
    expected = next(r for r in lines(done[0]) if (r["model"], r["horizon"], r["seed"]) == ("linear", 4, 1))
    assert record["test"] == expected["test"]
    _until(lambda: not _is_there(process.pid))  # no worker is left


def test_a_worker_that_dies_is_a_failed_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_work", os.abort)
    monkeypatch.setattr(workers, "failed", lambda cell, why: {"error": why})
    found = dict(workers.in_processes(["one", "two"], 2, 1, []))  # type: ignore[list-item]
    assert set(found) == {"one", "two"}
    assert all("ended with exit code" in record["error"] for record in found.values())


def _until(holds: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < 60
        time.sleep(0.05)


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_interrupted_in_this_process(file: str, tmp_path: Path) -> None:
    def stop(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="Go on"):
        here(board(file), tmp_path, report=stop)
    assert len(lines(tmp_path)) == 1


def test_a_line_whose_model_had_other_settings_is_not_taken(tmp_path: Path) -> None:
    """A setting that the model did not have then may have changed what it does."""
    from latentcast.benchmarking.leaderboard import read
    from latentcast.models.config.run import resolve_config

    run = resolve_config({"model": "dlinear", "lookback": 8, "horizon": 2})
    settings = run.dump()
    line = {"settings": settings, "fingerprint": "f", "part": "test"}
    path = tmp_path / "cells.jsonl"
    path.write_text(json.dumps(line) + "\n")
    assert len(read(path)) == 1
    del settings["training"]["ema"]  # newer than the line, and at its default
    path.write_text(json.dumps(line) + "\n")
    assert len(read(path)) == 1
    del settings["model"]["preset"]  # newer, and adds nothing
    del settings["model"]["individual"]  # a switch, and off
    path.write_text(json.dumps(line) + "\n")
    assert len(read(path)) == 1
    del settings["model"]["normalise"]
    path.write_text(json.dumps(line) + "\n")
    assert not read(path)


def test_a_model_goes_through_the_stages_that_it_needs(file: str, tmp_path: Path) -> None:
    codec = {"hidden": 8, "blocks": 1, "code_dim": 4, "codebook_size": 8}
    tokens = {
        "model": {"representation": {"codec": codec, "width": 8}, "backbone": {"layers": 1, "heads": 2, "ff": 8}},
        "stages": {"codec": {"max_steps": 10, "lr": 1e-2}, "next-code": {"max_steps": 2}},
    }
    over = {"models": {"token-transformer": tokens}, "horizons": 4, "seeds": 1}
    here(board(file, **over), tmp_path)
    (line,) = lines(tmp_path)
    assert [stage["stage"] for stage in line["training"]["stages"]] == ["codec", "next-code", "forecast"]


# --- judged elsewhere, beside published figures, and whether ranks tell


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> str:
    """140 other days of the same two channels."""
    path = tmp_path_factory.mktemp("other") / "more.csv"
    days = pd.date_range("2021-01-01", periods=140, freq="D")
    noise = np.random.default_rng(1).normal(0, 1, (140, 2))
    pd.DataFrame({"date": days, "a": np.cos(np.arange(140) / 4) + noise[:, 0], "b": noise[:, 1]}).to_csv(path)
    pd.read_csv(path, index_col=0).to_csv(path, index=False)
    return str(path)


@pytest.mark.slow
def test_a_trained_model_is_judged_on_other_data(file: str, other: str, tmp_path: Path) -> None:
    config = board(file, horizons=4, on=[other, file])
    results = here(config, tmp_path)
    rows = [row for row in results.rows if row.dataset == f"{file} → {other}"]
    assert [row.model for row in rows] == ["naive", "linear"]  # and the data it was trained on not twice
    forecaster = latentcast.fit(file, "dlinear", lookback=12, horizon=4, seed=0, settings={"training": QUICK})
    there = latentcast.transfer(forecaster, other).evaluate(other)
    (line,) = (one for one in lines(tmp_path) if one["model"] == "linear" and one["seed"] == 0)
    assert line["on"][other]["test"]["scaled"]["MSE"] == pytest.approx(there.scaled["MSE"])
    assert rows[1].windows == there.windows
    assert not any(row.rank for row in rows)  # the same test windows would count twice
    assert results.ranked_groups == (1, 1)
    said: list[str] = []
    here(config, tmp_path, report=said.append)
    assert said == ["4 of 4 cells are finished already"]
    here({**config, "on": [file, other]}, tmp_path)  # the order changes nothing
    assert len(lines(tmp_path)) == 4
    here({**config, "on": []}, tmp_path)  # asked otherwise it is another cell
    assert len(lines(tmp_path)) == 8


def test_what_cannot_be_judged_elsewhere_is_said_there(file: str, tmp_path: Path) -> None:
    """A model that mixes two channels on data of one."""
    path = tmp_path / "one.csv"
    days = pd.date_range("2021-01-01", periods=140, freq="D")
    pd.DataFrame({"date": days, "only": np.arange(140.0)}).to_csv(path, index=False)
    models = {"naive": None, "mixes": {"model": {"name": "transformer", "preset": "small", "width": 8, "ff": 8}}}
    results = here(board(file, horizons=4, seeds=0, models=models, on=str(path)), tmp_path / "out")
    found = {row.model: row for row in results.rows if "→" in row.dataset}
    assert found["mixes"].failed == 1
    assert not found["naive"].failed
    assert any("channels" in why for cell, why in results.errors.items() if "one.csv" in cell)
    assert "failed" in (tmp_path / "out" / "page.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_published_figures_stand_beside_and_are_not_ranked(file: str, tmp_path: Path) -> None:
    figures = (("Others <2023>", 0.5), ("Worse", 0.7))
    published = [{"name": name, "dataset": file, "MSE": {4: mse}} for name, mse in figures]
    results = here(board(file, published=published), tmp_path)
    assert results.best_published(file, 4) == ("Others <2023>", 0.5)
    assert results.best_published(file, 6) is None
    assert set(results.average_ranks) == {"naive", "linear"}
    best = min(row.mean["MSE"] for row in results.rows if row.horizon == 4)
    assert f"{best - 0.5:+.4f}" in results.to_markdown()
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Others &lt;2023&gt;" in page
    assert "<2023>" not in page
    with pytest.raises(SettingsError, match="published"):
        plan(board(file, published=[{"name": "Others", "dataset": "ETTh9", "MSE": {96: 0.4}}]))


@pytest.mark.slow
def test_what_is_left_out_is_not_run_and_is_said(file: str, tmp_path: Path) -> None:
    without = [
        {"model": "linear", "seed": 1, "because": "a <slow> model"},
        {"horizon": [6], "model": ["naive"], "because": "nobody asks"},
    ]
    results = here(board(file, without=without), tmp_path)
    ran = {(cell.label, cell.run.horizon, cell.run.seed) for cell in results.cells}
    assert ran == {("naive", 4, 0), ("naive", 4, 1), ("linear", 4, 0), ("linear", 6, 0)}
    assert len(lines(tmp_path)) == 4
    assert results.everywhere == ("linear",)
    assert not results.average_ranks  # one alone has no rank
    assert "up to 2 seeds (0, 1)" in results.to_markdown()
    assert "* linear; seed 1: a <slow> model\n* naive; horizon 6: nobody asks\n" in results.to_markdown()
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "a &lt;slow&gt; model" in page
    assert "<small>1 seed</small>" in page


@pytest.mark.slow
def test_who_is_not_everywhere_is_not_ranked(file: str, tmp_path: Path) -> None:
    models = {"naive": None, "linear": {"model": "dlinear", "lookback": 12}, "last": {"model": "naive", "lookback": 9}}
    rule = {"model": "last", "horizon": 6, "because": "nobody asks"}
    results = here(board(file, models=models, without=[rule]), tmp_path)
    assert results.ranked_groups == (2, 2)
    assert set(results.average_ranks) == {"naive", "linear"}
    assert "not in all of them, and so not ranked: last." in results.ranks_title()
    assert all(any(row.best for row in rows) for rows in results.groups().values())


def test_a_horizon_beyond_the_test_part_is_found_before(file: str, tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"horizons: 400 is longer than the test part of .* which has 32 steps"
    ) as caught:
        here(board(file, horizons=[4, 400], on=[file]), tmp_path / "out")
    assert any(fault.startswith("on: ") for fault in caught.value.faults)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_two_commands_on_one_folder(file: str, tmp_path: Path) -> None:
    refused: list[str] = []

    def second(_: str) -> None:
        with pytest.raises(CheckpointError, match="another comparison is writing") as caught:
            here(board(file), tmp_path)
        refused.append(str(caught.value))

    here(board(file), tmp_path, report=second)
    assert len(refused) == len(lines(tmp_path)) == 8


def test_a_full_disk_is_one_clear_error(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("latentcast.benchmarking.leaderboard.os.fsync", full)
    with pytest.raises(CheckpointError, match="No space left on device; what was finished before is kept"):
        here(board(file), tmp_path)


def test_a_label_with_any_line_break_is_finished(file: str, tmp_path: Path) -> None:
    config = board(file, horizons=4, seeds=0, models={"a\u2028b": {"model": "naive"}})
    here(config, tmp_path)
    here(config, tmp_path)
    assert len((tmp_path / "cells.jsonl").read_text(encoding="utf-8").split("\n")) == 2


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"model": "naive"}, "without.0.because"),
        ({"model": "naiv", "because": "slow"}, "without.0.model: 'naiv' is not compared; did you mean naive?"),
        ({"seed": 7, "because": "slow"}, "without.0.seed: 7 is not compared"),
        ({"because": "tired"}, "without: it leaves nothing to be run"),
    ],
)
def test_what_cannot_be_left_out(file: str, rule: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        plan(board(file, without=[rule]))
    assert words in str(caught.value)


def test_the_page_needs_no_network(done: tuple[Path, Results]) -> None:
    out, results = done
    page = (out / "page.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2  # ranks, and costs of the one dataset
    assert not re.search(r"(src|href)=[\"']?https?:|url\(|@import", page.replace("url(#", ""))
    for row in results.rows:
        assert row.model in page
        assert f"{row.mean['MSE']:.3f}" in page
    ElementTree.fromstring(re.search(r"<svg.*?</svg>", page, re.DOTALL).group(0))  # type: ignore[union-attr]


def test_significance_is_friedman_and_nemenyi() -> None:
    """Against scipy's own test and the table of Demšar 2006 (two-tailed Nemenyi, 5 %)."""
    scores = np.random.default_rng(0).normal(size=(12, 5)) + 0.3 * np.arange(5)
    found = significance(list("abcde"), scores)
    assert found is not None
    assert found.p == pytest.approx(friedmanchisquare(*scores.T).pvalue)
    assert found.ranks == tuple(sorted(found.ranks))
    for count, quantile in ((2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)):
        its = significance([str(n) for n in range(count)], np.random.default_rng(1).normal(size=(9, count)))
        assert its is not None
        assert its.critical == pytest.approx(quantile * np.sqrt(count * (count + 1) / 54), abs=2e-3)


def test_significance_says_what_is_told_apart() -> None:
    apart = np.tile(np.arange(3.0), (30, 1))
    found = significance(["a", "b", "c"], apart)
    assert found is not None
    assert not found.level_with_best
    assert "a is better than every other" in found.words()
    level = significance(["a", "b"], np.array([[1.0, 2.0], [2.0, 1.0]]))
    assert level is not None
    assert "No model is distinguishable" in level.words()
    ties = significance(["a", "b"], np.ones((5, 2)))
    assert ties is not None
    assert ties.p == 1
    assert significance(["a"], np.ones((5, 1))) is None
    assert significance(["a", "b"], np.ones((1, 2))) is None
