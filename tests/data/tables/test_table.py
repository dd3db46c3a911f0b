"""Columns of a table: categories, signs for missing values, lists, and ids as they are written."""

import numpy as np
import pandas as pd
import pytest

from latentcast.core.errors import DataError, SettingsError
from latentcast.core.settings import validate
from latentcast.data.scaling.scaler import Scaler
from latentcast.data.settings import DataSettings
from latentcast.data.tables.table import Table, id_text, read_table

DAYS = pd.date_range("2021-01-01", periods=40)
PROMO = np.arange(40) % 5 + 1


def read(frame: pd.DataFrame, **settings: object) -> Table:
    return read_table(frame, validate(DataSettings, settings))


def test_whole_numbers_of_a_covariate_are_one_number_and_that_is_noted() -> None:
    frame = pd.DataFrame({"ds": DAYS, "sales": 1.0, "promo": PROMO})
    table = read(frame, future="promo")
    assert table.covariates["promo"].dtype == np.float64
    assert table.notes == (
        "the covariate 'promo' holds 5 whole numbers and is read as one number; where they name categories, set"
        " data.categorical=promo",
    )
    for told in (frame.assign(promo=PROMO % 2), frame.assign(promo=PROMO + 0.5), frame.assign(promo=np.arange(40))):
        assert read(told, future="promo").notes == ()


@pytest.mark.parametrize("kind", ["int64", "float64", "category", "Int64", "ordered"])
def test_categories_by_type_or_by_setting(kind: str) -> None:
    promo = pd.Series(PROMO)
    promo = pd.Series(pd.Categorical(promo, ordered=True)) if kind == "ordered" else promo.astype(kind)
    frame = pd.DataFrame({"ds": DAYS, "sales": 1.0, "promo": promo})
    declared = {} if kind in ("category", "ordered") else {"categorical": "promo"}
    table = read(frame, future="promo", **declared)
    assert table.covariates["promo"].tolist() == [str(value) for value in PROMO]
    assert table.notes == ()


def test_only_covariates_known_in_advance_are_categories() -> None:
    with pytest.raises(SettingsError, match="categorical: sales"):
        read(pd.DataFrame({"ds": DAYS, "sales": 1.0}), categorical="sales")


@pytest.mark.parametrize(
    ("sign", "noted"), [(-999.0, True), (-9999.0, True), (9999.0, True), (-7.0, False), (55.0, False)]
)
def test_a_sign_for_missing_values_is_noted_and_can_be_set(sign: float, noted: bool) -> None:
    values = np.sin(np.arange(40.0)) * 8
    values[[3, 9]] = sign
    frame = pd.DataFrame({"ds": DAYS, "t": values})
    notes = read(frame).notes
    assert bool(notes) == noted
    if noted:
        assert notes[0].startswith(f"'t' holds {sign:g} 2 times, far from its other values (-7.99992 .. 7.99929)")
        assert notes[0].endswith(f"set data.missing={sign:g}")
    assert np.flatnonzero(np.isnan(read(frame, missing=sign).values[:, 0])).tolist() == [3, 9]


def test_values_that_reach_that_far_are_no_signs() -> None:
    frame = pd.DataFrame({"ds": DAYS, "t": np.linspace(-999, 999, 40)})
    assert read(frame).notes == ()


@pytest.mark.parametrize("fill", [1e20, -1e34, 9.96921e36])
def test_a_fill_value_counts_as_missing_and_that_is_noted(fill: float) -> None:
    values = 5 + np.sin(np.arange(40.0))
    values[[3, 9]] = fill
    before = values.copy()
    table = read(pd.DataFrame({"ds": DAYS, "t": values}))
    assert np.flatnonzero(np.isnan(table.values[:, 0])).tolist() == [3, 9]
    assert table.notes == (f"'t' holds {fill:g} 2 times, more than 1e+09 times its other values (up to 5.99991): it"
                           " counts as missing",)  # fmt: skip
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("values", [[0.0, 3e15, 0.0], [2e15, 3e15, 1e10], [1e16, 2e17, 3e16]])
def test_huge_values_among_zeros_and_other_huge_ones_are_kept(values: list[float]) -> None:
    assert read(pd.DataFrame({"ds": DAYS[:3], "t": values})).values[:, 0].tolist() == values


def test_a_fill_value_of_a_covariate_counts_as_missing() -> None:
    frame = pd.DataFrame({"ds": DAYS, "t": np.arange(40.0), "x": [*np.arange(39.0), 1e20]})
    table = read(frame, future=["x"])
    assert np.isnan(table.covariates["x"][-1])
    assert "'x' holds 1e+20 once" in table.notes[0]


def test_values_that_no_network_can_read_are_refused() -> None:
    from latentcast.data.panel.build import build

    panel = build(pd.DataFrame({"ds": DAYS, "t": np.sin(np.arange(40.0))}), DataSettings())
    scaler = Scaler.fit(panel, np.array([30]))
    later = build(pd.DataFrame({"ds": DAYS, "t": np.full(40, 1e20)}), DataSettings())
    with pytest.raises(DataError, match=r"40 values of 't' lie more than 1e\+15 standard deviations .*first: 1e\+20"):
        scaler.apply(later)


def test_lists_in_cells_are_named() -> None:
    frame = pd.DataFrame({"ds": DAYS[:2], "target": [[1.0, 2.0], [3.0]]})
    with pytest.raises(DataError, match=r"target: each entry is a list .*explode"):
        read(frame)


@pytest.mark.parametrize(
    ("value", "text"), [(7, "7"), (7.0, "7"), (7.5, "7.5"), ("07", "07"), (True, "True"), (np.float64(3), "3")]
)
def test_a_whole_number_reads_the_same_in_every_type(value: object, text: str) -> None:
    assert id_text(value) == text


def test_values_too_small_to_square_are_refused() -> None:
    frame = pd.DataFrame({"ds": pd.date_range("2024", periods=20), "y": 1e-200 * np.arange(20)})
    with pytest.raises(DataError, match=r"all values of y lie within ±1e-30 \(the largest is 1.9e-199\).*rescale"):
        read_table(frame, DataSettings())
