"""Random tables through fit and predict: a dated, finite forecast, or one of our errors. Nothing else."""

import json
import tempfile
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, event, example, given, note, settings
from hypothesis import strategies as st

import latentcast
from latentcast.core.errors import LatentcastError

LOOKBACK, HORIZON = 6, 3
QUICK = {"training.max_steps": 2, "training.loggers": [], "training.batch_size": 4}
SEASON = {"model.season": 2}  # of seasonal-naive, which has nothing to train
# seeded (derandomize): 200 tables in all; benchmarks/reliability/frames.py draws thousands of others
EXAMPLES = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))

text = st.text(st.characters(codec="utf-8"), max_size=6)
sizes = st.integers(1, 60)
frequencies = st.sampled_from(["h", "15min", "D", "2D", "B", "W-SUN", "MS", "ME", "QS", "YS", "s"])


@st.composite
def stamps(draw: Any, n: int) -> Any:
    kind = draw(st.sampled_from(["dates"] * 6 + ["zone"] * 3 + ["text", "text", "numbers", "wild", "irregular"]))
    start = draw(st.sampled_from(["2024-01-31", "1999-12-31 23:00", "2024-03-30 22:00"]))
    dates = pd.date_range(start, periods=n, freq=draw(frequencies))
    if kind == "zone":
        return dates.tz_localize("UTC").tz_convert(draw(st.sampled_from(["UTC", "Europe/Berlin"])))
    if kind == "text":
        return dates.strftime(draw(st.sampled_from(["%Y-%m-%d %H:%M:%S", "%d.%m.%Y", "%m/%d/%Y %H:%M"])))
    if kind == "numbers":
        return np.arange(n) * draw(st.integers(1, 5)) + draw(st.integers(-5, 5))
    if kind == "wild":
        return draw(st.lists(st.one_of(st.datetimes(), st.none(), text, st.integers()), min_size=n, max_size=n))
    if kind == "irregular":
        return dates[np.sort(draw(st.lists(st.integers(0, n - 1), min_size=n, max_size=n)))]
    return dates


@st.composite
def values(draw: Any, n: int) -> Any:
    seed = draw(st.integers(0, 9))
    size = draw(st.sampled_from([1.0] * 5 + [1e-300, 1e-20, 1e-7, 0.0, 1e9, 1e25, 1e300]))
    column = np.random.default_rng(seed).normal(draw(st.sampled_from([0, 1, 1e6])), 1, n) * size
    kind = draw(st.sampled_from(["floats"] * 6 + ["integers", "integers", "booleans", "odd", "objects", "float32"]))
    if kind == "integers":
        return np.clip(column, -1e15, 1e15).astype(np.int64)
    if kind == "booleans":
        return column > 0
    if kind == "float32":
        return np.clip(column, -3e38, 3e38).astype(np.float32)
    if kind == "odd":
        rows = draw(st.lists(st.integers(0, n - 1), max_size=5))
        column[rows] = draw(st.sampled_from([np.nan, np.inf, -np.inf, 1e38]))
    if kind == "objects":
        return [draw(st.one_of(st.floats(), st.none(), text)) if i % 7 == 0 else v for i, v in enumerate(column)]
    return column


@st.composite
def wide_frames(draw: Any) -> pd.DataFrame:
    n = draw(sizes) if draw(st.integers(0, 3)) == 0 else draw(st.integers(30, 60))
    names = draw(
        st.lists(st.one_of(text, st.integers(0, 3)), min_size=1, max_size=3, unique=draw(st.integers(0, 5)) > 0)
    )
    columns = {draw(st.sampled_from(["ds", "date", "Time", "ds", "when"])): draw(stamps(n))}
    frame = pd.DataFrame(columns)
    for place, name in enumerate(names):
        frame.insert(place, name, draw(values(n)), allow_duplicates=True)
    return _shuffled(draw, frame)


@st.composite
def long_frames(draw: Any) -> pd.DataFrame:
    """Series of one clock, mostly: each begins somewhere on it and has its own length."""
    ids = draw(st.lists(st.one_of(text, st.integers(0, 9)), min_size=1, max_size=4))
    if draw(st.integers(0, 5)) == 0:
        ids.append(None)
    clock = pd.Series(draw(stamps(80)))
    frames = []
    for name in ids:
        n, begin = draw(st.integers(1 if draw(st.integers(0, 9)) == 0 else 20, 60)), draw(st.integers(0, 20))
        part = pd.DataFrame({"ds": clock[begin : begin + n].to_numpy(object), "y": draw(values(n))})
        frames.append(part.assign(unique_id=pd.Series([name] * n, dtype=object)))
    frame = pd.concat(frames, ignore_index=True)
    return _shuffled(draw, frame.assign(ds=frame["ds"].infer_objects()))


