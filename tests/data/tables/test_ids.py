"""Ids, values and texts of a table that no setting names; several id columns as one."""

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import latentcast
from latentcast.core.errors import DataError, TimeError
from latentcast.core.settings import validate
from latentcast.data.panel.build import build
from latentcast.data.panel.panel import Panel
from latentcast.data.settings import DataSettings

DAYS = pd.date_range("2024-01-01", periods=40)


def panel_of(frame: pd.DataFrame, **settings: Any) -> Panel:
    return build(frame, validate(DataSettings, settings))


def prices(**more: Any) -> pd.DataFrame:
    columns = {"Date": np.tile(DAYS, 2), "symbol": np.repeat(["A", "B"], 40), "Close": np.arange(80.0)}
    return pd.DataFrame(columns | more)


def shops() -> pd.DataFrame:
    """Four series of two shops and two goods."""
    rows = [(shop, good) for shop in (1, 22) for good in ("BREAD", "EGGS")]
    parts = [pd.DataFrame({"date": DAYS, "store": s, "item": g, "sales": np.arange(40.0) + s}) for s, g in rows]
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("name", ["symbol", "item_id", "meat type"])
def test_the_one_text_that_makes_stamps_unique_is_the_id(name: str) -> None:
    panel = panel_of(prices().rename(columns={"symbol": name}))
    assert panel.ids == ("A", "B")
    assert panel.channels == ("Close",)
    assert panel.found == {"id": name, "value": "Close"}
    assert [str(note) for note in panel.notes[:2]] == [
        f"the column {name!r} tells 2 series apart (data.id={shlex.quote(name)})",
        "the values of the series are those of 'Close' (data.value=Close)",
    ]


def test_two_columns_that_could_each_be_the_id_are_both_named() -> None:
    with pytest.raises(DataError, match=r"'symbol', 'name' may each tell .*data.id=symbol or data.id=name") as caught:
        panel_of(prices(name=np.repeat(["Alpha", "Beta"], 40)))
    assert (caught.value.setting, caught.value.value) == ("data.id", "symbol")


def test_two_columns_of_numbers_are_both_named_as_the_value() -> None:
    told = r"'Close', 'Volume' hold numbers.*of its own \(data.value=Close,Volume\).*data.value=Close data.ignore=V"
    with pytest.raises(DataError, match=told) as caught:
        panel_of(prices(Volume=1.0))
    assert (caught.value.setting, caught.value.values) == ("data.value", ("Close", "Volume"))
    assert panel_of(prices(Volume=1.0), value="Volume", ignore=["Close"]).channels == ("Volume",)


def test_columns_that_only_together_make_stamps_unique_are_the_ids() -> None:
    panel = panel_of(shops())
    assert panel.ids == ("1/BREAD", "1/EGGS", "22/BREAD", "22/EGGS")
    assert panel.found["id"] == ("store", "item")


def test_texts_that_are_no_ids_are_left_out_and_named() -> None:
    frame = pd.DataFrame({"date": DAYS, "temperature": np.arange(40.0), "weather": ["sun", "rain"] * 20})
    panel = panel_of(frame)
    assert panel.channels == ("temperature",)
    assert "'weather' (such as 'sun')" in panel.notes[0]
    long = prices(weather="sun").rename(columns={"symbol": "unique_id", "Close": "y"})
    assert panel_of(long).found == {"ignore": ("weather",)}
    assert list(panel_of(frame, future=["weather"]).covariates) == ["weather"]


def test_damaged_numbers_are_no_text() -> None:
    frame = pd.DataFrame({"date": DAYS, "a": np.arange(40.0), "b": ["1", "2", "?x", "4"] * 10})
    with pytest.raises(DataError, match=r"first: '\?x' in b, row 2"):
        panel_of(frame)


@pytest.mark.parametrize("as_polars", [False, True])
def test_several_ids_are_joined_and_given_back(as_polars: bool, tmp_path: Path) -> None:
    frame: Any = pl.from_pandas(shops()) if as_polars else shops()
    settings = {"data.id": ["store", "item"], "data.value": "sales"}
    forecaster = latentcast.fit(frame, "naive", lookback=7, horizon=2, settings=settings)
    forecaster.save(tmp_path / "run")
    found = latentcast.load(tmp_path / "run").predict(frame)
    assert list(found.columns[:3]) == ["unique_id", "store", "item"]
    rows = found.to_pandas() if as_polars else found
    assert rows["unique_id"].tolist()[::2] == ["1/BREAD", "1/EGGS", "22/BREAD", "22/EGGS"]
    assert rows["store"].tolist()[::2] == [1, 1, 22, 22]
    assert rows.drop_duplicates(["store", "item"]).merge(shops(), on=["store", "item"]).shape[0] == len(shops())
    assert found["store"].dtype == frame["store"].dtype


def test_future_covariates_are_matched_on_several_ids() -> None:
    data = shops()
    promo = (np.arange(len(data)) % 5 == 0).astype(float)
    data = data.assign(promo=promo, sales=100 * promo + data["store"])
    settings = {"data.id": ["store", "item"], "data.value": "sales", "data.future": ["promo"]}
    forecaster = latentcast.fit(data, "naive", lookback=7, horizon=2, settings=settings)
    later = pd.date_range("2024-02-10", periods=2)
    ahead = pd.concat(
        [pd.DataFrame({"date": later, "store": s, "item": g, "promo": [1.0, 0.0]}) for s, g in
         data[["store", "item"]].drop_duplicates().itertuples(index=False)]
    )  # fmt: skip
    found = forecaster.predict(data, future_covariates=ahead.sample(frac=1, random_state=0))
    steps = found["naive"].to_numpy().reshape(4, 2)
    np.testing.assert_allclose(steps[:, 0] - steps[:, 1], 100, atol=1)


def test_ids_that_read_the_same_when_joined_are_refused() -> None:
    frame = shops().assign(store=lambda f: f["store"].astype(str))
    frame.loc[frame["store"] == "22", ["store", "item"]] = ["1/BREAD", "x"]
    frame.loc[frame["item"] == "EGGS", "item"] = "BREAD/x"
    frame = frame.drop_duplicates(["date", "store", "item"])
    with pytest.raises(DataError, match="read the same when joined: 1/BREAD/x"):
        panel_of(frame, id=["store", "item"], value="sales")


def test_a_missing_id_column_is_named() -> None:
    with pytest.raises(DataError, match="no id column shop"):
        panel_of(shops(), id=["shop", "item"], value="sales")


def test_four_columns_of_text_that_only_together_tell_series_apart_are_the_ids() -> None:
    kinds = pd.MultiIndex.from_product([["ACT", "NSW"], ["F", "M"], ["held", "free"], ["yes", "no"]])
    names = ("State", "Gender", "Legal", "Local")
    frame = pd.DataFrame(
        [(day, *kind, float(at)) for at, kind in enumerate(kinds) for day in DAYS], columns=["date", *names, "Count"]
    )
    assert panel_of(frame).found["id"] == names


def test_ids_are_found_where_a_few_rows_repeat_their_stamp() -> None:
    frame = shops().astype({"store": str})
    frame["store"] = "s" + frame["store"]
    again = frame.iloc[:1].assign(sales=99.0)
    with pytest.raises(TimeError, match=r"1 time stamps occur twice .*of series 's1/BREAD'.*data.resample=D") as caught:
        panel_of(pd.concat([frame, again], ignore_index=True), value="sales")
    assert (caught.value.setting, caught.value.value) == ("data.resample", "D")
