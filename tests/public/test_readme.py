"""What the README shows is run as it stands, training shortened."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from latentcast.cli import app

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands() -> list[list[str]]:
    lines = [line.split("  #")[0] for block in blocks("bash") for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("latentcast ")]


def test_the_make_targets_exist() -> None:
    makefile = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", "\n".join(blocks("bash")), flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)


@pytest.mark.slow
def test_every_command_runs(data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert {"fit", "predict", "evaluate", "backtest", "describe", "models"} <= {command[0] for command in commands()}
    for command in commands():
        stage = {"fit": "training", "backtest": "training", "pretrain": _stage(command)}.get(command[0])
        short = ["--set", f"{stage}.max_steps=2"] if stage else []
        short += ["--time-limit", "0"] * (command[0] == "forecast")
        command = ["2s" if word == "60s" else word for word in command]  # a limit of time
        result = CliRunner().invoke(app, command + short)
        assert result.exit_code == 0, (command, result.output, result.exception)
    assert (tmp_path / "forecast.csv").read_text().startswith("unique_id,ds,dlinear\nHUFL,2018-06-26 20:00:00,")
    assert (tmp_path / "forecast.png").stat().st_size > 10_000


def _stage(command: list[str]) -> str:
    """The last that a pretraining goes through."""
    stages = {"vq-codec": "codec", "token-transformer": "next-code"}
    return "stages." + next((stages[word] for word in command if word in stages), "reconstruct")


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = blocks("python")
    names: dict = {}
    exec(compile(block, "README.md", "exec"), names)
    assert list(names["forecast"].columns) == ["unique_id", "ds", "dlinear"]
    assert len(names["forecast"]) == 24
    assert names["forecaster"].evaluate(names["frame"]).scaled["MSE"] < 1
