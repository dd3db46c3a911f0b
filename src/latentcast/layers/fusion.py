"""Several views of the same tokens made one."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentcast.errors import SettingsError
from latentcast.layers.attention import Attention, check_heads

Fusion = Literal["gate", "concat", "sum", "attention"]
Views = tuple[Float[Tensor, "series tokens width"], ...]


class Fuse(nn.Module):
    """`count` views of each token → one token; the first view is the finest.

    gate       σ(W[all]) · map of all + (1 − σ) · the finest
    concat     a linear map of all, side by side
    sum        their sum
    attention  a learned query attends over the views of each token
    """

    def __init__(self, kind: Fusion, count: int, width: int, heads: int) -> None:
        super().__init__()
        self.kind = kind
        self.project = nn.Linear(count * width, width) if kind in ("gate", "concat") else None
        self.gate = nn.Linear(count * width, width) if kind == "gate" else None
        self.attention: Attention | None = None
        if kind == "attention":
            try:
                check_heads(width, heads)
            except SettingsError as error:
                raise SettingsError(f"fusion_{error.faults[0]}") from error
            self.attention = Attention(width, heads)
            self.query = nn.Parameter(torch.randn(width) * 0.02)

    def forward(self, views: Views) -> Float[Tensor, "series tokens width"]:
        if self.attention is not None:
            each = torch.stack([view.flatten(0, 1) for view in views], 1)
            query = self.query.expand(len(each), 1, -1)
            return self.attention(query, each)[:, 0].view(views[0].shape)
        if self.project is None:
            return torch.stack(views).sum(0)
        whole = torch.cat(views, 2)
        if self.gate is None:
            return self.project(whole)
        share = self.gate(whole).sigmoid()
        return share * self.project(whole) + (1 - share) * views[0]
