"""Every format that is promised, written here by hand or by the library that owns it, and read to known values."""

import gzip
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from latentcast.core.errors import DataError
from latentcast.data.sources.files import read_file
from latentcast.data.sources.formats.notes import notes_of
from latentcast.data.sources.formats.stamps import stamps
from latentcast.data.sources.frames import read_frame
from latentcast.data.sources.open import open_data

TABLE = pd.DataFrame({"ds": ["2024-01-01", "2024-01-02"], "größe": [1.5, 2.5]})


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("utf-16", "größe"), ("cp1252", "größe"), ("gb18030", "销量温度"), ("shift_jis", "売上と気温")],
)
def test_text_in_other_encodings(tmp_path: Path, encoding: str, name: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(f"ds,{name}\n2024-01-01,1.5\n2024-01-02,2.5\n".encode(encoding))
    frame = read_file(path)
    assert list(frame.columns) == ["ds", name]
    assert frame[name].tolist() == [1.5, 2.5]
    assert "encoding" in notes_of(frame)[0]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ('"2,623.92"', 2623.92),
        ('"2.623,92"', 2623.92),
        ('"1,234,567"', 1234567),
        ("-1e3", -1000),
        ("\u22125.5", -5.5),
    ],
)
def test_numbers_as_people_write_them(tmp_path: Path, written: str, value: float) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"ds,a\n1,{written}\n2,{written}\n", encoding="utf-8")
    assert read_file(path)["a"].tolist() == [value, value]


def test_marks_among_numbers_count_as_missing_and_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("ds,a,b\n1,--,1\n2,?,NA\n3,7,2.5\n4,,3\n")
    frame = read_file(path)
    np.testing.assert_array_equal(frame["a"], [np.nan, np.nan, 7, np.nan])
    np.testing.assert_array_equal(frame["b"], [1, np.nan, 2.5, 3])
    assert notes_of(frame) == (
        "a: 2 entries such as '--' count as missing",
        "b: 1 entries such as 'NA' count as missing",
    )


def test_ids_are_read_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("unique_id,country,ds,y\n01,NA,1,5\n1,ZA,1,6\n00101,None,1,7\n")
    frame = read_file(path)
    assert frame["unique_id"].tolist() == ["01", "1", "00101"]
    assert frame["country"].tolist() == ["NA", "ZA", "None"]
    assert frame["y"].tolist() == [5, 6, 7]
    assert frame["ds"].dtype == np.int64


def test_leading_zeros_far_down_a_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [f"{number},1" for number in range(100, 200_000)]
    path.write_text("code,y\n" + "\n".join([*rows, "007,1"]) + "\n")
    codes = read_file(path)["code"]
    assert codes.iloc[-1] == "007"
    assert codes.iloc[0] == "100"


def test_columns_of_two_levels_as_pandas_writes_them(tmp_path: Path) -> None:
    columns = pd.MultiIndex.from_product([["Close", "High"], ["ACME"]], names=["Price", "Ticker"])
    frame = pd.DataFrame([[1.0, 2.0], [3.0, 4.0]], pd.Index(["2022-01-03", "2022-01-04"], name="Date"), columns)
    frame.to_csv(tmp_path / "one.csv")
    one = read_file(tmp_path / "one.csv")
    assert list(one.columns) == ["Date", "Close", "High"]
    assert one["Close"].tolist() == [1, 3]
    two = pd.concat([frame, frame.rename(columns={"ACME": "BOLT"})], axis=1)
    two.to_csv(tmp_path / "two.csv")
    assert list(read_file(tmp_path / "two.csv").columns) == [
        "Date",
        "Close ACME",
        "High ACME",
        "Close BOLT",
        "High BOLT",
    ]


