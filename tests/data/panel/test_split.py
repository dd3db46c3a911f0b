"""Parts of the data and the statistics of the training part: against counts and arithmetic done by hand."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from latentcast.core.errors import DataError, SettingsError
from latentcast.core.settings import validate
from latentcast.data.panel.build import build
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Ends, seen, split
from latentcast.data.scaling.scaler import Scaler, constant_series
from latentcast.data.settings import DataSettings
from latentcast.data.sources.catalog import find, load


def panel_of(*lengths: int, start: str = "2024-01-01", **settings: Any) -> Panel:
    rng = np.random.default_rng(0)
    parts = [
        pd.DataFrame({"unique_id": f"s{i}", "ds": pd.date_range(start, periods=n), "y": rng.normal(i, 1 + i, n)})
        for i, n in enumerate(lengths)
    ]
    return build(pd.concat(parts, ignore_index=True), validate(DataSettings, {"freq": "D", **settings}))


def ends(panel: Panel, rule: Any) -> list[list[int]]:
    parts = split(panel, validate(DataSettings, {"split": rule}).split)
    return [part.tolist() for part in (parts.train_end, parts.val_end, parts.test_end)]


def test_standard_splits_of_the_real_sets(data_folder: Path) -> None:
    counted = {
        "ETTh1": (8640, 2880, 2880),
        "ETTm1": (34560, 11520, 11520),
        "weather": (36887, 5270, 10539),
    }
    for name, (train, val, test) in counted.items():
        dataset = find(name)
        settings = validate(DataSettings, dataset.defaults)
        panel = build(load(dataset).frame, settings)
        parts = split(panel, settings.split)
        assert [int(end[0]) for end in (parts.train_end, parts.val_end, parts.test_end)] == [
            train,
            train + val,
            train + val + test,
        ]


@given(st.integers(1, 3000), st.integers(1, 18), st.integers(0, 18))
def test_fractions_as_the_benchmark_code_takes_them(n: int, first: int, second: int) -> None:
    assume(first + second <= 20)
    shares = (first / 20, second / 20, (20 - first - second) / 20)
    train, val, test = (end[0] for end in ends(panel_of(n), shares))
    held = math.floor(n * (20 - first - second) / 20)  # exact: twentieths
    assert test == n
    assert test - val == held
    assert train == (math.floor(n * first / 20) if second else n - held)


@given(st.integers(1, 100_000))
def test_the_usual_70_10_20(n: int) -> None:
    # integers only: int(0.7 · n) of the benchmark code, without what binary fractions do to it
    panel = panel_of(2).cut(np.array([1]))
    big = panel.__class__(
        **{**panel.__dict__, "offsets": np.array([0, n]), "times": np.empty(n), "values": np.empty((n, 1))}
    )
    train, val, test = (end[0] for end in ends(big, "standard"))
    assert (train, test - val, test) == (n * 7 // 10, n * 2 // 10, n)


def test_fractions_that_leave_something_unused() -> None:
    assert ends(panel_of(100, 10), (0.5, 0.2, 0.1)) == [[50, 5], [70, 7], [80, 8]]


def test_counts_are_rows_from_the_start() -> None:
    assert ends(panel_of(20, 12), (6, 3, 2)) == [[6, 6], [9, 9], [11, 11]]
    assert ends(panel_of(20, 12), (0, 3, 2)) == [[15, 7], [18, 10], [20, 12]]
    with pytest.raises(DataError, match=r"wants 13 rows; fewer has s1 \(shortest: 12\)"):
        ends(panel_of(20, 12), (6, 3, 4))


def test_dates_are_the_first_stamps_of_validation_and_test() -> None:
    panel = panel_of(20, 12)
    assert ends(panel, ("2024-01-08", "2024-01-11")) == [[7, 7], [10, 10], [20, 12]]
    assert ends(panel, ("2024-01-08 06:00", "2025")) == [[8, 8], [20, 12], [20, 12]]
    with pytest.raises(DataError, match="not before the test part"):
        ends(panel, ("2024-01-11", "2024-01-08"))
    for wrong in ("soon", "2024-13-01"):
        with pytest.raises(DataError, match="no time stamp of this data's kind"):
            ends(panel, (wrong, "2025-01-01"))
    with pytest.raises(DataError, match="time zone"):
        ends(panel, ("2024-01-08T00:00Z", "2025-01-01"))


def test_dates_in_data_of_whole_numbers_and_of_time_zones() -> None:
    table = pd.DataFrame({"ds": range(10, 20), "y": 1.0})
    panel = build(table, DataSettings())
    assert ends(panel, (13, 16)) == [[3], [6], [10]]
    with pytest.raises(DataError, match="no time stamp"):
        ends(panel, ("2024-01-01", "2025-01-01"))
    for freq in ("h", "D"):
        table["ds"] = pd.date_range("2024-01-01", periods=10, freq=freq, tz="Europe/Berlin")
        panel = build(table, DataSettings())
        at = [str(table["ds"][3].tz_localize(None)), str(table["ds"][6].tz_convert("UTC"))]
        assert ends(panel, at) == [[3], [6], [10]]


@pytest.mark.parametrize("two", [(0.8, 0.2), ("0.8", "0.2"), (0.7, 0.1), (0, 0.5), (0.8, 1)])
def test_two_fractions_are_no_dates(two: tuple[Any, Any]) -> None:
    with pytest.raises(SettingsError, match=r"three fractions \(0\.7,0\.1,0\.2\)"):
        validate(DataSettings, {"split": two})


@pytest.mark.parametrize("two", [(0, 1), (-5, 3), ("13", "16"), (13, 16), ("2020.01", "2020.06")])
def test_two_stamps_may_look_like_numbers(two: tuple[Any, Any]) -> None:
    assert validate(DataSettings, {"split": two}).split == (str(two[0]), str(two[1]))


def test_bounds() -> None:
    parts = split(panel_of(100), "standard")
    assert [int(x[0]) for x in parts.bounds("val")] == [70, 80]
    assert [int(x[0]) for x in parts.bounds("all")] == [0, 100]


@pytest.mark.parametrize(("first", "last"), [(0, 40), (0, 30), (5, 30), (0, 18), (25, 40), (0, 5)])
def test_parts_seen_in_a_fit_stay_where_they_were_by_date(first: int, last: int) -> None:
    whole = panel_of(40, 40)
    fitted_on = whole.cut(np.array([30, 20]))
    parts = split(fitted_on, (0.5, 0.2, 0.3))
    known = Ends.of(fitted_on, parts)
    table = pd.DataFrame({"unique_id": np.repeat(["s0", "s1"], 40), "ds": whole.times, "y": whole.values[:, 0]})
    now = table[(table.groupby("unique_id").cumcount() >= first) & (table.groupby("unique_id").cumcount() < last)]
    panel = build(now, validate(DataSettings, {"freq": "D"}))
    again = seen(panel, known, np.arange(2), split(panel, "standard"))
    for then, end in zip(
        (parts.train_end, parts.val_end, parts.test_end), (again.train_end, again.val_end, again.test_end), strict=True
    ):
        np.testing.assert_array_equal(end, np.clip(then, first, last) - first)


def test_series_that_the_fit_did_not_see_keep_the_rule() -> None:
    panel = panel_of(30, 20)
    known = Ends.of(panel, split(panel, (10, 5, 5)))
    now = seen(panel, known, np.array([0, -1]), split(panel, (1, 2, 3)))
    assert [end.tolist() for end in (now.train_end, now.val_end, now.test_end)] == [[10, 1], [15, 3], [20, 6]]


def test_an_empty_training_part_stays_empty() -> None:
    panel = panel_of(10, 30)
    parts = split(panel, ("2023-06-01", "2024-01-06"))
    known = Ends.of(panel, parts)
    stamps, which = known.dump()
    assert [None if at < 0 else stamps[at][:10] for at in which[0]] == [None, "2024-01-05", "2024-01-10"]
    again = Ends.parse(stamps, which)
    np.testing.assert_array_equal(again.stamps, known.stamps)
    np.testing.assert_array_equal(seen(panel, again, np.arange(2), split(panel, "standard")).train_end, [0, 0])


# scaler


def test_statistics_are_those_of_the_observed_training_values_by_hand() -> None:
    table = pd.DataFrame({"ds": range(8), "a": [1.0, 3, np.nan, 8, 100, 100, 100, 100], "b": [5.0] * 4 + [9.0] * 4})
    panel = build(table, validate(DataSettings, {"gaps": "interpolate"}))
    scaler = Scaler.fit(panel, np.array([4]))
    np.testing.assert_allclose(scaler.mean, [[4, 5]])
    np.testing.assert_allclose(scaler.std, [[math.sqrt((9 + 1 + 16) / 3), 1]])
    scaled = scaler.apply(panel)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled[:, 0], (panel.values[:, 0] - 4) / math.sqrt(26 / 3), rtol=1e-6)
    np.testing.assert_array_equal(scaled[:, 1], [0] * 4 + [4] * 4)  # centred, not divided


@given(st.lists(st.integers(2, 30), min_size=1, max_size=4), st.floats(-1e6, 1e6), st.floats(1e-9, 1e6))
def test_each_series_has_its_own_statistics(lengths: list[int], offset: float, spread: float) -> None:
    panel = panel_of(*lengths)
    panel = panel.__class__(**{**panel.__dict__, "values": panel.values * spread + offset})
    train = np.array([max(1, n // 2) for n in lengths])
    scaler = Scaler.fit(panel, train)
    for item, (start, end) in enumerate(zip(panel.offsets, train, strict=False)):
        values = panel.values[start : start + end, 0]
        assert scaler.mean[item, 0] == pytest.approx(values.mean())
        if values.std() > 1e-9 * abs(values.mean()):
            assert scaler.std[item, 0] == pytest.approx(values.std(), rel=1e-6)


@pytest.mark.parametrize("scale", [1e-20, 1e-9, 1.0, 1e20])
def test_units_do_not_make_a_series_constant(scale: float) -> None:
    panel = panel_of(50)
    panel = panel.__class__(**{**panel.__dict__, "values": panel.values * scale})
    scaled = Scaler.fit(panel, panel.lengths).apply(panel)
    assert scaled.std() == pytest.approx(1)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e9 / 3, 1e25])
def test_constant_series_are_centred_and_named(value: float) -> None:
    panel = panel_of(7, 7, 7)
    values = panel.values.copy()
    values[7:12] = value
    panel = panel.__class__(**{**panel.__dict__, "values": values})
    train = np.array([5, 5, 0])
    assert constant_series(panel, train) == ["s1"]
    scaler = Scaler.fit(panel, train)
    assert scaler.std[1, 0] == scaler.std[2, 0] == 1
    assert scaler.mean[2, 0] == 0
    np.testing.assert_allclose(scaler.apply(panel)[7:12], 0, atol=abs(value) * 1e-15)
    identity = Scaler.identity(panel)
    np.testing.assert_array_equal(identity.apply(panel), values.astype(np.float32))


def test_the_anchor_of_etth1(data_folder: Path) -> None:
    panel = build(load(find("ETTh1")).frame, DataSettings())
    scaler = Scaler.fit(panel, np.array([8640]))
    at = panel.channels.index("OT")
    assert scaler.mean[0, at] == pytest.approx(17.128262, abs=1e-6)
    assert scaler.std[0, at] == pytest.approx(9.176491, abs=1e-6)
