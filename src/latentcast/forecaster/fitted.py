"""A fitted model on torch: the state that forecasting reads, with its network."""

from dataclasses import dataclass

import torch

from latentcast.forecaster.state import FittedState
from latentcast.models.config.run import RunConfig
from latentcast.models.network import Network


@dataclass
class FittedModel(FittedState):
    """A network with everything needed to forecast.

    Attributes
    ----------
    run
        All settings of the fit.
    network
        The trained network.
    """

    run: RunConfig
    network: Network

    @property
    def device(self) -> torch.device:
        """The device that the network is on.

        Examples
        --------
        >>> forecaster.device
        device(type='cpu')
        """
        return next((p.device for p in self.network.parameters()), torch.device("cpu"))
