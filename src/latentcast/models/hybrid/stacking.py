"""Learn the gate over several forecasts from held-out windows.

Members are compared by out-of-sample errors relative to the mean error of all members on the same series, so that
every series counts equally and units do not matter. `weighted`: inverse to the squared error (Bates and Granger 1969),
at each step ahead and for each series; with few windows both shrink towards the pooled weights, and those towards
equal weights (`PRIOR`). `adaptive` starts there and learns, under a penalty on changes, how to sharpen, lean or tilt
these weights. Cross-validation over blocks of time chooses the penalty; where no choice beats `weighted` by more than
its standard error, or windows are few (`ENOUGH`), `weighted` stays.
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from latentcast.models.hybrid.gate import Gate, masked_softmax, positions, standardised

Error = Literal["mse", "mae"]
PRIOR = 3.0  # weight of the pooled errors, in windows of a series or a step
PENALTIES = (1.0, 0.1, 0.01, 0.001)
FOLDS = 5
ENOUGH = 10  # windows below which no gate is learned
LEAST = 1e-4  # smallest relative error credited to a member


@dataclass(frozen=True)
class HeldOutForecasts:
    """Held-out windows, a row for each series of each; rows of one series stand in the order of time.

    forecasts   ignored where a member is not `there`
    seen        which targets were observed
    series      number of each row's series
    each        windows that one row counts for: below 1 where they overlap
    """

    forecasts: Float[Tensor, "row horizon member"]
    there: Bool[Tensor, "row member"]
    target: Float[Tensor, "row horizon"]
    seen: Bool[Tensor, "row horizon"]
    series: Int[Tensor, "row"]
    traits: Float[Tensor, "row trait"]
    distance: Float[Tensor, "row member"]
    each: float = 1.0

    def __len__(self) -> int:
        return len(self.target)

    def folds(self) -> Int[Tensor, "row"]:
        """Blocks of time where a series has as many rows as there are folds; else whole series, one after another."""
        _, series, counts = self.series.unique(return_inverse=True, return_counts=True)
        order = series.argsort(stable=True)
        rank = torch.empty_like(order)
        begins = counts.cumsum(0) - counts
        rank[order] = torch.arange(len(order)) - begins[series[order]]
        blocks = rank * FOLDS // counts[series]
        return torch.where(counts[series] >= FOLDS, blocks, series % FOLDS)


class _Errors:
    """Errors relative to the mean of all members on the same series, and tables of weights from selected rows."""

    def __init__(self, held: HeldOutForecasts, kind: Error, rows: int) -> None:
        self.kind, self.power, self.held, self.rows = kind, {"mse": 1.0, "mae": 2.0}[kind], held, rows
        self.counts = (held.seen[..., None] & held.there[:, None]).double()
        apart = torch.where(self.counts > 0, held.forecasts - held.target[..., None], 0)
        self.raw = apart.square() if kind == "mse" else apart.abs()
        total = _per_series(self.raw.sum((1, 2)), held.series, rows)
        level = total / _per_series(self.counts.sum((1, 2)), held.series, rows).clamp(min=1)
        self.level = torch.where(level > 0, level, torch.inf)[held.series]
        self.shares = self.raw / self.level[:, None, None]

    def tables(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """(step [horizon, member], series [series, member]): logits from the chosen rows."""
        shares, counts = self.shares[chosen], self.counts[chosen]
        each, horizon, series = self.held.each, counts.shape[1], self.held.series[chosen]
        windows = each * counts.mean(1).sum(0)
        overall = _drawn(_mean(shares.sum((0, 1)), counts.sum((0, 1))), torch.ones(()), windows)
        at_step = _drawn(_mean(shares.sum(0), counts.sum(0)), overall, each * counts.sum(0))
        known = _per_series(counts.sum(1), series, self.rows)
        own = _drawn(_mean(_per_series(shares.sum(1), series, self.rows), known), overall, each * known / horizon)
        return -self.power * at_step.log(), -self.power * (own.log() - overall.log())

    def of(self, weights: Tensor) -> Tensor:
        """[row] mean share of the error of the weighted forecast; NaN where nothing was observed."""
        fused = (torch.where(self.counts > 0, self.held.forecasts, 0) * weights).sum(-1)
        apart = torch.where(self.judged, fused - self.held.target, 0)
        error = apart.square() if self.kind == "mse" else apart.abs()
        return error.sum(1) / self.judged.sum(1) / self.level

    @property
    def judged(self) -> Tensor:
        return self.counts.any(-1)


def _per_series(values: Tensor, series: Tensor, rows: int) -> Tensor:
    return values.new_zeros(rows, *values.shape[1:]).index_add(0, series, values)


def _mean(total: Tensor, counts: Tensor) -> Tensor:
    return torch.where(counts > 0, total / counts.clamp(min=1e-9), torch.nan)


def _drawn(found: Tensor, towards: Tensor, windows: Tensor) -> Tensor:
    """Shrink relative errors towards pooled ones, more with fewer windows; unknown ones become the pooled ones."""
    whole = (windows * found.nan_to_num(0) + PRIOR * towards) / (windows * found.isfinite() + PRIOR)
    return whole.clamp(min=LEAST)


@dataclass(frozen=True)
class GateAdjustment:
    """What `adaptive` learns, as one vector: sharpness, trust, outlier, then lean and tilt [trait + 1, member]."""

    values: Tensor
    members: int

    @classmethod
    def none(cls, traits: int, members: int) -> "GateAdjustment":
        values = torch.zeros(3 + 2 * (traits + 1) * members, dtype=torch.float64)
        values[:2] = 1.0
        return cls(values, members)

    @property
    def parts(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        lean, tilt = self.values[3:].view(2, -1, self.members)
        return self.values[0], self.values[1], self.values[2], lean, tilt

    def weights(self, held: HeldOutForecasts, given: Tensor, step: Tensor, own: Tensor, rows: Tensor) -> Tensor:
        """[row, horizon, member], as `Gate` makes them; `own` [row, member] is what is known of each row's series."""
        sharpness, trust, outlier, lean, tilt = self.parts
        fixed = trust * own + given[rows] @ lean - outlier * held.distance[rows]
        ahead = positions(len(step), step)[:, None]
        logits = sharpness * step + fixed[:, None] + ahead * (given[rows] @ tilt)[:, None]
        return masked_softmax(logits, held.there[rows][:, None].expand_as(logits))


