"""A fitted forecaster: dates, units, kinds of frames, parts of the data, and what is saved of it."""

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from utilsforecast.evaluation import evaluate as uf_evaluate
from utilsforecast.losses import mae
from utilsforecast.plotting import plot_series

import latentcast
from latentcast import Forecaster
from latentcast.core.errors import DataError, SettingsError, TimeError
from latentcast.data.sources.open import open_data
from latentcast.forecaster.inputs import prepare, read_panel
from latentcast.forecaster.judge import forecast_windows

QUICK = {"training.max_steps": 3, "training.loggers": [], "training.batch_size": 8}
SMALL = {"lookback": 24, "horizon": 6}


def _fit(frame: Any, model: str = "naive", settings: dict[str, Any] | None = None, **sizes: int) -> Forecaster:
    quick = {} if model in ("naive", "seasonal-naive") else QUICK  # these have nothing to train
    return latentcast.fit(frame, model, **{**SMALL, **sizes}, settings={**quick, **(settings or {})})


def _wave(steps: int = 200, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.sin(np.arange(steps) * 2 * np.pi / 12) * 3 + 0.01 * np.arange(steps) + rng.normal(0, 0.1, steps)


def _long(lengths: dict[Any, int], start: str = "2024-01-01") -> pd.DataFrame:
    return pd.concat(
        [
            pd.DataFrame(
                {"unique_id": name, "ds": pd.date_range(start, periods=n, freq="D"), "y": 10 * i + _wave(n, i)}
            )
            for i, (name, n) in enumerate(lengths.items())
        ],
        ignore_index=True,
    )


@pytest.fixture(scope="module")
def long() -> pd.DataFrame:
    return _long({"b": 150, "a": 120, "c": 200})


@pytest.fixture(scope="module")
def wide() -> pd.DataFrame:
    stamps = pd.date_range("2024-01-01", periods=200, freq="h")
    return pd.DataFrame({"date": stamps, "x": _wave(seed=1), "y": 50 + 20 * _wave(seed=2), "z": -_wave(seed=3)})


# --- dates


@pytest.mark.parametrize(
    ("stamps", "following"),
    [
        (pd.date_range("2024-01-01", periods=200, freq="h"), "2024-01-09 08:00"),
        (pd.date_range("2024-01-01", periods=200, freq="15min"), "2024-01-03 02:00"),
        (pd.date_range("2024-01-06", periods=200, freq="W-SAT"), "2027-11-06"),
        (pd.date_range("2000-01-01", periods=200, freq="MS"), "2016-09-01"),
        (pd.date_range("2000-01-31", periods=200, freq="ME"), "2016-09-30"),
        (pd.date_range("2024-01-01", periods=200, freq="B"), "2024-10-07"),
    ],
)
def test_the_forecast_starts_one_step_after_the_end(stamps: pd.DatetimeIndex, following: str) -> None:
    frame = pd.DataFrame({"ds": stamps, "load": _wave()})
    forecast = _fit(frame).predict(frame)
    expected = pd.date_range(following, periods=6, freq=stamps.freq)
    assert forecast["ds"].tolist() == expected.tolist()
    assert list(forecast.columns) == ["unique_id", "ds", "naive"]
    assert set(forecast["unique_id"]) == {"load"}


@pytest.mark.parametrize("step", [1, 5])
def test_whole_numbers_as_time(step: int) -> None:
    frame = pd.DataFrame({"ds": np.arange(200) * step + 7, "load": _wave()})
    assert _fit(frame).predict(frame)["ds"].tolist() == [7 + step * (199 + i) for i in range(1, 7)]


def test_time_zones_come_back_across_summer_time() -> None:
    stamps = pd.date_range("2024-03-24", periods=166, freq="h", tz="Europe/Berlin")  # ends in the night of the change
    frame = pd.DataFrame({"ds": stamps, "load": _wave(166)})
    forecast = _fit(frame).predict(frame)
    assert str(forecast["ds"].dt.tz) == "Europe/Berlin"
    assert forecast["ds"].tolist() == pd.date_range(stamps[-1], periods=7, freq="h")[1:].tolist()


def test_every_series_goes_on_from_its_own_end(long: pd.DataFrame) -> None:
    forecast = _fit(long).predict(long)
    assert list(dict.fromkeys(forecast["unique_id"])) == ["b", "a", "c"]
    for name, last in long.groupby("unique_id")["ds"].max().items():
        dates = forecast.loc[forecast["unique_id"] == name, "ds"]
        assert dates.tolist() == pd.date_range(last, periods=7, freq="D")[1:].tolist()
        assert (forecast.loc[forecast["unique_id"] == name, "naive"].to_numpy() == pytest.approx(
            long.loc[long["unique_id"] == name, "y"].iloc[-1], rel=1e-6
        ))  # fmt: skip


# --- units


@pytest.mark.parametrize("model", ["naive", "seasonal-naive", "dlinear"])
@pytest.mark.parametrize(("a", "b"), [(1000.0, -5.0), (0.001, 7.0)])
def test_another_unit_gives_the_same_forecast_in_that_unit(wide: pd.DataFrame, model: str, a: float, b: float) -> None:
    other = wide.assign(**{name: a * wide[name] + b for name in "xyz"})
    plain, changed = (_fit(frame, model).predict(frame)[model].to_numpy() for frame in (wide, other))
    assert changed == pytest.approx(a * plain + b, rel=1e-4, abs=1e-4 * abs(a))


def test_naive_repeats_the_last_value_and_seasonal_naive_the_last_season(wide: pd.DataFrame) -> None:
    naive = _fit(wide).predict(wide)
    assert naive.loc[naive["unique_id"] == "y", "naive"].to_numpy() == pytest.approx(
        np.full(6, wide["y"].iloc[-1]), rel=1e-6
    )
    seasonal = _fit(wide, "seasonal-naive", horizon=30).predict(wide)
    values = seasonal.loc[seasonal["unique_id"] == "x", "seasonal-naive"].to_numpy()
    last = wide["x"].to_numpy()[-24:]
    assert values == pytest.approx(np.concatenate([last, last[:6]]), abs=1e-5)


# --- kinds of frames, and other people's tools


def test_polars_in_polars_out(long: pd.DataFrame) -> None:
    frame = pl.from_pandas(long)
    forecaster = _fit(frame)
    forecast = forecaster.predict(frame)
    assert isinstance(forecast, pl.DataFrame)
    assert forecast.schema["ds"] == frame.schema["ds"]
    assert forecast.schema["unique_id"] == pl.String
    assert forecast["naive"].to_list() == forecaster.predict(long)["naive"].tolist()


@pytest.mark.parametrize("unit", ["us", "ms"])
def test_polars_frames_join_with_the_truth(long: pd.DataFrame, unit: Any) -> None:
    frame = pl.from_pandas(long).with_columns(pl.col("ds").dt.cast_time_unit(unit))
    past = frame.filter(pl.col("ds") < frame["ds"].max() - pl.duration(days=100))
    forecast = _fit(past).predict(past)
    joined = forecast.join(frame, on=["unique_id", "ds"])
    assert len(joined) > 0
    assert uf_evaluate(joined, metrics=[mae]).height == joined["unique_id"].n_unique()


def test_number_ids_come_back_as_numbers() -> None:
    frame = _long({7: 120, 10: 130})
    forecast = _fit(frame).predict(frame)
    assert forecast["unique_id"].dtype == frame["unique_id"].dtype
    assert set(forecast["unique_id"]) == {7, 10}


def test_utilsforecast_takes_the_frames_as_they_are(long: pd.DataFrame) -> None:
    ahead = long.groupby("unique_id").tail(6)
    past = long.drop(ahead.index)
    forecast = _fit(past).predict(past)
    joined = forecast.merge(ahead, on=["unique_id", "ds"])
    assert len(joined) == 18
    scores = uf_evaluate(joined, metrics=[mae])
    assert set(scores["unique_id"]) == {"a", "b", "c"}
    figure = plot_series(past, forecast, engine="matplotlib")
    assert len(figure.axes) >= 3


def test_csv_parquet_and_frame_say_the_same(wide: pd.DataFrame, tmp_path: Path) -> None:
    wide.to_csv(tmp_path / "wide.csv", index=False)
    wide.to_parquet(tmp_path / "wide.parquet", index=False)
    forecasts = [_fit(data).predict(data) for data in (wide, tmp_path / "wide.csv", str(tmp_path / "wide.parquet"))]
    for other in forecasts[1:]:
        assert other["ds"].tolist() == forecasts[0]["ds"].tolist()
        assert other["naive"].to_numpy() == pytest.approx(forecasts[0]["naive"].to_numpy())


def test_own_column_names() -> None:
    frame = _long({"a": 120}).rename(columns={"unique_id": "shop", "ds": "day", "y": "sold"})
    forecast = _fit(frame, settings={"data.id": "shop", "data.time": "day", "data.value": "sold"}).predict(frame)
    assert list(forecast.columns) == ["unique_id", "ds", "naive"]


# --- modes


def test_modes(wide: pd.DataFrame) -> None:
    many = _fit(wide, "dlinear").predict(wide)
    assert list(dict.fromkeys(many["unique_id"])) == ["x", "y", "z"]
    for mode in ("S", "MS"):
        forecaster = _fit(wide, "dlinear", {"data.features": mode, "data.target": "y"})
        assert set(forecaster.predict(wide)["unique_id"]) == {"y"}
        assert forecaster.evaluate(wide).values == forecaster.evaluate(wide).windows * 6


def test_mode_s_needs_only_the_target(wide: pd.DataFrame) -> None:
    forecaster = _fit(wide, "dlinear", {"data.features": "S", "data.target": "y"})
    full, alone = forecaster.predict(wide), forecaster.predict(wide[["date", "y"]])
    pd.testing.assert_frame_equal(full, alone)


def test_aligned_series_are_channels(long: pd.DataFrame) -> None:
    forecaster = _fit(long, "dlinear", {"data.align": True})
    assert set(forecaster.channels) == {"a", "b", "c"}
    assert set(forecaster.predict(long)["unique_id"]) == {"a", "b", "c"}


# --- other data than at the fit


def test_channels_in_another_order(wide: pd.DataFrame) -> None:
    forecaster = _fit(wide, "transformer", {"model.width": 8, "model.heads": 2, "model.ff": 8})
    pd.testing.assert_frame_equal(forecaster.predict(wide), forecaster.predict(wide[["z", "date", "y", "x"]]))


def test_other_channels_are_named(wide: pd.DataFrame) -> None:
    forecaster = _fit(wide)
    with pytest.raises(DataError, match=r"missing: y.*not in the fit: q"):
        forecaster.predict(wide.rename(columns={"y": "q"}))
    with pytest.raises(DataError, match="missing: z"):
        forecaster.predict(wide.drop(columns="z"))


def test_a_series_that_the_fit_never_saw(long: pd.DataFrame, caplog: pytest.LogCaptureFixture) -> None:
    forecaster = _fit(long, "dlinear")
    new = _long({"c": 200, "new": 60})
    with caplog.at_level(logging.WARNING, "latentcast"):
        forecast = forecaster.predict(new)
    assert list(dict.fromkeys(forecast["unique_id"])) == ["c", "new"]
    assert np.isfinite(forecast["dlinear"]).all()
    assert "not in the fit (new)" in caplog.text
    assert any("not in the fit (new)" in note for note in forecaster.evaluate(new).notes)


def test_a_series_shorter_than_the_lookback_is_forecast_from_what_there_is(long: pd.DataFrame, caplog) -> None:
    forecaster = _fit(long)
    both = pd.concat([long, _long({"tiny": 9})])
    forecast = forecaster.predict(both)
    assert "1 of 4 series are shorter than the look-back of 24 steps" in caplog.text
    tiny = forecast[forecast["unique_id"] == "tiny"]
    assert len(tiny) == forecaster.task.horizon
    assert tiny["ds"].iloc[0] == _long({"tiny": 10})["ds"].iloc[-1]
    assert np.isfinite(tiny[forecaster.name]).all()
    pd.testing.assert_frame_equal(forecast[forecast["unique_id"] != "tiny"], forecaster.predict(long), rtol=1e-5)


def test_only_the_lookback_is_read(wide: pd.DataFrame) -> None:
    forecaster = _fit(wide, "dlinear")
    assert forecaster.predict(wide.tail(24))["dlinear"].to_numpy() == pytest.approx(
        forecaster.predict(wide)["dlinear"].to_numpy(), rel=1e-6
    )


def test_another_frequency_is_refused(wide: pd.DataFrame) -> None:
    forecaster = _fit(wide)
    with pytest.raises(DataError, match=r"steps of h"):
        forecaster.predict(wide.assign(date=pd.date_range("2024-01-01", periods=200, freq="20min")))


def test_a_time_zone_that_the_fit_did_not_have(wide: pd.DataFrame, tmp_path: Path) -> None:
    """Without their zone the parts of the fit would end at other rows: training rows were judged as validation."""
    tokyo = wide.assign(date=wide["date"].dt.tz_localize("Asia/Tokyo"))
    _fit(tokyo).save(tmp_path / "saved")
    forecaster = latentcast.load(tmp_path / "saved")
    for call in (forecaster.evaluate, forecaster.predict):
        with pytest.raises(
            TimeError, match=r"have no time zone, those of the fit had the time zone Asia/Tokyo.*tz_loc"
        ):
            call(wide)
    with pytest.raises(TimeError, match=r"zone Asia/Tokyo, those of the fit had no time zone.*leave the zone away"):
        _fit(wide).evaluate(tokyo)


def test_hours_in_another_time_zone_are_the_same_rows(wide: pd.DataFrame) -> None:
    tokyo = wide.assign(date=wide["date"].dt.tz_localize("Asia/Tokyo"))
    berlin = wide.assign(date=tokyo["date"].dt.tz_convert("Europe/Berlin"))
    forecaster = _fit(tokyo, lookback=1)
    for part in ("train", "val", "test"):
        assert forecaster.evaluate(berlin, part=part) == forecaster.evaluate(tokyo, part=part)
    last = forecaster.predict(berlin.tail(1))  # one row has one time of day
    assert last["ds"].tolist() == forecaster.predict(berlin)["ds"].tolist()
    assert (
        read_panel(forecaster, open_data(berlin.tail(1))[0]).times
        == read_panel(forecaster, open_data(tokyo)[0]).times[-1]
    )


def test_days_in_another_time_zone() -> None:
    days = pd.date_range("2023-11-01", periods=120, freq="D")  # no change of the clocks
    frame = pd.DataFrame({"ds": days, "load": _wave(120)})
    zoned = {
        zone: frame.assign(ds=days.tz_localize("Europe/Berlin").tz_convert(zone))
        for zone in ("Europe/Berlin", "Europe/Paris", "UTC")
    }
    forecaster = _fit(zoned["Europe/Berlin"])
    assert forecaster.evaluate(zoned["Europe/Paris"]).to_dict() == forecaster.evaluate(zoned["Europe/Berlin"]).to_dict()
    with pytest.raises(TimeError, match=r"time zone UTC.*tz_convert\('Europe/Berlin'\)"):
        forecaster.evaluate(zoned["UTC"])  # 23:00 of the day before
    with pytest.raises(TimeError, match="no time zone"):
        forecaster.evaluate(frame)


def test_days_written_with_the_offsets_of_summer_time() -> None:
    """All in one offset they have a zone, otherwise none: the same local days."""
    days = pd.date_range("2023-06-01", periods=200, freq="D", tz="Europe/Berlin")
    frame = pd.DataFrame({"ds": [day.isoformat() for day in days], "load": _wave(200)})
    forecaster = _fit(frame)
    assert forecaster.card.schema.zone is None
    assert forecaster.predict(frame.tail(30))["naive"].tolist() == forecaster.predict(frame)["naive"].tolist()
    assert _fit(frame.head(100)).evaluate(frame).windows == _fit(frame.head(100)).evaluate(frame.head(100)).windows


# --- judging


def test_the_test_part_of_etth1_has_every_window(data_folder: Path) -> None:
    forecaster = _fit("ETTh1", lookback=336, horizon=96)
    result = forecaster.evaluate("ETTh1")
    assert result.windows == 2785
    assert result.values == 2785 * 96 * 7
    assert result.zeros > 0
    assert result.original["MAPE"] < 10  # zeros that were nearly zero made it a million


@pytest.mark.parametrize("model", ["dlinear", "seasonal-naive"])
def test_judging_does_not_depend_on_the_batch_size(long: pd.DataFrame, model: str) -> None:
    forecaster = _fit(long, model)
    whole = forecaster.evaluate(long, part="all")
    for size in (1, 7):
        other = forecaster.evaluate(long, part="all", batch_size=size)
        assert other.windows == whole.windows
        for name, value in whole.scaled.items():
            assert other.scaled[name] == pytest.approx(value, rel=1e-6)
            assert other.original[name] == pytest.approx(whole.original[name], rel=1e-6)


def test_the_figures_are_those_of_the_windows(wide: pd.DataFrame) -> None:
    """Brute force over the test part: the naive forecast from every origin."""
    values = wide[["x", "y", "z"]].to_numpy()
    test_begin = 200 - 40
    errors = [values[origin : origin + 6] - values[origin - 1] for origin in range(test_begin, 200 - 6 + 1)]
    result = _fit(wide).evaluate(wide)
    assert result.windows == len(errors)
    assert result.original["MAE"] == pytest.approx(np.abs(errors).mean(), rel=1e-5)
    assert result.original["MSE"] == pytest.approx(np.square(errors).mean(), rel=1e-5)
    scaled = np.array(errors) / values[:140].std(0)
    assert result.scaled["MSE"] == pytest.approx(np.square(scaled).mean(), rel=1e-5)


@pytest.mark.parametrize("batch", [1, 7, 16])
def test_what_a_loader_that_drops_its_last_batch_would_find(wide: pd.DataFrame, batch: int) -> None:
    """Brute force over the windows that are left; the honest figures stay as they are."""
    values = wide[["x", "y", "z"]].to_numpy()
    errors = np.array([values[origin : origin + 6] - values[origin - 1] for origin in range(200 - 40, 200 - 6 + 1)])
    forecaster = _fit(wide)
    result = forecaster.evaluate(wide, protocol=f"paper-droplast:{batch}", batch_size=5)
    assert result.scaled == forecaster.evaluate(wide, batch_size=5).scaled
    assert result.dropped is not None
    left = len(errors) // batch * batch
    assert (result.dropped.windows, result.dropped.dropped) == (left, len(errors) - left)
    assert result.dropped.original["MAE"] == pytest.approx(np.abs(errors[:left]).mean(), rel=1e-5)
    assert result.to_dict()["paper-droplast"]["windows"] == left


@pytest.mark.parametrize("protocol", ["paper-droplast", "paper-droplast:0", "paper-droplast:x", "m4", "honest:32"])
def test_protocols_that_are_none(wide: pd.DataFrame, protocol: str) -> None:
    with pytest.raises(SettingsError, match="paper-droplast:B"):
        _fit(wide).evaluate(wide, protocol=protocol)
    with pytest.raises(SettingsError, match="smaller batch"):
        _fit(wide).evaluate(wide, protocol="paper-droplast:100000")
    with pytest.raises(SettingsError, match="a test loader drops from all windows"):
        _fit(wide).evaluate(wide, protocol="paper-droplast:7", stride=3)


def test_parts_are_those_of_the_fit_when_data_grow_or_shrink(wide: pd.DataFrame) -> None:
    forecaster = _fit(wide)
    before = forecaster.evaluate(wide)
    grown = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=300, freq="h")})
    for name in "xyz":
        grown[name] = np.concatenate([wide[name], np.full(100, 1e6)])
    assert forecaster.evaluate(grown, part="val").scaled == forecaster.evaluate(wide, part="val").scaled
    assert forecaster.evaluate(grown).scaled == before.scaled
    late = forecaster.evaluate(wide.iloc[100:])  # its beginning is gone: the test part is where it was
    assert late.windows == before.windows
    assert late.scaled["MSE"] == pytest.approx(before.scaled["MSE"], rel=1e-6)
    note = "100 steps lie after the test part of the fit and are not judged; fit again to include them"
    assert note in forecaster.evaluate(grown).notes
    assert not forecaster.evaluate(grown, part="val").notes
    assert not before.notes


