"""Training is bounded by default, and its length is said before it is over."""

import logging

import numpy as np
import pandas as pd
import pytest

import latentcast
from latentcast.models.config.lookback import default_lookback
from latentcast.models.config.run import resolve_config


def test_steps_are_bounded_unless_it_is_asked_otherwise() -> None:
    sizes = {"lookback": 96, "horizon": 24}
    assert resolve_config({"model": "pattn", **sizes}).training.max_steps == 1000
    free = resolve_config({"model": "latent-transformer", **sizes, "training": {"max_steps": "none"}}).training
    assert (free.max_steps, free.max_epochs, free.patience) == (None, 100, 10)
    published = resolve_config({"model": {"name": "dlinear", "preset": "published"}, **sizes})
    assert (published.training.max_steps, published.training.max_epochs) == (None, 10)
    assert published.model.dump()["normalise"] is False


@pytest.mark.parametrize(
    ("model", "season", "horizon", "length", "expected"),
    [
        ("dlinear", 12, 12, 1000, 48),  # four seasons
        ("dlinear", 1, 1, 1000, 24),
        ("dlinear", 24, 96, 5000, 288),  # three horizons
        ("dlinear", 12, 12, 57, 30),  # two thirds of what is left
        ("dlinear", 12, 12, 20, 12),  # one season at least
        ("generalist", 24, 24, 5000, 1024),
    ],
)
def test_the_default_lookback(model: str, season: int, horizon: int, length: int, expected: int) -> None:
    assert default_lookback(model, season, horizon, [length, length]) == expected


def test_a_fit_without_a_lookback_says_which_it_took(hourly: pd.DataFrame) -> None:
    made = latentcast.fit(hourly, "seasonal-naive", horizon=12)
    assert made.task.lookback == 96
    assert "look-back of 96 steps, by default" in made.card.notes
    rolled = latentcast.backtest(hourly, ["naive", "seasonal-naive"], horizon=12, n_windows=2)
    assert rolled.forecasters["naive"].task.lookback == 96


def test_steps_and_time_are_said_after_the_first_steps(
    hourly: pd.DataFrame, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from latentcast.training import pace

    clock = iter(np.arange(1.0, 100.0, 5.0))  # five seconds from the first step to the sixth
    monkeypatch.setattr(pace.time, "monotonic", lambda: float(next(clock)))
    counted = pace.Pace("forecast", _schedule(100, 30))
    with caplog.at_level(logging.INFO, "latentcast.pace"):
        for done in range(1, 20):
            counted.step(done)
    assert [record.getMessage() for record in caplog.records] == [
        "forecast: at most 100 steps (3.33 epochs), about 1.6 min without validations"
    ]


def _schedule(steps: int, batches: int):
    from latentcast.models.config.training import TrainingSettings
    from latentcast.training.progress import Schedule

    return Schedule(TrainingSettings(max_steps=steps), batches)


@pytest.mark.slow
def test_dlinear_by_its_defaults_beats_seasonal_naive_on_series_of_different_levels() -> None:
    rng, at = np.random.default_rng(0), np.arange(120)
    frames = []
    for number in range(30):
        season = rng.normal(size=12)[at % 12]
        values = 10 ** rng.uniform(0, 4) * np.exp(0.01 * rng.normal() * at + 0.1 * season + 0.05 * rng.normal(size=120))
        dates = pd.date_range("2010-01-01", periods=120, freq="MS")
        frames.append(pd.DataFrame({"unique_id": f"s{number}", "ds": dates, "y": values}))
    panel = pd.concat(frames, ignore_index=True)
    found = latentcast.fit(panel, "dlinear", horizon=6).evaluate(panel)
    assert found.baseline is not None
    assert found.original["MASE"] < 0.95 * found.baseline.original["MASE"]
