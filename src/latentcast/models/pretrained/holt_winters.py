"""Holt-Winters smoothing on a grid of rates: level, slope and season of all series and variants in one pass.

States are kept at several origins, so that a backtest inside the context costs no further pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latentcast.models.pretrained.context import Rows

# level rate, slope rate, damping of the slope, season rate
VARIANTS = (
    (0.03, 0.0, 0.0, 0.05),
    (0.1, 0.0, 0.0, 0.045),
    (0.2, 0.0, 0.0, 0.04),
    (0.35, 0.0, 0.0, 0.1),
    (0.5, 0.0, 0.0, 0.2),
    (0.7, 0.0, 0.0, 0.12),
    (0.2, 0.03, 0.95, 0.32),
    (0.5, 0.08, 0.95, 0.075),
    (0.5, 0.08, 0.95, 0.2),
    (0.5, 0.2, 0.9, 0.2),
    (0.1, 0.01, 1.0, 0.36),
    (0.3, 0.03, 1.0, 0.1),
    (0.3, 0.03, 1.0, 0.28),
    (0.3, 0.1, 1.0, 0.28),
    (0.6, 0.1, 1.0, 0.16),
)
LEVEL, DAMPED, LINEAR = slice(0, 6), slice(6, 10), slice(10, 15)
CLASSES = (slice(0, 15), LEVEL, DAMPED, LINEAR)
LONGEST = 176  # steps that the recursions run over
LONGEST_SEASON = 60
FORGET_EVERY, FORGET = 8, 0.96
SHARPNESS = 100.0  # of the likelihood weights: half as many observations


@dataclass(frozen=True)
class State:
    """States of all variants after one step: level and slope [variant, series], season [phase, variant, series].

    The first phase of `season` is that of the next step. `squared` is the mean squared error of one step ahead.
    """

    level: Rows
    slope: Rows
    season: Rows
    squared: Rows

    def ahead(self, steps: np.ndarray, classes: Sequence[slice]) -> list[Rows]:
        """[series, steps] forecasts, for each class of variants their average weighted by likelihood."""
        damping = np.array([variant[2] for variant in VARIANTS])[:, None]
        far = steps[None].astype(np.float64)
        reach = np.where(damping >= 1, far, damping * (1 - damping**far) / np.maximum(1 - damping, 1e-9))
        phase = (steps - 1) % len(self.season)
        found = []
        for part in classes:
            share = _weights(self.squared[part])
            level = np.einsum("vn,vn->n", share, self.level[part])
            rise = (share * self.slope[part]).T @ reach[part].astype(np.float32)
            season = np.einsum("vn,mvn->nm", share, self.season[:, part])
            found.append(level[:, None] + rise + season[:, phase])
        return found

    def rows(self, places: np.ndarray) -> "State":
        """The state of some series."""
        return State(self.level[:, places], self.slope[:, places], self.season[..., places], self.squared[:, places])


def _weights(squared: Rows) -> Rows:
    logs = np.log(np.maximum(squared, 1e-12))
    raw = np.exp(np.maximum(-0.5 * SHARPNESS * (logs - logs.min(0)), -60))
    return np.asarray(raw / raw.sum(0), np.float32)


def run(rows: Rows, seen: Rows, first: Rows, slope: Rows, ends: Sequence[int]) -> dict[int, State]:
    """States at some steps (`ends`: how many of the columns were read), the largest of them the last column.

    Parameters
    ----------
    rows, seen
        [series, time] values and whether they were observed.
    first
        [series, season] profile to begin with; its last column is the phase of the last step of `rows`.
    slope
        [series] slope to begin with.
    ends
        Steps after which the states are kept.
    """
    time, season = rows.shape[1], first.shape[1]
    start = max(0, time - LONGEST, int(seen.argmax(1).min()))
    alpha, beta, damping, gamma = (np.array(column, np.float32)[:, None] for column in zip(*VARIANTS, strict=True))
    across, flags = np.ascontiguousarray(rows.T), np.ascontiguousarray(seen.T)
    complete = bool(seen[:, start:].all())
    wave = np.repeat(np.roll(first.T, time % season, 0)[:, None], len(VARIANTS), 1)  # phase of step t: t % season
    flat = LEVEL.stop  # variants without a slope stand first
    level = np.repeat((across[start] - wave[start % season, 0])[None], len(VARIANTS), 0)
    trended, damping, beta = level[flat:], damping[flat:], beta[flat:]
    rise = (slope[None] * np.where(damping >= 1, 1.0, 0.5)).astype(np.float32)
    squares, number = np.zeros_like(level), np.zeros(rows.shape[0], np.float32)
    error, scratch = np.empty_like(level), np.empty_like(level)
    kept = {}
    for at in range(start + 1, time + 1):
        if at in ends:
            whole = np.concatenate([np.zeros_like(level[:flat]), rise])
            squared = np.asarray(squares / np.maximum(number, 1), np.float32)
            kept[at] = State(level.copy(), whole, np.roll(wave, -(at % season), 0), squared)
        if at == time:
            break
        now = wave[at % season]
        rise *= damping
        trended += rise
        np.subtract(across[at], level, out=error)
        error -= now
        if not complete:
            error *= flags[at]
        number += flags[at]
        np.multiply(error, alpha, out=scratch)
        level += scratch
        np.multiply(error, gamma, out=scratch)
        now += scratch
        np.multiply(error[flat:], beta, out=scratch[flat:])
        rise += scratch[flat:]
        np.multiply(error, error, out=error)
        squares += error
        if at % FORGET_EVERY == 0:
            squares *= FORGET
            number *= FORGET
    return kept