def test_data_outside_a_part_of_the_fit(wide: pd.DataFrame) -> None:
    forecaster = _fit(wide)
    later = wide.assign(date=wide["date"] + pd.Timedelta(days=100))
    at_the_fit = "from after 2024-01-07 15:00:00 until 2024-01-09 07:00:00"
    with pytest.raises(DataError, match=f"{at_the_fit}, .* reach from 2024-04-10 00:00:00 to .*: after it.*fit again"):
        forecaster.evaluate(later)
    with pytest.raises(DataError, match=f"{at_the_fit}, .* to 2024-01-05 03:00:00: before it; .*part=all"):
        forecaster.evaluate(wide.iloc[:100])
    assert forecaster.evaluate(wide.iloc[:100], part="all").windows == 100 - 24 - 6 + 1
    with pytest.raises(DataError, match="its longest has 3 steps"):
        forecaster.evaluate(wide.iloc[:163])
    counted = wide.assign(date=np.arange(200))
    with pytest.raises(DataError, match="from after 159 until 199, and the data reach from 500 to 699: after it"):
        _fit(counted).evaluate(counted.assign(date=np.arange(500, 700)))


def test_one_series_is_spoken_of_as_one() -> None:
    forecaster = _fit(_long({"a": 150, "b": 150}))
    notes = " ".join(forecaster.evaluate(_long({"a": 150, "tiny": 30})).notes)
    assert "1 series was not in the fit (tiny): scaled by its own past" in notes
    assert forecaster.evaluate(pd.concat([_long({"a": 150}), _long({"b": 100})])).notes == (
        "1 of 2 series is too short for a window of the test part",
    )


