"""build: any table → every series on its grid, or an error that says what came, what was wanted and the mend."""

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import pytz
from dateutil.tz import tzoffset
from hypothesis import given
from hypothesis import strategies as st

from latentcast.core.errors import DataError, GapError, LatentcastError, TimeError
from latentcast.core.settings import validate
from latentcast.data.panel.build import build
from latentcast.data.panel.panel import Panel
from latentcast.data.settings import DataSettings
from latentcast.data.sources.files import read_file
from latentcast.data.sources.frames import read_frame


def make(frame: pd.DataFrame, **settings: Any) -> Panel:
    return build(frame, validate(DataSettings, settings))


def wide(n: int = 6, freq: str = "h", **columns: Any) -> pd.DataFrame:
    columns = columns or {"a": np.arange(n) * 1.0, "b": np.arange(n) * -2.0}
    return pd.DataFrame({"ds": pd.date_range("2024-03-01", periods=n, freq=freq), **columns})


def long(lengths: dict[str, int], freq: str = "D") -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {"unique_id": name, "ds": pd.date_range("2024-01-01", periods=n, freq=freq), "y": np.arange(n) + i}
        )
        for i, (name, n) in enumerate(lengths.items())
    ]
    return pd.concat(parts, ignore_index=True)


# layouts


def test_wide_data_are_one_item_of_many_channels() -> None:
    panel = make(wide())
    assert (panel.ids, panel.channels, panel.frequency.alias, panel.season) == (("",), ("a", "b"), "h", 24)
    np.testing.assert_array_equal(panel.values, wide()[["a", "b"]])
    np.testing.assert_array_equal(panel.times, wide()["ds"])
    assert panel.complete
    assert panel.notes == ()
    assert [panel.series_name(0, channel) for channel in (0, 1)] == ["a", "b"]


def test_long_data_are_items_of_their_own_lengths() -> None:
    panel = make(long({"x": 5, "y": 2, "z": 7}))
    assert (panel.ids, panel.channels) == (("x", "y", "z"), ("y",))
    np.testing.assert_array_equal(panel.lengths, [5, 2, 7])
    np.testing.assert_array_equal(panel.values[:, 0], [0, 1, 2, 3, 4, 1, 2, 2, 3, 4, 5, 6, 7, 8])
    assert panel.series_name(2, 0) == "z"


@pytest.mark.parametrize("name", ["ds", "date", "Date", "timestamp", "DateTime", "time"])
def test_the_time_column_is_found_by_its_usual_names(name: str) -> None:
    assert make(wide().rename(columns={"ds": name})).channels == ("a", "b")


def test_any_column_names_by_option() -> None:
    table = long({"x": 5, "y": 4}).set_axis(["shop", "when", "sales"], axis=1)
    assert make(table, time="when", id="shop", value="sales").channels == ("sales",)
    assert make(table, time="when", id="shop", value="sales", align=True).channels == ("x", "y")
    assert make(wide().set_axis(["t", "a", "b"], axis=1), time="t", columns=["b", "a"]).channels == ("b", "a")
    assert make(wide(), ignore="a").channels == ("b",)
    assert make(wide().assign(unique_id=1.0), layout="wide").channels == ("a", "b", "unique_id")


def test_numbered_columns() -> None:
    table = wide().set_axis(["ds", 0, 1], axis=1)
    assert make(table).channels == ("0", "1")
    assert make(table, features="S", target=1).channels == ("1",)
    with pytest.raises(DataError, match="share a name: 1"):
        make(table.set_axis(["ds", 1, "1"], axis=1))


def test_modes_of_features() -> None:
    table = wide(a=[1.0] * 6, b=list(range(6)))
    assert make(table, features="MS", target="b").channels == ("a", "b")
    alone = make(table, features="S", target="b")
    assert alone.channels == ("b",)
    np.testing.assert_array_equal(alone.values[:, 0], range(6))
    for features in ("S", "MS"):
        with pytest.raises(DataError, match="'c' is not among the channels"):
            make(table, features=features, target="c")


def test_mode_s_does_not_mind_what_other_variates_hold() -> None:
    table = wide(note=["x"] * 6, hole=[np.nan] * 6, y=range(6))
    assert make(table, features="S", target="y").complete
    shops = pd.concat([long({"x": 5}), long({"y": 5}).replace({"y": {2: np.nan}})])
    assert make(shops, align=True, features="S", target="x").complete


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"time": "dss"}, "no time column 'dss'; did you mean ds"),
        ({"ignore": ["A"]}, r"no such column: 'A' \(known: a, b, ds\)"),
        ({"columns": ["aa"]}, "no such column: 'aa'"),
        ({"columns": ["a", "a"]}, "twice"),
        ({"columns": ["ds", "a"]}, "is the time column"),
        ({"ignore": ["a", "b"]}, "no value column"),
        ({"layout": "long"}, r"need a column 'unique_id'.*data\.id"),
        ({"value": "a"}, r"need a column 'unique_id'.*data\.id"),
        ({"id": "a", "ignore": ["b"]}, r"need a column 'y'.*data\.value"),
        ({"id": "a", "value": "a"}, "three columns"),
    ],
)
def test_columns_that_are_not_there(settings: dict, told: str) -> None:
    with pytest.raises(DataError, match=told):
        make(wide(), **settings)


