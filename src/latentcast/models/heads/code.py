"""Map tokens to probabilities of codes, and decode them with the codec of the representation."""

from typing import Annotated, Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import Field, field_validator
from torch import Tensor, nn

from latentcast.core.errors import SettingsError
from latentcast.core.protocols import Backbone, Representation
from latentcast.core.settings import ReadWith, Settings
from latentcast.core.types import Batch, Prediction, Scale, Task, Tokens
from latentcast.layers.code_sampling import WANTED, Draw
from latentcast.layers.codebook import Codes, Vectors
from latentcast.layers.losses import Loss, PointLoss
from latentcast.layers.vq_codec import Codec

Hidden = Float[Tensor, "series tokens width"]
Logits = Float[Tensor, "series tokens size"]
Relax = Literal["expected", "straight-through", "gumbel"]


class CodeSettings(Settings):
    """decode   expected: codes one after another, each the mean over the likely ones; greedy: the most likely each
    time;
             sample: the mean of `paths` sampled paths; queries: all codes in one pass, from learned queries
    relax    choice of codes in training: expected (softmax over codes · codebook); straight-through (the most likely
    code with the gradient of the expected one); gumbel (a relaxed draw, Jang et al. 2017)
    codes    with queries, weight of the next code's cross-entropy relative to the error of the values; sampling needs
    it
    aligned  in the next code's stage, weight of the squared error of the decoded likely codes, scaled as the look-back;
             0: the cross-entropy of the codes alone
    temperature, top_k, top_p   of sampling (see `Draw`)
    """

    decode: Literal["expected", "greedy", "sample", "queries"] = "expected"
    relax: Relax = "expected"
    codes: Annotated[float, Field(ge=0)] = 0.1
    aligned: Annotated[float, Field(ge=0)] = 0.0
    paths: Annotated[int, Field(ge=1)] = 100
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    loss: Loss = "mse"
    not_in_weights = Settings.not_in_weights | {"decode", "relax", "codes", "paths", "temperature", "top_k", "top_p"}
    read_with: ClassVar[ReadWith] = {"codes": ("decode", ("queries",)), "paths": ("decode", ("sample",))}

    @field_validator("temperature", "top_p")
    @classmethod
    def _drawable(cls, value: float, info: Any) -> float:
        try:
            Draw(temperature=value) if info.field_name == "temperature" else Draw(top_p=value)
        except SettingsError as error:
            raise ValueError(WANTED[info.field_name]) from error
        return value

    @property
    def draw(self) -> Draw:
        return Draw(self.temperature, self.top_k, self.top_p)


class CodeHead(nn.Module):
    """Predict logits over the codebook and decode likely codes.

    With several codebooks each is conditioned on the choices of those before it. Raises SettingsError when the
    representation has no codec.
    """

    Settings = CodeSettings
    codec: Codec

    def __init__(self, settings: CodeSettings, task: Task, representation: Representation, backbone: Backbone) -> None:
        super().__init__()
        codec: Any = getattr(representation, "codec", None)
        if not isinstance(codec, Codec):
            raise SettingsError(
                "it decodes codes, and this representation makes none: choose model.representation=codes, or"
                " model.head=flatten"
            )
        # the codec belongs to the representation and is not registered here a second time
        self.__dict__["codec"] = codec
        self.settings, self.horizon = settings, task.horizon
        self.point_loss = PointLoss(settings.loss, task)
        self.queried = representation.query_tokens
        book = codec.codebook
        self.logits = nn.ModuleList(nn.Linear(backbone.width, book.size) for _ in range(book.levels))
        code_dim = book.entries().shape[-1]
        self.given = nn.ModuleList(nn.Linear(code_dim, backbone.width) for _ in range(book.levels - 1))
        with torch.no_grad():  # training starts with uniform code probabilities
            for linear in self.logits:
                linear.weight.mul_(0.1)  # type: ignore[operator]

    def forward(self, tokens: Tokens, scale: Scale) -> Prediction:
        """Decode the horizon after the code vectors of the look-back, which `skips` holds."""
        future = self.mixture(tokens.values)
        return Prediction(self.decoded(tokens.skips[0], future, scale))

    def decoded(
        self, past: Vectors, future: Float[Tensor, "series codes code_dim"], scale: Scale
    ) -> Float[Tensor, "batch horizon channel"]:
        """Return the steps of the future codes in the units of the batch; decoding starts at the past codes they
        depend on."""
        near = past[:, max(past.shape[1] - self.codec.reach, 0) :]
        values = self.codec.decode(torch.cat([near, future], dim=1))[:, near.shape[1] * self.codec.factor :]
        return scale.invert(by_channel(values[:, : self.horizon], scale))

    def each(self, hidden: Hidden, codes: Codes | None = None) -> list[Logits]:
        """Return logits of every codebook, conditioned on the codes of those before it or, without `codes`, on
        mixtures."""
        entries = self.codec.codebook.entries()
        all_logits: list[Logits] = []
        for level, to_logits in enumerate(self.logits):
            all_logits.append(to_logits(hidden))
            if level < len(self.given):
                chosen = (
                    self.relaxed(all_logits[-1]) @ entries[level]
                    if codes is None
                    else entries[level][codes[..., level]]
                )
                hidden = hidden + self.given[level](chosen)
        return all_logits

    def mixture(self, hidden: Hidden) -> Vectors:
        """Return the expected code vectors, with a gradient to the logits."""
        entries = self.codec.codebook.entries()
        every = self.each(hidden)
        return torch.stack([self.relaxed(x) @ table for x, table in zip(every, entries, strict=True)]).sum(0)

    def relaxed(self, logits: Logits) -> Logits:
        """Return weights of the codes; hard choices keep the gradient of soft ones. Draws happen only in training."""
        soft = logits.softmax(-1)
        if self.settings.relax == "gumbel" and self.training:
            return F.gumbel_softmax(logits, tau=1.0, hard=True)
        if self.settings.relax != "straight-through":  # the mean of many draws estimates the expectation
            return soft
        hard = F.one_hot(logits.argmax(-1), logits.shape[-1]).to(soft.dtype)
        return hard + soft - soft.detach()

    def chosen(self, hidden: Float[Tensor, "series width"], pick: Any) -> Codes:
        """One code per codebook, [series, 1, level], each chosen by `pick(logits, level)`."""
        entries, codes = self.codec.codebook.entries(), []
        for level, to_logits in enumerate(self.logits):
            codes.append(pick(to_logits(hidden), level))
            if level < len(self.given):
                hidden = hidden + self.given[level](entries[level][codes[-1]])
        return torch.stack(codes, dim=-1)[:, None]

    def surprise(self, hidden: Hidden, codes: Codes) -> Float[Tensor, "series tokens"]:
        """Return −log p of the codes over all codebooks, each from the hidden state of the token before it."""
        each = self.each(hidden, codes)
        losses = [F.cross_entropy(x.transpose(1, 2), codes[..., n], reduction="none") for n, x in enumerate(each)]
        return torch.stack(losses).sum(0)

    def loss(self, prediction: Prediction, batch: Batch) -> Tensor:
        return self.point_loss(prediction.values, batch)


def by_channel(values: Float[Tensor, "series steps"], scale: Scale) -> Float[Tensor, "batch steps channel"]:
    """A series per window and channel → the windows."""
    return values.unflatten(0, (-1, scale.loc.shape[2])).transpose(1, 2)
