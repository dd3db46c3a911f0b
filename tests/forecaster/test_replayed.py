"""Forecasts that were made already give the figures and intervals that the model itself gives."""

import numpy as np
import pandas as pd

import latentcast
from latentcast.data.panel.build import build
from latentcast.evaluation.forecasts import Computed
from latentcast.forecaster.inputs import prepare
from latentcast.forecaster.judge import calibrate_on, forecast_windows, scores_for
from latentcast.forecaster.judged_sums import Judged
from latentcast.forecaster.replayed import calibrate_with


def test_as_the_model_itself() -> None:
    rng, at = np.random.default_rng(0), np.arange(300)
    values = np.sin(at / 3)[:, None] * [1, 5] + rng.normal(0, 0.2, (300, 2))
    frame = pd.DataFrame(values, columns=["a", "b"]).assign(ds=pd.date_range("2024-01-01", periods=300))
    fitted = latentcast.fit(frame, "generalist", lookback=60, horizon=5)
    prepared = prepare(fitted, build(frame, fitted.run.data))
    which = Judged("val", "frame")
    starts = prepared.starts("val", 60, 5)
    scores = scores_for(fitted, which, len(starts[0]))
    batches = list(forecast_windows(fitted, prepared, starts, how=scores))
    quantiles = [batch.distribution.quantiles for batch in batches if batch.distribution is not None]
    made = Computed(
        np.concatenate([batch.scaled for batch in batches]),
        np.concatenate([each for each in quantiles if each is not None]),
    )
    expected, table = calibrate_on(fitted, prepared, which), fitted.calibration
    fitted.calibration = None
    found = calibrate_with(fitted, prepared, which, starts, made)
    assert found.to_dict() == expected.to_dict()
    assert table is not None
    assert fitted.calibration is not None
    assert np.array_equal(fitted.calibration.table, table.table)
    assert fitted.calibration.bands == table.bands