def test_columns_parted_by_spaces(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("year   value\n1950  1.5\n1951  2.5\n")
    pd.testing.assert_frame_equal(read_file(path), pd.DataFrame({"year": [1950, 1951], "value": [1.5, 2.5]}))


def test_a_table_in_an_archive_may_be_named_like_the_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "sales.zip", "w") as archive:
        archive.writestr("sales.zip", TABLE.to_csv(index=False))  # as older pandas writes
    pd.testing.assert_frame_equal(read_file(tmp_path / "sales.zip"), TABLE)
    with zipfile.ZipFile(tmp_path / "nested.zip", "w") as archive:
        archive.write(tmp_path / "sales.zip", "inner.zip")
    with pytest.raises(DataError, match="holds no table"):
        read_file(tmp_path / "nested.zip")


def test_a_workbook_with_fills_without_a_pattern_is_read(tmp_path: Path) -> None:
    TABLE.to_excel(tmp_path / "plain.xlsx", index=False)
    with zipfile.ZipFile(tmp_path / "plain.xlsx") as old, zipfile.ZipFile(tmp_path / "r.xlsx", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "xl/styles.xml":  # as openxlsx of R writes them
                content, count = re.subn(rb"<fill>.*?</fill>", b"<fill></fill>", content)
                assert count
            new.writestr(name, content)
    pd.testing.assert_frame_equal(read_file(tmp_path / "r.xlsx"), TABLE)


@pytest.mark.parametrize("name", ["t.csv.gz", "t.zip", "t.xlsx", "t.feather", "t.arrow", "t.jsonl", "t.parquet.gz"])
def test_one_table_in_many_formats(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    arrow = pa.Table.from_pandas(TABLE)
    if name == "t.csv.gz":
        path.write_bytes(gzip.compress(TABLE.to_csv(index=False).encode()))
    elif name == "t.zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("folder/t.csv", TABLE.to_csv(index=False))
            archive.writestr("readme.md", "text")
    elif name == "t.xlsx":
        TABLE.to_excel(path, index=False)
    elif name == "t.feather":
        TABLE.to_feather(path)
    elif name == "t.arrow":
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, arrow.schema) as writer:
            writer.write_table(arrow)
    elif name == "t.jsonl":
        TABLE.to_json(path, orient="records", lines=True)
    else:
        TABLE.to_parquet(tmp_path / "t.parquet")
        path.write_bytes(gzip.compress((tmp_path / "t.parquet").read_bytes()))
    pd.testing.assert_frame_equal(read_file(path), TABLE, check_dtype=False)


def test_an_archive_of_two_tables_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("a.csv", "ds,a\n1,2\n")
        archive.writestr("b.csv", "ds,a\n1,2\n")
    with pytest.raises(DataError, match=r"holds 2 tables \(a.csv, b.csv\); wanted an archive with one table"):
        read_file(tmp_path / "t.zip")


def test_a_parquet_index_becomes_a_column(tmp_path: Path) -> None:
    TABLE.set_index("ds").to_parquet(tmp_path / "t.parquet")
    assert list(read_file(tmp_path / "t.parquet").columns) == ["ds", "größe"]


TSF = """# a comment
@relation toy
@attribute series_name string
@attribute start_timestamp date
@frequency {frequency}
@missing true
@data
T1:2000-01-31 00-00-00:1,2,?
T2:2000-02-10 12-30-00:4,5.5
"""


def test_monash_tsf(tmp_path: Path) -> None:
    path = tmp_path / "t.tsf"
    path.write_text(TSF.format(frequency="monthly"))
    frame = read_file(path)
    assert frame["unique_id"].tolist() == ["T1"] * 3 + ["T2"] * 2
    np.testing.assert_array_equal(frame["y"], [1, 2, np.nan, 4, 5.5])
    assert frame["ds"].dt.strftime("%m-%d").tolist() == ["01-31", "02-29", "03-31", "02-10", "03-10"]
    path.write_text(TSF.format(frequency="10_minutes"))
    assert str(read_file(path)["ds"].iloc[4]) == "2000-02-10 12:40:00"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TSF.replace("T1:", ""), "line 8: 1 fields before the values, wanted 2"),
        (TSF.replace("5.5", "x"), "line 9: could not convert"),
        ("T1:1,2\n", "no line @data"),
        (TSF.format(frequency="fortnightly"), "frequency 'fortnightly' is not known"),
        ("@data\n", "no series"),
    ],
)
def test_monash_tsf_at_fault(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "t.tsf").write_text(text)
    with pytest.raises(DataError, match=told):
        read_file(tmp_path / "t.tsf")


