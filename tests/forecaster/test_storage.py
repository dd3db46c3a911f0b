"""Saved folders: whole or refused, and nothing in them can run."""

import ast
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from safetensors.torch import load_file, save_file

import latentcast
from latentcast.core.errors import CheckpointError
from latentcast.forecaster import storage

SOURCE = Path(latentcast.__file__).parent
QUICK = {"training.max_steps": 2, "training.loggers": []}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub") / "saved"
    stamps = pd.date_range("2024-01-01", periods=120, freq="D")
    frame = pd.DataFrame({"ds": stamps, "löad": [float(i % 7 + i / 50) for i in range(120)]})
    latentcast.fit(frame, "dlinear", lookback=14, horizon=7, settings=QUICK, out=folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def _refused(folder: Path, *words: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        latentcast.load(folder)
    for word in words:
        assert word in str(caught.value)


def _edit(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8")


def _sign(folder: Path) -> None:
    """The digest of a card that was changed, as if it had been saved so."""
    card = json.loads((folder / storage.CARD).read_text(encoding="utf-8"))
    digests = {name: storage._sha256(folder / name) for name in (storage.WEIGHTS, storage.SERIES, storage.STATISTICS)}
    _edit(folder / storage.CARD, sha256=digests | {storage.CARD: storage._card_sha256(card)})


def test_nothing_in_the_source_reads_a_pickle() -> None:
    forbidden = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    calls = {("torch", "load"), ("torch", "save"), ("np", "load"), ("pd", "read_pickle")}
    found = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if forbidden & {name.split(".")[0] for name in names}:
                found.append(f"{path.name}: {names}")
            if isinstance(node, ast.Attribute) and (ast.unparse(node.value), node.attr) in calls:
                found.append(f"{path.name}: {ast.unparse(node)}")
    # one file reads checkpoints that other programs saved, in a process of its own and without running anything
    reader = SOURCE / "workflows" / "published" / "read_pickled.py"
    loads = [
        node
        for node in ast.walk(ast.parse(reader.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load"
    ]
    assert [ast.unparse(word) for load in loads for word in load.keywords if word.arg == "weights_only"] == [
        "weights_only=True"
    ]
    assert found == [f"{reader.name}: ['pickle']", f"{reader.name}: torch.load"]


def test_a_folder_holds_only_text_and_safetensors(saved: Path) -> None:
    files = [path for path in saved.rglob("*") if path.is_file()]
    kinds = {path.suffix for path in files}
    assert kinds <= {".safetensors", ".json", ".yaml", ".ckpt", ".csv"}
    for path in files:
        if path.suffix in (".safetensors", ".ckpt"):
            load_file(path)
        else:
            path.read_text(encoding="utf-8")


def test_the_card_is_for_people(saved: Path) -> None:
    card = json.loads((saved / storage.CARD).read_text(encoding="utf-8"))
    assert {"model", "settings", "schema", "versions", "training", "validation", "parameters", "sha256"} <= set(card)
    assert card["schema"]["channels"] == ["löad"]
    assert card["schema"]["fingerprint"]
    assert "löad" in (saved / storage.CARD).read_text(encoding="utf-8")


def test_load_needs_neither_checkpoints_nor_logs(folder: Path) -> None:
    for name in ("checkpoints", "logs"):
        shutil.rmtree(folder / name, ignore_errors=True)
    assert latentcast.load(folder).name == "dlinear"


@pytest.mark.parametrize("name", [storage.WEIGHTS, storage.SERIES, storage.STATISTICS, storage.CARD])
def test_truncated(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    _refused(folder, name, "damaged")


@pytest.mark.parametrize("name", [storage.WEIGHTS, storage.SERIES, storage.STATISTICS])
def test_one_flipped_bit(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    _refused(folder, name, "damaged")


def test_a_changed_card(folder: Path) -> None:
    text = (folder / storage.CARD).read_text(encoding="utf-8")
    (folder / storage.CARD).write_text(text.replace('"freq": "D"', '"freq": "h"'), encoding="utf-8")
    _refused(folder, storage.CARD, "changed since")


@pytest.mark.parametrize("name", [storage.WEIGHTS, storage.SERIES, storage.STATISTICS])
def test_a_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    _refused(folder, name, "copy the whole folder")


def test_a_missing_card(folder: Path) -> None:
    (folder / storage.CARD).unlink()
    _refused(folder, "did not finish", "--resume")
    shutil.rmtree(folder / "checkpoints")
    _refused(folder, "was not written by latentcast", storage.CARD)


def test_not_a_folder(tmp_path: Path) -> None:
    _refused(tmp_path / "nowhere", "nowhere is no folder", "--out")
    (tmp_path / "file").touch()
    _refused(tmp_path / "file", "is no folder")


@pytest.mark.parametrize("content", [b"", b"[1, 2]", b"\xff\xfe", b"{", b"null"])
def test_a_card_that_is_none(folder: Path, content: bytes) -> None:
    (folder / storage.CARD).write_bytes(content)
    _refused(folder, storage.CARD, "damaged")


def test_a_foreign_card(folder: Path) -> None:
    _edit(folder / storage.CARD, format="somebody/7")
    _refused(folder, "'somebody/7'", storage.FORMAT)
    (folder / storage.CARD).write_text('{"model": "gpt"}', encoding="utf-8")
    _refused(folder, "None", storage.FORMAT)


@pytest.mark.parametrize("digests", [None, 7, {}, {"weights.safetensors": 1}])
def test_strange_digests(folder: Path, digests: object) -> None:
    _edit(folder / storage.CARD, sha256=digests)
    _refused(folder, "sha256")


@pytest.mark.parametrize(
    "values",
    [
        {"settings": {}},
        {"settings": 3},
        {"settings": None},
        {"task": {}},
        {"task": [1]},
        {"task": None},
        {"schema": {}},
        {"schema": {"channels": 5}},
    ],
)
def test_a_signed_card_of_another_version(folder: Path, values: dict[str, object]) -> None:
    _edit(folder / storage.CARD, **values)
    _sign(folder)
    _refused(folder, "cannot be understood")


@pytest.mark.parametrize(
    "series", [{"": 3}, {"ids": [""]}, {"ids": ["", ""], "parts_end": []}, {"ids": [3], "parts_end": []}, {}]
)
def test_signed_series_of_another_version(folder: Path, series: dict[str, object]) -> None:
    (folder / storage.SERIES).write_text(json.dumps(series), encoding="utf-8")
    _sign(folder)
    _refused(folder, "cannot be understood")


def test_signed_weights_of_another_model(folder: Path) -> None:
    tensors = load_file(folder / storage.WEIGHTS)
    first = sorted(tensors)[0]
    changed = {name: value[..., :1].clone() if name == first else value for name, value in tensors.items()}
    save_file({**changed, "surplus": tensors[first].clone()}, folder / storage.WEIGHTS)
    _sign(folder)
    _refused(folder, "does not fit", "surplus is unknown", f"{first} is")


def test_signed_weights_that_are_none(folder: Path) -> None:
    (folder / storage.WEIGHTS).write_bytes(b"nonsense")
    _sign(folder)
    _refused(folder, storage.WEIGHTS, "cannot be read")


def test_a_taken_folder_is_left_alone(folder: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    forecaster = latentcast.load(folder)
    with pytest.raises(CheckpointError, match=r"not empty.*--overwrite"):
        forecaster.save(folder)
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    forecaster.save(folder, overwrite=True)
    forecaster.save(tmp_path / "deep" / "new")
    latentcast.load(tmp_path / "deep" / "new")


def test_a_folder_that_cannot_be_made(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    forecaster = latentcast.load(folder)
    with pytest.raises(CheckpointError, match="is a file"):
        forecaster.save(tmp_path / "file")
    with pytest.raises(CheckpointError, match="cannot be written"):
        forecaster.save(tmp_path / "file" / "below")


def test_a_disk_that_is_full(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forecaster = latentcast.load(folder)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(CheckpointError, match="No space left"):
        forecaster.save(tmp_path / "new")
    monkeypatch.undo()
    _refused(tmp_path / "new", "was not written by latentcast")
