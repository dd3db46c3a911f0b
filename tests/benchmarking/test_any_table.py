"""Tables that `fit` refuses with a remedy that loses nothing: `forecast` applies it and says so."""

import numpy as np
import pandas as pd
import pytest

import latentcast

MONTHS = pd.date_range("2020-01-01", periods=36, freq="MS")


def places(**more: object) -> pd.DataFrame:
    parts = [pd.DataFrame({"Month": MONTHS, "place": name, "guests": np.arange(36.0) % 12 + at}) for at, name in
             enumerate(("inn", "hotel"))]  # fmt: skip
    return pd.concat(parts, ignore_index=True).assign(**more)


def test_several_values_of_each_id_are_series_and_come_back_under_their_names() -> None:
    frame = places(rooms=np.tile(np.arange(36.0) % 12, 2))
    with pytest.raises(latentcast.DataError, match=r"data\.value=guests,rooms"):
        latentcast.fit(frame, "naive", lookback=12, horizon=2)
    chosen = latentcast.forecast(frame, 2, time_limit=0, level=80)
    assert list(chosen.frame.columns[:4]) == ["unique_id", "place", "variable", "ds"]
    assert chosen.frame[["place", "variable"]].drop_duplicates().to_numpy().tolist() == [
        ["inn", "guests"], ["hotel", "guests"], ["inn", "rooms"], ["hotel", "rooms"],
    ]  # fmt: skip
    assert set(chosen.frame["ds"]) == {pd.Timestamp("2023-01-01"), pd.Timestamp("2023-02-01")}
    assert any("'guests', 'rooms' are series of their own" in note for note in chosen.notes)
    assert chosen.forecaster.run.data.value == ("guests", "rooms")  # in auto.yaml: fitted again it reads the same
    later = chosen.forecaster.predict(frame)
    assert later["unique_id"].drop_duplicates().tolist() == ["inn/guests", "hotel/guests", "inn/rooms", "hotel/rooms"]


def test_columns_next_to_the_value_are_left_out_by_name() -> None:
    frame = places(holiday=False).rename(columns={"Month": "ds", "place": "unique_id", "guests": "y"})
    with pytest.raises(latentcast.UndeclaredColumns, match="holiday"):
        latentcast.fit(frame, "naive", lookback=12, horizon=2)
    chosen = latentcast.forecast(frame, 2, time_limit=0, level=80)
    assert len(chosen.frame) == 4
    assert any("left out (data.ignore=holiday)" in note for note in chosen.notes)


def test_values_that_are_no_numbers_are_still_refused() -> None:
    frame = places().astype({"guests": object})
    frame.loc[3, "guests"] = "many"
    with pytest.raises(latentcast.DataError, match=r"values must be numbers.*many"):
        latentcast.forecast(frame, 2, time_limit=0, level=80)


def test_what_was_left_out_is_noted_of_an_ensemble_too() -> None:
    at, rng = np.arange(120), np.random.default_rng(0)
    values = 20 + 5 * np.sin(2 * np.pi * at / 7) + rng.normal(size=120)
    frame = pd.DataFrame({"ds": pd.date_range("2024-03-01", periods=120), "load": values})
    chosen = latentcast.forecast(frame.assign(weather=rng.choice(["rain", "sun"], 120)), 7, time_limit=0)
    assert chosen.forecaster.name == "hybrid"
    assert any(note.startswith("columns of text were left out: 'weather'") for note in chosen.notes)