def _shuffled(draw: Any, frame: pd.DataFrame) -> pd.DataFrame:
    if draw(st.booleans()):
        return frame.sample(frac=1, random_state=draw(st.integers(0, 3)))
    return frame


options = st.fixed_dictionaries(
    {},
    optional={
        "data.gaps": st.sampled_from(["interpolate", "ffill"]),
        "data.steps": st.just("rows"),
        "data.split": st.sampled_from([(0.5, 0.25, 0.25), (10, 10, 10), ("2024-02-10", "2024-02-20")]),
        "data.scale": st.just(False),
        "data.align": st.booleans(),
    },
)
models = st.sampled_from(["dlinear", "seasonal-naive"])


def _forecast_or_error(frame: pd.DataFrame, model: str, stated: dict[str, Any]) -> str:
    """`forecast`, or the kind of the error that refused the frame."""
    note(frame.to_csv())
    before = frame.copy()
    own = SEASON if model == "seasonal-naive" else QUICK
    try:
        forecaster = latentcast.fit(frame, model, lookback=LOOKBACK, horizon=HORIZON, settings={**own, **stated})
        forecast = forecaster.predict(frame)
    except LatentcastError as error:
        event(type(error).__name__)
        return type(error).__name__
    event("forecast")
    pd.testing.assert_frame_equal(frame, before)
    assert list(forecast.columns) == ["unique_id", "ds", model]
    assert np.isfinite(forecast[model]).all()
    assert (forecast.groupby("unique_id", sort=False).size() % HORIZON == 0).all()
    assert len(forecast) == HORIZON * len(forecast["unique_id"].unique())
    written = pd.api.types.infer_dtype(forecast["ds"]) == "string"  # as it came: text is in no order
    for _, part in forecast.groupby("unique_id"):
        assert written or part["ds"].is_monotonic_increasing
        assert part["ds"].is_unique
    card = forecaster.card.schema
    numbered = forecast["ds"].dtype.kind == "i"  # also rows whose dates follow no rule: theirs are steps
    if not written and card.zone is None and numbered == str(card.last).lstrip("-").isdecimal():
        last = int(card.last) if numbered else pd.Timestamp(card.last)
        assert (forecast["ds"] > last).any()
    with tempfile.TemporaryDirectory() as folder:
        forecaster.save(f"{folder}/saved")
        json.dumps(forecaster.card.validation, allow_nan=False)
        loaded = latentcast.load(f"{folder}/saved")
        pd.testing.assert_frame_equal(loaded.predict(frame), forecast, check_exact=True)
    with suppress(LatentcastError):
        forecaster.evaluate(frame, part="all")
    return "forecast"


@pytest.mark.slow
@settings(EXAMPLES, max_examples=75)
@given(wide_frames(), models, options)
def test_wide_tables(frame: pd.DataFrame, model: str, stated: dict[str, Any]) -> None:
    _forecast_or_error(frame, model, stated)


@pytest.mark.slow
@settings(EXAMPLES, max_examples=75)
@given(long_frames(), models, options)
def test_long_tables(frame: pd.DataFrame, model: str, stated: dict[str, Any]) -> None:
    _forecast_or_error(frame, model, stated)


@pytest.mark.slow
@settings(EXAMPLES, max_examples=50)
@given(
    st.integers(30, 60),
    st.integers(0, 99),
    st.sampled_from([1e-30, 1e-9, 1.0, 1e12, 1e28]),
    frequencies,
    st.sets(st.integers(0, 59), max_size=12),
    models,
)
@example(60, 0, 1.0, "h", set(), "dlinear")
def test_good_tables_are_always_forecast(
    n: int, seed: int, size: float, frequency: str, holes: set[int], model: str
) -> None:
    column = np.random.default_rng(seed).normal(1, 1, n) * size
    column[[row for row in holes if 0 < row < n]] = np.nan
    frame = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=n, freq=frequency), "x": column})
    own = SEASON if model == "seasonal-naive" else QUICK
    forecaster = latentcast.fit(
        frame, model, lookback=LOOKBACK, horizon=HORIZON, settings={**own, "data.gaps": "interpolate"}
    )
    forecast = forecaster.predict(frame)
    assert forecast["ds"].tolist() == pd.date_range("2024-01-01", periods=n + HORIZON, freq=frequency)[n:].tolist()
    assert np.isfinite(forecast[model]).all()
    assert forecast[model].abs().max() <= 20 * size
