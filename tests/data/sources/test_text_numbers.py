"""Numbers written as text are read alike in files and in frames; years of businesses and of the World Bank."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from latentcast.core.errors import DataError
from latentcast.data.panel.build import build
from latentcast.data.settings import DataSettings
from latentcast.data.sources.files import read_file
from latentcast.data.sources.frames import read_frame

DAYS = pd.date_range("2024-01-01", periods=30).strftime("%Y-%m-%d")


@pytest.mark.parametrize(
    ("texts", "values", "note"),
    [
        (["$1,210.50", "$980.00", "$1,400.25"], [1210.5, 980.0, 1400.25], "'$1,210.50' is 1210.5"),
        (["10 %", "12 %", "9 %"], [10, 12, 9], "'10 %' is 10"),
        (["5 kWh", "6 kWh", "7 kWh"], [5, 6, 7], "'5 kWh' is 5"),
        (["1.2K", "3.4K", "1.1M"], [1200, 3400, 1_100_000], "'1.2K' is 1200"),
        (["(1,234)", "1,200", "(900)"], [-1234, 1200, -900], "'(1,234)' is -1234"),
    ],
)
def test_frames_read_them_as_files_do(texts: list[str], values: list[float], note: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"date": DAYS, "sales": texts * 10})
    before = frame.copy()
    panel = build(frame, DataSettings())
    assert panel.values[:3, 0].tolist() == values
    assert note in panel.notes[0]
    pd.testing.assert_frame_equal(frame, before)
    frame.to_csv(tmp_path / "sales.csv", index=False)
    assert (build(read_file(tmp_path / "sales.csv"), DataSettings()).values == panel.values).all()
    polars = pl.DataFrame({"date": list(DAYS), "sales": texts * 10})
    assert (build(read_frame(polars).frame, DataSettings()).values == panel.values).all()


def test_ids_covariates_and_codes_stay_text() -> None:
    frame = pd.DataFrame({"date": np.repeat(DAYS, 2), "shop": ["1.10", "1.20"] * 30, "y": np.arange(60.0)})
    assert build(frame, DataSettings(id="shop")).ids == ("1.10", "1.20")
    codes = pd.DataFrame({"date": DAYS, "code": ["00101", "00102", "00103"] * 10, "y": np.arange(30.0)})
    with pytest.raises(DataError, match=r"'00101' in code, row 0, numbers written as text"):
        build(codes, DataSettings())
    promo = pd.DataFrame({"date": DAYS, "promo": ["10 %", "0 %", "5 %"] * 10, "y": np.arange(30.0)})
    assert build(promo, DataSettings(future=("promo",))).covariates["promo"].dtype == object
    with pytest.raises(DataError, match=r"first: '1,5' in y"):  # a decimal or a thousands mark?
        build(pd.DataFrame({"date": DAYS, "y": ["1,5", "2,5", "3,25"] * 10}), DataSettings())


@pytest.mark.parametrize("texts", [[f"FY{year}" for year in range(1985, 2000)], [f"FY{y}" for y in range(85, 100)]])
def test_years_of_a_business(texts: list[str]) -> None:
    panel = build(pd.DataFrame({"year": texts, "sales": np.arange(15.0)}), DataSettings())
    assert str(panel.times[0])[:10] == "1985-01-01"
    assert panel.frequency.alias == "YS-JAN"
    assert "read as years of the calendar" in panel.notes[0]
    assert panel.written is not None
    assert panel.written.write(panel.times).tolist() == texts


@pytest.mark.parametrize("name", ["FY", "Fiscal Year"])
def test_numbers_of_fiscal_years_are_times(name: str) -> None:
    assert build(pd.DataFrame({name: range(1985, 2000), "v": np.arange(15.0)}), DataSettings()).times[0] == 1985


def test_columns_of_years_as_the_world_bank_names_them(tmp_path: Path) -> None:
    years = {f"{year} [YR{year}]": [year + 0.5, year + 0.25] for year in range(1960, 1980)}
    pd.DataFrame({"Country Name": ["A", "B"], "Code": ["AA", "BB"], **years}).to_csv(tmp_path / "wb.csv", index=False)
    panel = build(read_file(tmp_path / "wb.csv"), DataSettings())
    assert panel.ids == ("A", "B")
    assert panel.values[:2, 0].tolist() == [1960.5, 1961.5]
    assert str(panel.times[0])[:10] == "1960-01-01"
