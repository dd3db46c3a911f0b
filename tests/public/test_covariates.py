"""Covariates: declared by name, learned from the training part, read by those models that can."""

import re
from pathlib import Path
from typing import Any

import holidays
import numpy as np
import pandas as pd
import pytest

import latentcast
from latentcast.core.errors import DataError, SettingsError, TimeError
from latentcast.data.features.covariates import Covariates
from latentcast.data.features.regression import regress
from latentcast.data.panel.build import build
from latentcast.data.scaling.scaler import Scaler
from latentcast.data.settings import DataSettings

SIZES: dict[str, Any] = {"lookback": 24, "horizon": 6}
QUICK = {"training.max_epochs": 2}
SMALL: dict[str, dict[str, Any]] = {
    "transformer": {"model.width": 16, "model.ff": 32, "model.heads": 2},
    "latent-transformer": {"model.representation.width": 32, "model.backbone.ff": 64, "model.backbone.heads": 4},
}


def sales(steps: int = 400, seed: int = 0, noise: float = 0.3) -> pd.DataFrame:
    """A random walk that a price and a promotion move, beside a covariate that has nothing to do with it."""
    rng = np.random.default_rng(seed)
    price, promotion = rng.normal(10, 2, steps), rng.random(steps) < 0.2
    level = np.cumsum(rng.normal(0, noise, steps))
    return pd.DataFrame(
        {
            "ds": pd.date_range("2023-01-02", periods=steps),
            "sales": 50 + level - 3 * (price - 10) + 8 * promotion,
            "price": price,
            "promotion": np.where(promotion, "yes", "no"),
            "useless": rng.normal(size=steps),
        }
    )


def fitted(frame: pd.DataFrame, model: str = "dlinear", sizes: dict[str, Any] = SIZES, **data: Any):
    quick = {} if model == "naive" else QUICK  # it has nothing to train
    settings = {**quick, **SMALL.get(model, {}), **{f"data.{key}": value for key, value in data.items()}}
    return latentcast.fit(frame, model, settings=settings, **sizes)


KNOWN = {"future": ["price", "promotion", "useless"]}


@pytest.mark.slow
@pytest.mark.parametrize("model", ["naive", "dlinear", "patch-transformer", "latent-transformer", "transformer"])
def test_what_is_known_in_advance_is_used_by_every_model(model: str) -> None:
    frame = sales()
    blind = fitted(frame[["ds", "sales"]], model).evaluate(frame[["ds", "sales"]])
    seeing = fitted(frame, model, **KNOWN).evaluate(frame)
    assert seeing.original["MSE"] < 0.2 * blind.original["MSE"]
    assert seeing.windows == blind.windows


def test_a_useless_covariate_changes_nothing() -> None:
    frame = sales()
    without = fitted(frame, ignore=["useless"], future=["price", "promotion"])
    beside = fitted(frame, **KNOWN)
    assert beside.evaluate(frame).original == without.evaluate(frame).original
    assert any("useless was found to explain nothing" in note for note in beside.card.notes)


def test_the_regression_finds_the_effects() -> None:
    frame = sales(2000)
    settings = DataSettings(future=("price", "promotion"))
    panel = build(frame, settings)
    ends = np.array([1500])
    scaler, covariates = Scaler.fit(panel, ends), Covariates.learned(panel, ends, settings)
    effects = regress(covariates, panel, scaler.apply(panel).astype(float), ends)
    found = (effects.of(panel) * scaler.std)[:, 0]
    truth = -3 * (frame["price"] - 10) + 8 * (frame["promotion"] == "yes")
    assert np.abs((found - found.mean()) - (truth - truth.mean())).mean() < 0.15
    assert effects.used(0) == ["price", "promotion"]


def test_an_effect_that_bends_is_found_too() -> None:
    rng = np.random.default_rng(1)
    warmth = rng.normal(15, 8, 1500)
    frame = pd.DataFrame(
        {"ds": pd.date_range("2020", periods=1500, freq="h"), "load": np.abs(warmth - 15) * 4, "warmth": warmth}
    )
    plain = fitted(frame[["ds", "load"]], "naive").evaluate(frame[["ds", "load"]]).original["MSE"]
    assert fitted(frame, "naive", future=["warmth"]).evaluate(frame).original["MSE"] < 0.1 * plain


