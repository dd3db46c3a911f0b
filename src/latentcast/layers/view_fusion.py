"""Fuse several views of the same tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentcast.core.errors import SettingsError
from latentcast.core.findings import Finding, WindowLabels
from latentcast.layers.attention import Attention, check_heads

Fusion = Literal["gate", "concat", "sum", "mean", "attention"]
FuseAt = Literal["patches", "llm"]
Views = tuple[Float[Tensor, "series tokens width"], ...]


@dataclass(frozen=True)
class Unfused:
    """Concatenated views in each token, for a backbone that fuses them at its own width."""

    kind: Fusion
    heads: int
    names: tuple[str, ...]


class Fuse(nn.Module):
    """`count` views of each token → one token; the first view is the finest.

    gate       σ(W[all]) · map of all + (1 − σ) · the finest
    concat     a linear map of all, concatenated
    sum, mean  their sum, their mean
    attention  a learned query attends over the views of each token

    `names` are the readable names of the views.
    """

    def __init__(self, kind: Fusion, count: int, width: int, heads: int, names: Sequence[str] = ()) -> None:
        super().__init__()
        self.kind = kind
        self.names = tuple(names) or tuple(f"view {number + 1}" for number in range(count))
        self.project = nn.Linear(count * width, width) if kind in ("gate", "concat") else None
        self.gate = nn.Linear(count * width, width) if kind == "gate" else None
        self.attention: Attention | None = None
        if kind == "attention":
            try:
                check_heads(width, heads)
            except SettingsError as error:
                raise error.below("fusion_") from error
            self.attention = Attention(width, heads)
            self.query = nn.Parameter(torch.randn(width) * 0.02)

    def forward(self, views: Views) -> Float[Tensor, "series tokens width"]:
        if self.attention is not None:
            each = torch.stack([view.flatten(0, 1) for view in views], 1)
            query = self.query.expand(len(each), 1, -1)
            return self.attention(query, each)[:, 0].view(views[0].shape)
        if self.project is None:
            each = torch.stack(views)
            return each.mean(0) if self.kind == "mean" else each.sum(0)
        whole = torch.cat(views, 2)
        if self.gate is None:
            return self.project(whole)
        share = self.gate(whole).sigmoid()
        return share * self.project(whole) + (1 - share) * views[0]

    def contributions(self, views: Views) -> Float[Tensor, "views series tokens width"]:
        """Return what each view adds to the fused tokens; their sum is the fused tokens without the bias."""
        each = torch.stack(views)
        if self.attention is not None:
            made = self.attention
            flat = torch.stack([view.flatten(0, 1) for view in views], 1)
            query = self.query.expand(flat.shape[0], 1, -1)
            taken = made.weights(query, flat)[:, :, 0].transpose(1, 2)  # [tokens, views, heads]
            value = made.key_value(flat).chunk(2, dim=-1)[1].unflatten(-1, (made.heads, -1))
            mixed = (taken[..., None] * value).flatten(2) @ made.out.weight.T
            return mixed.transpose(0, 1).unflatten(1, views[0].shape[:2])
        if self.project is None:
            return each / len(views) if self.kind == "mean" else each
        maps = self.project.weight.chunk(len(views), 1)
        mapped = torch.stack([view @ part.T for view, part in zip(views, maps, strict=True)])
        if self.gate is None:
            return mapped
        share = self.gate(torch.cat(views, 2)).sigmoid()
        mapped = share * mapped
        mapped[0] += (1 - share) * views[0]
        return mapped

    def findings(self, shown: WindowLabels, views: Views) -> tuple[Finding, ...]:
        sizes = self.contributions(views).norm(dim=-1).mean(2).T
        places, names = shown.of_series(len(sizes))
        share = (sizes / sizes.sum(1, keepdim=True))[places].cpu().double().numpy()
        return (
            Finding(
                "How views are put together",
                f"share of each view in the tokens ({self.kind})",
                "What each view adds to the fused tokens, by its length, mean over the tokens; each row sums to 1."
                " Views that point against each other cancel in part, and this does not show it.",
                "heat",
                names,
                self.names,
                share,
                down="series",
                measure="share",
            ),
        )
