"""Ridge regression from a look-back to a horizon, solved from Gram matrices for every penalty at once.

A map V that follows the level of its window has rows that sum to 1. Write V = 1ᵀ/L + w with w ⊥ 1: subtract the mean
of the look-back, and regress on the remainder. Subtracting the mean of only the last k steps changes nothing but the
penalty, since w can absorb the difference: the penalty then excludes that mean,

    α (‖w‖² − (p·w + q)²),   p = â − q 1,   q = √k / L,   â = 1/√k at the last k steps,

so that a strong penalty shrinks the forecast to the mean of the last k steps. This is a rank-one change: a single
eigendecomposition of the look-back's Gram matrix serves every α, every k and every step of the horizon.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latentcast.layers.gram import Array, WindowSums

TINY = 1e-12  # keeps the penalty of an all-zero Gram matrix above 0


@dataclass(frozen=True)
class Moments:
    """Mean products over the windows of one map after subtracting the mean of each look-back.

    past [L, L] · cross [L, H] · future [H] (squares) · past_mean [L] · future_mean [H] · weight: windows
    """

    past: Array
    cross: Array
    future: Array
    past_mean: Array
    future_mean: Array
    weight: float

    @classmethod
    def of(cls, sums: WindowSums, which: int, lookback: int) -> "Moments":
        """Return the moments of map `which`, in windows whose first `lookback` steps are the look-back."""
        weight = float(sums.weight[which])
        scale = 1 / max(weight, TINY)
        gram, mean = sums.gram[which, :lookback] * scale, sums.total[which] * scale
        along = gram.mean(0)  # products with the mean of the look-back
        level = along[:lookback].mean()
        past, future = slice(None, lookback), slice(lookback, None)
        gram -= along[past, None]
        gram += level - along
        mean = mean - mean[past].mean()
        squares = sums.squares[which, future] * scale - 2 * along[future] + level
        return cls(gram[:, past], gram[:, future], squares, mean[past], mean[future], weight)

    def around(self, past_mean: Array, future_mean: Array) -> "Moments":
        """Return the same moments around other means."""
        past_shift, future_shift = self.past_mean - past_mean, self.future_mean - future_mean
        return Moments(
            self.past - np.outer(self.past_mean, self.past_mean) + np.outer(past_shift, past_shift),
            self.cross - np.outer(self.past_mean, self.future_mean) + np.outer(past_shift, future_shift),
            self.future - self.future_mean**2 + future_shift**2,
            past_shift,
            future_shift,
            self.weight,
        )


@dataclass(frozen=True)
class LinearMap:
    """ŷ = weight · x + bias: weight [H, L], bias [H]."""

    weight: Array
    bias: Array


class Spectrum:
    """Eigendecomposition of one map's look-back, which gives solutions and errors for every penalty.

    Parameters
    ----------
    moments
        Moments of the training windows.
    trailing
        Numbers of last steps whose mean the penalty excludes, each from 1 to the look-back.
    alphas
        Penalties above 0, in units of the mean eigenvalue.
    intercept
        Whether the map has an unpenalised constant.
    """

    def __init__(
        self, moments: Moments, trailing: Sequence[int], alphas: Sequence[float], *, intercept: bool = True
    ) -> None:
        self.moments = moments
        zero_past, zero_future = np.zeros_like(moments.past_mean), np.zeros_like(moments.future_mean)
        self.centre = (moments.past_mean, moments.future_mean) if intercept else (zero_past, zero_future)
        centred = moments.around(*self.centre) if intercept else moments
        values, self.vectors = np.linalg.eigh(centred.past)
        self.values = np.maximum(values, 0.0)
        self.cross = self.vectors.T @ centred.cross
        self.unit = max(float(self.values.mean()), TINY)
        self.alphas = np.asarray(alphas, np.float64) * self.unit
        self.lookback = len(values)
        self.targets = [self._target(k) for k in trailing]

    def errors(self, held_out: Moments, horizons: Sequence[int]) -> Array:
        """Return the mean squared error on other windows, [horizons, trailing, alphas], over the first steps of each
        horizon."""
        shifted = held_out.around(*self.centre)
        past = self.vectors.T @ shifted.past @ self.vectors
        cross = self.vectors.T @ shifted.cross
        filters = 1 / (self.values[:, None] + self.alphas)  # [L, alphas]
        plain = np.empty((len(horizons), len(self.alphas)))
        kernel, begin, linear = np.zeros_like(past), 0, (self.cross * cross).cumsum(1)
        squares = shifted.future.cumsum()
        for place, horizon in enumerate(horizons):
            block = self.cross[:, begin:horizon]
            kernel += block @ block.T
            plain[place] = squares[horizon - 1] - 2 * linear[:, horizon - 1] @ filters
            plain[place] += np.einsum("ia,ia->a", filters, (past * kernel) @ filters)
            begin = horizon
        result = np.repeat(plain[:, None], len(self.targets), axis=1)
        ends = np.asarray(horizons) - 1
        for number, target in enumerate(self.targets):
            for place, alpha in enumerate(self.alphas):
                direction, share = self._correction(target, alpha)
                seen = past @ direction
                more = share**2 * (direction @ seen)
                more += 2 * share * ((seen * filters[:, place]) @ self.cross - direction @ cross)
                result[:, number, place] += more.cumsum()[ends]
        return result / np.asarray(horizons)[:, None, None]

    def solution(self, weights: Array, horizon: int | None = None) -> LinearMap:
        """Return the weighted mean of the solutions, weights [trailing, alphas], for the first `horizon` steps."""
        horizon = self.cross.shape[1] if horizon is None else horizon
        filters = 1 / (self.values[:, None] + self.alphas)
        rotated = (filters @ weights.sum(0))[:, None] * self.cross[:, :horizon]
        for target, row in zip(self.targets, weights, strict=True):
            for alpha, weight in zip(self.alphas, row, strict=True):
                if weight:
                    direction, share = self._correction(target, alpha)
                    rotated += weight * np.outer(direction, share[:horizon])
        return self._map(self.vectors @ rotated, float(weights.sum()))

    def _map(self, solved: Array, total: float) -> LinearMap:
        bias = total * self.centre[1][: solved.shape[1]] - self.centre[0] @ solved
        return LinearMap(solved.T - solved.sum(0)[:, None] / self.lookback + total / self.lookback, bias)

    def _target(self, last: int) -> tuple[Array, float]:
        share = np.sqrt(last) / self.lookback
        direction = np.full(self.lookback, -share)
        direction[self.lookback - last :] += 1 / np.sqrt(last)
        return self.vectors.T @ direction, float(share)

    def _correction(self, target: tuple[Array, float], alpha: float) -> tuple[Array, Array]:
        """Return the rank-one change of a trailing mean to the solution: (direction [L], share of each step)."""
        along, offset = target
        direction = along / (self.values + alpha)
        strength = alpha / (1 - alpha * float(along @ direction))
        return direction, strength * (offset + direction @ self.cross)
