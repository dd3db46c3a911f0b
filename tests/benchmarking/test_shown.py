"""Results show themselves in a notebook and as pictures, with every text escaped."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import latentcast


def test_results_show_themselves(tmp_path: Path) -> None:
    rng, at = np.random.default_rng(0), np.arange(240)
    values = np.sin(2 * np.pi * at / 7) + 0.1 * rng.normal(size=240)
    frame = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=240), "a<b": values})
    model = latentcast.fit(frame, "dlinear", lookback=14, horizon=7, settings={"training.max_steps": 40})
    judged = model.evaluate(frame)
    rolled = latentcast.backtest(frame, ["dlinear", "naive"], lookback=14, horizon=7, n_windows=4)
    auto = latentcast.fit_auto(frame, horizon=7, time_limit=0)
    shown = {
        "model": model._repr_html_(),
        "evaluation": judged._repr_html_(),
        "description": latentcast.describe(frame)._repr_html_(),
        "explanation": model.explain(frame, attribution="none")._repr_html_(),
        "backtest": rolled._repr_html_(),
        "auto": auto._repr_html_(),
    }
    for name, html in shown.items():
        assert "a<b" not in html, name
        assert html.count("<table") + html.count("<iframe") == 1, name
    assert "seasonal-naive there" in shown["model"]
    assert "seasonal-naive scaled" in shown["evaluation"]
    assert "a&lt;b" in shown["description"]
    for name, result in (("evaluation", judged), ("backtest", rolled), ("auto", auto)):
        assert result.plot(tmp_path / f"{name}.png").stat().st_size > 5000


def test_every_result_draws_itself(tmp_path: Path) -> None:
    frame = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=120), "sales": 10.0 + np.arange(120) % 7})
    model = latentcast.fit(frame, "seasonal-naive", lookback=7, horizon=7)
    explained = model.explain(frame, attribution="none")
    weights = np.array([[[0.1, 0.7, 0.2], [0.3, 0.3, 0.4]]], np.float32)
    for name, result in {
        "explanation": explained,
        "drift": model.drift(frame.assign(sales=frame["sales"] + 50)),
        "prototypes": latentcast.PrototypeAttention("sales", weights, (("up",), ("flat",), ("down",))),
        "description": latentcast.describe(frame),
    }.items():
        assert result.plot(tmp_path / f"{name}.png").stat().st_size > 5000, name
    with pytest.raises(latentcast.DataError, match="no picture under 'Weather'; sections: The forecast"):
        explained.plot(tmp_path / "none.png", "Weather")
    with pytest.raises(latentcast.SettingsError):
        explained.plot(tmp_path / "explanation.doc")
