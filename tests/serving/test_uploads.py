"""Files as requests: read within limits in a process of their own, bombs and foreign bytes refused."""

import bz2
import gzip
import io
import json
import lzma
import os
import resource
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from latentcast.core.settings import validate
from latentcast.serving.app import create_app
from latentcast.serving.models import Models
from latentcast.serving.problems import Problem
from latentcast.serving.settings import Limits, ServeSettings
from latentcast.serving.uploads.read import Reader, suffix_of

SMALL = {"rows": 5000, "columns": 50, "unpacked_bytes": 2**21, "parse_bytes": 2**28, "parse_seconds": 2, "seconds": 20}


@pytest.fixture(scope="module")
def strict(folder: Path) -> Iterator[TestClient]:
    """A server with small limits on what is unpacked."""
    app = create_app(Models.open([str(folder)]), validate(ServeSettings, {"limits": SMALL}))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client


def as_bytes(write: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.zip", "a.parquet", "a.xlsx", "C:\\x\\A.CSV"])
def test_a_file_is_forecast_as_its_table_is(strict: TestClient, long_frame: pd.DataFrame, name: str) -> None:
    csv = long_frame.to_csv(index=False).encode()
    content = {
        "a.csv": csv,
        "a.csv.gz": gzip.compress(csv),
        "a.zip": zipped("inner/a.csv", csv),
        "a.parquet": as_bytes(lambda to: long_frame.to_parquet(to, index=False)),
        "a.xlsx": as_bytes(lambda to: long_frame.to_excel(to, index=False)),
    }.get(name, csv)
    found = strict.post("/forecast", files={"data": (name, content)}, data={"horizon": "4", "level": "80,90"})
    assert found.status_code == 200, found.text
    columns = {one: long_frame[one].astype(str).tolist() for one in ("unique_id", "ds")}
    body = {"data": {**columns, "y": long_frame["y"].tolist()}, "horizon": 4, "level": [80, 90]}
    expected = strict.post("/forecast", json=body).json()["data"]
    assert found.json()["data"].keys() == expected.keys()
    assert found.json()["data"]["unique_id"] == expected["unique_id"]
    stamps = [pd.to_datetime(data["ds"]).tolist() for data in (found.json()["data"], expected)]
    assert stamps[0] == stamps[1]  # dates of a file come back as dates, texts as they were written
    for one in list(expected)[2:]:
        assert found.json()["data"][one] == pytest.approx(expected[one], abs=1e-9)


def test_answers_as_csv_and_parquet(strict: TestClient, long_frame: pd.DataFrame) -> None:
    files = {"data": ("a.csv", long_frame.to_csv(index=False).encode())}
    csv = strict.post("/forecast", files=files, headers={"accept": "text/csv"})
    parquet = strict.post("/forecast", files=files, headers={"accept": "application/vnd.apache.parquet"})
    one, other = pd.read_csv(io.BytesIO(csv.content)), pd.read_parquet(io.BytesIO(parquet.content))
    assert csv.headers["content-type"].startswith("text/csv")
    assert one["seasonal-naive"].tolist() == pytest.approx(other["seasonal-naive"].tolist())
    assert len(one) == 12


def gzip_bomb() -> tuple[str, bytes]:
    return "a.csv.gz", gzip.compress(b"ds,y\n" + b"0" * 2**26)


def xz_bomb() -> tuple[str, bytes]:
    return "a.csv.xz", lzma.compress(b"ds,y\n" + b"0" * 2**26)


def bzip2_bomb() -> tuple[str, bytes]:
    return "a.csv.bz2", bz2.compress(b"ds,y\n" + b"0" * 2**26)


def zip_bomb() -> tuple[str, bytes]:
    return "a.zip", zipped("a.csv", b"ds,y\n" + b"0" * 2**26)


def excel_bomb() -> tuple[str, bytes]:
    source = io.BytesIO(as_bytes(lambda to: pd.DataFrame({"ds": [1], "y": [2]}).to_excel(to, index=False)))
    found = io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                rows = b"".join(b'<row r="%d"><c r="A%d"><v>1</v></c></row>' % (at, at) for at in range(1, 30_000))
                content = content.partition(b"<sheetData>")[0] + b"<sheetData>" + rows + b"</sheetData></worksheet>"
            new.writestr(name, content)
    return "a.xlsx", found.getvalue()


def parquet_bomb() -> tuple[str, bytes]:
    column = pa.array(np.zeros(10_000_000))
    return "a.parquet", as_bytes(lambda to: pq.write_table(pa.table({"ds": column, "y": column}), to))


def parquet_text_bomb() -> tuple[str, bytes]:
    """Few rows, of which each holds the same text, once in the dictionary."""
    column = pa.array(["x" * 100_000] * 200)
    return "a.parquet", as_bytes(lambda to: pq.write_table(pa.table({"ds": column, "y": column}), to))


def many_columns() -> tuple[str, bytes]:
    return "a.csv", b",".join(b"c%d" % at for at in range(60)) + b"\n" + b",".join([b"1"] * 60) + b"\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "bomb", [gzip_bomb, bzip2_bomb, xz_bomb, zip_bomb, excel_bomb, parquet_bomb, parquet_text_bomb, many_columns]
)
def test_limits_hold_after_decompression(strict: TestClient, bomb: Callable[[], tuple[str, bytes]]) -> None:
    name, content = bomb()
    found = strict.post("/forecast", files={"data": (name, content)})
    assert found.status_code == 413, found.text
    assert found.json()["limit"] in ("unpacked_bytes", "rows", "columns", "parse_bytes", "parse_seconds")
    assert strict.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b""),
        ("a.csv", b"ds,y\n"),
        ("a.csv", b"\x00\xff" * 500),
        ("a.csv.gz", b"not packed"),
        ("a.zip", zipped("a.exe", b"MZ")),
        ("a.zip", b"PK\x03\x04broken"),
        ("a.parquet", b"PAR1" + b"\x00" * 60 + b"PAR1"),
        ("a.xlsx", zipped("x", b"y")),
        ("a.jsonl", b"[1,2"),
        ("a.ts", b"@data\n1,2"),
        ("a.tsf", b"@data\n1:2"),
        ("a.feather", b"ARROW1\x00\x00"),
    ],
)
def test_foreign_bytes_are_a_fault_of_the_request(strict: TestClient, name: str, content: bytes) -> None:
    found = strict.post("/forecast", files={"data": (name, content)})
    assert found.status_code == 422, found.text
    assert found.headers["content-type"] == "application/problem+json"
    for hint in ("/tmp", "upload-", str(Path.home()), "site-packages"):
        assert hint not in found.text


