"""Files and frames: every kind that is promised, exactly, and one clear error for all others."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentcast.core.errors import DataError
from latentcast.data.sources.files import read_file
from latentcast.data.sources.frames import read_frame

TABLE = pd.DataFrame({"ds": ["2024-01-01", "2024-01-02", "2024-01-03"], "a": [0.1, 2.5, -3e-7], "größe": [1, 2, 3]})


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_in_its_usual_forms(tmp_path: Path, separator: str, encoding: str, end: str) -> None:
    path = tmp_path / "t.csv"
    TABLE.to_csv(path, sep=separator, encoding=encoding, index=False, lineterminator=end)
    pd.testing.assert_frame_equal(read_file(path), TABLE)


@pytest.mark.parametrize(("name", "separator"), [("t.csv.gz", ","), ("t.CSV.GZ", ";"), ("t.tsv", "\t"), ("t.tsv", ",")])
def test_csv_under_its_other_names(tmp_path: Path, name: str, separator: str) -> None:
    text = TABLE.to_csv(sep=separator, index=False).encode()
    (tmp_path / name).write_bytes(gzip.compress(text, mtime=0) if name.lower().endswith(".gz") else text)
    pd.testing.assert_frame_equal(read_file(tmp_path / name), TABLE)


@pytest.mark.parametrize("suffix", [".parquet", ".pq", ".PARQUET"])
def test_parquet(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    TABLE.to_parquet(path)
    pd.testing.assert_frame_equal(read_file(path), TABLE)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_every_number_of_a_csv_is_the_number_that_was_printed(tmp_path_factory, values: list[float]) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    path.write_text("ds,a\n" + "".join(f"{i},{value!r}\n" for i, value in enumerate(values)))
    np.testing.assert_array_equal(read_file(path)["a"].to_numpy(float), values)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_decimal_commas_are_the_numbers_that_were_printed(tmp_path_factory, values: list[float]) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    rows = [f"{i};{value!r}".replace(".", ",") for i, value in enumerate(values)]
    path.write_text("ds;a\n" + "\n".join(rows) + "\n")
    np.testing.assert_array_equal(read_file(path)["a"].to_numpy(float), values)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas_beside_dates_texts_and_gaps(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "t.csv"
    rows = [
        "ds;a, kW;b, °C;n;name",
        "01.02.2024 00:15;50,4;-0,5;7;x, y",
        "01.02.2024 00:30;50;;8;z",
        "01.02.2024;,25;1;9;",
    ]
    path.write_text("\n".join(rows).replace(";", separator), encoding="utf-8")
    frame = read_file(path)
    assert list(frame.columns) == ["ds", "a, kW", "b, °C", "n", "name"]
    assert frame["a, kW"].tolist() == [50.4, 50, 0.25]
    np.testing.assert_array_equal(frame["b, °C"], [-0.5, np.nan, 1])
    assert frame["n"].dtype == np.int64
    assert frame["ds"].tolist() == ["01.02.2024 00:15", "01.02.2024 00:30", "01.02.2024"]


def test_a_comma_beside_decimal_points_is_no_decimal_comma(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("ds;a;b;c\n1;0.5;1,234;1,2\n2;1.5;2,345;2,34\n")
    frame = read_file(path)
    assert frame["a"].tolist() == [0.5, 1.5]
    assert frame["b"].tolist() == [1234, 2345]  # thousands
    assert frame["c"].tolist() == ["1,2", "2,34"]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("ds;Power, active, kW, net\n1;2\n3;4\n", ["ds", "Power, active, kW, net"]),
        ("ds;Power, kW\n1;2,5\n3;4,5\n", ["ds", "Power, kW"]),
        ("ds\ta;b;c\n1\t2\n", ["ds", "a;b;c"]),
        ("ds,a;b;c\n1,2\n3,4\n", ["ds", "a;b;c"]),
        ('ds,"a;b;c;d"\n1,"2;3;4;5"\n', ["ds", "a;b;c;d"]),
        ('"d;s","a\n;;","b"\n1,2,3\n', ["d;s", "a\n;;", "b"]),
        ("ds,a,b\n1,2,3\n4,5\n", ["ds", "a", "b"]),  # ragged: by the header alone
        ("ds\n1\n2\n", ["ds"]),
        ("ds," + "x" * 200_000 + "\n1,2\n", ["ds", "x" * 200_000]),
        ("ds," + ",".join(f"c{i}" for i in range(30_000)) + "\n" + "1," * 30_000 + "1\n", None),
    ],
)
def test_the_separator_is_the_one_that_parts_every_row_alike(
    tmp_path: Path, text: str, columns: list[str] | None
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    assert list(read_file(path).columns) == (columns or ["ds", *(f"c{i}" for i in range(30_000))])


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("t.csv", b"", "is empty"),
        ("t.csv", b"\n\n", "is empty"),
        ("t.csv", b"ds,a\n", "has a header and no row"),
        ("t.csv", b"ds,a\n1,\0\n", "holds zero bytes; save it as CSV in UTF-8"),
        ("t.csv", b"ds,a\n1,2\n1,2,3,4\n", "cannot be read as csv.*line 3"),
        ("t.csv", b"ds,a\n1,2,3\n1,2,3\n", "more fields than its header"),
        ("t.parquet", b"", "cannot be read as parquet"),
        ("t.parquet", b"PAR1 and then nothing that makes sense", "cannot be read as parquet"),
        ("t.xlsx", b"", "cannot be read as excel"),
        ("t.gz", b"", r"ends in .gz; wanted"),
        ("t.csv.gz", b"ds,a", "cannot be read as gzip.*Not a gzipped file"),
        ("t.csv.gz", gzip.compress(b"ds,a\n" + b"1,2\n" * 99, mtime=0)[:-12], "cannot be read as gzip"),
        ("t.pdf", b"", r"ends in .pdf; wanted one of .csv, .tsv, .txt, .rdb, .parquet"),
        ("t.csv", b"ds a b\n1 2 3 4\n", "header is one field, 'ds a b'; wanted names with commas"),
        ("t.csv", b"ds:a\n1:2\n", "header is one field, 'ds:a'"),
        ("table", b"", "ends in nothing"),
        ("t.csv", None, "there is no file"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, name: str, content: bytes | None, told: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=told) as caught:
        read_file(path)
    assert str(path) in str(caught.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(DataError, match="there is no file"):
        read_file(tmp_path / "t.csv")


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.from_pandas, pa.Table.from_pandas])
def test_frames_come_back_in_the_kind_that_went_in(kind) -> None:  # type: ignore[no-untyped-def]
    data = kind(TABLE)
    before = data.copy() if isinstance(data, pd.DataFrame) else data
    source = read_frame(data)
    assert list(source.frame.columns) == ["ds", "a", "größe"]
    np.testing.assert_array_equal(source.frame["a"], TABLE["a"])
    result = pd.DataFrame(
        {
            "unique_id": np.array(["x", "x"], dtype=object),
            "ds": pd.date_range("2024-01-04", periods=2),
            "local": pd.date_range("2024-01-04", periods=2, tz="Europe/Berlin"),
            "step": [1, 2],
            "naive": [0.5, np.nan],
        }
    )
    given_back = source.give_back(result)
    assert type(given_back) is type(data)
    again = given_back if isinstance(data, pd.DataFrame) else given_back.to_pandas()
    pd.testing.assert_frame_equal(again, result, check_dtype=False)
    assert str(again["local"].dt.tz) == "Europe/Berlin"
    assert (data == before).all(axis=None) if isinstance(data, pd.DataFrame) else data.equals(before)


@pytest.mark.parametrize("data", [[1, 2], {"a": [1]}, np.zeros((2, 2, 2)), np.array(["a"]), None, 3])
def test_what_is_no_frame(data: object) -> None:
    with pytest.raises(DataError, match=f"got {type(data).__name__}; wanted a data frame "):
        read_frame(data)


@pytest.mark.parametrize("data", [TABLE.iloc[:0], pl.from_pandas(TABLE).head(0), pd.DataFrame()])
def test_frames_without_a_row(data: object) -> None:
    with pytest.raises(DataError, match="no row"):
        read_frame(data)
