"""A share of Holt-Winters smoothing in forecasts of series whose season is not within a day.

Real series of months, quarters and years follow their last trend more faithfully than simulated ones, from which the
network learned how far to trust it. The shares were chosen on public series outside the boards; they are part of
the weights, and fine-tuning sets them to 0.
"""

from collections.abc import Mapping

from latentcast.models.pretrained.candidates import FIRST
from latentcast.models.pretrained.context import Rows
from latentcast.models.pretrained.network import MEDIAN

ANCHOR = "anchor"  # two shares: for seasons of at most `SHORT` steps (quarters, years), and for longer ones
SHARES = (0.35, 0.2)
SHORT = 4
MONTHS_AND_WEEKS = (12, 52, 53)  # longer seasons that take a share; those of a day or a week gain nothing by it
SMOOTHED = FIRST + 4  # log-holt-winters


def share_of(weights: Mapping[str, Rows], season: int) -> float:
    """The share that some weights hold for a season; 0 for seasons of a day or a week."""
    if ANCHOR not in weights or not (season <= SHORT or season in MONTHS_AND_WEEKS):
        return 0.0
    return float(weights[ANCHOR][0 if season <= SHORT else 1])


def toward_smoothing(weights: Mapping[str, Rows], season: int, candidates: Rows, quantiles: Rows) -> Rows:
    """Quantiles [series, steps, level] moved by the share of the weights towards that candidate of the context."""
    share = share_of(weights, season)
    if not share or candidates.shape[2] <= SMOOTHED:
        return quantiles
    moved: Rows = quantiles + share * (candidates[..., [SMOOTHED]] - quantiles[..., [MEDIAN]])
    return moved