def test_long_data_have_no_silent_columns() -> None:
    table = long({"x": 5}).assign(price=1.0)
    with pytest.raises(DataError, match=r"undeclared columns: price.*data\.ignore=price"):
        make(table)
    assert make(table, ignore=["price"]).channels == ("y",)
    with pytest.raises(DataError, match=r"data\.columns chooses variates of wide data"):
        make(long({"x": 5}), columns=["y"])


@pytest.mark.parametrize("name", ["Unnamed: 0", ""])
@pytest.mark.parametrize("first", [0, 1, 40])
def test_a_row_number_that_was_written_along_is_no_variate_and_that_is_said(name: str, first: int) -> None:
    for table in (wide(), long({"a": 3, "b": 4})):
        frame = table.copy()
        frame.insert(0, name, np.arange(len(frame)) + first)
        panel = make(frame)
        assert panel.channels == make(table).channels
        assert any("counts the rows" in note for note in panel.notes)
    frame = wide()
    frame.insert(0, name, np.arange(len(frame)))
    assert make(frame, columns=[name]).channels == (name,)
    frame[name] = np.arange(len(frame)) ** 2
    assert name in make(frame).channels


def test_times_in_the_index_are_pointed_out() -> None:
    with pytest.raises(TimeError, match="reset_index"):
        make(wide().set_index("ds"))
    with pytest.raises(TimeError, match="no time column found"):
        make(pd.DataFrame(index=range(3)))
    with pytest.raises(DataError, match="no row"):
        make(wide().iloc[:0])


@pytest.mark.parametrize("ids", [["x", None], ["x", ""], [1, "1"]])
def test_series_need_names_that_tell_them_apart(ids: list) -> None:
    table = pd.DataFrame({"unique_id": pd.Series(ids * 2, dtype=object), "ds": [1, 1, 2, 2], "y": 1.0})
    with pytest.raises(DataError, match="unique_id"):
        make(table)


@pytest.mark.parametrize("kind", ["category", "string", "int64", "Int64", object])
def test_series_named_in_any_kind_of_column(kind: Any) -> None:
    table = pd.DataFrame({"unique_id": [7, 7, 3, 3], "ds": [1, 2, 1, 2], "y": 1.0})
    if kind in ("category", "string"):
        table["unique_id"] = table["unique_id"].astype(str)
    table["unique_id"] = table["unique_id"].astype(kind)
    assert make(table).ids == ("7", "3")


# values


@pytest.mark.parametrize(
    "column",
    [
        [1, 2, 3],
        [True, False, True],
        np.array([1, 2, 3], np.float32),
        np.array([1, 2, 3], np.uint8),
        pd.array([1, 2, 3], "Int64"),
        pd.array([1, 2, 3], "float[pyarrow]"),
        pd.array([True, False, True], "boolean"),
        pd.Categorical([1, 2, 3]),
        pd.Series([Decimal(1), Decimal(2), Decimal(3)], dtype=object),
        pd.Series([1, 2.0, True], dtype=object).iloc[:3].map(float).astype(object),
    ],
)
def test_numbers_of_any_kind(column: Any) -> None:
    panel = make(wide(3, a=column))
    np.testing.assert_array_equal(panel.values[:, 0], np.asarray(column, dtype=float))


@pytest.mark.parametrize(
    "column",
    [
        [1.0, np.nan, 3.0],
        pd.array([1, None, 3], "Int64"),
        pd.array([1, None, 3], "Float64"),
        pd.array([1, None, 3], "double[pyarrow]"),
        pd.Series([1, None, 3], dtype=object),
        pd.Series([1, pd.NA, 3], dtype=object),
        pd.Series([Decimal(1), None, Decimal(3)], dtype=object),
    ],
)
def test_missing_values_of_any_kind(column: Any) -> None:
    with pytest.raises(
        GapError, match=r"1 values are missing \(first: a at 2024-03-01 01:00:00\).*interpolate or .*ffill"
    ):
        make(wide(3, a=column), gaps="error")
    panel = make(wide(3, a=column))
    np.testing.assert_array_equal(panel.values[:, 0], [1, 2, 3])
    np.testing.assert_array_equal(panel.observed[:, 0], [True, False, True])


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (["1", "x", "3"], "first: 'x' in a, row 1"),
        (["1", "2", "3"], "first: '1' in a, row 0, numbers written as text"),
        ([1.0, "n/a", None], "first: 'n/a' in a, row 1"),
        (pd.date_range("2020", periods=3), "in a, row 0"),
        ([1j, 2, 3], "in a, row 0"),
        ([[1], [2], [3]], r"first: \[1\] in a, row 0"),
    ],
)
def test_what_is_no_number_is_named_with_column_value_and_row(column: Any, told: str) -> None:
    with pytest.raises(DataError, match=told) as caught:
        make(wide(3, a=column, b=[1, 2, 3]))
    assert "data.ignore=a" in str(caught.value)


@pytest.mark.parametrize(("value", "others"), [(np.inf, 1), (-np.inf, 1), (1e31, 0), (-1e300, 1e299)])
def test_infinite_and_absurd_values(value: float, others: float) -> None:
    with pytest.raises(DataError, match=r"[12] values are infinite or beyond .* in b, row [12]"):
        make(wide(3, a=[1, 2, 3], b=[0, others, value]), gaps="interpolate")


# gaps


