"""A sparse mixture of experts (Shazeer et al. 2017; Fedus et al. 2022), computed group by group."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from latentcast.core.errors import Fault, SettingsError
from latentcast.layers.dropout import Dropout


class Experts(nn.Module):
    """`experts` feed-forward blocks; each token goes through the `top` that the router finds likeliest.

    Tokens are sorted by expert, so that each map of an expert is one product. Raises SettingsError when `top` exceeds
    `experts`.
    """

    def __init__(self, width: int, hidden: int, experts: int, top: int, dropout: float) -> None:
        super().__init__()
        if top > experts:
            raise SettingsError(Fault("top", f"={top}: there are {experts} experts; ask at most as many"))
        self.experts, self.top = experts, top
        self.router = nn.Linear(width, experts)
        self.up, self.up_bias = _weights(experts, width, hidden)
        self.down, self.down_bias = _weights(experts, hidden, width)
        self.drop = Dropout(dropout)

    def route(
        self, x: Float[Tensor, "many width"]
    ) -> tuple[Float[Tensor, "many experts"], Float[Tensor, "many top"], Int[Tensor, "many top"]]:
        """Return (probability of every expert, weights of the chosen ones, their numbers); the weights sum to 1.

        With `top=1` the weight is the probability, since a constant weight of 1 would give the router no gradient.
        """
        chances = self.router(x).float().softmax(1)
        best, which = chances.topk(self.top, dim=1)
        return chances, best if self.top == 1 else best / best.sum(1, keepdim=True), which

    def forward(
        self, x: Float[Tensor, "many width"], share: Float[Tensor, "many top"], which: Int[Tensor, "many top"]
    ) -> Float[Tensor, "many width"]:
        order = which.flatten().argsort(stable=True)
        rows = order // self.top
        sizes = torch.bincount(which.flatten(), minlength=self.experts).tolist()
        maps = zip(x.index_select(0, rows).split(sizes), self.up, self.up_bias, self.down, self.down_bias, strict=True)
        found = torch.cat([self._expert(*each) for each in maps])
        weighed = found * share.flatten().index_select(0, order)[:, None].to(found.dtype)
        return torch.zeros_like(x, dtype=found.dtype).index_add(0, rows, weighed)

    def written_out(
        self, x: Float[Tensor, "many width"], share: Float[Tensor, "many top"], which: Int[Tensor, "many top"]
    ) -> Float[Tensor, "many width"]:
        """Equal to `forward`, by all experts for all rows: for graphs, whose sizes do not depend on values."""
        inner = nn.functional.gelu(torch.einsum("mw,ewh->emh", x, self.up) + self.up_bias[:, None])
        found = torch.einsum("emh,ehw->mew", inner, self.down) + self.down_bias
        weights = torch.zeros(x.shape[0], self.experts, device=x.device).scatter(1, which, share)
        return (weights.to(found.dtype)[..., None] * found).sum(1)

    def _expert(self, x: Tensor, up: Tensor, up_bias: Tensor, down: Tensor, down_bias: Tensor) -> Tensor:
        """Apply one expert to its rows."""
        return torch.addmm(down_bias, self.drop(nn.functional.gelu(torch.addmm(up_bias, x, up))), down)


def imbalance(chances: Float[Tensor, "many experts"], which: Int[Tensor, "many top"]) -> Float[Tensor, ""]:
    """E · Σ f·P: f the share of assignments that each expert has, P its mean probability (Fedus et al. 2022, 2.2).

    1 when both are uniform. Counts have no gradient; probabilities have one, larger where f is large.
    """
    experts = chances.shape[1]
    return experts * (usage(which, experts) * chances.mean(0)).sum()


def usage(which: Int[Tensor, "many top"], experts: int) -> Float[Tensor, " experts"]:
    """Return the share of assignments of each expert; the shares sum to 1."""
    return torch.bincount(which.flatten(), minlength=experts) / max(which.numel(), 1)


def _weights(experts: int, width: int, out: int) -> tuple[nn.Parameter, nn.Parameter]:
    """Weights of `experts` linear layers with torch's initialisation."""
    bound = width**-0.5
    return (
        nn.Parameter(torch.empty(experts, width, out).uniform_(-bound, bound)),
        nn.Parameter(torch.empty(experts, out).uniform_(-bound, bound)),
    )
