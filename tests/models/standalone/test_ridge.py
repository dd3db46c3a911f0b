"""Ridge regression through the public interface, against the same regression on built windows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import latentcast
from latentcast.core.errors import DataError, SettingsError
from latentcast.models.ridge.choose import RidgeSettings, default_lookbacks, without_gaps
from latentcast.models.ridge.search import Grid, weigh
from latentcast.models.ridge.stretches import Ahead, Source, Stretches, blocks, folds

LOOKBACK, HORIZON = 36, 7
ONE = {"model.alphas": [0.1], "model.trailing": [0.05], "model.lookbacks": [LOOKBACK], "model.maps": "shared"}


def table(steps: int = 600, channels: int = 3, seed: int = 0) -> pd.DataFrame:
    rng, t = np.random.default_rng(seed), np.arange(steps)
    waves = {
        f"c{number}": np.sin(2 * np.pi * t / 24 + number) * (1 + number) + rng.standard_normal(steps).cumsum() / 9
        for number in range(channels)
    }
    return pd.DataFrame({"date": pd.date_range("2024-01-01", periods=steps, freq="h"), **waves})


def arrays(steps: int, train: int, val: int) -> Source:
    values = table(steps).iloc[:, 1:].to_numpy()
    zero = np.zeros(1, np.int64)
    learned = Stretches(zero, zero, zero, np.array([train]))
    return Source(values, learned, Stretches(zero, zero + train - LOOKBACK, zero + train, np.array([train + val])))


def by_hand(frame: pd.DataFrame, train: int, alpha: float, last: int, keep: np.ndarray | None = None) -> np.ndarray:
    """The shared map, from windows that are built: what the mean of the last steps leaves, in standardised units."""
    values = frame.iloc[:, 1:].to_numpy()
    values = (values - values[:train].mean(0)) / values[:train].std(0)
    windows = np.lib.stride_tricks.sliding_window_view(values[:train], LOOKBACK + HORIZON, axis=0)
    windows = windows.reshape(-1, LOOKBACK + HORIZON) if keep is None else windows[keep]
    x = windows[:, :LOOKBACK] - windows[:, LOOKBACK - last : LOOKBACK].mean(1, keepdims=True)
    y = windows[:, LOOKBACK:] - windows[:, LOOKBACK - last : LOOKBACK].mean(1, keepdims=True)
    centred = windows[:, :LOOKBACK] - windows[:, :LOOKBACK].mean(1, keepdims=True)
    unit = np.linalg.eigvalsh(centred.T @ centred / len(windows)).mean()
    weight = np.linalg.solve(x.T @ x / len(x) + alpha * unit * np.eye(LOOKBACK), x.T @ y / len(x)).T
    weight[:, LOOKBACK - last :] += (1 - weight.sum(1, keepdims=True)) / last
    return weight


def solved_map(forecaster: latentcast.Forecaster) -> np.ndarray:
    return forecaster.network.model.maps.weight.double().numpy()


def test_one_candidate_is_the_regression_on_built_windows() -> None:
    frame = table()
    forecaster = latentcast.fit(frame, "ridge", lookback=LOOKBACK, horizon=HORIZON, settings=ONE)
    np.testing.assert_allclose(solved_map(forecaster)[0], by_hand(frame, 420, 0.1, 2), atol=1e-5)


def test_maps_of_their_own_are_those_of_the_channels_alone() -> None:
    frame = table()
    own = latentcast.fit(frame, "ridge", lookback=LOOKBACK, horizon=HORIZON, settings={**ONE, "model.maps": "own"})
    assert len(solved_map(own)) == 3
    for number in range(3):
        alone = latentcast.fit(frame[["date", f"c{number}"]], "ridge", lookback=LOOKBACK, horizon=HORIZON, settings=ONE)
        np.testing.assert_allclose(solved_map(own)[number], solved_map(alone)[0], atol=1e-6)
    with pytest.raises(DataError, match="each of 3 channels has a map of its own"):
        own.network.model.maps(own.network.model.maps.weight.new_zeros(2, LOOKBACK, 4))


def test_windows_with_a_missing_target_are_left_out() -> None:
    frame = table()
    frame.loc[100:140, "c1"] = np.nan
    settings = {**ONE, "data.gaps": "interpolate"}
    forecaster = latentcast.fit(frame, "ridge", lookback=LOOKBACK, horizon=HORIZON, settings=settings)
    filled = frame.copy()
    filled["c1"] = frame["c1"].interpolate()
    start = np.arange(420 - LOOKBACK - HORIZON + 1)
    keep = np.ones((len(start), 3), bool)
    # a target, or the value before the origin, between steps 100 and 140
    keep[:, 1] = (start + LOOKBACK + HORIZON - 1 < 100) | (start + LOOKBACK - 1 > 140)
    values = frame["c1"].to_numpy()[:420]
    filled["c1"] = (filled["c1"] - np.nanmean(values)) / np.nanstd(values)  # units are those of the observed values
    # standardising again would change them: the other channels are standardised, this one already is
    other = filled.copy()
    mean, std = other["c1"][:420].mean(), other["c1"][:420].std(ddof=0)
    expected = _map_of_kept(other, keep, mean, std)
    np.testing.assert_allclose(solved_map(forecaster)[0], expected, atol=1e-4)


def _map_of_kept(frame: pd.DataFrame, keep: np.ndarray, mean: float, std: float) -> np.ndarray:
    restored = frame.copy()
    restored["c1"] = frame["c1"]
    values = restored.iloc[:, 1:].to_numpy()
    scaled = (values - values[:420].mean(0)) / values[:420].std(0)
    scaled[:, 1] = values[:, 1]
    windows = np.lib.stride_tricks.sliding_window_view(scaled[:420], LOOKBACK + HORIZON, axis=0)[keep]
    level = windows[:, LOOKBACK - 2 : LOOKBACK].mean(1, keepdims=True)
    x, y = windows[:, :LOOKBACK] - level, windows[:, LOOKBACK:] - level
    centred = windows[:, :LOOKBACK] - windows[:, :LOOKBACK].mean(1, keepdims=True)
    unit = np.trace(centred.T @ centred / len(windows)) / LOOKBACK
    weight = np.linalg.solve(x.T @ x / len(x) + 0.1 * unit * np.eye(LOOKBACK), x.T @ y / len(x)).T
    weight[:, LOOKBACK - 2 :] += (1 - weight.sum(1, keepdims=True)) / 2
    return weight


@pytest.mark.parametrize("maps", ["shared", "own"])
def test_forecasts_move_with_the_level_and_are_the_same_after_loading(tmp_path: Path, maps: str) -> None:
    frame = table()
    settings = {"data.scale": False, "model.maps": maps}
    forecaster = latentcast.fit(
        frame, "ridge", lookback=LOOKBACK, horizon=HORIZON, settings=settings, out=tmp_path / "run"
    )
    before = forecaster.predict(frame).iloc[:, -1].to_numpy()
    numbers = frame.columns[1:]
    moved = frame.assign(**{name: frame[name] + 100 for name in numbers})
    np.testing.assert_allclose(forecaster.predict(moved).iloc[:, -1], before + 100, rtol=1e-4)
    loaded = latentcast.load(tmp_path / "run")
    np.testing.assert_array_equal(loaded.predict(frame).iloc[:, -1], before)
    assert loaded.card.solved == forecaster.card.solved


def test_a_sum_of_waves_is_continued_exactly() -> None:
    t = np.arange(700)
    frame = pd.DataFrame(
        {
            "date": pd.date_range("2024-01-01", periods=700, freq="h"),
            "y": np.sin(2 * np.pi * t / 24) + 0.3 * np.cos(2 * np.pi * t / 7) + 5,
        }
    )
    forecaster = latentcast.fit(frame, "ridge", lookback=LOOKBACK, horizon=HORIZON)
    assert forecaster.evaluate(frame).scaled["MSE"] < 1e-6


def test_the_choice_does_not_see_the_test_part() -> None:
    frame = table()
    spoiled = frame.copy()
    spoiled.loc[480:, ["c0", "c1", "c2"]] = np.random.default_rng(5).standard_normal((120, 3)) * 50
    first, second = (latentcast.fit(each, "ridge", lookback=LOOKBACK, horizon=HORIZON) for each in (frame, spoiled))
    np.testing.assert_array_equal(solved_map(first), solved_map(second))


def test_recent_windows_weigh_more() -> None:
    frame, half = table(), 50
    settings = {**ONE, "model.half_life": half}
    forecaster = latentcast.fit(frame, "ridge", lookback=LOOKBACK, horizon=HORIZON, settings=settings)
    values = frame.iloc[:, 1:].to_numpy()
    values = (values - values[:420].mean(0)) / values[:420].std(0)
    windows = np.lib.stride_tricks.sliding_window_view(values[:420], LOOKBACK + HORIZON, axis=0)
    weights = 0.5 ** (np.arange(len(windows))[::-1] / half)
    root = np.sqrt(weights / weights.sum() / 3)[:, None, None]
    level = windows[..., LOOKBACK - 2 : LOOKBACK].mean(-1, keepdims=True)
    centred = windows[..., :LOOKBACK] - windows[..., :LOOKBACK].mean(-1, keepdims=True)
    x, y, seen = ((root * part).reshape(-1, part.shape[-1]) for part in
                  (windows[..., :LOOKBACK] - level, windows[..., LOOKBACK:] - level, centred))  # fmt: skip
    unit = np.trace(seen.T @ seen) / LOOKBACK
    weight = np.linalg.solve(x.T @ x + 0.1 * unit * np.eye(LOOKBACK), x.T @ y).T
    weight[:, LOOKBACK - 2 :] += (1 - weight.sum(1, keepdims=True)) / 2
    np.testing.assert_allclose(solved_map(forecaster)[0], weight, atol=1e-5)


def test_refit_learns_from_the_validation_part_too() -> None:
    frame = table()
    usual, whole = (
        latentcast.fit(frame, "ridge", lookback=LOOKBACK, horizon=HORIZON, settings={**ONE, "model.refit": refit})
        for refit in (False, True)
    )
    assert whole.card.solved is not None
    assert whole.card.solved["refit"] is True
    assert np.abs(solved_map(usual) - solved_map(whole)).max() > 1e-4


def test_few_windows_and_constant_channels_give_finite_forecasts() -> None:
    short = table(100)
    forecaster = latentcast.fit(
        short, "ridge", lookback=LOOKBACK, horizon=HORIZON, settings={"data.split": (50, 20, 30)}
    )
    assert np.isfinite(forecaster.predict(short).iloc[:, -1]).all()
    flat = table()
    flat["c1"] = 3.0
    forecast = latentcast.fit(flat, "ridge", lookback=LOOKBACK, horizon=HORIZON).predict(flat)
    assert np.isfinite(forecast.iloc[:, -1]).all()


def test_a_candidate_longer_than_the_look_back_is_an_error() -> None:
    with pytest.raises(SettingsError, match=r"lookbacks=\[24, 99\]: the longest is above the look-back 36"):
        latentcast.fit(table(), "ridge", lookback=LOOKBACK, horizon=HORIZON, settings={"model.lookbacks": [24, 99]})
    with pytest.raises(SettingsError, match="ascending"):
        latentcast.fit(table(), "ridge", lookback=LOOKBACK, horizon=HORIZON, settings={"model.alphas": [1.0, 0.1]})


def test_default_look_backs_are_whole_seasons() -> None:
    assert default_lookbacks(512, 24) == (45, 48, 72, 120, 168, 240, 360, 512)
    assert max(default_lookbacks(512, 24)) == 512
    assert default_lookbacks(12, 24) == (12,)


def test_wide_gaps_of_a_grid_are_filled() -> None:
    assert without_gaps((45, 90, 720), 1.75, 2**0.5) == pytest.approx(
        (45, 45 * 2**0.5, 90, *(90 * 2 ** (half / 2) for half in range(1, 6)), 720)
    )
    assert without_gaps((0.02, 0.1, 0.3, 1.0), 6, 3) == (0.02, 0.1, 0.3, 1.0)
    assert without_gaps((7,), 1.75, 1.4) == (7,)
    grid = RidgeSettings(lookbacks=(90, 180), trailing=(0.05, 1.0)).grid(200, 24)
    assert grid.lookbacks == (90, 127, 180)
    assert grid.trailing == pytest.approx((0.05, 0.05 * 20 ** (1 / 3), 0.05 * 20 ** (2 / 3), 1.0))
    defaults = RidgeSettings().grid(720, 24)
    assert defaults.lookbacks == default_lookbacks(720, 24)
    assert defaults.trailing == RidgeSettings().trailing


def test_weights_add_up_and_prefer_longer_look_backs_among_equals() -> None:
    grid = Grid((10, 20, 40), (1.0,), (0.1, 1.0), smoothing=0.01, origins=3)
    weights = weigh(np.ones((3, 1, 2)), grid)
    assert weights.sum() == pytest.approx(1)
    assert weights[:, 0, 0].tolist() == sorted(weights[:, 0, 0].tolist())
    worse = np.ones((3, 1, 2))
    worse[2] = 1.5
    assert weigh(worse, grid)[2].sum() == 0
    best_alone = weigh(np.array([[[1.0, 1.2]]] * 3) + np.array([0.2, 0.0, 0.1])[:, None, None], replace_smoothing(grid))
    assert best_alone[1, 0, 0] == 1


def replace_smoothing(grid: Grid) -> Grid:
    return Grid(grid.lookbacks, grid.trailing, grid.alphas, smoothing=0, origins=grid.origins)


def test_origins_move_forward_and_end_with_the_validation_part() -> None:
    source = arrays(1000, 600, 150)
    found = folds(source, 3, HORIZON)
    assert [(int(fold.learned.end[0]), int(fold.judged.begin[0]), int(fold.judged.end[0])) for fold in found] == [
        (300, 300, 450),
        (450, 450, 600),
        (600, 600, 750),
    ]
    assert len(folds(source, 9, HORIZON)) == 3  # no origin with less than a third of the training part before it


def test_the_horizon_is_solved_in_blocks_where_targets_are_missing() -> None:
    source = arrays(1000, 600, 150)
    assert blocks([source], LOOKBACK, 48) == [Ahead(0, 48)]
    observed = np.random.default_rng(0).random(source.values.shape) > 0.1
    gappy = Source(source.values, source.train, source.held_out, observed)
    found = blocks([gappy], LOOKBACK, 48)
    assert [one.first for one in found] == list(range(0, 48, found[0].last))
    assert 1 < found[0].last <= 12


def test_scattered_gaps_are_no_obstacle() -> None:
    frame = table()
    hidden = np.random.default_rng(1).random((600, 3)) < 0.1
    frame.iloc[:, 1:] = frame.iloc[:, 1:].mask(hidden)
    settings = {"data.gaps": "interpolate"}
    forecaster = latentcast.fit(frame, "ridge", lookback=LOOKBACK, horizon=48, settings=settings)
    naive = latentcast.fit(frame, "seasonal-naive", lookback=LOOKBACK, horizon=48, settings=settings)
    assert forecaster.evaluate(frame).scaled["MSE"] < naive.evaluate(frame).scaled["MSE"]


def test_settings_are_saved_plain() -> None:
    assert RidgeSettings().dump()["maps"] == "auto"


def test_an_update_is_the_exact_solution_over_all_of_the_history() -> None:
    rng, t = np.random.default_rng(0), np.arange(800)
    waves = {f"c{number}": np.sin(2 * np.pi * t / 24 + number) + rng.standard_normal(800) / 3 for number in range(3)}
    frame = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=800, freq="h"), **waves})
    first = latentcast.fit(frame[:200], "ridge", lookback=LOOKBACK, horizon=HORIZON, settings=ONE)
    updated = latentcast.update(first, frame)
    assert updated.card.update is not None
    assert updated.card.update.kept == "the updated weights"
    values = frame.iloc[:, 1:].to_numpy()
    values = (values - values[:140].mean(0)) / values[:140].std(0)  # in the units of the fit
    windows = np.lib.stride_tricks.sliding_window_view(values[:720], LOOKBACK + HORIZON, axis=0)
    windows = windows.reshape(-1, LOOKBACK + HORIZON)
    level = windows[:, LOOKBACK - 2 : LOOKBACK].mean(1, keepdims=True)
    x, y = windows[:, :LOOKBACK] - level, windows[:, LOOKBACK:] - level
    centred = windows[:, :LOOKBACK] - windows[:, :LOOKBACK].mean(1, keepdims=True)
    unit = np.trace(centred.T @ centred / len(windows)) / LOOKBACK
    weight = np.linalg.solve(x.T @ x / len(x) + 0.1 * unit * np.eye(LOOKBACK), x.T @ y / len(x)).T
    weight[:, LOOKBACK - 2 :] += (1 - weight.sum(1, keepdims=True)) / 2
    np.testing.assert_allclose(solved_map(updated)[0], weight, atol=1e-5)


def test_an_update_keeps_what_was_chosen() -> None:
    frame = table(800)
    first = latentcast.fit(frame[:600], "ridge", lookback=LOOKBACK, horizon=HORIZON, settings={"model.maps": "own"})
    updated = latentcast.update(first, frame)
    np.testing.assert_array_equal(updated.network.model.maps.chosen, first.network.model.maps.chosen)
    assert updated.network.model.maps.count == 3


def test_a_member_of_a_hybrid_is_solved() -> None:
    frame = table()
    settings = {"model.members": ["ridge", "seasonal-naive"]}
    hybrid = latentcast.fit(frame, "hybrid", lookback=LOOKBACK, horizon=HORIZON, settings=settings)
    alone = latentcast.fit(frame, "ridge", lookback=LOOKBACK, horizon=HORIZON)
    member = hybrid.network.model.networks["ridge"].model.maps
    np.testing.assert_array_equal(member.weight, alone.network.model.maps.weight)


def test_several_datasets_are_a_sum_of_matrices() -> None:
    first, second = table(600), table(500, seed=4)
    both = latentcast.fit([first, second], "ridge", lookback=LOOKBACK, horizon=HORIZON, settings=ONE)
    moved = second.assign(date=pd.date_range("2025-01-01", periods=500, freq="h"))
    ids = [frame.melt("date", var_name="name").assign(name=lambda d, n=n: d["name"] + n) for n, frame in
           (("-1", first), ("-2", moved))]  # fmt: skip
    long = pd.concat(ids).rename(columns={"name": "unique_id", "date": "ds", "value": "y"})
    together = latentcast.fit(long, "ridge", lookback=LOOKBACK, horizon=HORIZON, settings=ONE)
    np.testing.assert_allclose(solved_map(both), solved_map(together), atol=1e-5)
