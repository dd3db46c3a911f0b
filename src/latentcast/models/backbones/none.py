"""No backbone: the ablation with only representation and head."""

from torch import nn

from latentcast.core.errors import SettingsError
from latentcast.core.protocols import InvertibleRepresentation, Representation
from latentcast.core.settings import NoSettings
from latentcast.core.types import Task, Tokens


class NoBackbone(nn.Module):
    Settings = NoSettings

    def __init__(self, settings: NoSettings, task: Task, representation: Representation) -> None:
        super().__init__()
        if representation.query_tokens and not isinstance(representation, InvertibleRepresentation):
            raise SettingsError(
                "the queries of this representation know nothing of the look-back by themselves; choose a"
                " backbone that attends"
            )
        self.width = representation.width

    def forward(self, tokens: Tokens) -> Tokens:
        return tokens.answered(tokens.sequence().values)