def learn(
    gate: Gate, held: HeldOutForecasts, fusion: Literal["weighted", "adaptive"], kind: Error = "mse"
) -> dict[str, Any]:
    """Fill the gate and return the findings: `errors` of the members and, cross-validated, of each fusion, relative to
    the mean error of a member.

    Raises ValueError when no row has both an observed target and a member.
    """
    items, channels, members = gate.series.shape
    rows = max(items * channels, int(held.series.max()) + 1 if len(held) else 1)
    errors = _Errors(held, kind, rows)
    if not errors.judged.any():
        raise ValueError("no held-out window has an observed target and a member that forecasts it")
    centre, spread = held.traits.mean(0), held.traits.std(0, unbiased=False).clamp(min=1e-3)
    given = standardised(held.traits, centre, spread)
    every = torch.ones(len(held), dtype=torch.bool)
    start, found = GateAdjustment.none(held.traits.shape[1], members), _judged(errors, given)
    bend = start
    if fusion == "adaptive" and found.penalty is not None:
        step, _ = errors.tables(every)
        bend = _bent(errors, given, step, _crossed(errors, held.folds(), every), every, found.penalty)
    step, own = errors.tables(every)
    for name, value in zip(("sharpness", "trust", "outlier", "lean", "tilt"), bend.parts, strict=True):
        getattr(gate, name).copy_(value)
    gate.centre.copy_(centre)
    gate.spread.copy_(spread)
    gate.step.copy_(step)
    if items:
        gate.series.copy_(own[: items * channels].view_as(gate.series))
    weights = bend.weights(held, given, step, own[held.series], every)
    return {
        "errors": found.errors,
        "penalty": found.penalty if fusion == "adaptive" else None,
        "weights": (weights * held.there[:, None]).mean((0, 1)).tolist(),
    }


