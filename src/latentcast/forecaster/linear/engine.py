"""A linear map as what computes forecasts: numpy for complete look-backs, the network for all others."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from latentcast.data.sources.frames import Source
from latentcast.data.windows.arrays import WindowArrays
from latentcast.data.windows.windows import Windows
from latentcast.evaluation.forecasts import Compute, Computed, Sampling
from latentcast.forecaster.state import FittedState
from latentcast.models.linear_map import LinearMap

LARGEST = 1e9  # as network_pass.LARGEST: from here on the network decides


@dataclass(frozen=True)
class LinearEngine:
    """As `state.Engine` asks for it.

    Attributes
    ----------
    linear
        Forecasts all channels.
    targets
        Positions of the channels that come back.
    load
        Gives the forecaster with its network.
    """

    linear: LinearMap
    targets: tuple[int, ...]
    load: Callable[[], FittedState]

    @cached_property
    def network(self) -> FittedState:
        """The forecaster with its network, loaded once: for gaps, longer horizons, and hints."""
        return self.load()

    def compute(self, sampling: Sampling | None = None) -> Compute:
        """What forecasts batches of windows."""

        def forecast(windows: Windows, read: WindowArrays) -> Computed:
            if read.observed is not None or max(read.past.max(), -read.past.min()) > LARGEST:
                return self.network.engine.compute(sampling)(windows, read)
            values = self.linear(read.past)
            return Computed(values if len(self.targets) == values.shape[2] else values[..., list(self.targets)])

        return forecast

    def at_horizon(self, horizon: int) -> Any:
        """The network at another horizon. Raises SettingsError where its weights belong to its own."""
        return self.network.engine.at_horizon(horizon)

    def transfer_hint(self, source: Source) -> str:
        """As of the network."""
        return self.network.engine.transfer_hint(source)
