"""What stands around a table in a file, and numbers as people write them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from latentcast.core.errors import DataError
from latentcast.data.panel.build import build
from latentcast.data.settings import DataSettings
from latentcast.data.sources.files import read_file
from latentcast.data.sources.formats.notes import notes_of

DAYS = pd.date_range("2024-01-13", periods=30)
VALUES = np.arange(30) * 1.5 + 1000


def written(form: str = "{day:%Y-%m-%d},{value}") -> str:
    return "\n".join(form.format(day=day, value=value) for day, value in zip(DAYS, VALUES, strict=True)) + "\n"


def read(folder: Path, text: str) -> tuple[pd.DataFrame, str]:
    file = folder / "table.csv"
    file.write_text(text, encoding="utf-8")
    frame = read_file(file)
    return frame, " ".join(notes_of(frame))


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("date,load\n" + written(), ""),
        ("# by the office\n# in 2024\ndate,load\n" + written(), "the first 2 lines are no part of the table"),
        ("Station: 7\nUnit: kW\n\ndate,load\n" + written(), "the first 3 lines are no part of the table"),
        ("date,load\n,kW\n" + written(), "holds units and was left out (load: kW)"),
        ("date,load\n" + written() + "Total,9999\n", "at the end hold no row of the table and were left out: Total"),
        ("date,load\n" + written() + "\nSource: office\n", "were left out: Source: office"),
        ("date,load,\n" + written("{day:%Y-%m-%d},{value},"), ""),
        ("date,load\n" + written() .replace("2024-01-20", "date,load\n2024-01-20"), "header is repeated in 1 rows"),
        (written(), "the file has no header: its columns are taken as ds, y"),
        ("Datum;Last\n" + written("{day:%d-%m-%Y};{value:.1f}").replace(".0", ",0").replace(".5", ",5"), ""),
    ],
)  # fmt: skip
def test_the_table_is_found(tmp_path: Path, text: str, note: str) -> None:
    frame, notes = read(tmp_path, text)
    panel = build(frame, DataSettings())
    assert panel.values[:, 0].tolist() == VALUES.tolist()
    assert [str(panel.times[0])[:10], len(panel.channels)] == ["2024-01-13", 1]
    assert note in notes if note else not notes


def test_totals_among_the_rows_are_named_and_not_left_out(tmp_path: Path) -> None:
    lines = written().splitlines()
    frame, _ = read(tmp_path, "\n".join(["date,load", *lines[:9], "Subtotal,9", *lines[9:]]) + "\n")
    with pytest.raises(DataError, match="first: 'Subtotal', row 9"):
        build(frame, DataSettings())


def test_ids_at_the_end_that_look_like_totals_stay(tmp_path: Path) -> None:
    rows = "".join(f"{name},2024-01-{day:02d},{day}\n" for name in ("a", "Total") for day in range(1, 9))
    frame, notes = read(tmp_path, "unique_id,ds,y\n" + rows)
    assert (len(frame), notes) == (16, "")


@pytest.mark.parametrize(
    ("texts", "numbers", "sign"),
    [
        (["$1,200.50", "$-3.00", "-$4.00"], [1200.5, -3.0, -4.0], "$"),
        (["12.5%", "3 %"], [12.5, 3.0], "%"),
        (["1'200", "12"], [1200, 12], ""),
        (["1 200 000", "12"], [1_200_000, 12], ""),
        (["1\u202f200", "12"], [1200, 12], ""),
        (["(5.5)", "6.0"], [-5.5, 6.0], ""),
        (["5.5-", "6.0"], [-5.5, 6.0], ""),
        (["EUR 5", "EUR 1,200"], [5, 1200], "EUR"),
        (["5", ":", "n.a."], [5, np.nan, np.nan], ""),
    ],
)
def test_numbers_as_people_write_them(tmp_path: Path, texts: list[str], numbers: list[float], sign: str) -> None:
    rows = "".join(f'2024-01-{day:02d},"{text}"\n' for day, text in enumerate(texts, start=1))
    frame, notes = read(tmp_path, "ds,y\n" + rows)
    np.testing.assert_array_equal(frame["y"].to_numpy(float), numbers)
    assert (f"'{sign}' was left out" in notes) == bool(sign)


@pytest.mark.parametrize(
    "texts", [["$5", "€6"], ["5%", "6"], ["5 kWh", "6 MWh"], ["1A", "2A"], ["<5", "6"], ["1 2", "3"]]
)
def test_signs_that_differ_are_no_numbers(tmp_path: Path, texts: list[str]) -> None:
    rows = "".join(f'2024-01-{day:02d},"{text}"\n' for day, text in enumerate(texts, start=1))
    assert not pd.api.types.is_numeric_dtype(read(tmp_path, "ds,y\n" + rows)[0]["y"])


def test_months_as_columns_of_a_statistical_office(tmp_path: Path) -> None:
    months = [f"{year}M{month:02d}" for year in (2020, 2021) for month in range(1, 13)]
    text = f"geo,{','.join(months)}\nDE,{','.join(map(str, range(24)))}\nFR{',' * 24}\n"
    frame, notes = read(tmp_path, text)
    panel = build(frame, DataSettings())
    assert (panel.ids, panel.frequency.alias, len(panel.values)) == (("DE",), "MS", 24)
    assert "1 without any value are left out" in notes


def test_times_of_day_without_a_date_name_a_way() -> None:
    frame = pd.DataFrame({"time": [f"{hour:02d}:00" for hour in range(24)] * 2, "y": np.arange(48.0)})
    with pytest.raises(DataError, match=r"times of day without a date .*data.steps=rows"):
        build(frame, DataSettings())
    panel = build(frame, DataSettings(steps="rows"))
    assert panel.values[:, 0].tolist() == frame["y"].tolist()
    assert panel.future_times(1).tolist() == [[49]]


def sheet(rows: list[list[Any]], path: Path, **others: list[list[Any]]) -> tuple[pd.DataFrame, str]:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, lines in {**others, "data": rows}.items():
        made = book.create_sheet(name)
        for line in lines:
            made.append(line)
    book.save(path / "book.xlsx")
    frame = read_file(path / "book.xlsx")
    return frame, " ".join(notes_of(frame))


ROWS = [[day.to_pydatetime(), float(value)] for day, value in zip(DAYS, VALUES, strict=True)]


def test_the_sheet_with_numbers_and_the_header_below_a_title_are_found(tmp_path: Path) -> None:
    rows = [["Report of the office", None], [], ["date", "load"], *ROWS, ["Total", 9999.0]]
    frame, notes = sheet(rows, tmp_path, about=[["Read me"], ["nothing"]])
    assert build(frame, DataSettings()).values[:, 0].tolist() == VALUES.tolist()
    assert "the sheet 'data' is read, and not about" in notes
    assert "the first 2 rows are no part of the table" in notes
    assert "left out: Total" in notes


def test_names_in_merged_cells_are_repeated_and_na_is_namibia(tmp_path: Path) -> None:
    rows = [[name if at == 0 else None, *row] for name in ("NA", "DE") for at, row in enumerate(ROWS)]
    frame, notes = sheet([["geo", "date", "load"], *rows], tmp_path)
    assert build(frame, DataSettings()).ids == ("NA", "DE")
    assert "geo: blank cells repeat the name above them" in notes


def test_dates_and_texts_in_one_column_are_named() -> None:
    days = [day if at % 2 else f"{day:%d.%m.%Y}" for at, day in enumerate(DAYS)]
    with pytest.raises(DataError, match=r"15 of 30 entries .* are no dates but str \(first: '13.01.2024', row 0\)"):
        build(pd.DataFrame({"ds": days, "y": VALUES}), DataSettings())
    same = pd.DataFrame({"ds": pd.Series(list(DAYS.to_numpy()), dtype=object), "y": VALUES})
    assert build(same, DataSettings()).times.tolist() == DAYS.to_numpy("datetime64[ns]").tolist()
