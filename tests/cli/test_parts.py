"""Commands that work part by part, and options that only they or a cluster have."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from latentcast.cli import parts
from latentcast.cli.options import on_cluster
from latentcast.core.errors import SettingsError


def test_options_become_arguments_of_the_library() -> None:
    assert parts.options_of((None, None, None)) == {"engine": "local", "workers": 1, "address": None}
    assert parts.options_of(("ray", 4, "auto")) == {"engine": "ray", "workers": 4, "address": "auto"}
    assert on_cluster(None, None, 1, 0, 3)["engine"] == "local"


def test_options_of_a_cluster_need_the_engine() -> None:
    with pytest.raises(SettingsError) as found:
        on_cluster("local", "auto", 2, 1, 0)
    assert [fault.split(":")[0] for fault in found.value.faults] == ["--address", "--cpus", "--gpus", "--retries"]
    assert on_cluster("ray", "auto", 2, 1, 0)["cpus"] == 2


def test_a_file_is_written_by_one_process() -> None:
    parts.refuse_without_folder(None, None, None)
    with pytest.raises(SettingsError, match="--workers: works part by part into a folder"):
        parts.refuse_without_folder(None, 2, None)


def test_a_folder_of_parquet_files_is_read_part_by_part(tmp_path: Path) -> None:
    assert not parts.holds_parquet(str(tmp_path))
    assert not parts.holds_parquet("ETTh1")
    (tmp_path / "a.parquet").touch()
    assert parts.holds_parquet(str(tmp_path))
    assert not parts.holds_parquet(str(tmp_path / "a.parquet"))


def test_figures_are_returned_and_notes_printed_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: dict[str, object] = {}

    def evaluate(model: Path, data: str, **how: object) -> SimpleNamespace:
        asked.update(how)
        return SimpleNamespace(notes=("a note", "a note"))

    monkeypatch.setattr("latentcast.distributed.evaluate.evaluate", evaluate)
    parts.evaluate_parts(Path("m"), "d", None, ("ray", 2, None), overwrite=False, part="val")
    assert asked == {"out": None, "overwrite": False, "engine": "ray", "workers": 2, "address": None, "part": "val"}
    shown = capsys.readouterr()
    assert (shown.out + shown.err).count("a note") == 1
