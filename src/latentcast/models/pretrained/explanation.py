"""Explain a forecast of the generalist: the weights of its candidates at each step ahead."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from latentcast.core.findings import Finding, WindowLabels
from latentcast.models.pretrained.candidates import NAMES
from latentcast.models.pretrained.context import prepare
from latentcast.models.pretrained.features import features
from latentcast.models.pretrained.network import Weights, known, mixture, outputs
from latentcast.models.pretrained.seasons import Season

SHOWN = 8  # candidates with the largest weights; the others are one row
SECTION = "Candidates and their weights"


def candidate_weights(
    weights: Weights, row: NDArray[np.float64], season: Season, horizon: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights [horizon, candidate] and forecasts [horizon, candidate], in original units, of one row [time].

    The row begins and ends with an observed value. `mixture` sums to 1 at every step; the network's correction, the
    share of Holt-Winters smoothing, and what is drawn to the last value of a random walk come on top.
    """
    context = prepare(row[None], *season)
    found = features(context, np.arange(1, horizon + 1), known(weights))
    shares = mixture(outputs(weights, found), found.skill)[0].astype(np.float64)
    return shares, found.candidates[0] * context.scale[0] + context.location[0]


def of_candidates(
    shown: WindowLabels, name: str, weights: Weights, row: NDArray[np.float64], season: Season
) -> Sequence[Finding]:
    """Two figures of one channel: weights of the leading candidates as a heat map, and their forecasts as lines."""
    there = np.flatnonzero(np.isfinite(row))
    if len(there) < 2 or np.nanmax(row) == np.nanmin(row):
        sentence = "The look-back is constant, or holds one value: it is continued, and no candidate is weighed."
        return (Finding(SECTION, name, sentence, "text", ("constant",), texts=(("continued as it is",),)),)
    shares, forecasts = candidate_weights(weights, row[there[0] : there[-1] + 1], season, len(shown.ahead))
    mean = shares.mean(0)
    leading = np.argsort(-mean)[:SHOWN]
    rest = 1 - shares[:, leading].sum(1)
    names = tuple(NAMES[at] for at in leading)
    facts = {NAMES[at]: float(mean[at]) for at in np.argsort(-mean)}
    return (
        Finding(
            SECTION,
            f"{name}: weights of the candidates",
            f"How much of each closed-form forecast is taken at each step ahead; the {len(mean) - SHOWN} others are"
            f" one row. Weights of a step sum to 1. Season: {season[0]} steps.",
            "heat",
            (*names, "others"),
            shown.ahead,
            np.vstack([shares[:, leading].T, rest]),
            across="step that is forecast",
            measure="weight",
            facts={"mean_weights": facts, "season": season[0]},
        ),
        Finding(
            SECTION,
            f"{name}: forecasts of the candidates",
            "The leading candidates' own forecasts, in original units, before they are weighed.",
            "lines",
            names,
            shown.ahead,
            forecasts[:, leading].T,
            measure=name,
        ),
    )
