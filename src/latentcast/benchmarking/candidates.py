"""Which models are worth a try on a table, by its shape, each with a look-back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np

from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Split

CONTEXT = 1024  # steps that the generalist was pretrained with
FEW_FITS = 400  # forecasts of a classical model, each of which is a fit
LONG_SEASON = 24  # beyond it exponential smoothing takes too long
WINDOWS_TO_LEARN = 200
WINDOWS_TO_ATTEND = 5000


@dataclass(frozen=True)
class Candidate:
    """A model as `fit` takes it: its name, its look-back, and settings of it."""

    name: str
    lookback: int
    model: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)

    def settings(self) -> dict[str, Any]:
        """Model, look-back and training, nested as `fit` takes them."""
        return {"model": {"name": self.name, **self.model}, "lookback": self.lookback, "training": dict(self.training)}


def usable_lookback(parts: Split, horizon: int) -> int:
    """The longest look-back for which nine of ten series have a training window."""
    return max(1, int(np.quantile(parts.train_end, 0.1)) - horizon)


def candidates(panel: Panel, parts: Split, horizon: int, forecasts: int, longest: int) -> list[Candidate]:
    """Candidates in the order in which they are tried, cheapest first.

    Seasonal-naive and the pretrained generalist always; classical models where `forecasts`, the number of look-backs
    that are judged, is small; linear maps where there are windows to learn from; patches with attention where there are
    many. No look-back is longer than `longest`.
    """
    season = panel.season
    naive = Candidate("seasonal-naive", season) if 1 < season <= longest else Candidate("naive", min(1, longest))
    found = [naive, Candidate("generalist", min(CONTEXT, longest))]
    windows = int(np.maximum(parts.train_end - longest // 2 - horizon, 0).sum())
    linear = max(1, min(longest // 2, max(4 * season, 3 * horizon, 64), 720))
    if windows >= WINDOWS_TO_LEARN:
        found.append(Candidate("ridge", linear))
    if find_spec("statsforecast") and forecasts <= FEW_FITS:
        classical = min(longest, max(10 * season, 100))
        found.append(Candidate("theta", classical))
        if season <= LONG_SEASON:
            found.append(Candidate("auto-ets", classical))
    if windows >= WINDOWS_TO_LEARN:
        found.append(Candidate("dlinear", linear, {"preset": "normalised"}))
    if windows >= WINDOWS_TO_ATTEND:
        patches = max(16, min(linear, 336))
        budget = {"max_steps": 400, "validations": 2, "patience": 4}
        found += [Candidate("patch-transformer", patches, {"preset": "small"}, budget)] * (patches <= longest)
    return found
