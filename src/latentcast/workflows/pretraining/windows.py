"""Training windows of the generalist: contexts and targets cut from simulated series, as features of the network."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latentcast.data.simulation import draw_season, draw_second, simulate
from latentcast.models.pretrained.context import prepare
from latentcast.models.pretrained.features import features

LONGEST = 512
STEPS = 12  # of the horizon that a window learns from
FARTHEST = 192
ROWS = 128  # series of a chunk; two windows are cut from each
CHUNKS = 32  # of a round


@dataclass(frozen=True)
class TrainingWindows:
    """Features and targets of windows, row by row: see `Features`; `target` [window, steps] in units of the context."""

    window: np.ndarray
    step: np.ndarray
    candidates: np.ndarray
    unit: np.ndarray
    skill: np.ndarray
    target: np.ndarray
    weight: np.ndarray

    def rows(self, pick: np.ndarray) -> "TrainingWindows":
        """The windows at some places."""
        return TrainingWindows(*(part[pick] for part in self.parts()))

    def parts(self) -> tuple[np.ndarray, ...]:
        """The arrays in the order of the fields."""
        return (self.window, self.step, self.candidates, self.unit, self.skill, self.target, self.weight)


def _sizes(rng: np.random.Generator, season: int, second: int) -> tuple[int, int]:
    """Length of the context and the farthest step ahead."""
    low = 8 if season == 1 or rng.random() < 0.15 else min(2 * season, LONGEST)
    length = int(np.exp(rng.uniform(np.log(low), np.log(LONGEST + 1))))
    length = min(max(length, 8), LONGEST)
    if season >= 24 and rng.random() < 0.5:
        length = max(LONGEST, int(2.3 * second)) if rng.random() < 0.5 else LONGEST
    most = min(FARTHEST, max(6, 2 * length), max(2 * season, 30))
    return length, max(STEPS, int(np.exp(rng.uniform(np.log(min(6, most)), np.log(most + 1)))))


def _stated(rng: np.random.Generator, season: int, second: int) -> tuple[int, int]:
    """The seasons that the network is told: now and then none, a wrong one, or no second one."""
    kind = rng.random()
    if kind < 0.04:
        return 1, 0
    if kind < 0.07:
        return draw_season(rng), 0
    return season, 0 if second and rng.random() < 0.2 else second


def _with_gaps(rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
    """Values lost one by one, or in runs; never the last one."""
    rows = rows.copy()
    lost = rng.random(rows.shape) < rng.uniform(0.02, 0.3)
    if rng.random() < 0.5:
        width = int(rng.integers(2, max(3, rows.shape[1] // 6)))
        starts = rng.random(rows.shape) < 0.5 / rows.shape[1]
        total = np.cumsum(starts, 1)
        total[:, width:] -= total[:, :-width].copy()
        lost = total > 0
    lost[:, -1] = False
    rows[lost] = np.nan
    return rows


def chunk_of_windows(rng: np.random.Generator) -> TrainingWindows:
    """Windows of one simulated chunk: two from each of its series."""
    season = draw_season(rng)
    second = draw_second(rng, season)
    length, farthest = _sizes(rng, season, second)
    extra = int(rng.integers(1, max(2, length // 2)))
    chunk = simulate(rng, ROWS, length + extra + farthest, season=season, second=second)
    stated = _stated(rng, season, chunk.second)
    steps = np.sort(rng.choice(farthest, STEPS, replace=False)) + 1
    contexts = np.concatenate([chunk.values[:, :length], chunk.values[:, extra : extra + length]])
    ends = (length, extra + length)
    futures = np.concatenate([chunk.values[:, end : end + farthest] for end in ends])
    if rng.random() < 0.06:
        contexts = _with_gaps(rng, contexts)
    context = prepare(contexts, *stated)
    found = features(context, steps)
    target = ((futures[:, steps - 1] - context.location) / context.scale).astype(np.float32)
    size = np.abs(target).mean(1)
    varied = np.nanmax(contexts, 1) > np.nanmin(contexts, 1)
    weight = (varied / np.maximum(1, size / 12)).astype(np.float32)
    return TrainingWindows(
        found.window, found.step, found.candidates, found.unit, found.skill, np.clip(target, -200, 200), weight
    )


def joined(parts: Sequence[TrainingWindows]) -> TrainingWindows:
    """Several sets of windows as one."""
    columns = zip(*(part.parts() for part in parts), strict=True)
    return TrainingWindows(*(np.concatenate(column) for column in columns))


def round_of_windows(seed: int, number: int, chunks: int) -> TrainingWindows:
    """The windows of one round, mixed: the same for the same seed and number, wherever they are made."""
    rng = np.random.default_rng([seed, number])
    whole = joined([chunk_of_windows(rng) for _ in range(chunks)])
    return whole.rows(rng.permutation(len(whole.target)))
