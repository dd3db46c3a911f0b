"""What docs/practice.md shows is run as it stands, from top to bottom."""

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from latentcast.cli import app

GUIDE = (Path(__file__).parents[2] / "docs" / "practice.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    shown: dict[str, str] = {}
    for language, block in re.findall(r"```(python|bash)\n(.*?)```", GUIDE, flags=re.DOTALL):
        if language == "python":
            exec(compile(block, "practice.md", "exec"), names)
            continue
        for line in block.splitlines():
            command = shlex.split(line)[1:]
            short = ["--set", "training.max_epochs=2"] if command[0] == "fit" else []
            result = CliRunner().invoke(app, command + short)
            assert result.exit_code == 0, (command, result.output, result.exception)
            shown[command[0]] = result.output
    for line in re.search(r"\n```\n(layout.*?)```", GUIDE, flags=re.DOTALL)[1].splitlines():  # type: ignore[index]
        assert line in "\n".join(each.rstrip() for each in shown["describe"].splitlines())
    forecast = pd.read_csv("forecast.csv")
    assert list(forecast)[2:] == ["dlinear", *(f"dlinear-{end}" for end in ("lo-90", "lo-80", "hi-80", "hi-90"))]
    assert len(forecast) == 26
    assert (tmp_path / "forecast.png").stat().st_size > 10_000
    assert "deviations from training" in names["forecaster"].drift(names["frame"]).note()
    assert len(names["forecast"]) == 14
