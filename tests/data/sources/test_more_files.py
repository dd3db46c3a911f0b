"""Layouts of files that practitioners export: JSON lists, bzip2, units, flags and shortened numbers."""

import bz2
import json
import lzma
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import latentcast
from latentcast.core.errors import DataError
from latentcast.data.panel.build import build
from latentcast.data.settings import DataSettings
from latentcast.data.sources.files import read_file
from latentcast.data.sources.formats.notes import notes_of

ROWS = [{"date": f"2024-01-{day:02d}", "sold": day * 1.5} for day in range(1, 11)]
DAYS = pd.date_range("2024-01-01", periods=40, freq="D")
COLUMNS = {name: [row[name] for row in ROWS] for name in ROWS[0]}


@pytest.mark.parametrize("whole", [ROWS, COLUMNS, {"status": "ok", "data": ROWS}])
def test_a_json_list_of_rows(tmp_path: Path, whole: object) -> None:
    (tmp_path / "a.json").write_text(json.dumps(whole), encoding="utf-8")
    assert read_file(tmp_path / "a.json").to_dict("list") == COLUMNS


@pytest.mark.parametrize("text", ["{", "3", "[]", "[1, 2]", '{"a": {"b": 1}}'])
def test_json_without_a_table(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.json (is not JSON|holds no table)"):
        read_file(tmp_path / "a.json")


@pytest.mark.parametrize(("suffix", "pack"), [(".bz2", bz2.compress), (".xz", lzma.compress)])
def test_packed_files(tmp_path: Path, suffix: str, pack: object) -> None:
    path = tmp_path / f"a.csv{suffix}"
    path.write_bytes(pack(pd.DataFrame(COLUMNS).to_csv(index=False).encode()))  # type: ignore[operator]
    assert read_file(path)["sold"].tolist() == COLUMNS["sold"]
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match=f"cannot be read as {'bzip2' if suffix == '.bz2' else 'xz'}"):
        read_file(path)


@pytest.mark.parametrize(
    ("texts", "values", "sign"),
    [
        (["5 kWh", "6.5 kWh", "nil", "8 kWh"], [5, 6.5, None, 8], "kWh"),
        (["21.5°C", "20°C", "19.5°C", "18°C"], [21.5, 20, 19.5, 18], "°C"),
        (["1.25M", "820.5K", "2.0M", "1.5M"], [1.25e6, 820.5e3, 2e6, 1.5e6], "M"),
        (["5.2", "5.3 p", "4", "6"], [5.2, 5.3, 4, 6], "p"),
        (["12 m", "13 m", "#N/A", "#DIV/0!"], [12, 13, None, None], "m"),
    ],
)
def test_numbers_with_units_and_flags(tmp_path: Path, texts: list[str], values: list[float], sign: str) -> None:
    rows = "".join(f"2024-01-{day:02d},{text}\n" for day, text in enumerate(texts, start=1))
    (tmp_path / "a.csv").write_text("ds,y\n" + rows, encoding="utf-8")
    frame = read_file(tmp_path / "a.csv")
    assert [None if pd.isna(value) else value for value in frame["y"]] == values
    assert f"y: {sign!r} was left out" in str(notes_of(frame))


def test_many_marks_are_one_note(tmp_path: Path) -> None:
    names = [f"v{at}" for at in range(6)]
    rows = "".join(f"2024-01-0{day},{','.join(['NM' if day == 3 else '1'] * 6)}\n" for day in range(1, 6))
    (tmp_path / "a.csv").write_text(f"ds,{','.join(names)}\n{rows}", encoding="utf-8")
    assert notes_of(read_file(tmp_path / "a.csv")) == (
        "6 entries such as NM count as missing, in 6 columns: v0, v1, v2, v3, v4 and 1 more",
    )


def test_a_line_of_words_below_the_table(tmp_path: Path) -> None:
    rows = "".join(f"2024-01-0{day},{day}\n" for day in range(1, 8))
    (tmp_path / "a.csv").write_text(f"Month,v\n{rows}Ridership of a city, n=7\n", encoding="utf-8")
    frame = read_file(tmp_path / "a.csv")
    assert frame["v"].tolist() == list(range(1, 8))
    assert "lines at the end hold no row of the table" in str(notes_of(frame))


def test_a_date_next_to_whole_stamps_is_not_the_time() -> None:
    hours = pd.date_range("2024-01-01", periods=72, freq="h")
    frame = pd.DataFrame({"date": hours.strftime("%Y-%m-%d"), "ts": hours.astype(str), "v": range(72)})
    panel = build(frame, DataSettings())
    assert panel.frequency.alias == "h"


