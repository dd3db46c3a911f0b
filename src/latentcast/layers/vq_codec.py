"""VQ-VAE codec: one channel's values to discrete codes of `factor` steps each, and back (van den Oord et al. 2017)."""

from math import prod
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn
from torch.func import functional_call

from latentcast.core.settings import ReadWith, Settings
from latentcast.layers.codebook import Codebook, Codes, Quantizer, Vectors
from latentcast.layers.compression import ConvDown, ConvUp

Size = Annotated[int, Field(ge=1)]
KERNEL = 3  # tokens seen by one residual block: its own and the two before it
Series = Float[Tensor, "series time"]


class CodecSettings(Settings):
    """strides         steps merged by each stage; a code covers their product
    hidden          features inside encoder and decoder
    blocks          residual blocks of encoder and decoder; each looks back two more codes
    code_dim        size of a codebook's entries
    codebook_size   entries K (vq, residual)
    quantizer       vq, residual (`levels` codebooks, each on the residual of the one before), fsq (a grid of `grid`
                    points) or bsq (`bits` signs on a sphere, shared out evenly over `levels` codes)
    coarse          weight of the error after decoding the first level alone, so that later levels refine it
    entropy         weight of the penalty that makes each bit certain and all codes equally frequent (bsq)
    commitment      weight of the distance between encoder output and codes
    decay           decay of the moving averages that form the entries
    revive          an entry with less than this fraction of an even share of vectors is moved to a drawn vector
    """

    strides: Annotated[tuple[Size, ...], Field(min_length=1)] = (2, 2)
    hidden: Size = 64
    blocks: Annotated[int, Field(ge=0)] = 2
    code_dim: Size = 64
    codebook_size: Annotated[int, Field(ge=2)] = 256
    quantizer: Quantizer = "vq"
    levels: Size = 2
    bits: Annotated[int, Field(ge=1, le=32)] = 8
    entropy: Annotated[float, Field(ge=0)] = 0.1
    coarse: Annotated[float, Field(ge=0)] = 0.0
    grid: Annotated[tuple[Annotated[int, Field(ge=3)], ...], Field(min_length=1)] = (8, 8, 4)
    commitment: Annotated[float, Field(ge=0)] = 0.25
    decay: Annotated[float, Field(gt=0, lt=1)] = 0.99
    revive: Annotated[float, Field(gt=0, lt=1)] = 0.2

    read_with: ClassVar[ReadWith] = {
        **dict.fromkeys(("levels", "coarse"), ("quantizer", ("residual", "bsq"))),
        **dict.fromkeys(("bits", "entropy"), ("quantizer", ("bsq",))),
        "grid": ("quantizer", ("fsq",)),
        **dict.fromkeys(("codebook_size", "commitment", "decay", "revive"), ("quantizer", ("vq", "residual"))),
    }

    @field_validator("strides", "grid", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        return (value,) if isinstance(value, int) else value

    @model_validator(mode="after")
    def _bits_are_shared_out(self) -> "CodecSettings":
        if self.quantizer == "bsq" and (self.bits % self.levels or self.bits // self.levels > 16):
            raise ValueError(
                f"{self.bits} bits cannot be shared out evenly over {self.levels} codes of at most 16 bits; set levels"
                " to a divisor"
            )
        return self


class Codec(nn.Module):
    """Encoder, codebook and decoder, all causal: later values change no earlier code, later codes no earlier value."""

    def __init__(self, settings: CodecSettings) -> None:
        super().__init__()
        s = self.settings = settings
        self.factor = prod(s.strides)
        self.reach = (KERNEL - 1) * s.blocks  # earlier codes that a decoded step depends on
        self.encoder, self.decoder = Encoder(s), Decoder(s)
        self.codebook = Codebook(
            s.quantizer,
            s.code_dim,
            s.codebook_size,
            s.levels,
            s.grid,
            decay=s.decay,
            commitment=s.commitment,
            revive=s.revive,
            bits=s.bits,
            entropy=s.entropy,
        )

    def num_codes(self, steps: int) -> int:
        return -(-steps // self.factor)

    def vectors(self, x: Series) -> Vectors:
        """Return the vectors to quantise. An incomplete first code is padded with the first value."""
        missing = -x.shape[1] % self.factor
        steps = F.pad(x, (missing, 0), mode="replicate") if missing else x
        latent: Tensor = self.encoder(steps)
        return latent

    def encode(self, x: Series) -> tuple[Vectors, Codes]:
        """Return the quantised vectors and their codes."""
        vectors, codes = self.codebook(self.vectors(x))
        return vectors, codes

    def forward(self, x: Series) -> tuple[Vectors, Codes]:
        """As `encode`."""
        return self.encode(x)

    def encode_exactly(self, x: Float[Tensor, "series time"]) -> tuple[Vectors, Codes]:
        """`encode` of values in double precision, with the codes that double precision chooses.

        Where two codes are equally near but for rounding, single precision chooses by the order of its sums, which
        differs with the batch, the processor and the runtime. Only series with such a vector are encoded twice.
        """
        if torch.compiler.is_exporting():
            return self._in_double(x)
        latent = self.vectors(x.float())
        vectors, codes = self.codebook(latent)
        if (rows := self.codebook.doubtful(latent, codes).nonzero()[:, 0]).numel():
            exact, chosen = self._in_double(x[rows])
            vectors, codes = vectors.index_copy(0, rows, exact), codes.index_copy(0, rows, chosen)
        return vectors, codes

    def _in_double(self, x: Float[Tensor, "series time"]) -> tuple[Vectors, Codes]:
        """`encode` in double precision, vectors in single precision."""
        held = (*self.named_parameters(), *self.named_buffers())
        doubled = {name: one.double() for name, one in held if one.is_floating_point()}
        vectors, codes = functional_call(self, doubled, (x.double(),))
        return vectors.float(), codes

    def decode(self, vectors: Vectors) -> Series:
        """Return the steps of all codes, [series, tokens · factor]."""
        values: Tensor = self.decoder(vectors)
        return values


class Encoder(nn.Module):
    """Map the steps of whole codes to vectors for quantisation."""

    def __init__(self, settings: CodecSettings) -> None:
        super().__init__()
        s = settings
        widths = (1, *(s.hidden for _ in s.strides))
        self.stages = nn.ModuleList(ConvDown(*sizes) for sizes in zip(s.strides, widths, widths[1:], strict=False))
        self.into = nn.Sequential(*(Residual(s.hidden) for _ in range(s.blocks)), nn.Linear(s.hidden, s.code_dim))

    def forward(self, steps: Series) -> Vectors:
        return self.into(_through(self.stages, steps.unsqueeze(-1)))


class Decoder(nn.Module):
    """Map quantised vectors to the steps of their codes."""

    def __init__(self, settings: CodecSettings) -> None:
        super().__init__()
        s = settings
        widths = (*(s.hidden for _ in s.strides), 1)
        self.out = nn.Sequential(nn.Linear(s.code_dim, s.hidden), *(Residual(s.hidden) for _ in range(s.blocks)))
        self.stages = nn.ModuleList(ConvUp(*sizes) for sizes in zip(s.strides[::-1], widths, widths[1:], strict=False))

    def forward(self, vectors: Vectors) -> Series:
        return _through(self.stages, self.out(vectors)).squeeze(-1)


def _through(stages: nn.ModuleList, h: Tensor) -> Tensor:
    for number, stage in enumerate(stages):
        h = stage(F.relu(h) if number else h)
    return h


class Residual(nn.Module):
    """A causal convolution over tokens, added to its input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Conv1d(width, width, KERNEL)
        self.back = nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "series tokens width"]) -> Float[Tensor, "series tokens width"]:
        if x.dtype == torch.float64:
            return x + self.back(F.relu(self._mixed(F.relu(x))))
        before = F.pad(F.relu(x).transpose(1, 2), (KERNEL - 1, 0))
        return x + self.back(F.relu(self.mix(before).transpose(1, 2)))

    def _mixed(self, x: Float[Tensor, "series tokens width"]) -> Float[Tensor, "series tokens width"]:
        """The convolution as one product: runtimes have none in double precision."""
        before = F.pad(x, (0, 0, KERNEL - 1, 0))
        laid = torch.cat([before[:, at : at + x.shape[1]] for at in range(KERNEL)], dim=2)
        return F.linear(laid, self.mix.weight.transpose(1, 2).flatten(1), self.mix.bias)