def test_gaps_between_rows_and_in_values() -> None:
    table = pd.DataFrame(
        {"ds": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-05"]), "a": [0.0, 3, 9], "b": [1.0, np.nan, 4]}
    )
    with pytest.raises(GapError, match=r"5 values are missing, among them 2 whole time steps \(first: b at 2024-01-02"):
        make(table, freq="D", gaps="error")
    filled = make(table, freq="D", gaps="interpolate")
    np.testing.assert_allclose(filled.values, [[0, 1], [3, 1.75], [5, 2.5], [7, 3.25], [9, 4]])
    carried = make(table, freq="D", gaps="ffill")
    np.testing.assert_allclose(carried.values, [[0, 1], [3, 1], [3, 1], [3, 1], [9, 4]])
    masked = make(table, freq="D")
    np.testing.assert_array_equal(masked.values, filled.values)
    np.testing.assert_array_equal(masked.shown, masked.observed)
    for panel in (filled, carried, masked):
        np.testing.assert_array_equal(panel.observed, [[1, 1], [1, 0], [0, 0], [0, 0], [1, 1]])
        assert "5 of 10 values are missing" in panel.notes[0]
    assert filled.shown.all()


def test_the_ends_are_held_constant_or_refused() -> None:
    table = wide(5, a=[np.nan, np.nan, 2, 4, np.nan])
    np.testing.assert_array_equal(make(table, gaps="interpolate").values[:, 0], [2, 2, 2, 4, 4])
    with pytest.raises(GapError, match="nothing to carry forward at the beginning of 'a'"):
        make(table, gaps="ffill")
    np.testing.assert_array_equal(make(table[2:], gaps="ffill").values[:, 0], [2, 4, 4])


@pytest.mark.parametrize("gaps", ["mask", "error", "interpolate", "ffill"])
def test_a_series_without_any_value(gaps: str) -> None:
    with pytest.raises(GapError, match="'b' has no value at all"):
        make(wide(3, a=[1, 2, 3], b=[None] * 3), gaps=gaps)
    table = pd.concat([long({"x": 3}), long({"z": 3}).assign(y=np.nan)])
    with pytest.raises(GapError, match="'z' has no value at all"):
        make(table, gaps=gaps)


@given(
    st.lists(st.lists(st.booleans(), min_size=1, max_size=8), min_size=1, max_size=5),
    st.sampled_from(["ffill", "interpolate"]),
)
def test_each_series_is_filled_from_itself_alone(shapes: list[list[bool]], gaps: str) -> None:
    rng = np.random.default_rng(0)
    parts = []
    for name, seen in enumerate(shapes):
        y = np.where(seen, rng.normal(size=len(seen)), np.nan)
        y[0 if gaps == "ffill" else rng.integers(len(y))] = 1.0
        parts.append(pd.DataFrame({"unique_id": str(name), "ds": np.arange(len(y)), "y": y}))
    panel = make(pd.concat(parts), gaps=gaps, freq=1)
    expected = [
        part["y"].ffill() if gaps == "ffill" else part["y"].interpolate(limit_direction="both") for part in parts
    ]
    np.testing.assert_allclose(panel.values[:, 0], pd.concat(expected), rtol=1e-12)


@pytest.mark.parametrize("freq", ["15min", "h", "D", "B", "W-SAT", "MS", "ME", "QE-DEC", "YS-JAN"])
def test_missing_steps_are_laid_on_the_calendar(freq: str) -> None:
    whole = pd.concat([
        pd.DataFrame({"unique_id": name, "ds": pd.date_range(start, periods=30, freq=freq), "y": np.arange(30.0)})
        for name, start in (("x", "2019-02-01"), ("z", "2020-06-30"))
    ])  # fmt: skip
    panel = make(whole.drop(index=[5, 6, 20]), gaps="interpolate")
    assert panel.frequency.alias == freq
    np.testing.assert_array_equal(panel.times, whole["ds"])
    np.testing.assert_allclose(panel.values[:, 0], whole["y"])
    assert (~panel.observed).sum() == 6


def test_a_frequency_far_too_fine_is_refused_and_not_filled() -> None:
    table = pd.DataFrame({"ds": pd.date_range("2000", periods=100, freq="YS"), "a": 1.0})
    with pytest.raises(TimeError, match="state a longer frequency"):
        make(table, freq="min", gaps="interpolate")
    drifting = table.assign(ds=table["ds"] + pd.to_timedelta(np.arange(100), unit="h"))
    with pytest.raises(TimeError, match=r"99 of 100 stamps do not lie on steps of YS-JAN \(first: 2001-01-01 01:00"):
        make(drifting, freq="YS")


# order, repeats, steps


def test_rows_may_come_in_any_order_and_it_is_said() -> None:
    table = long({"x": 5, "z": 7})
    shuffled = make(table.sample(frac=1, random_state=1))
    at = [shuffled.ids.index(name) for name in ("x", "z")]
    for item, name in zip(at, ("x", "z"), strict=True):
        span = slice(*shuffled.offsets[item : item + 2])
        np.testing.assert_array_equal(shuffled.values[span, 0], table.loc[table["unique_id"] == name, "y"])
    assert shuffled.notes == ("the rows were not in order of time and were sorted",)
    by_time = make(table.sort_values("ds", kind="stable"))
    assert by_time.notes == ()
    np.testing.assert_array_equal(by_time.values, make(table).values)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-5, 5)), min_size=1, max_size=30))
