"""Where mixers stand: at the patches' width, or inside the backbone at its own."""

from typing import Literal

from latentcast.core.protocols import Representation
from latentcast.core.settings import Settings
from latentcast.core.types import Batch, Tokens


class MixerSettings(Settings):
    """at: patches, at their width, or llm: behind the reprogramming, at the width of the language model."""

    at: Literal["patches", "llm"] = "patches"


def stands_inside(settings: Settings) -> bool:
    """Whether a mixer with these settings works inside the backbone."""
    return isinstance(settings, MixerSettings) and settings.at == "llm"


class AtWidth:
    """A representation as mixers inside a backbone see it: the same tokens, of another width."""

    def __init__(self, representation: Representation, width: int) -> None:
        self.representation, self.width = representation, width
        self.query_tokens, self.folds_channels = representation.query_tokens, representation.folds_channels
        self.uses_known = representation.uses_known

    def num_tokens(self, time: int) -> int:
        return self.representation.num_tokens(time)

    def __call__(self, batch: Batch) -> Tokens:
        return self.representation(batch)
