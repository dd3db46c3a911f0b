"""Results show themselves in a notebook and as pictures, with every text escaped."""

from pathlib import Path

import numpy as np
import pandas as pd

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
