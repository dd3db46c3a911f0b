"""Data too short to compare models: the pretrained generalist alone, with all of the past that there is."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from latentcast.benchmarking.candidates import CONTEXT, Candidate

FEW = 4  # origins of all series; below, errors do not tell models apart


def weights_of_few(candidates: list[Candidate]) -> NDArray[np.float64] | None:
    """All weight on the generalist; None where it could not forecast."""
    weights = np.array([candidate.title == "generalist" for candidate in candidates], np.float64)
    return weights if weights.any() else None


def reading_all(candidate: Candidate, longest: int) -> Candidate:
    """The same candidate with a look-back as long as the longest series."""
    return replace(candidate, lookback=max(candidate.lookback, min(CONTEXT, longest)))