def test_years_of_several_countries_and_counted_days() -> None:
    years = [float(year) for year in range(1950, 1960)]
    rows = pd.DataFrame({"country": ["A"] * 10 + ["B"] * 10, "year": years * 2, "v": range(20)})
    assert build(rows, DataSettings()).ids == ("A", "B")
    counted = pd.DataFrame({"ordinal_date": range(736389, 736399), "v": range(10)})
    assert build(counted, DataSettings()).frequency.alias == "1"


def test_two_columns_of_dates_are_both_named() -> None:
    days = pd.date_range("2024-01-01", periods=40).astype(str)
    frame = pd.DataFrame({"Order Date": days, "Ship Date": days[::-1], "Sales": range(40)})
    with pytest.raises(DataError, match="'Order Date' and 'Ship Date' both hold dates"):
        build(frame, DataSettings())


def test_numbers_with_decimals_tell_no_series_apart() -> None:
    days = [*pd.date_range("2024-01-01", periods=20).astype(str), "2024-01-20"]
    frame = pd.DataFrame({"isig": [f"{at}.5" for at in range(20)] + ["bad one"], "date": days, "v": range(21)})
    with pytest.raises(DataError, match="occur twice"):
        build(frame, DataSettings(ignore=("isig",)))
    with pytest.raises(DataError) as caught:
        build(frame, DataSettings())
    assert "isig" not in str(caught.value).partition("first:")[0] or "values must be numbers" in str(caught.value)


def test_rows_with_months_in_words_are_no_footers(tmp_path: Path) -> None:
    rows = "".join(f'"{day:%b %d, %Y}","1,{at:03d}.50","{at}.5M"\n' for at, day in enumerate(DAYS[::-1], start=100))
    (tmp_path / "a.csv").write_text('"Date","Price","Vol."\n' + rows, encoding="utf-8")
    frame = read_file(tmp_path / "a.csv")
    assert len(frame) == len(DAYS)
    assert frame["Price"].iloc[0] == 1100.5


def test_decimal_commas_with_a_sign(tmp_path: Path) -> None:
    rows = "".join(f"{day:%d.%m.%Y};{at},5 €\n" for at, day in enumerate(DAYS))
    (tmp_path / "a.csv").write_text("Datum;Umsatz\n" + rows, encoding="utf-8")
    assert read_file(tmp_path / "a.csv")["Umsatz"].tolist() == [at + 0.5 for at in range(len(DAYS))]


def test_begin_and_end_of_a_period_and_a_date_that_never_changes() -> None:
    frame = pd.DataFrame({"Updated": "2024-05-01", "Start": DAYS.astype(str), "End": (DAYS + DAYS.freq).astype(str)})
    frame["kWh"] = range(len(DAYS))
    assert build(frame, DataSettings()).times[0] == DAYS[0].to_datetime64()


def test_days_of_a_spreadsheet() -> None:
    panel = build(pd.DataFrame({"Date": range(45292, 45302), "v": range(10)}), DataSettings())
    assert str(panel.times[0])[:10] == "2024-01-01"
    assert "days of a spreadsheet: 2024-01-01" in str(panel.notes)


@pytest.mark.parametrize("step", [1, 7])
def test_days_of_a_spreadsheet_are_read_again_when_the_frequency_of_the_fit_holds(step: int) -> None:
    frame = pd.DataFrame({"ds": 45292 + step * np.arange(60), "v": np.arange(60.0)})
    forecaster = latentcast.fit(frame, "naive", lookback=5, horizon=2)
    later = pd.Timestamp("2024-01-01") + pd.to_timedelta(step * np.array([60, 61]), unit="D")
    assert list(forecaster.predict(frame)["ds"]) == list(later)
    assert forecaster.evaluate(frame).windows > 0


def test_rows_whose_stamps_do_not_follow_the_set_frequency_are_noted() -> None:
    frame = pd.DataFrame({"ds": DAYS, "v": range(len(DAYS))})
    said = str(build(frame, DataSettings(steps="rows", freq="h")).notes)
    assert "do not follow one another by h" in said
    assert "step numbers" in said
    assert "follow" not in str(build(frame, DataSettings(steps="rows", freq="D")).notes)


def test_rows_count_where_no_column_is_the_time() -> None:
    frame = pd.DataFrame({"value": [1.0, 2, 3, 4]})
    with pytest.raises(DataError, match=r"data\.steps=rows counts the rows"):
        build(frame, DataSettings())
    assert build(frame, DataSettings(steps="rows")).times.tolist() == [1, 2, 3, 4]
