"""No backbone: what the representation and the head reach alone."""

from torch import nn

from latentcast.config import NoSettings
from latentcast.types import Task, Tokens


class NoBackbone(nn.Module):
    Settings = NoSettings

    def __init__(self, settings: NoSettings, task: Task, width: int) -> None:
        super().__init__()
        self.width = width

    def num_tokens(self, tokens: int) -> int:
        return tokens

    def forward(self, tokens: Tokens) -> Tokens:
        return tokens
