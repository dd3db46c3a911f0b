"""How good intervals and distributions are, as sums over every forecast value: no batch size and no order changes them.

coverage   share of the observed outcomes inside the interval
worst_decile   mean coverage of the tenth of the series that is covered least, where there are several series
width      mean of hi - lo
score      interval score: width + 2/α · (what an outcome lies outside), α = 1 - level (Winkler 1972; Gneiting and
           Raftery 2007, section 6.2). Lower is better; it is best for the true quantiles
pinball    mean pinball loss over both ends of all levels (Koenker and Bassett 1978)
CRPS       continuous ranked probability score. From paths the fair estimator, which expects the same for any number of
           paths: mean |x - y| - Σ|x - x'| / (2·m·(m - 1)) (Ferro 2014). From the quantiles of a head twice their
           pinball losses, each for the stretch of levels nearest to it: an approximation, below the true value where
           few quantiles reach into the tails. None where only an interval is known
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def named(level: float) -> str:
    """A level as it stands in the name of a column: 90, 97.5."""
    return f"{level:.10g}"


@dataclass
class IntervalErrors:
    """Running sums for levels in per cent; arrays are [batch, horizon, target], those of intervals with a level last.

    quantile_levels   of the quantiles that a CRPS is taken from, where it is
    """

    levels: tuple[float, ...]
    quantile_levels: tuple[float, ...] = ()
    count: int = 0
    covered: Array = field(init=False)
    width: Array = field(init=False)
    outside: Array = field(init=False)
    crps: float = 0.0
    crps_count: int = 0
    by_series: dict[int, tuple[NDArray[np.int64], Array]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.covered, self.width, self.outside = (np.zeros(len(self.levels)) for _ in range(3))

    def add(
        self,
        target: Array,
        lo: Array,
        hi: Array,
        seen: NDArray[np.bool_] | None,
        items: NDArray[np.int64] | None = None,
    ) -> None:
        """Add the outcomes that were `seen`; with `items` [batch] also to the coverage of each series."""
        if items is not None:
            self._add_series(items, (lo <= target[..., None]) & (target[..., None] <= hi), seen)
        if seen is not None:
            target, lo, hi = target[seen], lo[seen], hi[seen]
        target = target[..., None]
        axes = tuple(range(target.ndim - 1))
        outside = np.maximum(np.maximum(lo - target, target - hi), 0)
        self.count += target.size
        self.covered += ((lo <= target) & (target <= hi)).sum(axes)
        self.width += (hi - lo).sum(axes)
        self.outside += outside.sum(axes)

    def _add_series(self, items: NDArray[np.int64], inside: NDArray[np.bool_], seen: NDArray[np.bool_] | None) -> None:
        kept = np.ones(inside.shape[:-1], np.bool_) if seen is None else seen
        for item in np.unique(items):
            own = items == item
            count = kept[own].sum((0, 1))
            covered = (inside[own] & kept[own][..., None]).sum((0, 1)).astype(np.float64)
            before = self.by_series.get(int(item))
            self.by_series[int(item)] = (count, covered) if before is None else (before[0] + count, before[1] + covered)

    def __add__(self, other: "IntervalErrors") -> "IntervalErrors":
        """Sums over the windows of both, which have no series in common."""
        total = IntervalErrors(self.levels, self.quantile_levels, self.count + other.count)
        total.covered, total.width = self.covered + other.covered, self.width + other.width
        total.outside = self.outside + other.outside
        total.crps, total.crps_count = self.crps + other.crps, self.crps_count + other.crps_count
        total.by_series = dict(enumerate([*self.by_series.values(), *other.by_series.values()]))
        return total

    def worst_decile(self) -> Array | None:
        """[level] mean coverage of the tenth of the series that is covered least; None of a single series."""
        counts, covered = (np.array([]) for _ in range(2))
        if self.by_series:
            counts = np.concatenate([count for count, _ in self.by_series.values()])
            covered = np.concatenate([inside for _, inside in self.by_series.values()])
        kept = counts > 0
        if kept.sum() < 2:
            return None
        shares = np.sort(covered[kept] / counts[kept][:, None], axis=0)
        return np.asarray(shares[: max(1, len(shares) // 10)].mean(0))

    def add_crps(self, each: Array, seen: NDArray[np.bool_] | None) -> None:
        kept = each if seen is None else each[seen]
        self.crps += float(kept.sum())
        self.crps_count += kept.size

    def result(self) -> dict[str, Any]:
        """{"pinball", "CRPS", "levels": {"90": {"coverage", "width", "score"}}}; NaN where no outcome counts."""
        share = 1 / self.count if self.count else float("nan")
        alpha = 1 - np.array(self.levels) / 100
        score = (self.width + 2 / alpha * self.outside) * share
        worst = self.worst_decile()
        levels = {
            named(level): {
                "coverage": float(self.covered[n] * share),
                "width": float(self.width[n] * share),
                "score": float(score[n]),
                **({} if worst is None else {"worst_decile": float(worst[n])}),
            }
            for n, level in enumerate(self.levels)
        }
        # the pinball losses of both ends add up to α/2 of the interval score
        pinball = float((alpha / 4 * score).mean()) if self.levels else float("nan")
        crps = self.crps / self.crps_count if self.crps_count else float("nan")
        return {"pinball": pinball, "CRPS": crps, "levels": levels}


def crps_of_paths(target: Array, paths: Array) -> Array:
    """[batch, horizon, target] and [batch, path, horizon, target], at least two paths → fair CRPS of each value."""
    ascending = np.sort(paths, axis=1)
    many = ascending.shape[1]
    far = np.abs(ascending - target[:, None]).mean(1)
    # Σ over ordered pairs of |x - x'| = 2 Σ (2k - m + 1) x_k, k from 0, x ascending
    weights = 2 * np.arange(many) - many + 1.0
    apart = np.einsum("bpht,p->bht", ascending, weights)
    return np.asarray(far - apart / (many * (many - 1)))


def crps_of_quantiles(target: Array, quantiles: Array, levels: Sequence[float]) -> Array:
    """[batch, horizon, target] and [batch, horizon, target, quantile] → approximate CRPS of each value."""
    taus = np.array(levels)
    edges = np.concatenate([[0.0], (taus[1:] + taus[:-1]) / 2, [1.0]])
    above = target[..., None] - quantiles
    return np.asarray(2 * (np.maximum(taus * above, (taus - 1) * above) * np.diff(edges)).sum(-1))


@dataclass(frozen=True)
class IntervalFigures:
    """Coverage and scores of prediction intervals.

    Attributes
    ----------
    method
        `conformal`, `adaptive`, `quantiles` or `paths`.
    about
        How they were made, in a sentence.
    scaled, original
        `pinball`, `CRPS` and `levels`: level → `coverage`, `width`, `score` (Winkler 1972) and, of several series,
        `worst_decile`, the coverage of the tenth of the series that is covered least. In standardised and in original
        units.

    Examples
    --------
    >>> figures = forecaster.evaluate(frame, level=[80]).intervals
    >>> 0 <= figures.original["levels"]["80"]["coverage"] <= 1
    True
    """

    method: str
    about: str
    scaled: dict[str, Any]
    original: dict[str, Any]

    def lines(self) -> list[str]:
        """Return one line of text for each level, in original units.

        Returns
        -------
        list of str
            Coverage, mean width and interval score of each level.

        Examples
        --------
        >>> [line.split(":")[0].strip() for line in forecaster.evaluate(frame, level=[80, 90]).intervals.lines()]
        ['80 %', '90 %']
        """
        rows = []
        for level, found in self.original["levels"].items():
            worst = found.get("worst_decile")
            tenth = "" if worst is None else f" ({100 * worst:.1f} % in the worst tenth of series)"
            rows.append(
                f"  {level:>4} %: coverage {100 * found['coverage']:5.1f} %{tenth}, width {found['width']:.4g},"
                f" interval score {found['score']:.4g} original"
            )
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON.

        Returns
        -------
        dict
            `method`, `about`, and the figures in both units; None in place of NaN.

        Examples
        --------
        >>> list(forecaster.evaluate(frame, level=[80]).intervals.to_dict()["original"]["levels"])
        ['80']
        """
        figures = {"scaled": _plain(self.scaled), "original": _plain(self.original)}
        return {"method": self.method, "about": self.about, **figures}


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _plain(value) if isinstance(value, dict) else value if np.isfinite(value) else None
        for name, value in values.items()
    }
