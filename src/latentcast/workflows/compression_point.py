"""One compression and its errors."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """One compression and its errors, in scaled units, on every window of the validation part.

    total        steps that become one latent of `latent_dim` numbers
    kept, given  numbers per window: of all its latents, and of the window itself. The location and scale that every
                 window is normalised by are kept besides: two per channel
    linear_mse   of the principal components, as many as a latent has numbers; None where blocks are too large
    """

    label: str
    total: int
    latent_dim: int
    kept: int
    given: int
    parameters: int
    mse: float
    mae: float
    linear_mse: float | None
    linear_mae: float | None
    seconds: float

    @property
    def rate(self) -> float:
        """Numbers kept for each number given: above 1 where nothing is saved."""
        return self.kept / self.given
