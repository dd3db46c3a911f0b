"""Dynamic regression: the effect of covariates on a series, with autocorrelated errors."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentcast.data.features.covariates import Column, Covariates
from latentcast.data.panel.panel import Panel

HELD = 0.2  # the last share of the training part, on which covariates must prove themselves
F_LEAST = 10.0  # of a covariate's F statistic on all of it: errors that still follow on each other inflate it
RIDGE = 1e-6

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Effects:
    """Standardised effect of covariates known in advance: features @ weights; weights [features, channels]."""

    covariates: Covariates
    weights: Matrix

    def of(self, panel: Panel) -> NDArray[np.float32]:
        """[steps, channels] in standard deviations of each series."""
        return (self.features(panel) @ self.weights).astype(np.float32)

    def features(self, panel: Panel) -> NDArray[np.float32]:
        """Return [steps, width] features known in advance, with zeros for rejected covariates, whose values are
        ignored.
        """
        return self.covariates.features(panel, self.proven) * self.weights.any(1).astype(np.float32)

    @property
    def proven(self) -> list[Column]:
        """Covariates kept for at least one channel."""
        groups = zip(self.covariates.future, self.covariates.groups, strict=True)
        return [column for column, at in groups if self.weights[at].any()]

    @property
    def any(self) -> bool:
        return bool(self.weights.any())

    def used(self, channel: int) -> list[str]:
        """Covariates kept for a channel."""
        groups = zip(self.covariates.future, self.covariates.groups, strict=True)
        return [column.name for column, at in groups if self.weights[at, channel].any()]


@dataclass(frozen=True)
class _Sums:
    """Sums for least squares over some rows: XᵀX, Xᵀy and yᵀy."""

    rows: int
    xx: Matrix
    xy: Matrix
    yy: float

    @classmethod
    def of(cls, x: Matrix, y: Matrix) -> "_Sums":
        return cls(len(y), x.T @ x, x.T @ y, float(y @ y))

    def plus(self, other: "_Sums") -> "_Sums":
        return _Sums(self.rows + other.rows, self.xx + other.xx, self.xy + other.xy, self.yy + other.yy)

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
    """Feasible generalised least squares on the training part of all items together: Cochrane & Orcutt (1949), with
    errors that depend on those one step, two steps and one season before.

    `series` [steps, channels] is standardised; the first `ends[i]` steps of each item are used, where they were
    observed. A covariate is kept for a channel only if it is significant after correction for their number and lowers
    the error of one-step forecasts on the last fifth: a useless one changes nothing.
    """
    features = covariates.features(panel).astype(np.float64)
    step = np.arange(len(series)) - np.repeat(panel.offsets[:-1], panel.lengths)
    end = np.repeat(ends, panel.lengths)
    inside = step < end
    late = step >= (1 - HELD) * end
    lags = np.unique([1, 2, panel.season, panel.season + 1])
    lags = lags[lags < int(ends.max()) // 4]
    weights = np.zeros((features.shape[1], series.shape[1]))
    for channel in range(series.shape[1]):
        seen = panel.observed[:, channel] & inside
        y, x = _centred(panel, series[:, channel], features, seen)
        now = seen & (step >= lags.max(initial=0))
        for lag in lags:
            now[lag:] &= seen[:-lag]
        now = np.flatnonzero(now)
        level = _Sums.of(x[seen], y[seen])
        keep = np.ones(features.shape[1], np.bool_)
        for _ in range(2):  # removed covariates must not enter the autocorrelation of the errors
            residual = np.where(seen, y - x @ level.solve(keep), 0.0)
            follow = np.stack([residual[now - lag] for lag in lags], axis=1) if len(lags) else np.zeros((len(now), 0))
            rho = _Sums.of(follow, residual[now]).solve(np.ones(len(lags), np.bool_))
            moved_x, moved_y = x[now], y[now]
            for lag, weight in zip(lags, rho, strict=True):
                moved_x, moved_y = moved_x - weight * x[now - lag], moved_y - weight * y[now - lag]
            held = late[now]
            early, proof = _Sums.of(moved_x[~held], moved_y[~held]), _Sums.of(moved_x[held], moved_y[held])
            keep = _proven(early, proof, covariates.groups, keep)
        weights[:, channel] = early.plus(proof).solve(keep)
    return Effects(covariates, weights)


def _centred(panel: Panel, y: Matrix, x: Matrix, seen: NDArray[np.bool_]) -> tuple[Matrix, Matrix]:
    """Subtract the mean of each item where it was `seen`: covariates do not explain levels."""
    count = np.maximum(np.add.reduceat(seen, panel.offsets[:-1], dtype=np.int64), 1)

    def less(values: Matrix) -> Matrix:
        mask = seen if values.ndim == 1 else seen[:, None]
        sums = np.add.reduceat(np.where(mask, values, 0.0), panel.offsets[:-1], axis=0)
        means = sums / (count if values.ndim == 1 else count[:, None])
        return np.asarray(values - np.repeat(means, panel.lengths, axis=0))

    return less(y), less(x)


def _proven(early: _Sums, proof: _Sums, groups: list[slice], keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Eliminate covariates backwards, the least useful first, until all remaining ones pass."""
    keep, every = keep.copy(), early.plus(proof)
    left = [group for group in groups if keep[group].any()]
    while left:
        whole, held = every.error(every.solve(keep)), proof.error(early.solve(keep))
        worth = []
        for group in left:
            fewer = keep.copy()
            fewer[group] = False
            gained = every.error(every.solve(fewer)) - whole
            f = gained / (group.stop - group.start) / max(whole / max(every.rows - keep.sum(), 1), 1e-300)
            worth.append(f if proof.error(early.solve(fewer)) > held else 0.0)
        least = int(np.argmin(worth))
        if worth[least] > F_LEAST:
            break
        keep[left.pop(least)] = False
    return keep
