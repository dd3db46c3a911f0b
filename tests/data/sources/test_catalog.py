"""Named datasets: found in a folder or fetched, known by their content, refused when they are something else."""

import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from latentcast.core.errors import DataError
from latentcast.core.settings import validate
from latentcast.data.panel.build import build
from latentcast.data.settings import DataSettings
from latentcast.data.sources import catalog
from latentcast.data.sources.catalog import DATASETS, File, content_digest, find, load, local_path

ETT = find("ETTh1")
TABLE = pd.DataFrame(
    {"date": pd.date_range("2024-01-01", periods=30, freq="h").astype(str), "a": np.arange(30) / 7, "OT": 1.5}
)
SMALL = replace(ETT, name="small", rows=30, columns=2, content=content_digest(TABLE))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pooch

    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path / "cache")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that LATENTCAST_DATA names."""
    found = tmp_path / "data"
    (found / "m4").mkdir(parents=True)
    monkeypatch.setenv("LATENTCAST_DATA", str(found))
    return found


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A folder, and the address at which this process serves it."""
    monkeypatch.delenv("LATENTCAST_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    root = tmp_path / "net"
    root.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield root, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def m4_part(lengths: dict[str, int], base: float) -> pd.DataFrame:
    return pd.concat(
        [pd.DataFrame({"unique_id": k, "ds": range(1, n + 1), "y": base + np.arange(n)}) for k, n in lengths.items()]
    )


def test_every_dataset_says_what_it_is() -> None:
    assert {"ETTh1", "ETTh2", "ETTm1", "ETTm2", "weather", "electricity", "traffic", "exchange_rate"} < set(DATASETS)
    assert {"national_illness", "M4-yearly", "M4-monthly", "M4-hourly"} < set(DATASETS)
    for name, dataset in DATASETS.items():
        assert dataset.name == name
        assert dataset.about
        assert dataset.licence
        assert all(file.url.startswith("https://") for file in dataset.files)
        validate(DataSettings, dataset.defaults)


@pytest.mark.parametrize(
    ("name", "told"), [("ETTh11", "did you mean ETTh1"), ("wether", "did you mean weather"), ("x", "known: ETTh1")]
)
def test_names_are_hinted_at(name: str, told: str) -> None:
    assert find("etth1") is ETT
    with pytest.raises(DataError, match=told):
        find(name)


@pytest.mark.parametrize("name", ["ETTh1", "ETTh2", "ETTm1", "weather"])
def test_the_real_sets_are_the_published_ones(data_folder: Path, name: str) -> None:
    dataset = find(name)
    source = load(dataset)
    assert source.name == name
    assert content_digest(source.frame) == dataset.content
    assert local_path(dataset) == data_folder / f"{name}.parquet"
    settings = validate(DataSettings, dataset.defaults)
    panel = build(source.frame, settings)
    assert panel.values.shape == (dataset.rows, dataset.columns)
    assert panel.channels[-1] == "OT"
    assert (panel.frequency.alias, panel.season) == {"h": ("h", 24), "m": ("15min", 96), "r": ("10min", 144)}[
        name[3] if name.startswith("ETT") else "r"
    ]
    assert panel.complete


def test_etth1_read_from_csv_is_the_same_set(data_folder: Path, folder: Path) -> None:
    frame = pd.read_parquet(data_folder / "ETTh1.parquet")
    frame.to_csv(folder / "ETTh1.csv", index=False)
    assert build(load(ETT).frame, DataSettings()).fingerprint() == build(frame, DataSettings()).fingerprint()


@pytest.mark.parametrize(("name", "series", "horizon", "season", "steps"), [
    ("M4-hourly", 414, 48, 24, 353500 + 19872),
    ("M4-weekly", 359, 13, 1, 366912 + 4667),
])  # fmt: skip
def test_m4_is_joined_from_its_two_parts(
    data_folder: Path, name: str, series: int, horizon: int, season: int, steps: int
) -> None:
    dataset = find(name)
    panel = build(load(dataset).frame, validate(DataSettings, dataset.defaults))
    assert (len(panel.ids), len(panel.values), panel.season) == (series, steps, season)
    parts = [pd.read_parquet(data_folder / "m4" / f"m4_{name[3:]}_{part}.parquet") for part in ("train", "test")]
    for item in (0, series // 2, series - 1):
        whole = pd.concat([part.loc[part["unique_id"] == panel.ids[item], "y"] for part in parts])
        np.testing.assert_array_equal(panel.values[slice(*panel.offsets[item : item + 2]), 0], whole)
    assert dataset.defaults["split"] == (0, horizon, horizon)


def test_an_m4_part_that_is_not_there_is_named(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(url: str, **_: Any) -> str:
        raise OSError(f"no route to {url}")

    monkeypatch.setattr("pooch.retrieve", offline)
    with pytest.raises(
        DataError, match=r"M4-daily \(its training part\).*Daily-train\.csv.*m4/m4_daily_train\.csv or \.parquet"
    ):
        load(find("M4-daily"))


def test_m4_in_the_wide_form_of_its_authors(folder: Path) -> None:
    dataset = replace(find("M4-hourly"), name="M4-tiny", rows=2)
    pd.DataFrame({"V1": ["H1", "H2"], "V2": [1.0, 2], "V3": [3.0, 4], "V4": [5.0, None]}).to_csv(
        folder / "m4" / "m4_tiny_train.csv", index=False
    )
    m4_part({"H1": 2, "H2": 2}, 100).to_csv(folder / "m4" / "m4_tiny_test.csv", index=False)
    panel = build(load(dataset).frame, DataSettings())
    np.testing.assert_array_equal(panel.lengths, [5, 4])
    np.testing.assert_array_equal(panel.values[:, 0], [1, 3, 5, 100, 101, 2, 4, 100, 101])
    with pytest.raises(DataError, match="M4-tiny is not that dataset: 2 series, wanted 3"):
        load(replace(dataset, rows=3))
    TABLE.to_csv(folder / "m4" / "m4_tiny_test.csv", index=False)
    with pytest.raises(DataError, match="the test part of M4-tiny has columns date, a, OT; wanted unique_id"):
        load(dataset)


def test_the_folder_is_searched_first_and_another_content_is_refused(folder: Path) -> None:
    TABLE.to_csv(folder / "small.csv", index=False)
    pd.testing.assert_frame_equal(load(SMALL).frame, TABLE)
    changed = TABLE.copy()
    changed.loc[7, "a"] += 1e-9
    for wrong, told in (
        (changed, "other values than the published file"),
        (TABLE.iloc[1:], "29 rows of 2 variables, wanted 30 of 2"),
        (TABLE.assign(b=1), "30 rows of 3 variables"),
        (TABLE.assign(OT="x"), "some of its variables are no numbers"),
    ):
        wrong.to_csv(folder / "small.csv", index=False)
        with pytest.raises(DataError, match=rf"under the name small is not that dataset: {told}.*give its path"):
            load(SMALL)
    TABLE.to_parquet(folder / "small.parquet")  # before CSV
    assert len(load(SMALL).frame) == 30


def test_a_set_is_fetched_once_and_checked(served: tuple[Path, str]) -> None:
    root, address = served
    TABLE.to_csv(root / "small.csv", index=False)
    dataset = replace(SMALL, files=(File(f"{address}small.csv", sha256(root / "small.csv")),))
    pd.testing.assert_frame_equal(load(dataset).frame, TABLE)
    (root / "small.csv").unlink()
    pd.testing.assert_frame_equal(load(dataset).frame, TABLE)  # from the cache


def test_a_member_of_a_zip(served: tuple[Path, str]) -> None:
    root, address = served
    with zipfile.ZipFile(root / "sets.zip", "w") as archive:
        archive.writestr("small.csv", TABLE.to_csv(index=False))
        archive.writestr("other.csv", "x")
    load(replace(SMALL, files=(File(f"{address}sets.zip", member="small.csv"),)))


def test_a_file_with_another_checksum_is_refused(served: tuple[Path, str]) -> None:
    root, address = served
    TABLE.to_csv(root / "small.csv", index=False)
    with pytest.raises(DataError, match=r"small could not be fetched from .*LATENTCAST_DATA"):
        load(replace(SMALL, files=(File(f"{address}small.csv", "0" * 64),)))


def test_what_cannot_be_fetched_says_what_to_do(served: tuple[Path, str]) -> None:
    _, address = served
    with pytest.raises(
        DataError, match=r"404.*put small\.csv or \.parquet into a folder and name that folder in LATENTCAST_DATA"
    ):
        load(replace(SMALL, files=(File(f"{address}gone.csv"),)))


def test_no_folder_is_no_local_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(catalog.FOLDER, raising=False)
    assert local_path(ETT) is None
