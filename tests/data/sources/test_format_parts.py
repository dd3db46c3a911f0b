"""Readers of single formats, each on a file of a few lines."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from latentcast.core.errors import DataError
from latentcast.data.sources.formats import delimited
from latentcast.data.sources.formats.compressed import unpacked
from latentcast.data.sources.formats.delimited import read_delimited
from latentcast.data.sources.formats.encoding import encoding_of
from latentcast.data.sources.formats.json_lines import read_json_lines
from latentcast.data.sources.formats.records import is_record, long_frame
from latentcast.data.sources.formats.series_rows import as_long
from latentcast.data.sources.formats.ts import read_ts
from latentcast.data.sources.formats.tsf import read_tsf
from latentcast.data.sources.formats.written_numbers import as_numbers


def test_a_tsf_file_is_a_long_table(tmp_path: Path) -> None:
    path = tmp_path / "two.tsf"
    path.write_text(
        "@relation two\n@attribute series_name string\n@attribute start_timestamp date\n@frequency daily\n"
        "@missing true\n@data\nT1:2024-01-01 00-00-00:1,?,3\nT2:2024-02-01 00-00-00:4,5\n"
    )
    found = read_tsf(path)
    assert found.iloc[:, 0].tolist() == ["T1"] * 3 + ["T2"] * 2
    numbers = found.select_dtypes("number").iloc[:, -1].tolist()
    assert numbers[0] == 1
    assert np.isnan(numbers[1])
    assert numbers[2:] == [3, 4, 5]


def test_json_lines_of_records_are_a_long_table(tmp_path: Path) -> None:
    path = tmp_path / "two.jsonl"
    records = [
        {"item_id": "a", "start": "2024-01-01", "freq": "D", "target": [1, 2]},
        {"item_id": "b", "start": "2024-01-05", "freq": "D", "target": [3]},
    ]
    path.write_text("\n".join(map(json.dumps, records)) + "\n")
    found = read_json_lines(path)
    assert found.select_dtypes("number").iloc[:, -1].tolist() == [1, 2, 3]
    stamps = found.select_dtypes("datetime").iloc[:, 0]
    assert [str(stamp)[:10] for stamp in stamps] == ["2024-01-01", "2024-01-02", "2024-01-05"]


def test_a_table_with_dates_across_is_turned_and_another_is_not() -> None:
    days = [f"2024-01-{day:02}" for day in range(1, 9)]
    across = pd.DataFrame([["a", *range(8)], ["b", 1, *[np.nan] * 7]], columns=["shop", *days])
    found = as_long(across)
    assert found is not None
    assert found["unique_id"].tolist() == ["a"] * 8 + ["b"]  # what is missing behind the end is no part of b
    assert found["y"].tolist() == [*range(8), 1]
    assert [str(stamp)[:10] for stamp in found["ds"]] == [*days, days[0]]
    assert as_long(pd.DataFrame({"ds": ["2024-01-01"], "y": [1.0]})) is None


@pytest.mark.parametrize(
    ("texts", "comma", "numbers"),
    [
        (["1.234,5", "7,25"], True, [1234.5, 7.25]),
        (["1,234.5", "7.25"], False, [1234.5, 7.25]),
    ],
)
def test_numbers_as_people_write_them(texts: list[str], comma: bool, numbers: list[float]) -> None:
    found = as_numbers(pd.Series(texts), comma_is_decimal=comma)
    assert found is not None
    assert found[0].tolist() == numbers


def test_words_are_no_numbers() -> None:
    assert as_numbers(pd.Series(["low", "high"]), comma_is_decimal=False) is None


@pytest.mark.parametrize(("encoding", "named"), [("utf-8", "utf"), ("utf-16", "utf-16")])
def test_the_encoding_that_decodes_a_file(tmp_path: Path, encoding: str, named: str) -> None:
    path = tmp_path / "text.csv"
    path.write_text("zeit;größe\n2024-01-01;1\n", encoding=encoding)
    found = encoding_of(path)
    assert found.lower().startswith(named)
    assert "größe" in path.read_text(encoding=found)


def test_a_zip_of_one_file_is_that_file_and_one_of_two_is_refused(tmp_path: Path) -> None:
    one, two = tmp_path / "one.csv.zip", tmp_path / "two.zip"
    with zipfile.ZipFile(one, "w") as archive:
        archive.writestr("one.csv", "ds,y\n")
    with unpacked(one) as inside:
        assert inside.read_text() == "ds,y\n"
    with zipfile.ZipFile(two, "w") as archive:
        archive.writestr("a.csv", "ds,y\n")
        archive.writestr("b.csv", "ds,y\n")
    with pytest.raises(DataError, match=r"a\.csv"), unpacked(two):
        pass


def test_a_semicolon_file_with_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "german.csv"
    path.write_text("ds;y\n2024-01-01;1,5\n2024-01-02;2,25\n")
    found = read_delimited(path)
    assert list(found.columns) == ["ds", "y"]
    assert found["y"].tolist() == [1.5, 2.25]


def test_a_ts_case_is_a_series_and_its_label_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "two.ts"
    path.write_text("@problemName two\n@classLabel true up down\n@data\n1,2,3:up\n4,5,6:down\n")
    found = read_ts(path)
    assert found.select_dtypes("number").iloc[:, -1].tolist() == [1, 2, 3, 4, 5, 6]
    path.write_text("@problemName two\n1,2,3\n")
    with pytest.raises(DataError, match="no line @data"):
        read_ts(path)


def test_records_become_dated_rows() -> None:
    record = {"start": "2024-01-31", "target": [1.0, 2.0], "freq": "D"}
    assert is_record(record)
    assert not is_record({"ds": "2024-01-31", "y": 1.0})
    found = long_frame([record])
    assert [str(stamp)[:10] for stamp in found.select_dtypes("datetime").iloc[:, 0]] == ["2024-01-31", "2024-02-01"]


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ("2024-01-01 00:00:00,10,0.5", False),
        ("2024-01-01,010,5", True),
        ("2024-01-01, 07,5", True),
        ("2024-01-01,-07,5", True),
        ('2024-01-01,"07",5', True),
        ("007,1,5", True),
        ("a 01,1,0", False),
    ],
)
def test_leading_zeros_are_seen_across_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: str, wanted: bool, chunk: int
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"date,code,y\n2024-01-01,1,1.5\n{row}\n2024-01-03,1,2\n", encoding="utf-8")
    monkeypatch.setattr(delimited, "_CHUNK", chunk)
    assert delimited._may_have_leading_zeros(delimited._Layout(path, "utf-8", ",")) is wanted
