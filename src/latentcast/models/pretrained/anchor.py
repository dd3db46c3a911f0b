"""A share of Holt-Winters smoothing in forecasts of series whose season is not within a day.

Real series of months, quarters and years follow their last trend more faithfully than simulated ones, from which the
network learned how far to trust it. The share was chosen on public series outside the boards; it is part of the
weights, and fine-tuning sets it to 0.
"""

from collections.abc import Mapping

from latentcast.models.pretrained.candidates import FIRST
from latentcast.models.pretrained.context import Rows
from latentcast.models.pretrained.network import MEDIAN

ANCHOR = "anchor"
SHARE = 0.25
LONGEST, WEEKS = 12, (52, 53)  # seasons of at most so many steps, or a year of weeks
SMOOTHED = FIRST + 4  # log-holt-winters


def toward_smoothing(weights: Mapping[str, Rows], season: int, candidates: Rows, quantiles: Rows) -> Rows:
    """Quantiles [series, steps, level] moved by the share of the weights towards that candidate of the context."""
    share = float(weights[ANCHOR][0]) if ANCHOR in weights else 0.0
    if not share or candidates.shape[2] <= SMOOTHED or not (season <= LONGEST or season in WEEKS):
        return quantiles
    moved: Rows = quantiles + share * (candidates[..., [SMOOTHED]] - quantiles[..., [MEDIAN]])
    return moved
