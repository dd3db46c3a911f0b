"""Sums over windows for every look-back of a grid, from those of the longest one.

Windows with the same origin are nested: the last steps of a long look-back are a short one. The Gram matrix of a short
look-back is therefore a block of that of the longest, plus the windows whose origin has fewer steps before it.
"""

from collections.abc import Sequence

from latentcast.layers.gram import Runs, WindowSums
from latentcast.models.ridge.stretches import Ahead, Source, Steps, Stretches


class NestedSums:
    """Sums over the windows of stretches, one for each source; None where a source has no part in them.

    Every second or third window (`stride`) is counted from the first one, which depends on the look-back: such windows
    are not nested, and are summed for each look-back.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        stretches: Sequence[Stretches | None],
        ahead: Ahead,
        groups: Steps,
        longest: int,
        decay: float = 1.0,
    ) -> None:
        self.pairs = [(source, one) for source, one in zip(sources, stretches, strict=True) if one is not None]
        self.ahead, self.groups, self.longest, self.decay = ahead, groups, longest, decay
        self.nested = all(source.stride == 1 for source, _ in self.pairs)
        self.whole = self._added([one.runs(longest, ahead.last) for _, one in self.pairs], longest)

    def of(self, lookback: int) -> WindowSums | None:
        """The sums for one look-back, at most the longest one; None without any source."""
        if self.whole is None or lookback == self.longest:
            return self.whole
        if not self.nested:
            return self._added([one.runs(lookback, self.ahead.last) for _, one in self.pairs], lookback)
        more = [one.more_runs(lookback, self.ahead.last, self.longest) for _, one in self.pairs]
        found, skipped = self._added(more, lookback), self.longest - lookback
        assert found is not None
        gram, squares, total, weight = self.whole.parts()
        inner = (gram[:, skipped:, skipped:], squares[:, skipped:], total[:, skipped:], weight)
        for sums, part in zip(found.parts(), inner, strict=True):
            sums += part
        return found

    def _added(self, runs: Sequence[Runs], lookback: int) -> WindowSums | None:
        total: WindowSums | None = None
        for (source, _), each in zip(self.pairs, runs, strict=True):
            sums = source.sums(each, lookback, self.ahead, self.groups, self.decay)
            if source.weight != 1.0:
                sums = sums.times(source.weight)
            total = sums if total is None else total + sums
        return total
