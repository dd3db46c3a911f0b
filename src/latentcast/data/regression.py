"""What covariates explain of a series: a regression whose errors are autocorrelated (dynamic regression)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentcast.data.covariates import Covariates
from latentcast.data.panel import Panel

HELD = 0.2  # the last share of the training part, on which covariates must prove themselves
GAIN = 1e-3  # by which share of the error there; less is noise
RIDGE = 1e-6

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Effects:
    """Standardised effect of covariates known in advance: features @ weights; weights [features, channels]."""

    covariates: Covariates
    weights: Matrix

    def of(self, panel: Panel) -> NDArray[np.float32]:
        """[steps, channels] in deviations of each series."""
        return (self.covariates.features(panel) @ self.weights).astype(np.float32)

    @property
    def any(self) -> bool:
        return bool(self.weights.any())

    def used(self, channel: int) -> list[str]:
        """The covariates that were found to explain something of a channel."""
        groups = zip(self.covariates.future, self.covariates.groups, strict=True)
        return [column.name for column, at in groups if self.weights[at, channel].any()]


@dataclass(frozen=True)
class _Sums:
    """What least squares need of some rows: XᵀX, Xᵀy and yᵀy."""

    xx: Matrix
    xy: Matrix
    yy: float

    @classmethod
    def of(cls, x: Matrix, y: Matrix) -> "_Sums":
        return cls(x.T @ x, x.T @ y, float(y @ y))

    def plus(self, other: "_Sums") -> "_Sums":
        return _Sums(self.xx + other.xx, self.xy + other.xy, self.yy + other.yy)

    def solve(self, keep: NDArray[np.bool_]) -> Matrix:
        weights = np.zeros(len(self.xy))
        if keep.any():
            xx = self.xx[np.ix_(keep, keep)]
            ridge = RIDGE * max(float(np.trace(xx)) / len(xx), 1e-12)
            weights[keep] = np.linalg.lstsq(xx + ridge * np.eye(len(xx)), self.xy[keep], rcond=None)[0]
        return weights

    def error(self, weights: Matrix) -> float:
        return float(self.yy - 2 * weights @ self.xy + weights @ self.xx @ weights)


def regress(covariates: Covariates, panel: Panel, series: Matrix, ends: NDArray[np.int64]) -> Effects:
    """Feasible generalised least squares (Cochrane & Orcutt 1949) on the training part of all items together.

    `series` [steps, channels] is standardised; the first `ends[i]` steps of each item are used, where they were
    observed. A covariate is kept for a channel only if it lowers the error of one-step forecasts on the last fifth of
    them: a useless one changes nothing at all.
    """
    features = covariates.features(panel).astype(np.float64)
    step = np.arange(len(series)) - np.repeat(panel.offsets[:-1], panel.lengths)
    end = np.repeat(ends, panel.lengths)
    inside = step < end
    late = step >= (1 - HELD) * end
    follows = np.zeros(len(series), np.bool_)
    follows[1:] = inside[1:] & (step[1:] > 0)
    weights = np.zeros((features.shape[1], series.shape[1]))
    for channel in range(series.shape[1]):
        seen = panel.observed[:, channel] & inside
        y, x = _centred(panel, series[:, channel], features, seen)
        pairs = follows & seen
        pairs[1:] &= seen[:-1]
        now = np.flatnonzero(pairs)
        level = _Sums.of(x[seen], y[seen])
        keep = np.ones(features.shape[1], np.bool_)
        for _ in range(2):  # what has gone must not count in how errors follow on each other
            residual = np.where(seen, y - x @ level.solve(keep), 0.0)
            rho = _autocorrelation(residual[now], residual[now - 1])
            moved_x, moved_y = x[now] - rho * x[now - 1], y[now] - rho * y[now - 1]
            held = late[now]
            early, proof = _Sums.of(moved_x[~held], moved_y[~held]), _Sums.of(moved_x[held], moved_y[held])
            keep = _proven(early, proof, covariates.groups, keep)
        weights[:, channel] = early.plus(proof).solve(keep)
    return Effects(covariates, weights)


def _autocorrelation(now: Matrix, before: Matrix) -> float:
    below = float(before @ before)
    return float(np.clip(now @ before / below, 0, 0.999)) if below > 0 else 0.0


def _centred(panel: Panel, y: Matrix, x: Matrix, seen: NDArray[np.bool_]) -> tuple[Matrix, Matrix]:
    """Less the mean of each item where it was `seen`: levels are not the covariates' business."""
    count = np.maximum(np.add.reduceat(seen, panel.offsets[:-1], dtype=np.int64), 1)

    def less(values: Matrix) -> Matrix:
        mask = seen if values.ndim == 1 else seen[:, None]
        sums = np.add.reduceat(np.where(mask, values, 0.0), panel.offsets[:-1], axis=0)
        means = sums / (count if values.ndim == 1 else count[:, None])
        return np.asarray(values - np.repeat(means, panel.lengths, axis=0))

    return less(y), less(x)


def _proven(early: _Sums, proof: _Sums, groups: list[slice], keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of the features that are kept, those of covariates without which the held-out error is larger; those of no use go
    first.
    """
    keep = keep.copy()
    left = [group for group in groups if keep[group].any()]
    while left:
        whole = proof.error(early.solve(keep))
        without = []
        for group in left:
            fewer = keep.copy()
            fewer[group] = False
            without.append(proof.error(early.solve(fewer)))
        least = int(np.argmin(without))
        if without[least] > whole * (1 + GAIN):
            break
        keep[left.pop(least)] = False
    return keep
