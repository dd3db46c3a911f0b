"""Every block of the tutorial, the concepts and the pages for users of other libraries runs, from top to bottom."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

import latentcast
from latentcast.cli import app

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [
    "index.md",
    "tutorial.md",
    "concepts.md",
    *sorted(f"coming-from/{page.name}" for page in DOCS.glob("coming-from/*.md")),
]
BLOCK = re.compile(r'^```(python|bash|yaml)(?: title="(.*)")?\n(.*?)^```', flags=re.DOTALL | re.MULTILINE)
LAST_STAGE = {"vq-codec": "codec", "token-transformer": "next-code", "latent-transformer": "reconstruct"}


@pytest.mark.docs
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("guide", PAGES)
def test_every_block_runs(guide: str, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for language, title, block in BLOCK.findall((DOCS / guide).read_text(encoding="utf-8")):
        if language == "yaml":
            (tmp_path / title).write_text(block)
        elif language == "python":
            exec(compile(block, guide, "exec"), names)
        else:
            for line in block.splitlines():
                _run(shlex.split(line.split("  #")[0]))


def _run(words: list[str]) -> None:
    if words[:1] != ["latentcast"]:
        assert words[:2] == ["pip", "install"]
        return
    command = ["2s" if word.endswith("0s") else word for word in words[1:]]
    stages = [f"stages.{LAST_STAGE[word]}" for word in command if word in LAST_STAGE]
    stage = {"fit": "training", "backtest": "training", "pretrain": stages[0] if stages else ""}.get(command[0])
    short = ["--set", f"{stage}.max_steps=2"] if stage else []
    short += ["--set", "model.backbone.llm_layers=1"] if command[0] == "fit" and "time-llm" in command else []
    short += ["--stride", "200"] if command[0] == "evaluate" and "--protocol" not in command else []
    result = CliRunner().invoke(app, command + short)
    assert result.exit_code == 0, (command, result.output, result.exception)


def test_the_reference_has_every_public_name() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md"))
    listed = re.findall(r"^::: latentcast\.(\w+)$", text, flags=re.MULTILINE)
    assert sorted(listed) == sorted(latentcast.__all__)
