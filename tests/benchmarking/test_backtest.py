"""Rolling origins: what is in the frame, that no model sees the future, and that the figures are those of the frame."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from utilsforecast.evaluation import evaluate as uf_evaluate
from utilsforecast.losses import mae, rmse, smape

import latentcast
from latentcast.benchmarking.backtest import Backtest
from latentcast.core.errors import DataError, SettingsError

QUICK = {"training.max_steps": 3, "training.loggers": [], "training.batch_size": 8}
SIZES = {"lookback": 14, "horizon": 5, "n_windows": 3}


def _backtest(frame: Any, models: Any = ("naive", "seasonal-naive"), **stated: Any) -> Backtest:
    settings = {**QUICK, **stated.pop("settings", {})}
    return latentcast.backtest(frame, models, **{**SIZES, **stated}, settings=settings)


def _long(lengths: tuple[int, ...] = (120, 100), seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "unique_id": f"s{i}",
                    "ds": pd.date_range("2024-01-01", periods=n, freq="D"),
                    "y": np.sin(np.arange(n) * 2 * np.pi / 7) + rng.normal(0, 0.1, n) + 5 * i,
                }
            )
            for i, n in enumerate(lengths)
        ],
        ignore_index=True,
    )


def test_the_frame() -> None:
    frame = _long()
    result = _backtest(frame)
    table = result.forecasts
    assert list(table.columns) == ["unique_id", "ds", "cutoff", "y", "naive", "seasonal-naive"]
    assert len(table) == 2 * 3 * 5
    assert (result.n_windows, result.step_size) == (3, 5)
    merged = table.merge(frame, on=["unique_id", "ds"], suffixes=("", "_given"))
    assert len(merged) == len(table)
    assert (merged["y"] == merged["y_given"]).all()  # exactly what was given
    for name, length in (("s0", 120), ("s1", 100)):
        one = table[table["unique_id"] == name]
        ends = frame.loc[frame["unique_id"] == name, "ds"].iloc[[length - 16, length - 11, length - 6]]
        assert one["cutoff"].drop_duplicates().tolist() == ends.tolist()
        for cutoff, part in one.groupby("cutoff"):
            assert part["ds"].tolist() == pd.date_range(cutoff, periods=6, freq="D")[1:].tolist()
            last = frame.loc[(frame["unique_id"] == name) & (frame["ds"] == cutoff), "y"].item()
            assert part["naive"].to_numpy() == pytest.approx(last, rel=1e-5)


def test_origins_are_step_apart() -> None:
    table = _backtest(_long((120,)), n_windows=4, step_size=2).forecasts
    cutoffs = table["cutoff"].drop_duplicates()
    assert (cutoffs.diff().dropna() == pd.Timedelta("2D")).all()
    assert table["ds"].max() == pd.Timestamp("2024-01-01") + pd.Timedelta(days=119)
    assert len(cutoffs) == 4


@pytest.mark.parametrize("refit", [False, True])
@pytest.mark.parametrize("model", ["dlinear", "seasonal-naive"])
def test_the_future_is_not_seen(model: str, refit: bool) -> None:
    frame = _long()
    plain = _backtest(frame, [model], refit=refit).forecasts
    for back in (5, 10, 15):  # all values after an origin change; forecasts up to that origin stay
        changed = frame.copy()
        ends = changed.groupby("unique_id")["ds"].transform("max")
        changed.loc[changed["ds"] > ends - pd.Timedelta(days=back), "y"] += 1000 * back
        other = _backtest(changed, [model], refit=refit).forecasts
        last = plain["unique_id"].map(plain.groupby("unique_id")["ds"].max()) - pd.Timedelta(days=back)
        earlier = (plain["cutoff"] <= last).to_numpy()
        assert earlier.sum() == 2 * 5 * (4 - back // 5)
        np.testing.assert_array_equal(plain.loc[earlier, model], other.loc[earlier, model])


def test_a_gap_over_an_origin_is_not_filled_from_the_future() -> None:
    frame = _long((120,))
    frame.loc[102:107, "y"] = np.nan  # the first origin lies behind step 104
    settings = {"data.gaps": "interpolate"}
    plain = _backtest(frame, ["dlinear"], settings=settings).forecasts
    frame.loc[108:, "y"] += 1000
    other = _backtest(frame, ["dlinear"], settings=settings).forecasts
    np.testing.assert_array_equal(plain["dlinear"][:5], other["dlinear"][:5])
    assert plain["y"][:3].isna().all()


def test_refit_trains_at_each_origin() -> None:
    frame = _long((120,))
    once, again = (_backtest(frame, ["dlinear"], refit=refit).forecasts["dlinear"] for refit in (False, True))
    np.testing.assert_allclose(once[:5], again[:5], rtol=1e-5)
    assert not np.allclose(once[5:], again[5:])


def test_the_leaderboard_is_that_of_the_frame() -> None:
    result = _backtest(_long((120, 120)), ["naive", "seasonal-naive", "dlinear"])
    board = result.leaderboard.set_index("model")
    assert board["MAE"].is_monotonic_increasing
    scores = uf_evaluate(
        result.forecasts, metrics=[mae, rmse, smape], models=list(board.index), agg_fn=None
    ).groupby("metric")[list(board.index)]  # fmt: skip
    for name in board.index:
        assert board.loc[name, "MAE"] == pytest.approx(scores.mean().loc["mae", name], rel=1e-6)
        assert board.loc[name, "sMAPE"] == pytest.approx(2 * scores.mean().loc["smape", name], rel=1e-6)
        squares = (result.forecasts["y"] - result.forecasts[name]) ** 2
        assert board.loc[name, "RMSE"] == pytest.approx(np.sqrt(squares.mean()), rel=1e-6)


def test_what_was_filled_counts_neither_in_the_frame_nor_in_the_figures() -> None:
    frame = _long((120,))
    frame.loc[110:112, "y"] = np.nan
    result = _backtest(frame, ["naive"], settings={"data.gaps": "ffill"})
    assert result.forecasts["y"].isna().sum() == 3
    errors = (result.forecasts["y"] - result.forecasts["naive"]).abs()
    assert result.leaderboard["MAE"].item() == pytest.approx(errors.mean(), rel=1e-6)


def test_wide_and_polars() -> None:
    frame = pl.DataFrame(
        {"ds": pd.date_range("2024-01-01", periods=90, freq="h"), "a": np.arange(90.0), "b": np.arange(90.0) ** 2}
    )
    result = _backtest(frame, ["naive"])
    assert isinstance(result.forecasts, pl.DataFrame)
    assert result.forecasts["unique_id"].unique(maintain_order=True).to_list() == ["a", "b"]
    assert len(result.forecasts.join(frame, on="ds")) == 2 * 3 * 5
    target = _backtest(frame, ["naive"], settings={"data.features": "MS", "data.target": "b"})
    assert target.forecasts["unique_id"].unique().to_list() == ["b"]


def test_settings_of_one_model_and_of_all() -> None:
    own = {"models.dlinear.model.kernel": 3, "models.seasonal-naive.model.season": 2, "training.lr": 0.5}
    result = _backtest(_long((120,)), ["seasonal-naive", "dlinear"], settings=own, seed=7)
    runs = {name: forecaster.run for name, forecaster in result.forecasters.items()}
    assert runs["dlinear"].model.kernel == 3
    assert runs["seasonal-naive"].model.season == 2
    assert {(run.seed, run.training.lr) for run in runs.values()} == {(7, 0.5)}


def test_the_seed_of_the_settings_holds_when_none_is_given() -> None:
    (forecaster,) = _backtest(_long((120,)), ["naive"], settings={"seed": 5}).forecasters.values()
    assert forecaster.run.seed == 5


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"models": ["dlinaer"]}, "did you mean dlinear"),
        ({"models": []}, r"got \[\], wanted a list of names"),
        ({"models": "naive"}, "got 'naive', wanted a list"),
        ({"models": ["naive", "naive"]}, "naive is named twice"),
        ({"n_windows": 0}, "n_windows: got 0"),
        ({"step_size": 0}, "step_size: got 0"),
        ({"n_windows": 1.5}, "n_windows: got 1.5"),
        ({"horizon": 0}, "horizon: got 0"),
        ({"settings": {"model.kernel": 3}}, "models.dlinear.model"),
        ({"settings": {"models.dlinera.training.lr": 3}}, "not among the models"),
        ({"settings": {"models": 3}}, "wanted settings by model"),
        ({"settings": {"models.naive": 3}}, "wanted settings by model"),
        ({"settings": {"training.lr": "x"}}, "training.lr: got 'x'"),
        ({"settings": {"models.naive.data.gaps": "ffill"}}, "must be asked the same"),
        ({"settings": {"data.split": [0.8, 0.1, 0.1]}}, "data.split: a backtest has parts of its own"),
        ({"settings": {"models.naive.data.split": "standard"}}, "data.split: a backtest has parts of its own"),
        ({"settings": {"models.naive.horizon": 3}}, "must be asked the same"),
    ],
)
def test_wrong_settings(stated: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        _backtest(_long(), **stated)


def test_all_wrong_settings_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        _backtest(_long(), ["naive", "dlinaer"], n_windows=0, settings={"training.lr": "x", "data.gabs": 1})
    assert len(caught.value.faults) == 4
    assert all(sum(word in fault for fault in caught.value.faults) == 1 for word in ("n_windows", "dlinaer", "gabs"))


def test_a_series_too_short_is_named_with_its_length() -> None:
    with pytest.raises(DataError, match=r"15 steps are held out.*s1 \(30 steps\)"):
        _backtest(_long((120, 30)))


def test_the_split_of_a_dataset_is_no_matter(data_folder: Path) -> None:
    result = _backtest("ETTh1", ["naive"])
    assert result.n_windows == 3


def test_sizes_may_stand_among_the_settings(hourly: pd.DataFrame) -> None:
    asked = latentcast.backtest(hourly, ["naive"], lookback=24, horizon=6)
    stated = latentcast.backtest(hourly, ["naive"], settings={"lookback": 24, "horizon": 6})
    assert stated.horizon == 6
    pd.testing.assert_frame_equal(asked.forecasts, stated.forecasts)
    with pytest.raises(SettingsError, match="horizon: is required"):
        latentcast.backtest(hourly, ["naive"], lookback=24)


def test_results_are_short_where_they_are_shown() -> None:
    table = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=120), "x": np.sin(np.arange(120.0))})
    result = latentcast.backtest(table, ["naive", "seasonal-naive"], lookback=14, horizon=7, n_windows=2)
    assert repr(result).splitlines()[0] == "2 windows of 7 steps, 7 apart, original units"
    assert len(repr(result).splitlines()) == 4
    forecaster = result.forecasters["naive"]
    assert repr(forecaster) == "<Forecaster naive, 14 → 7 steps of D, of x in frame>"
    assert len(repr(forecaster.evaluate(table, part="train")).splitlines()) <= 10
    assert "\n" not in repr(forecaster.explain(table, attribution="none"))
