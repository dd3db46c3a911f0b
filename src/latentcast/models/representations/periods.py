"""The look-back folded by its period: one token for each phase, with the values of that phase in all cycles (SparseTSF,
Lin et al. 2024)."""

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import nn

from latentcast.core.errors import Fault, SettingsError
from latentcast.core.settings import Settings
from latentcast.core.types import Batch, Steps, Task, Tokens
from latentcast.layers.dropout import Dropout


class PeriodsSettings(Settings):
    """period: steps of a cycle; the data's season when not set. smooth: add a learned moving average over one period
    before folding, initialised at zero.
    """

    period: Annotated[int, Field(ge=1)] | None = None
    width: Annotated[int, Field(ge=1)] = 128
    smooth: bool = True
    position: bool = True
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Periods(nn.Module):
    """Each channel becomes a series of its own; each phase of the period one token of `width` features.

    The oldest steps of a look-back that is no whole number of periods are left out. Phases without an observed value
    are masked. Raises SettingsError when the look-back is shorter than the period.
    """

    Settings = PeriodsSettings
    folds_channels = True
    uses_known = False
    query_tokens = 0

    def __init__(self, settings: PeriodsSettings, task: Task) -> None:
        super().__init__()
        self.period, self.width = settings.period or task.season, settings.width
        self.cycles = task.lookback // self.period
        if not self.cycles:
            raise SettingsError(
                Fault(
                    "period",
                    f"={self.period}: the look-back has {task.lookback} steps, which is less than one period;"
                    " lengthen it, or set another period",
                )
            )
        reach = self.period // 2
        self.smooth = nn.Conv1d(1, 1, 2 * reach + 1, padding=reach, bias=False) if settings.smooth else None
        if self.smooth is not None:
            nn.init.zeros_(self.smooth.weight)
        self.embed = nn.Linear(self.cycles, self.width)
        self.position = nn.Parameter(torch.randn(self.period, self.width) * 0.02) if settings.position else None
        self.dropout = Dropout(settings.dropout)

    def facts(self, task: Task) -> dict[str, Any]:
        return {"one cycle": Steps(self.period), "cycles of the look-back": self.cycles}

    def num_tokens(self, time: int) -> int:
        return self.period

    def forward(self, batch: Batch) -> Tokens:
        series = batch.past.transpose(1, 2).flatten(0, 1)
        if self.smooth is not None:
            series = series + self.smooth(series[:, None])[:, 0]
        tokens = self.embed(self._folded(series))
        if self.position is not None:
            tokens = tokens + self.position
        if batch.observed is None:
            return Tokens(self.dropout(tokens))
        keep = self._folded(batch.observed.transpose(1, 2).flatten(0, 1)).any(-1)
        # where nothing at all was observed, attention still needs something to attend to
        return Tokens(self.dropout(tokens), keep | ~keep.any(-1, keepdim=True))

    def _folded(self, series: torch.Tensor) -> torch.Tensor:
        """[series, time] → [series, period, cycles], the newest cycle last."""
        return series[:, -self.period * self.cycles :].unflatten(1, (self.cycles, self.period)).transpose(1, 2)