def test_forecasts_read_the_future_and_say_what_of_it_is_missing(tmp_path: Path) -> None:
    frame = sales()
    past, ahead = frame[:380], frame[380:386].drop(columns="sales")
    forecaster = fitted(past, "naive", **KNOWN)
    forecast = forecaster.predict(past, future_covariates=ahead)
    dearer = forecaster.predict(past, future_covariates=ahead.assign(price=ahead["price"] + 1))
    effect = (dearer["naive"] - forecast["naive"]).to_numpy()
    np.testing.assert_allclose(effect, -3, atol=0.4)
    forecaster.save(tmp_path / "m")
    again = latentcast.load(tmp_path / "m").predict(past, future_covariates=ahead[::-1])
    pd.testing.assert_frame_equal(again, forecast)
    with pytest.raises(DataError, match=r"price, promotion\): give it for the 6 steps.*2024-01-17"):
        forecaster.predict(past)
    with pytest.raises(DataError, match=r"'price' is known in advance, and missing for 2 of .*first: 2024-01-21"):
        forecaster.predict(past, future_covariates=ahead[:4])
    with pytest.raises(DataError, match=r"'promotion' is known.*missing for 1 of"):
        forecaster.predict(past, future_covariates=ahead.assign(promotion=["yes", None, "no", "no", "no", "no"]))
    with pytest.raises(DataError, match="lacks price"):
        forecaster.predict(past, future_covariates=ahead.drop(columns="price"))
    for value in (np.inf, -np.inf, 1e300):
        with pytest.raises(
            DataError, match=rf"'price' is infinite .* at 6 of.*first: {re.escape(str(value))} at 2024-01-17"
        ):
            forecaster.predict(past, future_covariates=ahead.assign(price=value))
    with pytest.raises(TimeError, match=r"6 of the steps to be forecast occur twice \(first: 2024-01-17"):
        forecaster.predict(past, future_covariates=pd.concat([ahead, ahead.assign(price=1000.0)]))
    twice_before = pd.concat([frame[370:380]] * 2 + [ahead]).drop(columns="sales")
    pd.testing.assert_frame_equal(forecaster.predict(past, future_covariates=twice_before), forecast)
    with pytest.raises(DataError, match=r"'promotion' holds 'maybe', which its training part did not"):
        forecaster.predict(past, future_covariates=ahead.assign(promotion="maybe"))
    with pytest.raises(SettingsError, match="fitted without any"):
        fitted(past[["ds", "sales"]], "naive").predict(past[["ds", "sales"]], future_covariates=ahead)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["naive", "transformer"])
def test_a_covariate_that_was_left_out_is_not_asked_for(model: str) -> None:
    frame = sales().drop(columns="promotion")
    frame["sales"] = 50 - 3 * (frame["price"] - 10) + np.random.default_rng(5).normal(size=len(frame))
    frame["colour"] = np.random.default_rng(6).choice(["red", "blue"], len(frame))
    past, ahead = frame[:380], frame[380:386].drop(columns="sales")
    forecaster = fitted(past, model, future=["price", "useless", "colour"])
    assert sum("was found to explain nothing" in note for note in forecaster.card.notes) == 2
    forecast = forecaster.predict(past, future_covariates=ahead)
    for other in (
        ahead.drop(columns=["useless", "colour"]),
        ahead.assign(useless=np.nan),
        ahead.assign(useless=np.inf),
        ahead.assign(useless="text", colour="green"),
    ):
        pd.testing.assert_frame_equal(forecaster.predict(past, future_covariates=other), forecast)
    pd.testing.assert_frame_equal(forecaster.predict(past.assign(colour="green"), future_covariates=ahead), forecast)
    with pytest.raises(DataError, match="lacks price"):
        forecaster.predict(past, future_covariates=ahead.drop(columns="price"))


def long_sales(shops: int = 3) -> pd.DataFrame:
    frames = []
    for shop in range(shops):
        frame = sales(300 + 20 * shop, seed=shop).rename(columns={"sales": "y"})
        frames.append(frame.assign(unique_id=f"s{shop}", kind="big" if shop % 2 else "small"))
    return pd.concat(frames, ignore_index=True)