def test_rows_are_sorted_by_series_and_time_and_equal_ones_stay_as_they_came(rows: list[tuple[int, int]]) -> None:
    table = pd.DataFrame(rows, columns=["unique_id", "ds"]).assign(y=range(len(rows)))
    panel = make(table, steps="rows", freq=1)
    first_seen = {name: number for number, name in enumerate(dict.fromkeys(table["unique_id"]))}
    expected = sorted(range(len(rows)), key=lambda i: (first_seen[rows[i][0]], rows[i][1], i))
    np.testing.assert_array_equal(panel.values[:, 0], expected)


def test_repeated_stamps_name_the_first_and_its_series() -> None:
    table = long({"x": 5, "z": 5})
    again = table.iloc[[6]].assign(y=-1.0)
    with pytest.raises(TimeError, match=r"1 time stamps occur twice \(first: 2024-01-02 00:00:00 of series 'z'\)"):
        make(pd.concat([table, again]))
    with pytest.raises(TimeError, match=r"data\.id"):
        make(pd.concat([wide(), wide().assign(a=-1.0)]))


def test_rows_that_repeat_a_whole_row_are_left_out_with_a_note() -> None:
    table = long({"x": 5, "z": 5})
    panel = make(pd.concat([table, table.iloc[[6, 6]]]))
    np.testing.assert_array_equal(panel.values, make(table).values)
    assert "2 rows repeat the time and the values of another row and were left out" in panel.notes


def test_a_few_stamps_that_occur_twice_can_be_means() -> None:
    table = wide(100)
    again = table.iloc[[6]].assign(a=-1.0)
    with pytest.raises(TimeError, match=r"their means: data\.resample=h") as caught:
        make(pd.concat([table, again]))
    assert (caught.value.setting, caught.value.value) == ("data.resample", "h")


def test_rows_count_as_steps_when_asked() -> None:
    table = wide(6, a=range(6))
    table.loc[3, "ds"] = table.loc[2, "ds"]
    table.loc[5, "ds"] += pd.Timedelta("7min")
    with pytest.raises(TimeError):
        make(table)
    panel = make(table, steps="rows")
    assert panel.frequency.alias == "h"
    np.testing.assert_array_equal(panel.values[:, 0], range(6))
    np.testing.assert_array_equal(panel.times, table["ds"])
    months = make(wide(6, "MS").iloc[[0, 1, 2, 4, 5]], steps="rows")
    assert (months.frequency.alias, len(months.times)) == ("MS", 5)


def test_alignment_keeps_the_common_span() -> None:
    table = long({"x": 6, "z": 9})
    table = table[~((table["unique_id"] == "z") & (table["ds"] < "2024-01-03"))]
    panel = make(table, align=True)
    assert (panel.ids, panel.channels) == (("",), ("x", "z"))
    np.testing.assert_array_equal(panel.values, [[2, 3], [3, 4], [4, 5], [5, 6]])
    assert "common span 2024-01-03 00:00:00 .. 2024-01-06 00:00:00; 5 steps outside it were left out" in panel.notes[0]


def test_alignment_needs_a_common_grid_and_span() -> None:
    apart = pd.concat([long({"x": 3}), long({"z": 3}).assign(ds=pd.date_range("2025", periods=3))])
    with pytest.raises(DataError, match=r"'z' begins at 2025-01-01.*'x' ends at 2024-01-03"):
        make(apart, align=True)
    shifted = pd.concat([long({"x": 9}), long({"z": 9}).assign(ds=pd.date_range("2024-01-01 06:00", periods=9))])
    assert make(shifted).ids == ("x", "z")
    with pytest.raises(TimeError, match="cannot be aligned"):
        make(shifted, align=True)


def test_gaps_outside_the_common_span_do_not_matter() -> None:
    table = long({"x": 9, "z": 9})
    table = table[~((table["unique_id"] == "z") & (table["ds"] < "2024-01-05"))]
    table.loc[1, "y"] = np.nan
    assert make(table, align=True).complete
    table.loc[6, "y"] = np.nan
    with pytest.raises(GapError, match="first: x at 2024-01-07"):
        make(table, align=True, gaps="error")


# time stamps


def test_irregular_stamps_are_resampled_when_that_is_asked() -> None:
    rng = np.random.default_rng(0)
    stamps = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.uniform(0, 72, 300)), unit="h")
    table = pd.DataFrame({"ds": stamps, "y": rng.normal(size=300), "k": rng.choice(["p", "q"], 300)})
    table = table[~table["ds"].between("2024-01-02 03:00", "2024-01-02 05:00", inclusive="left")]
    with pytest.raises(TimeError, match="irregular"):
        make(table, ignore=["k"])
    for how in ("mean", "sum", "last", "min", "max"):
        panel = make(table, resample="h", aggregate=how, future=["k"])
        theirs = getattr(table.set_index("ds")["y"].resample("h"), how)()
        theirs = theirs.where(table.set_index("ds")["y"].resample("h").count() > 0)
        np.testing.assert_array_equal(panel.observed[:, 0], theirs.notna())
        np.testing.assert_allclose(panel.values[panel.observed[:, 0], 0], theirs.dropna())
        assert not panel.observed[27:29].any()
        assert panel.frequency.alias == "h"
        assert f"steps of h ({how})" in panel.notes[0]
    assert panel.covariates["k"][0] == table[table["ds"] < "2024-01-01 01:00"]["k"].iloc[-1]
    with pytest.raises(TimeError, match="'fortnightly' is no frequency"):
        make(table, resample="fortnightly", ignore=["k"])


