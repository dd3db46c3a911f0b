"""Covariates of the horizon from a table of their own, laid behind each series."""

import numpy as np
import pandas as pd
import pytest

from latentcast.core.errors import DataError, TimeError
from latentcast.data.features.covariates import Column, Covariates
from latentcast.data.features.future import lay_ahead
from latentcast.data.features.regression import Effects
from latentcast.data.panel.build import build
from latentcast.data.panel.panel import Panel
from latentcast.data.settings import DataSettings

SETTINGS = DataSettings(future=("price",))
EFFECTS = Effects(Covariates((Column("price", "number"),)), np.array([[2.0]]))
HORIZON = 2


def room(*ids: str) -> Panel:
    """Four days of each series, and two days of room."""
    table = pd.concat(
        pd.DataFrame(
            {
                "unique_id": name,
                "ds": pd.date_range("2024-01-01", periods=4),
                "y": [1.0, 2.0, 3.0, 4.0],
                "price": [5.0, 6.0, 7.0, 8.0],
            }
        )
        for name in ids
    )
    return build(table, SETTINGS).extended(HORIZON)


def ahead(name: str, prices: list[float], first: str = "2024-01-05") -> pd.DataFrame:
    return pd.DataFrame({"unique_id": name, "ds": pd.date_range(first, periods=len(prices)), "price": prices})


def prices(panel: Panel) -> list[float]:
    return panel.covariates["price"].tolist()


def test_values_go_to_their_series_and_steps_in_any_order_of_rows() -> None:
    table = pd.concat([ahead("b", [30.0, 40.0]), ahead("a", [10.0, 20.0])]).iloc[::-1]
    laid = lay_ahead(room("a", "b"), table, EFFECTS, SETTINGS, HORIZON)
    assert prices(laid) == [5, 6, 7, 8, 10, 20, 5, 6, 7, 8, 30, 40]


def test_rows_of_other_steps_and_series_do_no_harm() -> None:
    table = pd.concat([ahead("a", [-1.0, 10.0, 20.0, -1.0], "2024-01-04"), ahead("c", [0.0, 0.0])])
    assert prices(lay_ahead(room("a"), table, EFFECTS, SETTINGS, HORIZON)) == [5, 6, 7, 8, 10, 20]


def test_a_covariate_without_effect_is_not_asked_for() -> None:
    none = Effects(EFFECTS.covariates, np.zeros((1, 1)))
    panel = room("a")
    assert lay_ahead(panel, None, none, SETTINGS, HORIZON) is panel


def test_no_table_names_what_is_needed_and_for_which_steps() -> None:
    with pytest.raises(DataError, match=r"\(price\): give it for the 2 steps.*2024-01-05.*2024-01-06"):
        lay_ahead(room("a"), None, EFFECTS, SETTINGS, HORIZON)


def test_a_missing_step_is_named_with_its_series() -> None:
    table = pd.concat([ahead("a", [10.0, 20.0]), ahead("b", [30.0])])
    with pytest.raises(DataError, match=r"missing for 1 of the steps to be forecast of b \(first: 2024-01-06"):
        lay_ahead(room("a", "b"), table, EFFECTS, SETTINGS, HORIZON)


def test_a_step_twice_is_refused() -> None:
    table = pd.concat([ahead("a", [10.0, 20.0]), ahead("a", [11.0])])
    with pytest.raises(TimeError, match="1 of the steps to be forecast occur twice"):
        lay_ahead(room("a"), table, EFFECTS, SETTINGS, HORIZON)


def test_infinite_values_and_other_columns_are_refused() -> None:
    with pytest.raises(DataError, match=r"'price' is infinite.*give finite numbers"):
        lay_ahead(room("a"), ahead("a", [10.0, np.inf]), EFFECTS, SETTINGS, HORIZON)
    with pytest.raises(DataError, match="lacks price"):
        lay_ahead(room("a"), ahead("a", [1.0, 2.0]).rename(columns={"price": "prize"}), EFFECTS, SETTINGS, HORIZON)
    with pytest.raises(DataError, match=r"no id of .* \(z\) is one of the data"):
        lay_ahead(room("a", "b"), ahead("z", [1.0, 2.0]), EFFECTS, SETTINGS, HORIZON)
