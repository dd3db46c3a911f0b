"""Ids and stamps come back in the types that went in: a forecast can be merged with later rows of the same kind."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import latentcast
from latentcast.core.errors import DataError

DAYS = pd.date_range("2024-01-01", periods=24)
HOURS = pd.date_range("2024-01-01", periods=24, freq="h")
SIZES: dict[str, Any] = {"lookback": 4, "horizon": 2}
STAMPS: dict[str, Callable[[], Any]] = {
    "datetime64[ns]": lambda: DAYS,
    "datetime64[s]": lambda: DAYS.as_unit("s"),
    "datetime64[us] in hours": lambda: HOURS.as_unit("us"),
    "with a zone": lambda: HOURS.tz_localize("Europe/Berlin"),
    "datetime.date": lambda: [stamp.date() for stamp in DAYS],
    "periods of months": lambda: pd.period_range("2020-01", periods=24, freq="M"),
    "periods as objects": lambda: np.array(list(pd.period_range("2020-01", periods=24, freq="M")), dtype=object),
    "arrow date32": lambda: pd.array([stamp.date() for stamp in DAYS], dtype=pd.ArrowDtype(pa.date32())),
    "arrow timestamps": lambda: pd.array(DAYS, dtype=pd.ArrowDtype(pa.timestamp("us"))),
    "quarters": lambda: [f"{year} Q{quarter}" for year in range(2018, 2024) for quarter in (1, 2, 3, 4)],
    "yyyymm": lambda: pd.date_range("2020", periods=24, freq="MS").strftime("%Y%m").astype(int),
    "ISO days in text": lambda: DAYS.strftime("%Y-%m-%d"),
    "days with dots": lambda: DAYS.strftime("%d.%m.%Y"),
    "minutes in text": lambda: HOURS.strftime("%Y-%m-%d %H:%M"),
    "UTC in text": lambda: HOURS.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "an offset in text": lambda: HOURS.strftime("%Y-%m-%d %H:%M:%S+02:00"),
    "half-days in text": lambda: HOURS.strftime("%Y-%m-%d %I:%M %p"),
    "half-years": lambda: [f"{year}H{half}" for year in range(2000, 2012) for half in (1, 2)],
    "years in text": lambda: [str(year) for year in range(2000, 2024)],
    "yyyymm as text": lambda: pd.date_range("2020", periods=24, freq="MS").strftime("%Y%m"),
    "yyyyww": lambda: pd.date_range("2020-10-05", periods=24, freq="W-MON").strftime("%G%V").astype(int),
    "steps": lambda: np.arange(24),
    "steps in 32 bits": lambda: np.arange(24, dtype=np.int32),
    "steps as Int64": lambda: pd.array(np.arange(24), dtype="Int64"),
    "steps as floats": lambda: np.arange(24.0),
}
IDS: dict[str, list[Any] | pd.Categorical] = {
    "text": ["a", "b"],
    "leading zeros": ["007", "7"],
    "integers": [3, 11],
    "objects": [np.int64(3), np.int64(11)],
    "bools": [True, False],
    "floats": [1.0, 2.0],
    "fractions": [1.5, 2.25],
    "categories": pd.Categorical(["x", "y"], categories=["y", "x", "z"]),
    "categories of integers": pd.Categorical([5, 9]),
}


def long(stamps: Any, ids: Any) -> pd.DataFrame:
    kind = ids.dtype if isinstance(ids, pd.Categorical) else None
    dtype = kind if kind is not None else object if isinstance(ids[0], np.int64) else None
    names = pd.Series([name for name in list(ids) for _ in range(24)], dtype=dtype)
    twice = pd.concat([pd.Series(stamps), pd.Series(stamps)], ignore_index=True)
    return pd.DataFrame({"unique_id": names, "ds": twice, "y": np.arange(48) % 5 + 0.5})


def check_pandas(frame: pd.DataFrame) -> None:
    past = frame.groupby(frame.groupby("unique_id", observed=True).cumcount() < 22).get_group(True)
    forecast = latentcast.fit(past, "naive", **SIZES).predict(past)
    merged = forecast.merge(frame, on=["unique_id", "ds"])
    assert len(forecast) == len(merged) == 4
    assert merged["y"].notna().all()
    for column in ("unique_id", "ds"):
        assert forecast[column].dtype == frame[column].dtype


@pytest.mark.parametrize("kind", STAMPS)
def test_stamps_merge_with_later_rows_in_pandas(kind: str) -> None:
    check_pandas(long(STAMPS[kind](), ["a", "b"]))


@pytest.mark.parametrize("kind", IDS)
def test_ids_merge_with_later_rows_in_pandas(kind: str) -> None:
    check_pandas(long(DAYS, IDS[kind]))


POLARS_STAMPS = {
    "days in text": pl.Series(list(DAYS.strftime("%d.%m.%Y"))),
    "Date": pl.Series([stamp.date() for stamp in DAYS]),
    **{f"Datetime({unit})": pl.Series(DAYS).cast(pl.Datetime(unit)) for unit in ("ms", "us", "ns")},  # type: ignore[arg-type]
    "zone": pl.Series(HOURS).dt.replace_time_zone("Europe/Berlin"),
    "quarters": pl.Series([f"{year} Q{quarter}" for year in range(2018, 2024) for quarter in (1, 2, 3, 4)]),
    "Int32": pl.Series(np.arange(24), dtype=pl.Int32),
    "yyyymm": pl.Series(pd.date_range("2020", periods=24, freq="MS").strftime("%Y%m").astype(int)),
}
POLARS_IDS = {
    "String": pl.Series(["a", "b"]),
    "Categorical": pl.Series(["a", "b"], dtype=pl.Categorical),
    "Enum": pl.Series(["a", "b"], dtype=pl.Enum(["b", "a", "c"])),
    "Int32": pl.Series([3, 11], dtype=pl.Int32),
    "UInt8": pl.Series([3, 11], dtype=pl.UInt8),
    "Boolean": pl.Series([True, False]),
    "Float64": pl.Series([1.0, 2.5]),
}


@pytest.mark.parametrize(
    ("stamps", "ids"),
    [*((stamps, "String") for stamps in POLARS_STAMPS), *(("Date", ids) for ids in POLARS_IDS if ids != "String")],
)
def test_both_join_with_later_rows_in_polars(stamps: str, ids: str) -> None:
    ds, names = POLARS_STAMPS[stamps], POLARS_IDS[ids]
    each = names.gather([0] * 24 + [1] * 24)
    frame = pl.DataFrame({"unique_id": each, "ds": pl.concat([ds, ds]), "y": np.arange(48) % 5 + 0.5})
    past = frame.filter(pl.Series([*range(24)] * 2) < 22)
    forecast = latentcast.fit(past, "naive", **SIZES).predict(past)
    assert forecast.schema["unique_id"] == frame.schema["unique_id"]
    assert forecast.schema["ds"] == frame.schema["ds"]
    assert len(forecast.join(frame, on=["unique_id", "ds"])) == 4


def test_dates_of_arrow_stay_dates() -> None:
    table = pa.table({"ds": pa.array([stamp.date() for stamp in DAYS], pa.date32()), "y": np.arange(24.0)})
    forecast = latentcast.fit(table, "naive", **SIZES).predict(table)
    assert forecast.schema.field("ds").type == pa.date32()
    assert forecast.column("ds").to_pylist() == [dt.date(2024, 1, 25), dt.date(2024, 1, 26)]


def test_text_that_cannot_be_written_alike_comes_back_as_dates(tmp_path: Path) -> None:
    days = [*DAYS[:20].strftime("%Y-%m-%d"), *DAYS[20:].strftime("%Y-%m-%d %H:%M:%S")]
    frame = pd.DataFrame({"ds": days, "y": np.arange(24.0)})
    wanted = [pd.Timestamp("2024-01-25"), pd.Timestamp("2024-01-26")]
    assert latentcast.fit(frame, "naive", **SIZES).predict(frame)["ds"].tolist() == wanted
    file = tmp_path / "days.csv"  # files have no types: what a date is comes back as one
    frame.assign(ds=DAYS.strftime("%d.%m.%Y")).to_csv(file, index=False)
    assert latentcast.fit(file, "naive", **SIZES).predict(file)["ds"].tolist() == wanted


def test_text_comes_back_as_text_of_windows_and_scores() -> None:
    frame = pd.DataFrame({"ds": DAYS.strftime("%d.%m.%Y"), "y": np.arange(24.0)})
    fitted = latentcast.fit(frame, "naive", **SIZES)
    judged = fitted.evaluate(frame, part="test", forecasts=True).forecasts
    assert isinstance(judged, pd.DataFrame)
    assert {*judged["ds"], *judged["cutoff"]} <= set(frame["ds"])


def test_a_table_of_what_is_known_in_advance_is_read_as_the_data_are() -> None:
    days = pd.date_range("2024-01-20", periods=60)
    frame = pd.DataFrame({"ds": days.strftime("%d/%m/%Y"), "x": np.arange(60) % 2, "y": np.arange(60) % 2 * 3.0})
    past, ahead = frame[:43], frame[43:44].drop(columns="y")  # 03/03/2024, then 04/03/2024 alone
    fitted = latentcast.fit(past, "naive", lookback=4, horizon=1, settings={"data.future": ["x"]})
    assert fitted.predict(past, future_covariates=ahead)["ds"].tolist() == ["03/03/2024"]


def test_the_unit_is_that_of_the_time_column() -> None:
    ds = pd.date_range("2024-01-01", periods=24, freq="100ms").as_unit("ms")
    frame = pd.DataFrame({"made": DAYS.as_unit("s"), "ds": ds, "y": np.arange(24.0)})
    forecast = latentcast.fit(frame, "naive", settings={"data.ignore": ["made"]}, **SIZES).predict(frame)
    assert forecast["ds"].tolist() == [ds[-1] + pd.Timedelta("100ms"), ds[-1] + pd.Timedelta("200ms")]
    assert forecast["ds"].dt.unit == "ms"


@pytest.mark.parametrize("later", [[7.0, 8.0], ["7", "8"], pd.Categorical([7, 8])])
def test_ids_are_matched_by_value_across_kinds(later: Any) -> None:
    fitted = latentcast.fit(long(DAYS, [7, 8]), "naive", **SIZES)
    frame = long(DAYS, later)
    forecast = fitted.predict(frame)
    assert forecast["unique_id"].dtype == frame["unique_id"].dtype
    assert fitted.evaluate(frame, part="test").notes == fitted.evaluate(long(DAYS, [7, 8]), part="test").notes


def test_a_table_of_other_ids_is_named_as_such() -> None:
    frame = long(DAYS, ["01", "02"])
    frame["x"] = np.tile(np.arange(24) % 2, 2)
    frame["y"] += 3.0 * frame["x"]
    past = frame[frame["ds"] < DAYS[22]]
    fitted = latentcast.fit(past, "naive", settings={"data.future": ["x"]}, **SIZES)
    assert fitted.known.scaler.effects is not None
    assert fitted.known.scaler.effects.any
    ahead = frame[frame["ds"] >= DAYS[22]].assign(unique_id=lambda table: table["unique_id"].astype(int))
    with pytest.raises(DataError, match=r"no id of the table .*\(1, 2\) is one of the data \(01, 02\)"):
        fitted.predict(past, future_covariates=ahead.drop(columns="y"))
