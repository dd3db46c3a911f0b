"""Folders that were forged, digests renewed, are refused in one message; saving destroys nothing."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

import latentcast
from latentcast.core.errors import CheckpointError
from latentcast.forecaster import storage

QUICK = {"training.max_steps": 2, "training.loggers": []}


def _frame() -> pd.DataFrame:
    stamps = pd.date_range("2024-01-01", periods=150, freq="D")
    return pd.DataFrame({"ds": stamps, "load": [float(i % 7 + i / 50) for i in range(150)]})


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sense") / "saved"
    latentcast.fit(_frame(), "dlinear", lookback=14, horizon=3, settings=QUICK).save(folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def _forge(folder: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
    """Change the card and the statistics of the series in place, and renew the digests."""
    card = json.loads((folder / storage.CARD).read_text(encoding="utf-8"))
    statistics = load_file(folder / storage.STATISTICS)
    change(card, statistics)
    save_file(statistics, folder / storage.STATISTICS)
    names = (storage.WEIGHTS, storage.SERIES, storage.STATISTICS, storage.INTERVALS)
    card["sha256"] |= {name: storage._sha256(folder / name) for name in names}
    card["sha256"][storage.CARD] = storage._card_sha256(card)
    (folder / storage.CARD).write_text(json.dumps(card), encoding="utf-8")


def _series(**values: Any) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    return lambda card, statistics: statistics.update(
        {name: torch.tensor([value], dtype=torch.float64) for name, value in values.items()}
    )


def _card(part: str, **values: Any) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    return lambda card, statistics: card[part].update(values)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_series(std=[0.0]), "std holds values below its range"),
        (_series(std=[-1.0]), "std holds values below its range"),
        (_series(std=[float("inf")]), "std holds values that are not finite"),
        (_series(mean=[float("nan")]), "mean holds values that are not finite"),
        (_series(mean=[1.0, 2.0]), "has the shape"),
        (_series(spread=[-0.5]), "spread holds values below its range"),
        (_series(seasonal_error=[-2.0]), "seasonal_error holds values below its range"),
        (lambda card, statistics: statistics.update(parts_end=statistics["parts_end"] + 3), "three ends"),
        (lambda card, statistics: statistics.update(parts_end=statistics["parts_end"][:, :2].clone()), "three ends"),
        (lambda card, statistics: statistics.update(std=statistics["std"].float()), "std is float32 of 1 series"),
        (lambda card, statistics: statistics.update(std=statistics["std"].repeat(2, 1)), "float64 of 2 series"),
        (lambda card, statistics: statistics.pop("spread"), "spread"),
        (_card("task", horizon=0), "task.horizon=0"),
        (_card("task", lookback=2.5), "lookback"),
        (_card("task", targets=[3]), "not among its 1 channels"),
        (_card("task", channels=2), "channels"),
        (_card("schema", channels=["a", "b"]), "2 names for 1 channels"),
        (_card("schema", freq="fortnight"), "fortnight"),
        (_card("schema", zone="Europe/Atlantis"), "Atlantis"),
    ],
)
def test_forged_statistics_and_sizes(folder: Path, change: Any, words: str) -> None:
    _forge(folder, change)
    with pytest.raises(CheckpointError, match=words):
        latentcast.load(folder)


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        (0, {"categories": [[], "b"]}, "'kind' has categories or a kind"),
        (0, {"categories": [1, 2]}, "'kind' has categories or a kind"),
        (1, {"std": 0.0}, "'price' has statistics"),
        (1, {"mean": float("inf")}, "'price' has statistics"),
    ],
)
def test_forged_covariates(tmp_path: Path, column: int, values: dict[str, Any], words: str) -> None:
    frame = _frame().assign(kind=["a", "b"] * 75, price=range(150))
    frame.loc[frame["kind"] == "a", "load"] += 20
    settings = {**QUICK, "data.future": ["kind", "price"]}
    latentcast.fit(frame, "dlinear", lookback=14, horizon=3, settings=settings).save(tmp_path / "saved")
    _forge(tmp_path / "saved", lambda card, statistics: card["covariates"]["future"][column].update(values))
    with pytest.raises(CheckpointError, match=words):
        latentcast.load(tmp_path / "saved")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_forged_weights(folder: Path, value: float) -> None:
    tensors = load_file(folder / storage.WEIGHTS)
    first = sorted(tensors)[0]
    save_file({**tensors, first: torch.full_like(tensors[first], value)}, folder / storage.WEIGHTS)
    _forge(folder, lambda card, statistics: None)
    with pytest.raises(CheckpointError, match=f"{first} holds values that are not finite"):
        latentcast.load(folder)


def test_weights_of_another_type(folder: Path) -> None:
    tensors = {name: value.double() for name, value in load_file(folder / storage.WEIGHTS).items()}
    save_file(tensors, folder / storage.WEIGHTS)
    _forge(folder, lambda card, statistics: None)
    with pytest.raises(CheckpointError, match=r"torch.float64, wanted torch.float32"):
        latentcast.load(folder)


@pytest.mark.parametrize("what", ["nan", "shape", "counts"])
def test_forged_intervals(folder: Path, what: str) -> None:
    path = folder / storage.INTERVALS
    with storage.safetensors.safe_open(path, framework="pt") as file:
        tensors, metadata = {name: file.get_tensor(name) for name in ("table", "counts")}, file.metadata()
    tensors |= {
        "nan": {"table": tensors["table"] * float("nan")},
        "shape": {"table": tensors["table"][:, :-1].clone()},
        "counts": {"counts": -tensors["counts"]},
    }[what]
    save_file(tensors, path, metadata=metadata)
    _forge(folder, lambda card, statistics: None)
    with pytest.raises(CheckpointError, match=r"intervals.safetensors makes no sense"):
        latentcast.load(folder)


def test_json_without_end(folder: Path) -> None:
    for name in (storage.CARD, storage.SERIES):
        (folder / name).write_text("[" * 200_000, encoding="utf-8")
        with pytest.raises(CheckpointError, match="damaged"):
            storage.read_json(folder / name)


def test_half_of_a_card(folder: Path) -> None:
    path = folder / storage.CARD
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CheckpointError, match="damaged"):
        latentcast.load(folder)


@pytest.mark.parametrize("fails_at", [1, 2, 3])
def test_a_full_disk_leaves_the_old_folder_whole(folder: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    forecaster = latentcast.load(folder)
    writes = [0]

    def full(path: Path, *values: Any, **options: Any) -> int:
        writes[0] += 1
        if writes[0] >= fails_at or fails_at == 3:
            raise OSError(28, "No space left on device")
        return write(path, *values, **options)

    write = Path.write_text
    if fails_at == 3:
        monkeypatch.setattr(storage.safetensors.torch, "save_file", full)
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(CheckpointError, match=r"cannot be written: No space left on device"):
        forecaster.save(folder, overwrite=True)
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_overwriting_leaves_files_of_others(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    forecaster = latentcast.load(folder)
    forecaster.calibration = None
    forecaster.save(folder, overwrite=True)
    assert not (folder / storage.INTERVALS).exists()
    assert (folder / "notes.txt").read_text(encoding="utf-8") == "mine"
    latentcast.load(folder)