def test_gluonts_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    rows = [
        {"start": "2024-01-01", "item_id": "a", "freq": "h", "target": [1, 2], "feat_dynamic_real": [[7, 8, 9]]},
        {"start": "2024-01-02 05:00", "item_id": "b", "freq": "h", "target": [3], "feat_dynamic_real": [[5]]},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    frame = read_file(path)
    assert frame["unique_id"].tolist() == ["a", "a", "b"]
    assert frame["ds"].astype(str).tolist() == ["2024-01-01 00:00:00", "2024-01-01 01:00:00", "2024-01-02 05:00:00"]
    assert frame["feat_dynamic_real_0"].tolist() == [7, 8, 5]
    assert notes_of(frame) == ("features of 1 series go on beyond the target and are cut there",)


def test_the_frequency_of_gluonts_lines_may_stand_in_their_metadata(tmp_path: Path) -> None:
    path = tmp_path / "train" / "data.jsonl"
    path.parent.mkdir()
    path.write_text(json.dumps({"start": "2024-01-31", "item_id": "a", "target": [1, 2]}))
    frame = read_file(path)
    assert frame["ds"].tolist() == [0, 1]
    assert "add the field freq" in notes_of(frame)[0]
    (tmp_path / "metadata.json").write_text('{"freq": "D"}')
    assert read_file(path)["ds"].dt.day.tolist() == [31, 1]


def test_gluonts_target_of_two_rows() -> None:
    record = {"start": pd.Period("2024-01", "M"), "item_id": "a", "target": [[1, 2, 3], [4, 5, 6]]}
    frame = read_frame([record]).frame
    assert frame["unique_id"].tolist() == ["a.0"] * 3 + ["a.1"] * 3
    assert frame["y"].tolist() == [1, 2, 3, 4, 5, 6]
    assert frame["ds"].dt.strftime("%Y-%m-%d").tolist()[:3] == ["2024-01-01", "2024-02-01", "2024-03-01"]


def test_one_series_a_row_in_parquet_and_in_a_datasets_folder(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {
            "item_id": ["a", "b"],
            "start": [pd.Timestamp("2024-01-01")] * 2,
            "freq": ["D", "D"],
            "target": [[1.0, 2], [3.0]],
        }
    )
    rows.to_parquet(tmp_path / "t.parquet")
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "dataset_info.json").write_text("{}")
    table = pa.Table.from_pandas(rows)
    with (
        pa.OSFile(str(folder / "data-00000-of-00001.arrow"), "wb") as sink,
        pa.ipc.new_stream(sink, table.schema) as to,
    ):
        to.write_table(table)
    for frame in (read_file(tmp_path / "t.parquet"), open_data(folder)[0].frame):
        assert frame["unique_id"].tolist() == ["a", "a", "b"]
        assert frame["ds"].dt.day.tolist() == [1, 2, 1]
        assert frame["y"].tolist() == [1, 2, 3]