def test_resampling_to_what_is_no_frequency_is_one_plain_message() -> None:
    with pytest.raises(TimeError, match=r"^resample='foo' is no frequency that pandas knows; for example: [^']*$"):
        make(wide(), resample="foo")


def test_rows_of_the_future_without_values_are_pointed_out() -> None:
    table = wide(10, a=np.arange(10.0), price=np.arange(10.0))
    table.loc[7:, "a"] = np.nan
    told = [note for note in make(table, future=["price"]).notes if "give them as the table" in note]
    assert len(told) == 1
    assert told[0].startswith("the last 3 rows hold what is known in advance (price)")
    table.loc[7:, "price"] = np.nan
    assert not any("give them as" in note for note in make(table, future=["price"]).notes)


def test_many_series_are_resampled_each_by_itself() -> None:
    table = long({"x": 48, "z": 72})
    panel = make(table, resample="W-MON")
    for name, group in table.groupby("unique_id"):
        item = panel.ids.index(name)
        ours = panel.values[panel.offsets[item] : panel.offsets[item + 1], 0]
        mondays = group.set_index("ds")["y"].resample("W-MON")
        np.testing.assert_allclose(ours, mondays.mean()[mondays.count() == 7])


@pytest.mark.parametrize("how", ["sum", "mean", "last"])
@pytest.mark.parametrize(
    ("rows", "alias", "first", "last"),
    [
        (pd.date_range("2020-01-15", "2024-06-03"), "ME", "2020-02-29", "2024-05-31"),
        (pd.date_range("2020-01-01", "2024-05-31"), "ME", "2020-01-31", "2024-05-31"),
        (pd.date_range("2020-01-02", "2024-05-30"), "MS", "2020-02-01", "2024-04-01"),
        (pd.date_range("2024-01-01", "2024-03-04"), "W", "2024-01-07", "2024-03-03"),  # Monday to Monday
        (pd.date_range("2024-01-01", "2024-03-01", freq="B"), "W", "2024-01-07", "2024-03-03"),  # Monday to Friday
        (pd.date_range("2024-01-01", "2024-03-07", freq="B"), "W", "2024-01-07", "2024-03-03"),  # … to Thursday
        (pd.date_range("2024-01-01", "2024-03-01 05:00", freq="h"), "D", "2024-01-01", "2024-02-29"),
        (pd.date_range("2024-01-01 05:00", "2024-03-01 23:00", freq="h"), "D", "2024-01-02", "2024-03-01"),
        (pd.date_range("2020-02-01", "2024-12-01", freq="MS"), "QE", "2020-06-30", "2024-12-31"),
        (pd.date_range("2020-01-03", "2020-12-31", freq="W"), "MS", "2020-01-01", "2020-12-01"),
        (pd.date_range("2024-01-01", "2024-02-01"), "D", "2024-01-01", "2024-02-01"),
        (pd.date_range("2024-01-01", "2024-01-09"), "12h", "2024-01-01", "2024-01-09"),
    ],
)
def test_steps_that_rows_cover_in_part_are_left_out(
    rows: pd.DatetimeIndex, alias: str, first: str, last: str, how: str
) -> None:
    panel = make(pd.DataFrame({"ds": rows, "y": 1.0}), resample=alias, aggregate=how)
    assert (panel.times[0], panel.times[-1]) == (np.datetime64(first), np.datetime64(last))
    stamps = pd.Series(1, rows).resample(alias).sum().index
    out = [str(stamp) for stamp in (stamps[0], stamps[-1]) if not panel.times[0] <= stamp <= panel.times[-1]]
    said = [note for note in panel.notes if "left out at the ends" in note]
    assert all(stamp in said[0] for stamp in out) if out else not said


def test_office_hours_make_whole_days() -> None:
    hours = pd.date_range("2024-01-01", "2024-01-31 23:00", freq="h")
    hours = hours[(hours.hour >= 9) & (hours.hour < 17)]
    assert len(make(pd.DataFrame({"ds": hours, "y": 1.0}), resample="D").times) == 31
    assert len(make(pd.DataFrame({"ds": hours[:-4], "y": 1.0}), resample="D").times) == 30


def test_rows_that_cover_no_step_are_refused() -> None:
    with pytest.raises(TimeError, match="rows cover no whole step of ME"):
        make(pd.DataFrame({"ds": pd.date_range("2024-01-03", periods=20), "y": 1.0}), resample="ME")
    table = pd.concat([long({"x": 90}), long({"z": 9})])
    with pytest.raises(TimeError, match="the rows of z cover no whole step of MS"):
        make(table, resample="MS")


# more of them


@pytest.mark.parametrize(
    "ds",
    [
        ["2024-01-30", "2024-01-31", "2024-02-01"],
        ["30/01/2024", "31/01/2024", "01/02/2024"],
        ["01/30/2024", "01/31/2024", "02/01/2024"],
        ["30.01.2024", "31.01.2024", "01.02.2024"],
        ["2024-01-30T00:00:00", "2024-01-31T00:00:00", "2024-02-01T00:00:00.000"],
        [date(2024, 1, 30), date(2024, 1, 31), date(2024, 2, 1)],
        [datetime(2024, 1, 30), datetime(2024, 1, 31), datetime(2024, 2, 1)],
        pd.period_range("2024-01-30", periods=3, freq="D"),
        pd.Categorical(["2024-01-30", "2024-01-31", "2024-02-01"]),
        np.array(["2024-01-30", "2024-01-31", "2024-02-01"], "datetime64[s]"),
        pd.array(["2024-01-30", "2024-01-31", "2024-02-01"], "string"),
        pd.Series(pd.date_range("2024-01-30", periods=3)).astype("timestamp[us][pyarrow]"),
    ],
)
def test_dates_in_any_form(ds: Any) -> None:
    panel = make(pd.DataFrame({"ds": ds, "a": [1.0, 2, 3]}))
    np.testing.assert_array_equal(panel.times, pd.date_range("2024-01-30", periods=3))
    assert (panel.frequency.alias, panel.zone) == ("D", None)