def test_long_data_have_covariates_and_futures_of_their_own() -> None:
    frame = long_sales()
    last = frame.groupby("unique_id").tail(6).index
    past, ahead = frame.drop(last), frame.loc[last].drop(columns="y").sample(frac=1, random_state=0)
    forecaster = fitted(past, "patch-transformer", static=["kind"], **KNOWN)
    forecast = forecaster.predict(past, future_covariates=ahead)
    assert forecast.groupby("unique_id").size().tolist() == [6, 6, 6]
    other = ahead.copy()
    other.loc[other["unique_id"] == "s1", "price"] += 1
    moved = (
        forecaster.predict(past, future_covariates=other)["patch-transformer"] - forecast["patch-transformer"]
    ).to_numpy()
    assert np.abs(moved[:6]).max() < 1e-4
    assert moved[6:12].mean() < -1
    with pytest.raises(DataError, match=r"missing for 6 of the steps to be forecast of s1"):
        forecaster.predict(past, future_covariates=ahead[ahead["unique_id"] != "s1"])


@pytest.mark.slow
def test_a_static_covariate_tells_series_apart(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = []
    for number in range(16):  # after the same past, one kind rises and the other falls
        sign = 1 if number % 2 else -1
        steps = np.tile(np.r_[np.zeros(12), np.full(4, sign)], 12)
        stamps = pd.date_range("2024", periods=len(steps), freq="h")
        y = steps + 0.01 * rng.normal(size=len(steps))
        frames.append(
            pd.DataFrame({"unique_id": f"s{number}", "ds": stamps, "y": y, "kind": "up" if sign > 0 else "down"})
        )
    frame = pd.concat(frames, ignore_index=True)
    sizes = {"lookback": 12, "horizon": 4}
    how = {
        "training": {"max_epochs": 12, "lr": 3e-3, "patience": None},
        "data": {"scale": False, "split": [0.6, 0.2, 0.2]},
        "model": {
            "normalise": False,
            "representation": {"length": 4, "stride": 4, "width": 16},
            "backbone": {"heads": 2, "ff": 32},
        },
    }
    apart = {**how, "data": {**how["data"], "static": ["kind"]}}
    told = latentcast.fit(frame, "patch-transformer", settings=apart, **sizes)
    how["data"] = {**how["data"], "ignore": ["kind"]}
    blind = latentcast.fit(frame, "patch-transformer", settings=how, **sizes)
    assert told.evaluate(frame).scaled["MSE"] < 0.8 * blind.evaluate(frame).scaled["MSE"]
    told.save(tmp_path / "m")
    assert latentcast.load(tmp_path / "m").evaluate(frame) == told.evaluate(frame)
    with pytest.raises(SettingsError, match="dlinear does not read what a series is; patch-transformer"):
        fitted(frame, "dlinear", sizes, static=["kind"])
    with pytest.raises(DataError, match="'kind' has more than one value in series 's0'"):
        fitted(frame.assign(kind=["up", "down"] * (len(frame) // 2)), "patch-transformer", sizes, static=["kind"])


@pytest.mark.slow
def test_past_covariates_are_channels_that_are_not_forecast() -> None:
    rng = np.random.default_rng(0)
    lead = rng.normal(size=600)
    frame = pd.DataFrame({"ds": pd.date_range("2024", periods=600, freq="h"), "y": np.roll(lead, 6), "lead": lead})[6:]
    settings = {"training.max_epochs": 15, "data.past": ["lead"], "model.backbone.dropout": 0.0}
    forecaster = latentcast.fit(frame, "latent-transformer", preset="light", settings={
        **settings, "model.representation.width": 32, "model.backbone.ff": 64, "model.backbone.heads": 4,
        "training.lr": 3e-3, "training.patience": 15,
    }, **SIZES)  # fmt: skip
    forecast = forecaster.predict(frame)
    assert set(forecast["unique_id"]) == {"y"}
    blind = latentcast.fit(frame[["ds", "y"]], "naive", **SIZES)
    judged = forecaster.evaluate(frame)
    assert judged.values == judged.windows * SIZES["horizon"]
    assert judged.scaled["MSE"] < 0.7 * blind.evaluate(frame[["ds", "y"]]).scaled["MSE"]
    with pytest.raises(SettingsError, match="dlinear treats every channel alone, and would never read lead"):
        fitted(frame, past=["lead"])


def test_holidays_by_country() -> None:
    days = pd.date_range("2019-01-01", "2022-12-31")
    free = days.isin(pd.to_datetime(list(holidays.country_holidays("DE", years=range(2019, 2023)))))
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"ds": days, "trips": 100 - 60 * free + rng.normal(size=len(days))})
    plain = fitted(frame, "naive").evaluate(frame).original["MSE"]
    forecaster = fitted(frame, "naive", holidays="DE")
    assert forecaster.evaluate(frame).original["MSE"] < 0.5 * plain
    forecast = forecaster.predict(frame[frame["ds"] < "2022-12-22"])
    christmas = forecast["ds"].isin(pd.to_datetime(["2022-12-25", "2022-12-26"])).to_numpy()
    assert forecast["naive"][christmas].mean() < forecast["naive"][~christmas].mean() - 30
    with pytest.raises(SettingsError, match="no such country"):
        fitted(frame, "naive", holidays="XX")
    with pytest.raises(SettingsError, match="holidays are days, and the data have steps of"):
        fitted(frame[::7], "naive", holidays="DE")


def test_a_covariate_that_is_the_target_is_called_a_leak() -> None:
    frame = sales().assign(copy=lambda f: f["sales"] * 2 + 1)
    forecaster = fitted(frame, "naive", future=["copy"], ignore=["price", "promotion", "useless"])
    assert any("'copy' is the same as 'sales'" in note and "leak" in note for note in forecaster.card.notes)


def test_gaps_in_covariates_are_filled_and_that_is_said() -> None:
    frame = sales()
    frame.loc[50:52, "price"] = np.nan
    frame.loc[60, "promotion"] = None
    forecaster = fitted(frame, "naive", **KNOWN)
    assert any(
        "missing values of covariates were filled" in note and "price (3)" in note for note in forecaster.card.notes
    )
    with pytest.raises(DataError, match=r"covariates have missing values: price \(3\), promotion \(1\)"):
        fitted(frame, "naive", gaps="error", **KNOWN)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"future": ["prize"]}, "no such column: 'prize' .*price"),
        ({"future": ["price"], "past": ["price"]}, "named twice: price"),
        ({"future": ["ds"]}, "time column and cannot be a covariate"),
        ({"static": ["price"]}, "in wide data there is one series"),
        ({"past": ["price"], "features": "MS", "target": "sales"}, "leave data.past out"),
        ({"future": ["sales"], "features": "S", "target": "sales"}, "is the target"),
        ({"columns": ["sales", "price"], "future": ["price"]}, "known in advance .* and to be forecast"),
        ({"past": ["sales", "price", "useless"], "ignore": ["promotion"]}, "nothing is left to forecast"),
    ],
)
def test_declarations_that_cannot_be(data: dict[str, Any], message: str) -> None:
    with pytest.raises((DataError, SettingsError), match=message):
        fitted(sales(), "transformer", **data)


