"""Whether ranks differ by more than chance: Friedman's test, Nemenyi's critical difference (Demšar 2006, JMLR 7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

ALPHA = 0.05
FEWEST = 2  # least number of datasets × horizons for a test


@dataclass(frozen=True)
class Significance:
    """Of `models` (best mean rank first) over `blocks` datasets × horizons.

    p         of Friedman's test that all models rank alike, corrected for ties; with two models it is the sign test
    critical  the least difference of two mean ranks that is significant at the level of `alpha`
    """

    models: tuple[str, ...]
    ranks: tuple[float, ...]
    blocks: int
    p: float
    critical: float
    alpha: float = ALPHA

    @property
    def differ(self) -> bool:
        return self.p < self.alpha

    @property
    def level_with_best(self) -> tuple[str, ...]:
        """Models that are not distinguishable from the best."""
        return tuple(
            m for m, rank in zip(self.models[1:], self.ranks[1:], strict=True) if rank - self.ranks[0] < self.critical
        )

    def words(self) -> str:
        """Describe the result of the test in words."""
        over = f"over {self.blocks} datasets × horizons"
        if not self.differ:
            return f"No model is distinguishable from the others by its ranks {over} (Friedman: p {_small(self.p)})."
        said = f"The models' ranks differ {over} (Friedman: p {_small(self.p)})."
        said += f" Two of them do where they are {self.critical:.2f} apart (Nemenyi, {self.alpha:.0%})"
        level = self.level_with_best
        if not level:
            return f"{said}: {self.models[0]} is better than every other."
        if len(level) == len(self.models) - 1:
            return f"{said}: none is distinguishable from the best, {self.models[0]}."
        return f"{said}: {', '.join(level)} are not distinguishable from the best, {self.models[0]}."


def significance(models: Sequence[str], scores: NDArray[np.float64]) -> Significance | None:
    """`scores` are [blocks, models], lower is better. None for fewer than two models or blocks.

    Blocks count as independent, which the horizons of one dataset are not quite: p is on the small side.
    """
    from scipy.stats import chi2, rankdata, studentized_range

    blocks, count = scores.shape
    if count < 2 or blocks < FEWEST:
        return None
    ranks = rankdata(scores, axis=1)
    mean = ranks.mean(0)
    # Friedman's statistic with its correction for ties; written out, since scipy's refuses two models
    spread = ((ranks - (count + 1) / 2) ** 2).sum() / (blocks * (count - 1))
    statistic = blocks * ((mean - (count + 1) / 2) ** 2).sum() / spread if spread else 0.0
    order = np.argsort(mean, kind="stable")
    return Significance(
        models=tuple(models[n] for n in order),
        ranks=tuple(float(mean[n]) for n in order),
        blocks=blocks,
        p=float(chi2.sf(statistic, count - 1)),
        critical=float(
            studentized_range.ppf(1 - ALPHA, count, np.inf) / sqrt(2) * sqrt(count * (count + 1) / (6 * blocks))
        ),
    )


def _small(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"