@pytest.mark.parametrize("mark", ["/", "-", "."])
@pytest.mark.parametrize("time", ["", " %H:%M", " %H:%M:%S+01:00"])
def test_one_day_beyond_12_settles_that_days_come_first(mark: str, time: str) -> None:
    days = pd.date_range("2021-01-01", periods=40)
    for form in (f"%d{mark}%m{mark}%Y", f"%m{mark}%d{mark}%Y"):
        panel = make(pd.DataFrame({"ds": days.strftime(form + time), "a": 1.0}))
        np.testing.assert_array_equal(panel.times, days)
        for n in (3, 12):  # nothing tells them apart
            with pytest.raises(TimeError, match="month or with the day first"):
                make(pd.DataFrame({"ds": days[:n].strftime(form + time), "a": 1.0}))


def test_rows_that_are_no_dates_are_told_from_those_in_the_form_of_the_others() -> None:
    days = pd.date_range("2021-01-01", periods=40)
    for form in ("%d.%m.%Y", "%m/%d/%Y", "%Y-%m-%d"):
        ds = list(days.strftime(form))
        ds[30] = "soon"
        with pytest.raises(TimeError, match=r"1 of 40 entries .*first: 'soon', row 30"):
            make(pd.DataFrame({"ds": ds, "a": 1.0}))


def test_periods_are_held_by_their_beginning() -> None:
    panel = make(pd.DataFrame({"ds": pd.period_range("2024-01", periods=5, freq="M"), "a": 1.0}))
    assert panel.frequency.alias == "MS"


@pytest.mark.parametrize(
    ("ds", "told"),
    [
        (["2024-01-01", None, "2024-01-03"], "1 rows have no time in 'ds' .first: row 1"),
        ([pd.Timestamp("2024"), pd.NaT, pd.NaT], "2 rows have no time"),
        (["2024-01-01", "soon", "2024-01-03"], "1 of 3 .* are no dates .*first: 'soon', row 1"),
        (["2024-01-01", "9999-12-31", "2024-01-03"], "9999-12-31.*row 1"),
        (["01/02/2024", "01/03/2024", "01/04/2024"], r"month or with the day first.*data\.time_format"),
        (["2024-01-01 00:00+01:00", "2024-01-02 00:00", "2024-01-03 00:00"], "mixes time zones and none"),
        ([0.5, 1.5, 2.5], "count no steps .first: 0.5, row 0"),
        ([True, False, True], "holds bool"),
        ([1, 2, 2**60], "count no steps .*row 2"),
        ([1704067200.5, 1704070800.5, 1704074400.5], r"count no steps.*seconds since 1970\? set data\.time_format=s"),
        (["01/01/24", "02/01/24", "03/01/24"], "(data.time_format=%m/%d/%y or data.time_format=%d/%m/%y)"),
        (["05.01.2024 23:00", "06.01.2024 23:00", "07.01.2024 23:00"], "'%m.%d.%Y %H:%M' or data.time_format='%d"),
        (np.array(["3000-01-01", "3000-01-02", "3000-01-03"], "datetime64[s]"), "years from 1678 to 2261"),
        (["a", "b", "c"], "are no dates"),
        ([(1,), (2,), (3,)], "are no dates"),
    ],
)
def test_times_that_cannot_be_used(ds: Any, told: str) -> None:
    with pytest.raises(TimeError, match=told):
        make(pd.DataFrame({"ds": ds, "a": [1.0, 2, 3]}))


def test_a_stated_format_settles_what_is_ambiguous() -> None:
    table = pd.DataFrame({"ds": ["01/02/2024", "01/03/2024", "01/04/2024"], "a": 1.0})
    assert make(table, time_format="%d/%m/%Y").frequency.alias == "MS"
    assert make(table, time_format="%m/%d/%Y").frequency.alias == "D"
    numbers = pd.DataFrame({"ds": [20240130, 20240131, 20240201], "a": 1.0})
    assert make(numbers, time_format="%Y%m%d").frequency.alias == "D"
    months = pd.DataFrame({"ds": [201411, 201412, 201501], "a": 1.0})
    assert make(months, time_format="%Y%m").frequency.alias == "MS"
    assert make(numbers, freq=1, gaps="interpolate").frequency.integer
    with pytest.raises(TimeError, match="%Q"):
        make(table, time_format="%Q")


