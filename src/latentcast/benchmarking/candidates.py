"""Which models are worth a try on a table, by its shape, each with a look-back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np

from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Split

CONTEXT = 1024  # steps that the generalist was pretrained with
FEW_FITS = 1500  # forecasts of a classical model, each of which is a fit
LONG_SEASON = 24  # beyond it a classical model takes too long
SLOW = 2  # exponential smoothing takes longer than theta: half as many fits and half as long a season
WINDOWS_TO_LEARN = 200
WINDOWS_TO_ATTEND = 5000


@dataclass(frozen=True)
class Candidate:
    """A model as `fit` takes it: its name, its look-back, and settings of it; `label` where a model is tried twice."""

    name: str
    lookback: int
    model: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    @property
    def title(self) -> str:
        """What it is called among the candidates."""
        return self.label or self.name

    def settings(self) -> dict[str, Any]:
        """Model, look-back and training, nested as `fit` takes them."""
        return {"model": {"name": self.name, **self.model}, "lookback": self.lookback, "training": dict(self.training)}


def usable_lookback(parts: Split, horizon: int) -> int:
    """The longest look-back for which three of four series have a training window."""
    return max(1, int(np.quantile(parts.train_end, 0.25)) - horizon)


def longest_lookback(parts: Split, horizon: int) -> int:
    """The longest look-back for which one series has a training window; shorter series are padded."""
    return max(1, int(parts.train_end.max()) - horizon)


def candidates(panel: Panel, parts: Split, horizon: int, forecasts: int, limit: int | None = None) -> list[Candidate]:
    """Candidates in the order in which they are tried, cheapest first.

    Seasonal-naive and the pretrained generalist always; classical models where `forecasts`, the number of look-backs
    that are judged, is small; linear maps where there are windows to learn from; patches with attention where there are
    many. Models that skip what is missing before a series read as far back as the longest series goes, all others as
    far as three of four series do; no look-back is longer than `limit`.
    """
    season = panel.season
    whole, longest = longest_lookback(parts, horizon), usable_lookback(parts, horizon)
    if limit is not None:
        whole, longest = max(1, min(whole, limit)), max(1, min(longest, limit))
    naive = Candidate("seasonal-naive", season) if 1 < season <= longest else Candidate("naive", min(1, longest))
    found = [naive, Candidate("generalist", min(CONTEXT, whole))]
    if panel.frequency.integer and season > 1:  # step numbers: a week of hours is not known, but may be there
        found.append(Candidate("generalist", min(CONTEXT, whole), {"seasons": "detected"}, label="generalist-detected"))
    windows = int(np.maximum(parts.train_end - longest // 2 - horizon, 0).sum())
    linear = max(1, min(2 * longest // 3, max(8 * season, 3 * horizon, 336), 720))
    if windows >= WINDOWS_TO_LEARN:
        found.append(Candidate("ridge", linear))  # it chooses among shorter ones too
    if find_spec("statsforecast") and forecasts <= FEW_FITS and season <= LONG_SEASON:
        classical = min(whole, max(10 * season, 200))
        found.append(Candidate("theta", classical))
        if season <= LONG_SEASON // SLOW and forecasts <= FEW_FITS // SLOW:
            found.append(Candidate("auto-ets", classical))
    if windows >= WINDOWS_TO_LEARN:
        found.append(Candidate("dlinear", linear, {"preset": "normalised"}))
    if windows >= WINDOWS_TO_ATTEND:
        patches = max(16, min(linear, 336))
        budget = {"max_steps": 400, "validations": 2, "patience": 4}
        found += [Candidate("patch-transformer", patches, {"preset": "small"}, budget)] * (patches <= longest)
    return found