def test_lists_without_a_target_are_named(tmp_path: Path) -> None:
    pd.DataFrame({"ds": [1], "load": [[1.0, 2.0]]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="column 'load' holds lists; wanted numbers, or one series a row"):
        read_file(tmp_path / "t.parquet")


def test_sktime_ts(tmp_path: Path) -> None:
    path = tmp_path / "t.ts"
    path.write_text("# c\n@problemName toy\n@classLabel true a b\n@data\n1,2,?:4,5,6:a\n7,8,9:1,1,1:b\n")
    frame = read_file(path)
    assert frame["unique_id"].unique().tolist() == ["0.0", "0.1", "1.0", "1.1"]
    np.testing.assert_array_equal(frame["y"][:6], [1, 2, np.nan, 4, 5, 6])
    assert notes_of(frame) == ("the labels of the series are left out",)
    path.write_text("@timestamps true\n@data\n(2021-01-01,1.5),(2021-01-02,2.5)\n")
    assert read_file(path)["ds"].dt.day.tolist() == [1, 2]


def test_one_series_a_row(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    head = ",".join(f"V{at}" for at in range(1, 10))
    path.write_text(f"id,{head}\nM1,1,2,3,4,5,6,7,8,9\nM2,1,2,,4,5,6,,,\n")
    frame = read_file(path)
    assert frame["unique_id"].value_counts().to_dict() == {"M1": 9, "M2": 6}
    assert frame.loc[frame["unique_id"] == "M2", "y"].fillna(-1).tolist() == [1, 2, -1, 4, 5, 6]
    years = ",".join(str(year) for year in range(1990, 1999))
    path.write_text(f"country,code,{years}\nChad,TCD,1,2,3,4,5,6,7,8,9\nMali,MLI,1,2,3,4,5,6,7,8,9\n")
    frame = read_file(path)
    assert frame["ds"].dt.year.tolist() == [*range(1990, 1999)] * 2
    assert "the columns code are left out" in notes_of(frame)[0]


@pytest.mark.parametrize(
    ("freq", "last"),
    [
        ("MS", "2024-05-31"), ("M", "2024-05-31"), ("Q", "2025-01-31"), ("QS-OCT", "2025-01-31"),
        ("A-DEC", "2028-01-31"),
        ("W-SUN", "2024-02-28"), ("15min", "2024-01-31 01:00"), ("15T", "2024-01-31 01:00"), ("H", "2024-01-31 04:00"),
        ("B", "2024-02-06"), ("half_hourly", "2024-01-31 02:00"), ("4_seconds", "2024-01-31 00:00:16"),
    ],
)  # fmt: skip
def test_stamps_by_start_and_frequency(freq: str, last: str) -> None:
    assert pd.Timestamp(stamps("2024-01-31", freq, 5)[-1]) == pd.Timestamp(last)


def test_dates_in_the_index() -> None:
    dates = pd.date_range("2024-01-01", periods=3)
    assert list(read_frame(pd.Series([1.0, 2, 3], dates)).frame.columns) == ["ds", "y"]
    assert list(read_frame(pd.DataFrame({"a": [1.0, 2, 3]}, dates.to_period("D"))).frame.columns) == ["ds", "a"]
    kept = read_frame(pd.DataFrame({"date": ["x", "y", "z"], "a": [1.0, 2, 3]}, dates)).frame
    assert list(kept.columns) == ["date", "a"]
    index = pd.MultiIndex.from_product([["s", "t"], dates], names=["item_id", "timestamp"])  # AutoGluon's layout
    assert list(read_frame(pd.DataFrame({"target": range(6)}, index)).frame.columns) == [
        "item_id",
        "timestamp",
        "target",
    ]
    unnamed = pd.MultiIndex.from_product([["s", "t"], dates])
    assert list(read_frame(pd.DataFrame({"y": range(6)}, unnamed)).frame.columns) == ["unique_id", "ds", "y"]


def test_objects_without_dates_count_their_steps() -> None:
    frame = read_frame(np.arange(6.0).reshape(3, 2)).frame
    assert frame.to_dict("list") == {"ds": [0, 1, 2], "y0": [0, 2, 4], "y1": [1, 3, 5]}
    lazy = read_frame(pl.LazyFrame({"ds": [1, 2], "y": [1.0, 2.0]}))
    assert isinstance(lazy.give_back(lazy.frame), pl.DataFrame)


def test_a_darts_series_is_known_by_its_method() -> None:
    class TimeSeries:
        def to_dataframe(self) -> pd.DataFrame:
            return pd.DataFrame({"y": [1.0, 2.0]}, pd.date_range("2024-01-01", periods=2, name="time"))

    assert list(read_frame(TimeSeries()).frame.columns) == ["time", "y"]
