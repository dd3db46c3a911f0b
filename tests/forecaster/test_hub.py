"""Forecasters at addresses: a hub of its own on loopback, fsspec's memory, and files."""

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from huggingface_hub import constants

import hubs
import latentcast
from latentcast.core.errors import CheckpointError, DataError, MissingExtra, SettingsError
from latentcast.core.notes import NoteCode
from latentcast.data.sources.remote import address_of
from latentcast.forecaster import storage
from latentcast.forecaster.hub import FILES
from latentcast.forecaster.model_card import model_card

STEPS = 120
# the hub's own package sends weights in a way that its HTTP client deprecates
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


def _frame(start: str = "2024-01-01", name: str = "load") -> pd.DataFrame:
    stamps = pd.date_range(start, periods=STEPS, freq="D")
    return pd.DataFrame({"ds": stamps, name: [float(i % 7 + i / 50) for i in range(STEPS)]})


@pytest.fixture(scope="module")
def fitted() -> latentcast.Forecaster:
    return latentcast.fit(_frame(), "ridge", lookback=14, horizon=7)


@pytest.fixture(scope="module")
def saved(fitted: latentcast.Forecaster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub") / "saved"
    fitted.save(folder)
    return folder


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[hubs.Hub]:
    with hubs.running() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # weights are stored by LFS alone here
        monkeypatch.setenv("HF_TOKEN", "hf_right")
        monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        yield hub


@pytest.fixture
def memory() -> str:
    return f"memory://{uuid.uuid4().hex}/model"


def _files(folder: Path) -> hubs.Files:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_pushed_forecasters_load_with_equal_forecasts(fitted: latentcast.Forecaster, hub: hubs.Hub) -> None:
    commit = fitted.push_to_hub("org/load")
    there = hub.files("org/load")
    assert there is not None
    assert set(there) == {*FILES, "README.md"}
    assert commit == f"hf://org/load@{hub.branches['org/load']['main']}"
    for address in (commit, "hf://org/load", "hf://org/load@main", Path("hf://org/load")):
        loaded = latentcast.load(address)
        pd.testing.assert_frame_equal(loaded.predict(_frame(), level=80), fitted.predict(_frame(), level=80))
    assert hub.tokens == {"Bearer hf_right"}


def test_a_revision_keeps_its_forecaster_and_files_of_others_stay(fitted: latentcast.Forecaster, hub: hubs.Hub) -> None:
    hub.commit("org/load", {"LICENSE": b"theirs", storage.INTERVALS: b"old"})
    first = fitted.push_to_hub("hf://org/load")
    plain = latentcast.fit(_frame(), "naive", lookback=14, horizon=7)
    plain.calibration = None
    plain.push_to_hub("org/load", revision="plain", message="without intervals")
    assert latentcast.load(first).name == latentcast.load("hf://org/load").name == "ridge"
    assert latentcast.load("hf://org/load@plain").name == "naive"
    there = hub.files("org/load", "plain")
    assert there is not None
    assert there["LICENSE"] == b"theirs"
    assert storage.INTERVALS not in there


def test_only_the_files_of_a_forecaster_are_fetched(
    saved: Path, hub: hubs.Hub, tmp_path: Path, fitted: latentcast.Forecaster
) -> None:
    strange = ("model.pkl", "setup.py", "../../escaped.json", "sub/card.json", "/etc/absolute", "..\\windows.json")
    hub.commit("org/strange", {**dict.fromkeys(strange, b"import os"), **_files(saved)})
    assert latentcast.load("hf://org/strange").name == fitted.name
    fetched = {line.rpartition("/")[2] for line in hub.asked if "/resolve/" in line}
    assert fetched == set(FILES)
    kept = {path.name for path in (tmp_path / "cache").rglob("*") if "snapshots" in path.parts and path.is_file()}
    assert kept == set(FILES)
    assert not list(tmp_path.rglob("escaped.json"))


def test_a_commit_that_is_a_path_is_refused(saved: Path, hub: hubs.Hub, tmp_path: Path) -> None:
    hub.commits["../../../../escaped"] = _files(saved)
    hub.branches["org/load"] = {"main": "../../../../escaped"}
    with pytest.raises(CheckpointError, match=r"escaped' as its commit, which is none"):
        latentcast.load("hf://org/load")
    assert not list(tmp_path.parent.rglob("escaped*"))


def test_a_commit_that_was_loaded_needs_no_hub_any_more(
    fitted: latentcast.Forecaster, hub: hubs.Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = fitted.push_to_hub("org/load")
    latentcast.load("hf://org/load")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    before = len(hub.asked)
    for address in (commit, "hf://org/load"):
        assert latentcast.load(address).name == fitted.name
    assert len(hub.asked) == before


def test_what_a_hub_lacks_is_reported(saved: Path, hub: hubs.Hub) -> None:
    files = _files(saved)
    hub.commit("org/half", {name: body for name, body in files.items() if name != storage.WEIGHTS})
    hub.commit("org/damaged", {**files, storage.WEIGHTS: b"0" + files[storage.WEIGHTS][1:]})
    hub.commit("org/other", {"README.md": b"another model"})
    for address, said in {
        "hf://org/half": "hf://org/half lacks weights.safetensors",
        "hf://org/damaged": "hf://org/damaged/weights.safetensors is damaged",
        "hf://org/other": "was not written by latentcast",
        "hf://org/half@never": "hf://org/half@never cannot be read",
        "hf://org/absent": "hf://org/absent cannot be read",
        "hf://../../etc": "wanted hf://org/name",
    }.items():
        with pytest.raises(CheckpointError) as caught:
            latentcast.load(address)
        assert said in str(caught.value)
        assert "hf_right" not in str(caught.value)


def test_a_hub_that_refuses_is_reported(
    fitted: latentcast.Forecaster, hub: hubs.Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(CheckpointError, match="hf://org/load cannot be written") as caught:
        fitted.push_to_hub("org/load")
    assert "hf_wrong" not in str(caught.value)
    for name in ("load", "s3://org/load", "org/load@main", "org/load/more"):
        with pytest.raises(SettingsError, match="wanted the name of a repository"):
            fitted.push_to_hub(name)
    with pytest.raises(SettingsError, match="use push_to_hub"):
        fitted.save("hf://org/load")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtra, match=r"latentcast\[hub\]"):
        latentcast.load("hf://org/load")


def test_folders_at_addresses(fitted: latentcast.Forecaster, memory: str, tmp_path: Path) -> None:
    file = f"file://{tmp_path / 'model'}"
    for address in (memory, file):
        fitted.save(address)
        loaded = latentcast.load(address)
        pd.testing.assert_frame_equal(loaded.predict(_frame(), level=80), fitted.predict(_frame(), level=80))
        with pytest.raises(CheckpointError, match="is not empty"):
            fitted.save(address)
        plain = latentcast.fit(_frame(), "naive", lookback=14, horizon=7)
        plain.calibration = None
        plain.save(address, overwrite=True)
        assert latentcast.load(address).calibration is None
    assert latentcast.load(tmp_path / "model").name == "naive"
    with pytest.raises(CheckpointError, match=r"no card\.json"):
        latentcast.load(f"{memory}-absent")


def test_a_folder_at_an_address_is_described_and_nothing_else_is_written_there(
    fitted: latentcast.Forecaster, memory: str
) -> None:
    fitted.save(memory)
    assert latentcast.describe(memory).facts == latentcast.describe(fitted).facts
    with pytest.raises(CheckpointError, match="folder of this machine"):
        latentcast.fit(_frame(), "naive", lookback=14, horizon=7, out=f"{memory}-2")
    assert not Path("memory:").exists()


def test_data_at_addresses(fitted: latentcast.Forecaster, tmp_path: Path) -> None:
    import fsspec

    body = _frame().to_csv(index=False).encode()
    place = f"memory://{uuid.uuid4().hex}/daily.csv"
    fsspec.filesystem("memory").pipe(place, body)
    (tmp_path / "daily.csv").write_bytes(body)
    wanted = fitted.predict(_frame())
    for address in (place, f"file://{tmp_path / 'daily.csv'}", Path(place)):
        pd.testing.assert_frame_equal(fitted.predict(address), wanted)
    for address, said in {
        f"{place[:-4]}.absent.csv": "there is no file memory://",
        "https://example.org/daily.csv": "https:// is not read",
        "memory://a::file:///b.csv": "chains addresses",
        "file://daily.csv": "wanted an absolute path",
    }.items():
        with pytest.raises(DataError, match=said):
            fitted.predict(address)
    fsspec.filesystem("memory").pipe(f"{place}.pkl", b"")
    with pytest.raises(DataError, match=r"memory:.*daily\.csv\.pkl ends in \.pkl"):
        fitted.predict(f"{place}.pkl")


def test_local_paths_are_no_addresses() -> None:
    for path in ("runs/model", "C:/data.csv", "C:\\data.csv", "a:b", "odd:/name", "./s3:x", Path("/x/y"), 3):
        assert address_of(path) is None


def test_the_model_card_holds_figures_fingerprint_and_end_of_training(fitted: latentcast.Forecaster) -> None:
    text = model_card(fitted, "org/load")
    assert text.startswith("---\nlibrary_name: latentcast\n")
    assert "latentcast.load('hf://org/load')" in text
    assert fitted.card.schema.fingerprint in text
    assert "| trained until | 2024-04-05 |" in text  # 120 days, the last 24 of them for the test part
    validation = fitted.card.validation
    assert validation is not None
    assert f"{validation['scaled']['MSE']:.4g}" in text
    assert f"{validation['baseline']['scaled']['MSE']:.4g}" in text
    fitted_to_odd = latentcast.fit(_frame(name="a|b<script>\nx"), "naive", lookback=14, horizon=7)
    assert "a\\|b&lt;script> x" in model_card(fitted_to_odd, "org/x")
    assert "nothing was learned" in model_card(fitted_to_odd, "org/x")


def test_evaluate_reports_windows_before_the_end_of_training(fitted: latentcast.Forecaster, saved: Path) -> None:
    def said(forecaster: latentcast.Forecaster, data: pd.DataFrame, part: str) -> list[str]:
        notes = forecaster.evaluate(data, part=part).notes
        return [note for note in notes if note.code is NoteCode.TRAINED_UNTIL]

    assert fitted.card.trained_until == "2024-04-05T00:00:00.000000000"
    loaded = latentcast.load(saved)
    for forecaster in (fitted, loaded):
        assert said(forecaster, _frame(), "test") == []
        assert len(said(forecaster, _frame(), "val")) == 1
        assert said(forecaster, _frame(), "all")[0].startswith("82 of 100 windows")
    earlier, later = _frame("2020-01-01", "heat"), _frame("2026-01-01", "heat")
    assert len(said(latentcast.transfer(fitted, earlier), earlier, "test")) == 1
    assert said(latentcast.transfer(fitted, later), later, "test") == []
    naive = latentcast.fit(_frame(), "naive", lookback=14, horizon=7)
    assert naive.card.trained_until is None
    assert said(naive, _frame(), "all") == []