@pytest.mark.parametrize("gaps", ["interpolate", "ffill"])
def test_what_was_filled_counts_in_no_metric(wide: pd.DataFrame, gaps: str) -> None:
    holes = wide.copy()
    holes.loc[170:175, "y"] = np.nan
    result = _fit(holes, settings={"data.gaps": gaps}).evaluate(holes)
    missing = 40 - 6 + 1  # windows of the test part; each of the 6 missing values lies in 6 of them
    assert result.values == missing * 6 * 3 - 6 * 6
    values = holes[["x", "y", "z"]].ffill().to_numpy()
    if gaps == "ffill":
        errors = [
            np.where(holes[["x", "y", "z"]].isna()[t : t + 6], np.nan, values[t : t + 6] - values[t - 1])
            for t in range(160, 195)
        ]
        assert result.original["MAE"] == pytest.approx(np.nanmean(np.abs(errors)), rel=1e-5)


@pytest.mark.parametrize("gaps", ["interpolate", "ffill"])
@pytest.mark.parametrize("model", ["naive", "dlinear"])
def test_a_gap_before_the_origin_is_not_filled_from_the_future(wide: pd.DataFrame, gaps: str, model: str) -> None:
    """Interpolation towards the first value after the origin would tell the model that value."""
    holes = wide.copy()
    holes.loc[180:189, "y"] = np.nan
    other = holes.copy()
    other.loc[190:, "y"] += 1000
    forecaster = _fit(holes.iloc[:185], model, {"data.gaps": gaps})
    truth = forecaster.predict(holes.iloc[:185])[model].to_numpy()
    for frame in (holes, other):
        panel = read_panel(forecaster, open_data(frame)[0])
        starts = np.array([185 - 24]), np.array([0])
        view = prepare(forecaster, panel, future_only=True)
        (batch,) = forecast_windows(forecaster, view, starts)
        assert batch.original[0].T.reshape(-1) == pytest.approx(truth, rel=1e-4)


