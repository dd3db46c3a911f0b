"""Seasonal profiles by centred moving averages, weighted towards recent cycles and shrunk by their noise."""

from dataclasses import dataclass

import numpy as np

from latentcast.models.pretrained.context import Rows

NO_PROFILE_BELOW = 2  # cycles


@dataclass(frozen=True)
class Profile:
    """[series, season] value of each phase; the last column is the phase of the last step of the context.

    `strength` [series, 1] is the share of its variance that is not noise (0 … 1).
    """

    values: Rows
    strength: Rows

    def over(self, time: int) -> Rows:
        """[series, time] the profile repeated up to the last step."""
        season = self.values.shape[1]
        return np.tile(self.values, (1, -(-time // season)))[:, -time:]

    def ahead(self, steps: np.ndarray) -> Rows:
        """[series, steps] the profile at steps after the context (1 is the next one)."""
        return self.values[:, (steps - 1) % self.values.shape[1]]


def moving_average(values: Rows, seen: Rows, season: int) -> tuple[Rows, Rows]:
    """A centred moving average over one season, continued to the ends by its last slope; 1 where it is whole."""
    count, time = values.shape
    half = season // 2
    total = np.zeros((count, time + 1))
    np.cumsum(values * seen, 1, out=total[:, 1:])
    complete = bool(seen.all())
    number = np.zeros((1 if complete else count, time + 1))
    np.cumsum(seen[:1] if complete else seen, 1, out=number[:, 1:])
    whole = np.zeros_like(seen)
    inside = time - 2 * half  # centres whose windows are whole: half … half + inside - 1
    if inside < 1:
        flat = (total[:, -1:] / np.maximum(number[:, -1:], 1)).astype(np.float32)
        return np.broadcast_to(flat, values.shape), whole
    sums, of = _windows(total, season, inside), _windows(number, season, inside)
    inner = (sums / np.maximum(of, 1e-3)).astype(np.float32)
    whole[:, half : half + inside] = of >= 0.6 * season
    average = np.empty_like(values)
    average[:, half : half + inside] = inner
    back = min(season, inside - 1)
    slope = (inner[:, -1:] - inner[:, -1 - back :][:, :1]) / max(back, 1)
    average[:, half + inside :] = inner[:, -1:] + slope * np.arange(1, half + 1, dtype=np.float32)
    average[:, :half] = inner[:, :1]
    return average, whole


def _windows(total: np.ndarray, season: int, inside: int) -> np.ndarray:
    """Sums over centred windows from cumulative sums; an even window counts its two ends half."""
    if season % 2:
        return total[:, season : season + inside] - total[:, :inside]
    early = total[:, season : season + inside] - total[:, :inside]
    late = total[:, season + 1 : season + 1 + inside] - total[:, 1 : 1 + inside]
    return 0.5 * (early + late)


def fold(rows: Rows, season: int) -> Rows:
    """[series, cycles, season]; the last cycle ends with the last step, the first is padded by zeros."""
    count, time = rows.shape
    cycles = -(-time // season)
    if cycles * season != time:
        rows = np.concatenate([np.zeros((count, cycles * season - time), rows.dtype), rows], 1)
    return rows.reshape(count, cycles, season)


def profile(apart: Rows, weights: Rows, season: int, keep: float) -> Profile:
    """The profile of a series without its level; a cycle weighs `keep` times the next one."""
    folded, weight = fold(apart, season), fold(weights, season)
    cycles = folded.shape[1]
    recency = (keep ** np.arange(cycles - 1, -1, -1, dtype=np.float32))[:, None]
    weight = np.asarray(weight * recency, np.float32)
    number = weight.sum(1)
    values = (folded * weight).sum(1) / np.maximum(number, 1e-6)
    there = number > 1e-6
    share = np.maximum(there.sum(1, keepdims=True), 1)
    values = np.where(there, values - (values * there).sum(1, keepdims=True) / share, 0).astype(np.float32)
    squared = (weight * (folded - values[:, None]) ** 2).sum((1, 2)) / np.maximum(weight.sum((1, 2)), 1e-6)
    effective = weight.sum((1, 2)) ** 2 / np.maximum((weight**2).sum((1, 2)), 1e-6) / season
    error = squared / np.maximum(effective - 1, 0.5)
    variance = (values**2).sum(1) / share[:, 0]
    strength = np.clip(1 - error / np.maximum(variance, 1e-9), 0, 1).astype(np.float32)
    return Profile(values, strength[:, None])


def decompose(
    z: Rows, seen: Rows, season: int, second: int, *, quickly: bool = True
) -> tuple[Profile, Profile, Profile, Rows]:
    """Slow, quick and second profile, and the rows without them; the quick one is the slow one unless `quickly`."""
    nothing = Profile(np.zeros((len(z), 1), np.float32), np.zeros((len(z), 1), np.float32))
    if season < 2 or NO_PROFILE_BELOW * season > z.shape[1]:
        return nothing, nothing, nothing, z
    average, whole = moving_average(z, seen, season)
    weights = seen * (0.4 + 0.6 * whole)
    apart = z - average
    slow = profile(apart, weights, season, 0.9)
    quick = profile(apart, weights, season, 0.5) if quickly else slow
    time = z.shape[1]
    adjusted = z - slow.strength * slow.over(time)
    if second < 2 or 2 * second > time:
        return slow, quick, nothing, adjusted
    rest = profile(adjusted - moving_average(adjusted, seen, second)[0], weights, second, 0.9)
    return slow, quick, rest, adjusted - rest.strength * rest.over(time)
