"""Solve a linear readout of columns of a window by least squares, from sums over batches of windows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from latentcast.data.windows.mixture import Mix
from latentcast.data.windows.windows import Windows

Pairs = tuple[Tensor, Tensor]  # columns [rows, columns] and targets [rows, horizon] of a batch


@dataclass(frozen=True)
class ColumnSums:
    """Sums over rows, float64: gram [columns, columns], cross [columns, horizon], squares of the targets, rows."""

    gram: Tensor
    cross: Tensor
    squares: float
    rows: int

    @classmethod
    def of(cls, batches: Iterator[Pairs]) -> "ColumnSums | None":
        """Add up the rows of all batches; None without any."""
        gram = cross = None
        squares, rows = 0.0, 0
        for columns, targets in batches:
            if gram is None or cross is None:
                gram = columns.new_zeros(columns.shape[1], columns.shape[1], dtype=torch.float64)
                cross = columns.new_zeros(columns.shape[1], targets.shape[1], dtype=torch.float64)
            gram += columns.T @ columns
            cross += columns.T @ targets
            squares += float(targets.double().square().sum())
            rows += len(columns)
        return None if gram is None or cross is None else cls(gram, cross, squares, rows)

    def __add__(self, other: "ColumnSums") -> "ColumnSums":
        return ColumnSums(
            self.gram + other.gram, self.cross + other.cross, self.squares + other.squares, self.rows + other.rows
        )

    def solutions(self, alphas: Sequence[float], unit: float | None = None) -> list[Tensor]:
        """Weights [columns, horizon] of every penalty, in units of the mean square of a column."""
        diagonal = self.gram.diagonal()
        unit = max(float(diagonal.mean()), 1e-9) if unit is None else unit
        found = []
        for alpha in alphas:
            penalised = self.gram + torch.diag(torch.full_like(diagonal, alpha * unit))
            factor, _ = torch.linalg.cholesky_ex(penalised)
            found.append(torch.cholesky_solve(self.cross, factor))
        return found

    def error(self, weight: Tensor) -> float:
        """Mean squared error of a readout on these rows."""
        change = (weight * (self.gram @ weight - 2 * self.cross)).sum()
        return max(float(self.squares + change), 0.0) / (self.rows * self.cross.shape[1])


def near_best(errors: Sequence[float], smoothing: float) -> Tensor:
    """Weights of candidates that sum to 1 and fall with their relative error; at `smoothing` to 1/e, 0: the best."""
    values = torch.tensor(errors, dtype=torch.float64)
    best = values.min()
    if smoothing == 0 or best <= 0:
        weights = (values == best).double()
    else:
        weights = torch.exp((1 - values / best) / smoothing)
        weights = torch.where(weights < 0.02 * weights.max(), 0.0, weights)
    return weights / weights.sum()


def windows_of(part: Windows | Mix) -> tuple[Windows, ...]:
    """The windows of every dataset of a part."""
    return part.sets if isinstance(part, Mix) else (part,)


def spaced(count: int, most: int) -> NDArray[np.int64]:
    """At most `most` of `count` numbers, evenly spaced."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)


class Readout(nn.Module):
    """Solved weights of columns, one matrix for all channels or one for each; zero before they are solved.

    `chosen` holds the weights of the candidates [matrices, candidates] that each matrix averages. It is empty before a
    search; where it comes from a trained model, no search is made.
    """

    sized_by_weights = ("weight", "chosen")
    weight: Tensor
    of: Tensor
    chosen: Tensor

    def __init__(self, columns: int, horizon: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(1, columns, horizon))
        self.register_buffer("of", torch.zeros(channels))  # numbers as floats, as those of solved maps
        self.register_buffer("chosen", torch.zeros(0))

    @property
    def frozen_parameters(self) -> int:
        """Weights of the columns; no optimiser sees them."""
        return self.weight.numel()

    def forward(self, columns: Float[Tensor, "batch channel columns"]) -> Float[Tensor, "batch horizon channel"]:
        if len(self.weight) == 1:
            return (columns @ self.weight[0]).transpose(1, 2)
        each = [columns[:, place] @ self.weight[which] for place, which in enumerate(self.of.long().tolist())]
        return torch.stack(each, dim=2)

    def take(self, weight: Tensor, chosen: Tensor, channels: Sequence[int]) -> None:
        """Take over solved matrices; `channels` are the positions of the channels that they were solved for."""
        self.weight, self.chosen = weight.to(self.weight), chosen.to(self.chosen)
        self.of.zero_()
        if len(weight) > 1:
            self.of[list(channels)] = torch.arange(len(weight)).to(self.of)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take the number of matrices from what is loaded."""
        if (saved := state_dict.get(f"{prefix}weight")) is not None and len(saved) != len(self.weight):
            self.weight = self.weight.new_empty(len(saved), *self.weight.shape[1:])
        if (chosen := state_dict.get(f"{prefix}chosen")) is not None:
            self.chosen = self.chosen.new_empty(chosen.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)