def test_wrong_parts_and_batches(wide: pd.DataFrame) -> None:
    forecaster = _fit(wide)
    with pytest.raises(SettingsError, match="did you mean test"):
        forecaster.evaluate(wide, part="tset")  # type: ignore[arg-type]
    for call in (forecaster.evaluate, forecaster.predict):
        with pytest.raises(SettingsError, match="batch_size=0"):
            call(wide, batch_size=0)


# --- saving


@pytest.mark.parametrize("model", ["naive", "dlinear", "pattn", "transformer"])
def test_what_is_loaded_forecasts_the_same_bits(long: pd.DataFrame, model: str, tmp_path: Path) -> None:
    small = {
        "pattn": {"model.representation.width": 8},
        "transformer": {"model.width": 8, "model.heads": 2, "model.ff": 8},
    }
    forecaster = _fit(long, model, small.get(model))
    forecaster.save(tmp_path / "saved")
    loaded = latentcast.load(tmp_path / "saved")
    pd.testing.assert_frame_equal(forecaster.predict(long), loaded.predict(long), check_exact=True)
    assert loaded.evaluate(long).to_dict() == forecaster.evaluate(long).to_dict()
    loaded.save(tmp_path / "again")
    again = latentcast.load(tmp_path / "again")
    pd.testing.assert_frame_equal(again.predict(long), loaded.predict(long), check_exact=True)


