"""Ridge regression from the look-back to the horizon, solved in closed form; nothing is trained by gradient.

The map follows the level of its window: its rows sum to 1. A strong penalty shrinks it to the mean of the last steps
of the look-back. Look-back, penalty, that mean, and whether channels share one map are chosen at rolling
origins that end with the validation part; the map is the mean of all candidates that are near the best.
"""

from dataclasses import replace
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from latentcast.core.capabilities import Capabilities
from latentcast.core.findings import Finding, WindowLabels
from latentcast.core.types import Batch, Prediction, Steps, Task
from latentcast.data.windows.mixture import Mix
from latentcast.data.windows.windows import Windows
from latentcast.layers.losses import PointLoss
from latentcast.models.linear_map import LinearMap
from latentcast.models.ridge.choose import RidgeSettings
from latentcast.models.ridge.known import KnownColumns
from latentcast.models.ridge.linear import LinearMaps


class RidgeModelSettings(RidgeSettings):
    """calendar   features known in advance, the calendar first, as columns beside the look-back"""

    calendar: bool = False


class Ridge(nn.Module):
    """Raises SettingsError when a candidate reads more steps than the look-back has."""

    Settings = RidgeModelSettings
    capabilities = Capabilities(training=("solved",))

    def __init__(self, settings: RidgeModelSettings, task: Task) -> None:
        super().__init__()
        self.settings, self.task = settings, task
        self.grid = settings.grid(task.lookback, task.season)
        self.maps = LinearMaps(task.lookback, task.horizon, task.channels)
        self.known = KnownColumns(task.known, task.channels) if settings.calendar and task.known else None
        self.capabilities = replace(type(self).capabilities, uses_known=self.known is not None)
        self.point_loss = PointLoss("mse", task)

    def forward(self, batch: Batch) -> Prediction:
        values = self.maps(batch.past)
        return Prediction(values if self.known is None else values + self.known(batch, self.maps))

    def loss(self, prediction: Prediction, batch: Batch) -> Float[Tensor, ""]:
        return self.point_loss(prediction.values, batch)

    def solve(self, train: Windows | Mix, held_out: Windows | Mix | None) -> dict[str, Any]:
        """Search and solve; the held-out windows choose, and are learned from only with `refit`.

        Returns what was chosen, and the errors of it at every origin in the units of the scaler.
        Raises DataError when no window has all of its targets observed.
        """
        targets = self.task.targets
        found = self.maps.solve(train, held_out, targets, (self.settings, self.grid))
        return found if self.known is None else {**found, **self.known.solve(train, held_out, self.maps, targets)}

    def facts(self, task: Task) -> dict[str, Any]:
        return {"maps": self.maps.count, "look-backs": [Steps(steps) for steps in self.grid.lookbacks]}

    def linear_map(self) -> LinearMap | None:
        """The solved map; None with columns of the calendar."""
        return self.maps.linear_map() if self.known is None else None

    def findings(self, shown: WindowLabels, batch: Batch) -> tuple[Finding, ...]:
        return (self.maps.finding(shown, self.task.horizon),)
