"""A sparse mixture of experts for each token, with a residual and a LayerNorm."""

from typing import Annotated, Any

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from latentcast.core.findings import Finding, WindowLabels
from latentcast.core.protocols import Representation
from latentcast.core.types import Task, Tokens
from latentcast.layers.dropout import Dropout
from latentcast.layers.mixture_of_experts import Experts, imbalance, usage
from latentcast.models.mixers.place import MixerSettings


class MixtureSettings(MixerSettings):
    """experts, and how many process a token (top); ff is an expert's inner width, as a multiple of the tokens' width;
    balance weighs the loss that balances their use. at=llm: behind the reprogramming, at the language model's width.
    """

    not_in_weights = MixerSettings.not_in_weights | {"balance"}
    experts: Annotated[int, Field(ge=1)] = 4
    top: Annotated[int, Field(ge=1)] = 2
    ff: Annotated[int, Field(ge=1)] = 4
    balance: Annotated[float, Field(ge=0)] = 0.01
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Mixture(nn.Module):
    """Sparse experts with a residual; padding tokens pass through no expert and do not count in the balance.

    Raises SettingsError when `top` exceeds the number of experts.
    """

    Settings = MixtureSettings
    mixes_channels = False
    notes: tuple[str, ...] = ()

    def __init__(self, settings: MixtureSettings, task: Task, representation: Representation) -> None:
        super().__init__()
        s, width = settings, representation.width
        self.balance = s.balance
        self.experts = Experts(width, s.ff * width, s.experts, s.top, s.dropout)
        self.norm = nn.LayerNorm(width)
        self.drop = Dropout(s.dropout)

    def facts(self, task: Task) -> dict[str, Any]:
        return {"experts": f"{self.experts.experts}, {self.experts.top} asked by each token"}

    def forward(self, tokens: Tokens, channels: int) -> Tokens:
        whole = tokens.sequence()
        x = whole.values.flatten(0, 1)
        if torch.compiler.is_exporting():
            return tokens.changed(self._written_out(x, whole.keep).view(whole.values.shape))
        kept = None if whole.keep is None else whole.keep.flatten().nonzero()[:, 0]
        real = x if kept is None else x.index_select(0, kept)
        chances, share, which = self.experts.route(real)
        real = self.norm(real + self.drop(self.experts(real, share, which)))
        x = real if kept is None else x.index_copy(0, kept, real.to(x.dtype))
        changed = tokens.changed(x.view(whole.values.shape))
        return changed.penalised(self.balance * imbalance(chances, which)) if self.balance else changed

    def _written_out(self, x: Tensor, keep: Tensor | None) -> Tensor:
        """Every token through every expert: a graph cannot choose rows by what they hold."""
        _, share, which = self.experts.route(x)
        changed = self.norm(x + self.drop(self.experts.written_out(x, share, which)))
        return changed if keep is None else torch.where(keep.flatten()[:, None], changed, x)

    def usage(self, tokens: Tokens) -> Float[Tensor, " experts"]:
        """The share of tokens' choices that each expert has; they sum to 1."""
        whole = tokens.sequence()
        x = whole.values.flatten(0, 1) if whole.keep is None else whole.values[whole.keep]
        return usage(self.experts.route(x)[2], self.experts.experts)

    def findings(self, shown: WindowLabels, tokens: Tokens, channels: int) -> tuple[Finding, ...]:
        whole = tokens.sequence()
        share = self.usage(tokens).cpu().double().numpy()
        places, names = shown.of_series(len(whole.values))
        each = [
            self.usage(Tokens(whole.values[[at]], None if whole.keep is None else whole.keep[[at]])) for at in places
        ]
        experts = tuple(f"expert {number + 1}" for number in range(self.experts.experts))
        section = "Use of the experts"
        even = (
            f"Each token asks {self.experts.top} of {len(experts)} experts; even use would be {1 / len(experts):.0%}."
        )
        all_of = Finding(
            section,
            "share of the tokens' choices that each expert has",
            f"{even} All tokens of this window, {len(whole.values)} series of {whole.values.shape[1]} each.",
            "bars",
            experts,
            values=share,
            measure="share",
            facts={"usage": dict(zip(experts, share.tolist(), strict=True))},
        )
        if len(places) < 2:
            return (all_of,)
        return (
            all_of,
            Finding(
                section,
                "the same of each series",
                "Whether some experts serve some series alone. Each row sums to 1.",
                "heat",
                names,
                experts,
                torch.stack(each).cpu().double().numpy(),
                down="series",
                measure="share",
            ),
        )