@pytest.mark.slow
def test_predict_from_a_saved_folder_imports_no_lightning(wide: pd.DataFrame, tmp_path: Path) -> None:
    _fit(wide).save(tmp_path / "saved")
    wide.to_csv(tmp_path / "wide.csv", index=False)
    code = (
        "import sys, latentcast\n"
        f"latentcast.load({str(tmp_path / 'saved')!r}).predict({str(tmp_path / 'wide.csv')!r})\n"
        "assert 'lightning' not in sys.modules and 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("data", [None, 3, [1, 2], {"a": 1}, "nowhere.csv", "no/where", "ETTh9", ""])
def test_what_is_no_data(data: Any) -> None:
    with pytest.raises(DataError):
        _fit(data)


def test_a_folder_and_a_near_name(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("ds,y\n", encoding="utf-8")
    with pytest.raises(DataError, match="is a folder"):
        _fit(tmp_path)
    with pytest.raises(DataError, match=r"did you mean sales\.csv"):
        _fit(tmp_path / "sale.csv")
    with pytest.raises(DataError, match="no folder"):
        _fit(tmp_path / "deep" / "sale.csv")


def test_series_that_end_apart_or_are_absent_are_said(caplog: pytest.LogCaptureFixture) -> None:
    steps = np.arange(120.0)
    stamps = pd.date_range("2024-01-01", periods=120)
    frame = pd.concat([pd.DataFrame({"unique_id": n, "ds": stamps, "y": steps % (n + 3)}) for n in range(3)])
    forecaster = latentcast.fit(frame, "naive", lookback=8, horizon=1)
    caplog.clear()
    forecaster.predict(frame)
    assert not caplog.text
    forecast = forecaster.predict(frame[(frame["unique_id"] != 1) | (frame["ds"] <= "2024-03-01")])
    assert forecast["ds"].astype(str).tolist() == ["2024-04-30", "2024-03-02", "2024-04-30"]
    (note,) = (record.getMessage() for record in caplog.records)
    assert note.startswith("1 of 3 series ends earlier than others, which reach 2024-04-29 00:00:00")
    assert note.endswith("each is forecast from its own end: 1 at 2024-03-01 00:00:00")
    caplog.clear()
    assert set(forecaster.predict(frame[frame["unique_id"] == 1])["unique_id"]) == {1}
    (note,) = (record.getMessage() for record in caplog.records)
    assert note == "2 of 3 series of the fit are not in the data, and not forecast: 0, 2"