def test_backtests_know_what_is_known_in_advance() -> None:
    frame = sales(300)
    known = {f"data.{key}": value for key, value in KNOWN.items()}

    def error(data: pd.DataFrame, settings: dict[str, Any]) -> float:
        result = latentcast.backtest(data, ["naive"], n_windows=2, settings=settings, **SIZES)
        return float(result.leaderboard["RMSE"].iloc[0])

    assert error(frame, known) < 0.5 * error(frame[["ds", "sales"]], {})


def test_filled_gaps_come_back_with_what_covariates_explain() -> None:
    frame = sales(500)
    frame.loc[100:104, "sales"] = np.nan
    settings = {"data.future": ["price", "promotion"], "data.ignore": ["useless"], "stages.reconstruct.max_steps": 5}
    forecaster = latentcast.pretrain(frame, "latent-transformer", preset="small", lookback=48, settings=settings)
    filled = latentcast.impute(forecaster, frame).frame
    truth = sales(500)["sales"][100:105]
    assert np.corrcoef(filled["sales"][100:105], truth)[0, 1] > 0.8


def test_ids_in_the_table_of_a_wide_frame_are_named_as_superfluous() -> None:
    rng, days = np.random.default_rng(0), pd.date_range("2024-01-01", periods=120)
    frame = pd.DataFrame({"ds": days, "p": np.arange(120) % 2 * 1.0})
    frame["y"] = 50 + 5 * frame["p"] + rng.normal(size=120)
    forecaster = latentcast.fit(frame, "naive", lookback=14, horizon=3, settings={"data.future": ["p"]})
    table = pd.DataFrame({"unique_id": "y", "ds": pd.date_range("2024-04-30", periods=3), "p": [0.0, 1, 0]})
    with pytest.raises(latentcast.DataError, match=r"one series without an id.*leave this column out"):
        forecaster.predict(frame, future_covariates=table)
    forecaster.predict(frame, future_covariates=table.drop(columns="unique_id"))
