"""Sums of a short look-back from those of the longest: the same as sums of its own windows."""

import numpy as np
import pytest

from latentcast.models.ridge.nested import NestedSums
from latentcast.models.ridge.stretches import Ahead, Source, Stretches

LENGTHS = (60, 9, 25)  # the second series has no window with the longest look-back


def source(*, gaps: bool, stride: int) -> tuple[Source, Stretches]:
    rng = np.random.default_rng(0)
    ends = np.cumsum(LENGTHS)
    begins = ends - LENGTHS
    stretches = Stretches(np.arange(3), begins, begins, ends)
    values = rng.standard_normal((ends[-1], 2)).cumsum(0)
    observed = rng.random(values.shape) > 0.05 if gaps else None
    return Source(values, stretches, None, observed, weight=0.5, stride=stride), stretches


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize(("stride", "decay"), [(1, 1.0), (1, 0.97), (3, 1.0)])
@pytest.mark.parametrize("held_out", [False, True])
def test_nested_sums_equal_those_of_each_look_back(gaps: bool, stride: int, decay: float, held_out: bool) -> None:
    one, stretches = source(gaps=gaps, stride=stride)
    if held_out:  # forecasts begin later, look-backs read what lies before
        stretches = Stretches(stretches.item, stretches.floor, stretches.floor + 5, stretches.end)
    groups, ahead = np.array([0, 1]), Ahead(1, 3)
    nested = NestedSums([one], [stretches], ahead, groups, 12, decay)
    for lookback in (3, 5, 12):
        found = nested.of(lookback)
        alone = NestedSums([one], [stretches], ahead, groups, lookback, decay).of(lookback)
        assert found is not None
        assert alone is not None
        for ours, theirs in zip(found.parts(), alone.parts(), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-9)
    assert NestedSums([one], [None], ahead, groups, 12).of(5) is None