@dataclass(frozen=True)
class _Found:
    """`penalty` None: no gate was better than the weights it starts from."""

    penalty: float | None
    errors: dict[str, Any]


def _judged(errors: _Errors, given: Tensor) -> _Found:
    """Judge every fusion and every penalty on rows outside of its training rows."""
    held, folds = errors.held, errors.held.folds()
    used = [fold for fold in range(FOLDS) if (folds == fold).any()]
    there = held.there[:, None].expand_as(errors.counts)
    average = errors.of(masked_softmax(torch.zeros_like(errors.shares), there))
    alone = _mean(errors.shares.sum((0, 1)), errors.counts.sum((0, 1)))
    said: dict[str, Any] = {"members": alone.tolist(), "average": _over(average)}
    if len(used) < 2 or held.each * len(held) < ENOUGH:  # too few windows to choose by
        return _Found(None, said)
    tried: dict[float | None, Tensor] = {key: torch.full_like(average, torch.nan) for key in (None, *PENALTIES)}
    for fold in used:
        out, rest = folds == fold, folds != fold
        step, own = errors.tables(rest)
        crossed = _crossed(errors, folds, rest)
        for penalty, judged in tried.items():
            bend = GateAdjustment.none(given.shape[1] - 1, own.shape[1])
            if penalty is not None:
                bend = _bent(errors, given, step, crossed, rest, penalty)
            whole = torch.zeros_like(errors.shares)
            whole[out] = bend.weights(held, given, step, own[held.series[out]], out)
            judged[out] = errors.of(whole)[out]
    best = min(PENALTIES, key=lambda penalty: _over(tried[penalty]))
    gains = torch.tensor([_over(tried[None][folds == f]) - _over(tried[best][folds == f]) for f in used])
    gains = gains[gains.isfinite()]
    better = len(gains) > 1 and bool(gains.mean() > gains.std() / len(gains) ** 0.5)
    said |= {"weighted": _over(tried[None]), "adaptive": _over(tried[best] if better else tried[None])}
    return _Found(best if better else None, said)


def _over(each: Tensor) -> float:
    return float(each.nanmean())


def _crossed(errors: _Errors, folds: Tensor, rows: Tensor) -> Tensor:
    """Return [row, member] weights of each row's series, learned from the other folds only."""
    series = errors.held.series
    own = torch.zeros(len(series), errors.shares.shape[2], dtype=torch.float64)
    for fold in folds[rows].unique():
        here, others = rows & (folds == fold), rows & (folds != fold)
        if others.any():
            own[here] = errors.tables(others)[1][series[here]]
    return own


def _bent(errors: _Errors, given: Tensor, step: Tensor, own: Tensor, rows: Tensor, penalty: float) -> GateAdjustment:
    """Minimise the error on `rows` plus the penalty."""
    start = GateAdjustment.none(given.shape[1] - 1, own.shape[1])
    values = start.values.clone().requires_grad_(True)
    held, rows = errors.held, rows & errors.judged.any(1)
    if not rows.any():
        return start
    counts, target, level = errors.judged[rows], held.target[rows], errors.level[rows]
    forecasts = torch.where(errors.counts[rows] > 0, held.forecasts[rows], 0)
    solver = torch.optim.LBFGS([values], max_iter=50, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        solver.zero_grad()
        weights = GateAdjustment(values, start.members).weights(held, given, step, own[rows], rows)
        apart = torch.where(counts, (forecasts * weights).sum(-1) - target, 0)
        each = apart.square() if errors.kind == "mse" else apart.abs()
        error = (each.sum(1) / counts.sum(1) / level).mean()
        loss = error + penalty * (values - start.values).square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        solver.step(closure)
    found = values.detach()
    return GateAdjustment(found, start.members) if found.isfinite().all() else start
