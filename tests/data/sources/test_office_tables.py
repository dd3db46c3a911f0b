"""Tables of statistical offices, markets and measuring networks, as they are downloaded."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from latentcast.core.errors import DataError
from latentcast.data.panel.build import build
from latentcast.data.settings import DataSettings
from latentcast.data.sources.files import read_file
from latentcast.data.sources.formats.notes import notes_of

YEARS = [str(year) for year in range(2000, 2012)]


def read(folder: Path, text: str, name: str = "table.csv") -> tuple[pd.DataFrame, str]:
    (folder / name).write_text(text, encoding="utf-8-sig")
    frame = read_file(folder / name)
    return frame, " | ".join(map(str, notes_of(frame)))


def world_bank(*rows: str) -> str:
    names = ",".join(f'"{year}"' for year in YEARS)
    return "\n".join((
        '"Data Source","World Development Indicators",', "", '"Last Updated Date","2024-06-28",', "",
        f'"Country Name","Country Code","Indicator Name","Indicator Code",{names},', *rows, "",
    ))  # fmt: skip


def test_world_bank_one_indicator(tmp_path: Path) -> None:
    values = ",".join(["", *(f'"{at}.5"' for at in range(1, 11)), ""])
    empty = "," * (len(YEARS) - 1)
    text = world_bank(
        f'"Congo, Dem. Rep.","COD","GDP","NY.G",{values},', f'"Chad","TCD","GDP","NY.G",{values},',
        f'"Nowhere","NWH","GDP","NY.G",{empty},',
    )  # fmt: skip
    frame, notes = read(tmp_path, text)
    assert frame["unique_id"].unique().tolist() == ["Congo, Dem. Rep.", "Chad"]
    one = frame[frame["unique_id"] == "Chad"]
    assert one["y"].tolist() == [at + 0.5 for at in range(1, 11)]
    assert one["ds"].dt.year.tolist() == list(range(2001, 2011))
    assert "1 without any value are left out" in notes
    assert "the first 4 lines" in notes


def test_world_bank_several_indicators_are_named_by_two_columns_and_these_come_back(tmp_path: Path) -> None:
    values = ",".join(f'"{at}"' for at in range(12))
    keys = [(c, n) for c in (("Chad", "TCD"), ("Mali", "MLI")) for n in (("A", "a"), ("B", "b"))]
    rows = [f'"{c[0]}","{c[1]}","{n[0]}","{n[1]}",{values},' for c, n in keys]
    frame, notes = read(tmp_path, world_bank(*rows))
    assert list(frame.columns) == ["Country Name", "Indicator Name", "ds", "y"]
    assert "named by Country Name and Indicator Name" in notes
    panel = build(frame, DataSettings())
    assert list(panel.ids) == ["Chad/A", "Chad/B", "Mali/A", "Mali/B"]


@pytest.mark.parametrize(
    ("periods", "last"),
    [
        ([f"{year}-Q{quarter}" for year in range(2000, 2003) for quarter in range(1, 5)], "2002-10-01"),
        ([f"2001-{month:02d}" for month in range(1, 13)], "2001-12-01"),
        (YEARS, "2011-01-01"),
        (YEARS[::-1], "2011-01-01"),
    ],
)
def test_eurostat(tmp_path: Path, periods: list[str], last: str) -> None:
    head = "freq,unit,geo\\TIME_PERIOD\t" + "\t".join(f"{period} " for period in periods)
    numbers = [f"{at}.5 " for at in range(12)]
    numbers[3], numbers[5] = ": c", "7.25 p"
    text = "\n".join(
        (head, "A,PC,AT\t" + "\t".join(numbers), "A,PC,DE\t" + "\t".join(f"{at} b" for at in range(12)), "")
    )
    frame, notes = read(tmp_path, text, "estat.tsv")
    expected = [0.5, 1.5, 2.5, np.nan, 4.5, 7.25, 6.5, 7.5, 8.5, 9.5, 10.5, 11.5]
    one = frame[frame["unique_id"] == "AT"]
    ordered = expected[::-1] if periods[0] > periods[-1] else expected
    np.testing.assert_array_equal(one["y"].to_numpy(), ordered)
    assert one["ds"].max() == pd.Timestamp(last)
    assert "unit PC" in notes


def test_eurostat_with_five_keys(tmp_path: Path) -> None:
    head = "freq,nace,unit,sex,age,geo\\TIME_PERIOD\t" + "\t".join(f"{year} " for year in YEARS)
    keys = [f"A,{n},{u},{s},{a},{g}" for n in "AB" for u in "CD" for s in "MF" for a in "YO" for g in "XZ"]
    frame, _ = read(tmp_path, "\n".join((head, *(key + "\t1 " * 12 for key in keys), "")), "estat.tsv")
    panel = build(frame, DataSettings())
    assert len(panel.ids) == 32
    assert panel.ids[0] == "A/C/M/Y/X"


def test_eurostat_refuses_what_is_no_observation(tmp_path: Path) -> None:
    head = "geo\\TIME_PERIOD\t" + "\t".join(f"{year} " for year in YEARS)
    with pytest.raises(DataError, match="1,5"):
        read(tmp_path, head + "\nAT\t" + "\t".join(["1,5 x"] * 12) + "\n", "estat.tsv")


@pytest.mark.parametrize("share", [2, 9])
def test_google_trends_below_one_is_a_half(tmp_path: Path, share: int) -> None:
    days = pd.date_range("2024-01-07", periods=10, freq="7D")
    rows = "".join(f"{day.date()},{'<1' if at < share else 30}\n" for at, day in enumerate(days))
    frame, notes = read(tmp_path, "Category: All categories\n\nWeek,term: (Worldwide)\n" + rows)
    assert frame["term: (Worldwide)"].tolist() == [0.5] * share + [30.0] * (10 - share)
    assert f"{share} entries such as '<1' are below a limit: half of it counts (0.5)" in notes


def test_usgs_widths_are_no_row(tmp_path: Path) -> None:
    rows = "".join(f"USGS\t01646500\t2024-01-{day:02d}\t{day}.5\tA\n" for day in range(1, 21))
    text = "# warning\n#\nagency_cd\tsite_no\tdatetime\tflow\tflow_cd\n5s\t15s\t20d\t14n\t10s\n" + rows
    frame, notes = read(tmp_path, text, "flow.rdb")
    assert "widths of columns" in notes
    panel = build(frame, DataSettings())
    assert panel.channels == ("flow",)
    assert panel.values[:, 0].tolist() == [day + 0.5 for day in range(1, 21)]


def test_bls_the_mean_of_the_year_is_no_month(tmp_path: Path) -> None:
    rows = "".join(f"LNS1  \t{year}\tM{at:02d}\t  {at}.0\t\n" for year in (2020, 2021) for at in range(1, 14))
    frame, notes = read(tmp_path, "series_id\tyear\tperiod\tvalue\tfootnote_codes\n" + rows, "bls.txt")
    assert frame["value"].tolist() == [float(at) for at in range(1, 13)] * 2
    assert frame["date"].iloc[[0, -1]].tolist() == ["2020-01", "2021-12"]
    assert "2 means of a year (M13) are left out" in notes


def test_ecb_keys_of_series_are_the_names(tmp_path: Path) -> None:
    rows = "".join(
        f"2020{month},1.{at},2.{at}\n" for at, month in enumerate(["Jan", "Feb", "Mar", "Apr", "May", "Jun"])
    )
    head = 'Data Source in SDW: x,,\n,EXR.M.USD,EXR.M.GBP\n"Collection:",Average,Average\n"Period\\Unit:",[US],[UK]\n'
    panel = build(read(tmp_path, head + rows)[0], DataSettings())
    assert panel.channels == ("EXR.M.USD", "EXR.M.GBP")
    assert panel.values[:, 1].tolist() == [2.0, 2.1, 2.2, 2.3, 2.4, 2.5]


def test_our_world_in_data_takes_the_column_that_is_never_missing(tmp_path: Path) -> None:
    names = (("Africa", ""), ("Chad", "TCD"))
    rows = "".join(f"{name},{code},{year},{year / 100}\n" for name, code in names for year in range(1990, 2010))
    panel = build(read(tmp_path, "Entity,Code,Year,Life\n" + rows)[0], DataSettings())
    assert list(panel.ids) == ["Africa", "Chad"]


def test_store_sales(tmp_path: Path) -> None:
    days = pd.date_range("2024-01-01", periods=20)
    keys = [(store, family) for store in (1, 2) for family in ("DAIRY", "EGGS")]
    rows = [f"{day.date()},{s},{f},{at + s},{at % 3}" for at, day in enumerate(days) for s, f in keys]
    text = "id,date,store_nbr,family,sales,onpromotion\n" + "".join(f"{at},{row}\n" for at, row in enumerate(rows))
    panel = build(read(tmp_path, text)[0], DataSettings())
    assert list(panel.ids) == ["1/DAIRY", "1/EGGS", "2/DAIRY", "2/EGGS"]
    assert panel.values[40:43, 0].tolist() == [2.0, 3.0, 4.0]
