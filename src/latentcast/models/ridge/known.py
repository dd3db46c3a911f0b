"""Features known in advance as columns of a solved map: the calendar, and declared covariates."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentcast.core.types import Batch
from latentcast.data.windows.mixture import Mix
from latentcast.data.windows.windows import Windows
from latentcast.models.ridge.linear import LinearMaps
from latentcast.models.ridge.readout import ColumnSums, Pairs, near_best, spaced, windows_of

ALPHAS = (1e-4, 1e-2, 1.0)  # in units of the mean square of a column; the last candidate is no column at all
SMOOTHING = 0.005
MOST = 4000  # windows that the effects are learned from
ROWS = 128  # windows that are turned into columns at a time
EACH = 3  # columns of a feature


class KnownColumns(nn.Module):
    """Effects of known features, the same at every step ahead, on what a map leaves.

    With features k, effects β and the map M, the forecast is M(past) + β · (k_future − M(k_past)): exactly the map of
    the series without the effects, plus the effects. Each feature counts as its value and as the sine and cosine of 2π
    times it; a calendar feature is its place in a cycle, from -0.5 to 0.5, so that these are a wave of that cycle. The
    penalty keeps effects of collinear features finite.
    """

    sized_by_weights = ("chosen",)
    weight: Tensor
    chosen: Tensor

    def __init__(self, known: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(channels, EACH * known))
        self.register_buffer("chosen", torch.zeros(0))

    def forward(self, batch: Batch, maps: LinearMaps) -> Float[Tensor, "batch horizon channel"]:
        each = [self._columns(batch, maps, channel) @ weight for channel, weight in enumerate(self.weight)]
        return torch.stack(each, dim=2)

    def solve(
        self, train: Windows | Mix, held_out: Windows | Mix | None, maps: LinearMaps, targets: Sequence[int]
    ) -> dict[str, Any]:
        """Solve the effects of every channel that is forecast; the validation part chooses penalties.

        Returns the mean share of the candidate without effects.
        """
        known, chosen = bool(self.chosen.numel()), []
        for place, channel in enumerate(targets):
            learned = ColumnSums.of(self._pairs(train, maps, place, channel))
            judged = None if held_out is None else ColumnSums.of(self._pairs(held_out, maps, place, channel))
            assert learned is not None
            candidates = [*learned.solutions(ALPHAS), torch.zeros_like(learned.cross)]
            if known:
                shares = self.chosen[place].double()
            elif judged is None:  # nothing to choose by
                shares = nn.functional.one_hot(torch.tensor(1), len(candidates)).double()
            else:
                shares = near_best([judged.error(each) for each in candidates], SMOOTHING)
            found = sum(share * each for share, each in zip(shares, candidates, strict=True))
            assert isinstance(found, Tensor)
            self.weight[channel] = found[:, 0].to(self.weight)
            chosen.append(shares)
        self.chosen = torch.stack(chosen).to(self.weight)
        return {"share_without_calendar": float(f"{self.chosen[:, -1].mean():.3g}")}

    def _columns(self, batch: Batch, maps: LinearMaps, channel: int) -> Float[Tensor, "batch horizon columns"]:
        assert batch.past_known is not None
        assert batch.future_known is not None
        past, future = (_waves(each).transpose(1, 2) for each in (batch.past_known, batch.future_known))
        explained = maps.of_channel(past.flatten(0, 1), channel, moved=False).view(future.shape)
        return (future - explained).transpose(1, 2)

    def _pairs(self, part: Windows | Mix, maps: LinearMaps, place: int, channel: int) -> Iterator[Pairs]:
        """Columns and residual of every step of the horizon that was observed; unobserved ones count as zeros."""
        for windows in windows_of(part):
            chosen = spaced(len(windows), max(1, round(MOST * len(windows) / len(part))))
            for begin in range(0, len(chosen), ROWS):
                batch = windows.batch(chosen[begin : begin + ROWS])
                assert batch.target is not None
                residual = batch.target[..., place] - maps.of_channel(batch.past[..., channel], channel)
                columns = self._columns(batch, maps, channel)
                if batch.target_observed is not None:
                    seen = batch.target_observed[..., place]
                    residual, columns = residual * seen, columns * seen[..., None]
                yield columns.flatten(0, 1), residual.flatten()[:, None]

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        if (chosen := state_dict.get(f"{prefix}chosen")) is not None:
            self.chosen = self.chosen.new_empty(chosen.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _waves(known: Float[Tensor, "batch steps known"]) -> Float[Tensor, "batch steps columns"]:
    turn = 2 * torch.pi * known
    return torch.cat([known, torch.sin(turn), torch.cos(turn)], dim=-1)
