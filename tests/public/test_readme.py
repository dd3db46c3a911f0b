"""What the README, its translation and the page of recipes show is run as it stands, with less training."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from latentcast.cli import app

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "README.zh.md", "docs/recipes.md"]


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)


def commands(page: str) -> list[list[str]]:
    lines = [line.split("  #")[0] for block in blocks(page, "bash") for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("latentcast ")]


def test_the_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^make (\w+)", "\n".join(blocks("README.md", "bash")), flags=re.MULTILINE)
    assert {"demo", "test", "docs"} <= set(targets)
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)


@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
def test_the_extras_exist(readme: str) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    text = (ROOT / readme).read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`([\w-]+)`", row)} <= set(extras)


@pytest.mark.slow
@pytest.mark.parametrize("source", PAGES)
def test_every_command_runs(source: str, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = commands(source)
    wanted = {"fit", "predict", "evaluate", "backtest", "describe", "models"} if "recipes" in source else {"forecast"}
    assert wanted <= {command[0] for command in shown}
    for command in shown:
        _run(command)
    if "recipes" in source:
        start = "unique_id,ds,dlinear\nHUFL,2018-06-26 20:00:00,"
        assert (tmp_path / "forecast.csv").read_text().startswith(start)
        assert (tmp_path / "forecast.png").stat().st_size > 10_000


def _run(command: list[str]) -> None:
    stage = {"fit": "training", "backtest": "training", "pretrain": _stage(command)}.get(command[0])
    short = ["--set", f"{stage}.max_steps=2"] if stage else []
    short += ["--time-limit", "0"] * (command[0] == "forecast")
    short += ["--stride", "50"] * (
        "paper-droplast:128" not in command and command[:2] == ["evaluate", "runs/published"]
    )
    quicker = {"60s": "2s"} | ({"theta": "seasonal-naive"} if "m4" in command else {})  # limit of time; 773 fits
    command = [quicker.get(word, word) for word in command]
    result = CliRunner().invoke(app, command + short)
    assert result.exit_code == 0, (command, result.output, result.exception)


def _stage(command: list[str]) -> str:
    """The last that a pretraining goes through."""
    stages = {"vq-codec": "codec", "token-transformer": "next-code"}
    return "stages." + next((stages[word] for word in command if word in stages), "reconstruct")


@pytest.mark.slow
@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
def test_the_python_example_runs(readme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = blocks(readme, "python")
    names: dict = {}
    exec(compile(block, readme, "exec"), names)
    assert list(names["forecast"].columns) == ["unique_id", "ds", "dlinear", "dlinear-lo-80", "dlinear-hi-80"]
    assert len(names["forecast"]) == 52
    judged = names["forecaster"].evaluate(names["frame"])
    assert judged.baseline is not None
    shown = [float(figure) for figure in re.search(r"MASE ([\d.]+)\D+naive ([\d.]+)", block).groups()]
    assert [judged.original["MASE"], judged.baseline.original["MASE"]] == pytest.approx(shown, abs=0.01)
    assert judged.original["MASE"] < judged.baseline.original["MASE"]
