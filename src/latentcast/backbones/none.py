"""No backbone: what the representation and the head reach alone."""

from torch import nn

from latentcast.config import NoSettings
from latentcast.types import Representation, Task, Tokens


class NoBackbone(nn.Module):
    Settings = NoSettings

    def __init__(self, settings: NoSettings, task: Task, representation: Representation) -> None:
        super().__init__()
        self.width = representation.width

    def forward(self, tokens: Tokens) -> Tokens:
        return tokens.answered(tokens.sequence().values)
