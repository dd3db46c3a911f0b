"""A fitted model computes by its torch network."""

from dataclasses import dataclass

from latentcast.data.sources.frames import Source
from latentcast.evaluation.forecasts import Compute, Sampling
from latentcast.evaluation.network_pass import NetworkPass
from latentcast.forecaster.changed import changed
from latentcast.forecaster.compatibility import transfer_hint
from latentcast.forecaster.fitted import FittedModel


@dataclass(frozen=True)
class NetworkEngine:
    """As `state.Engine` asks for it."""

    fitted: FittedModel

    def compute(self, sampling: Sampling | None = None) -> Compute:
        """What forecasts batches of windows on the device of the network."""
        network = self.fitted.network.eval()
        return NetworkPass(network, self.fitted.device, network.sample, sampling)

    def at_horizon(self, horizon: int) -> FittedModel:
        """The same weights at another horizon. Raises SettingsError where they belong to their own."""
        return changed(self.fitted, horizon=horizon)

    def transfer_hint(self, source: Source) -> str:
        """Whether a transfer would serve these data."""
        return transfer_hint(self.fitted, source)
