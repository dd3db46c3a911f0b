"""The weights that members of other packages load, and the licence of each. Nothing of torch is imported here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Weights:
    """Weights by name.

    Attributes
    ----------
    model
        Name in `latentcast models`.
    checkpoint
        Name on a hub, or where they lie otherwise.
    package
        What loads them.
    licence
        As their makers declare it.
    """

    model: str
    checkpoint: str
    package: str
    licence: str


WEIGHTS = (
    Weights("generalist", "in this package", "latentcast", "Apache-2.0"),
    Weights("chronos", "amazon/chronos-bolt-*", "chronos-forecasting", "Apache-2.0"),
    Weights("chronos", "amazon/chronos-2", "chronos-forecasting", "Apache-2.0"),
    Weights("fracast", "in the package fracast", "fracast", "Apache-2.0 (file LICENSE of its wheel)"),
    Weights("timesfm", "google/timesfm-2.5-200m-pytorch", "timesfm", "Apache-2.0"),
    Weights("tirex", "NX-AI/TiRex-2", "tirex-2", "Apache-2.0"),
    Weights("toto", "Datadog/Toto-2.0-*", "toto-2", "Apache-2.0"),
)
# weights → why no model here loads them
NOT_LOADED = {
    "TimesFM 3": "for non-commercial use",
    "TiRex, the first": "NXAI Community License, with conditions on commercial use",
}
