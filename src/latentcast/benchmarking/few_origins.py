"""Data too short to compare models: the pretrained generalist with all of their past, or the naive forecast."""

from dataclasses import replace

from latentcast.benchmarking.candidates import CONTEXT, Candidate

FEW = 4  # origins of all series; below, errors do not tell models apart
TRIED = 2  # candidates then: the naive and the pretrained one, which need no fit


def reading_all(candidate: Candidate, longest: int) -> Candidate:
    """The same candidate with a look-back as long as the longest series."""
    return replace(candidate, lookback=max(candidate.lookback, min(CONTEXT, longest)))