@pytest.mark.parametrize("name", ["", "a", "a.exe", "/etc/passwd", "ETTh1", "a.pkl", "a.csv.zst"])
def test_other_kinds_of_file_are_refused_by_their_name(strict: TestClient, name: str) -> None:
    found = strict.post("/forecast", files={"data": (name or " ", b"ds,y\n1,2\n")})
    assert found.status_code == 415
    with pytest.raises(Problem):
        suffix_of(name)


def test_a_reader_that_takes_too_long_is_killed() -> None:
    limits = validate(Limits, {"parse_seconds": 1, "seconds": 1, "rows": 10**9, "unpacked_bytes": 2**30})
    text = b"ds,y\n" + b"2020-01-01 00:00:00,1\n" * 3_000_000
    reader = Reader(limits)
    with pytest.raises(Problem) as raised:
        reader.read_now(".csv.gz", gzip.compress(text, 1))
    reader.close()
    assert raised.value.status == 413
    assert raised.value.extra["limit"] == "parse_seconds"


def test_client_texts_are_never_paths_or_names(strict: TestClient, tmp_path: Path, long_frame: pd.DataFrame) -> None:
    there = tmp_path / "there.csv"
    long_frame.to_csv(there, index=False)
    for text in (str(there), "ETTh1", "https://example.org/a.csv", "file:///etc/passwd", "s3://bucket/key"):
        assert strict.post("/forecast", json={"data": text}).status_code == 422
        assert strict.post("/forecast", json={"data": {"ds": [text], "y": [1.0]}}).status_code == 422
        assert strict.post("/forecast", data={"data": text, "x": "1"}).status_code in (415, 422)
        assert strict.post("/forecast", json={"data": {}, "model": text}).status_code == 404
        listed = strict.get(f"/models/{text}")
        assert listed.status_code == 404
        assert json.loads(listed.content)["status"] == 404


def test_a_process_with_many_open_handles_reads_uploads() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2048:
        pytest.skip("this system grants too few file handles")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    reader = Reader(Limits())
    try:
        assert reader.read_now(".csv", b"ds,y\n2024-01-01,1\n").shape == (1, 2)
    finally:
        reader.close()
        for handle in held:
            os.close(handle)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