@pytest.mark.parametrize(("unit", "in_second"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
@pytest.mark.parametrize("kind", [int, str])
def test_moments_counted_from_1970(unit: str, in_second: int, kind: type) -> None:
    hours = pd.date_range("2024-01-01", periods=5, freq="h")
    ds = [kind(int(stamp.timestamp()) * in_second) for stamp in hours]
    panel = make(pd.DataFrame({"ds": ds, "a": 1.0}), time_format=unit)
    np.testing.assert_array_equal(panel.times, hours)
    with pytest.raises(TimeError, match="cannot be read as"):
        make(pd.DataFrame({"ds": ["soon"], "a": 1.0}), time_format=unit)
    found = make(pd.DataFrame({"ds": ds, "a": 1.0}))
    np.testing.assert_array_equal(found.times, hours)
    assert any(f"seconds since 1970; data.freq={3600 * in_second} counts them as steps" in str(n) for n in found.notes)
    assert make(pd.DataFrame({"ds": ds, "a": 1.0}), freq=str(3600 * in_second)).frequency.integer


@pytest.mark.parametrize("ds", [[1990, 1991, 1992], [201313, 201314, 201354], [0, 3600, 7200], [-202401, -202400]])
def test_whole_numbers_that_are_no_dates_count_steps(ds: list[int]) -> None:
    assert make(pd.DataFrame({"ds": ds, "a": 1.0})).frequency.integer


@pytest.mark.parametrize(
    "ds", [[3, 4, 6], [3.0, 4.0, 6.0], pd.array([3, 4, 6], "Int64"), pd.Series([3, 4, 6], dtype=object)]
)
def test_whole_numbers_count_steps(ds: Any) -> None:
    panel = make(pd.DataFrame({"ds": ds, "a": [1.0, 2, 4]}), gaps="interpolate")
    np.testing.assert_array_equal(panel.times, [3, 4, 5, 6])
    np.testing.assert_array_equal(panel.values[:, 0], [1, 2, 3, 4])
    with pytest.raises(TimeError, match="does not suit a time column of whole numbers"):
        make(pd.DataFrame({"ds": ds, "a": 1.0}), freq="h")
    with pytest.raises(TimeError, match="does not suit a time column of dates"):
        make(wide(), freq="2")


def test_one_row_needs_a_stated_frequency() -> None:
    with pytest.raises(TimeError, match=r"cannot be inferred.*data\.freq"):
        make(wide(1, a=[1.0]))
    assert len(make(wide(1, a=[1.0]), freq="h").times) == 1
    assert len(make(wide(2, a=[1.0, 2.0])).times) == 2


def test_instants_are_held_in_utc_and_come_back_in_their_zone() -> None:
    ds = pd.date_range("2024-03-30 12:00", periods=48, freq="h", tz="Europe/Berlin")  # across summer time
    panel = make(pd.DataFrame({"ds": ds, "a": 1.0}))
    assert (panel.frequency.alias, panel.zone, len(panel.times)) == ("h", "Europe/Berlin", 48)
    assert list(panel.clock.restore(panel.times)) == list(ds)


@pytest.mark.parametrize("freq", ["D", "B", "W-SUN", "MS", "QE-DEC"])
@pytest.mark.parametrize("as_text", [False, True])
def test_local_days_are_regular_across_summer_time(freq: str, as_text: bool) -> None:
    zone = "America/Phoenix" if as_text else "America/New_York"  # text holds an offset, not a zone
    ds = pd.date_range("2024-02-20", periods=20, freq=freq, tz=zone)
    table = pd.DataFrame({"ds": ds.astype(str) if as_text else ds, "a": 1.0})
    panel = make(table)
    assert panel.frequency.alias == freq
    assert list(panel.clock.restore(panel.times)) == list(ds)
    future = panel.clock.restore(panel.frequency.after(panel.times[-1:], 5)[0])
    assert list(future) == list(pd.date_range(ds[-1], periods=6, freq=freq)[1:])


def test_offsets_that_change_are_held_in_utc() -> None:
    ds = pd.date_range("2024-03-30 12:00", periods=48, freq="h", tz="Europe/Berlin").astype(str)
    panel = make(pd.DataFrame({"ds": ds, "a": 1.0}))
    assert (panel.frequency.alias, panel.zone) == ("h", "UTC")
    stamp = datetime(2024, 1, 1, tzinfo=timezone.utc)  # noqa: UP017
    panel = make(pd.DataFrame({"ds": [stamp, stamp.replace(hour=1), stamp.replace(hour=2)], "a": 1.0}))
    assert (panel.frequency.alias, panel.zone) == ("h", "UTC")


@pytest.mark.parametrize("freq", ["h", "D", "MS"])
@pytest.mark.parametrize("minutes", [60, -330, 0])
@pytest.mark.parametrize("kind", ["pytz", "datetime", "named", "dateutil", "text"])
@pytest.mark.parametrize("parquet", [False, True])
def test_fixed_offsets_come_back(tmp_path: Path, freq: str, minutes: int, kind: str, parquet: bool) -> None:
    offset = timedelta(minutes=minutes)
    zone = {
        "pytz": pytz.FixedOffset(minutes),
        "datetime": timezone(offset),
        "named": timezone(offset, "Asia/Tokyo"),
        "dateutil": tzoffset(None, offset),
        "text": str(timezone(offset)),
    }[kind]
    ds = pd.date_range("2024-01-01", periods=20, freq=freq, tz=zone)
    table = pd.DataFrame({"ds": ds, "a": 1.0})
    if parquet:
        table.to_parquet(tmp_path / "t.parquet")
        table = read_file(tmp_path / "t.parquet")
    panel = make(table)
    assert (panel.frequency.alias, panel.zone) == (freq, str(timezone(offset)))
    back = panel.clock.restore(panel.times)
    assert list(back) == list(ds)
    assert back[0].utcoffset() == offset
    assert panel.clock.hold(pd.Timestamp("2024-01-01 00:00")) == panel.times[0]
    assert panel.clock.hold(ds[0]) == panel.times[0]


def test_a_zone_that_cannot_be_kept_is_refused() -> None:
    ds = pd.date_range("2024-01-01", periods=4, freq="h", tz=timezone(timedelta(seconds=3661)))
    with pytest.raises(TimeError, match="convert the column to a named one"):
        make(pd.DataFrame({"ds": ds, "a": 1.0}))


@pytest.mark.parametrize("freq", ["D", "W-SUN", "MS"])
def test_local_days_written_with_changing_offsets_become_local_dates(freq: str) -> None:
    ds = pd.date_range("2024-02-20", periods=60, freq=freq, tz="Europe/Berlin")
    panel = make(pd.DataFrame({"ds": ds.astype(str), "a": 1.0}))
    assert (panel.frequency.alias, panel.zone) == (freq, None)
    np.testing.assert_array_equal(panel.times, ds.tz_localize(None))


# the panel itself


def test_what_went_in_is_left_as_it_was() -> None:
    table = long({"x": 5, "z": 6}).sample(frac=1, random_state=0).assign(extra="x")
    table.iloc[0, 2] = np.nan
    before = table.copy(deep=True)
    panel = make(table, gaps="interpolate", ignore=["extra"])
    pd.testing.assert_frame_equal(table, before)
    clean = wide()
    panel = make(clean)
    clean["a"] *= 0
    clean.iloc[:, 2] = 7
    np.testing.assert_array_equal(panel.values, wide()[["a", "b"]])


def test_cut_and_extended() -> None:
    panel = make(long({"x": 5, "z": 3}))
    cut = panel.cut(np.array([2, 3]))
    np.testing.assert_array_equal(cut.values[:, 0], [0, 1, 1, 2, 3])
    np.testing.assert_array_equal(cut.offsets, [0, 2, 5])
    room = panel.extended(2)
    np.testing.assert_array_equal(room.offsets, [0, 7, 12])
    np.testing.assert_array_equal(room.values[:, 0], [0, 1, 2, 3, 4, 4, 4, 1, 2, 3, 3, 3])
    np.testing.assert_array_equal(room.observed[:, 0], [1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0])
    expected = [*pd.date_range("2024-01-01", periods=7), *pd.date_range("2024-01-01", periods=5)]
    np.testing.assert_array_equal(room.times, np.array(expected, "datetime64[ns]"))


def test_the_fingerprint_changes_with_every_value_stamp_and_name() -> None:
    first = make(wide())
    assert make(wide()).fingerprint() == first.fingerprint()
    assert make(pl.from_pandas(wide()).to_pandas()).fingerprint() == first.fingerprint()
    changed = wide()
    changed.loc[3, "a"] += 1e-12
    others = [changed, wide(freq="2h"), wide().rename(columns={"a": "c"}), wide().iloc[1:]]
    assert len({first.fingerprint(), *(make(other).fingerprint() for other in others)}) == 5


# whatever comes: a panel on its grid, or one of our errors

CELLS = st.one_of(
    st.floats(), st.integers(-(2**70), 2**70), st.none(), st.booleans(), st.text(max_size=3), st.just(pd.NA)
)
TIMES = st.one_of(
    st.datetimes(datetime(1500, 1, 1), datetime(2400, 1, 1)),
    st.integers(-(2**62), 2**62),
    st.integers(0, 20),
    st.dates(),
    st.text("0123456789-: /T+Z", max_size=12),
    st.none(),
)


@pytest.mark.slow
@given(
    st.one_of(
        st.lists(TIMES, min_size=1, max_size=8),
        st.lists(st.integers(0, 9), min_size=1, max_size=8, unique=True),
        st.lists(st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)), min_size=1, max_size=6),
    ),
    st.one_of(st.none(), st.sampled_from(["x", "z", 1, None, ""])),
    st.data(),
    st.sampled_from(["error", "interpolate", "ffill"]),
    st.sampled_from(["grid", "rows"]),
    st.booleans(),
)
def test_any_table_gives_a_panel_or_a_clear_error(ds, name, data, gaps, steps, align) -> None:  # type: ignore[no-untyped-def]
    cells = data.draw(st.sampled_from([CELLS, st.floats(-1e6, 1e6), st.floats(allow_infinity=False)]))
    values = data.draw(st.lists(cells, min_size=len(ds), max_size=len(ds)))
    table = pd.DataFrame({"ds": ds, "y": values})
    if name is not None:
        ids = st.sampled_from(["a", "b", name])
        table["unique_id"] = data.draw(st.lists(ids, min_size=len(ds), max_size=len(ds)))
    settings = {"gaps": gaps, "steps": steps, "align": align and name is not None}
    try:
        panel = make(read_frame(table).frame, **settings)
    except LatentcastError:
        return
    assert np.isfinite(panel.values).all()
    assert panel.values.shape == panel.observed.shape == (len(panel.times), len(panel.channels))
    assert panel.offsets[0] == 0
    assert panel.offsets[-1] == len(panel.times)
    assert (panel.lengths > 0).all()
    if steps == "grid":
        for item in range(len(panel.ids)):
            times = panel.times[panel.offsets[item] : panel.offsets[item + 1]]
            np.testing.assert_array_equal(panel.frequency.after(times[:1], len(times) - 1)[0], times[1:])
