"""Patches of a series' wavelet coefficients as tokens: every patch in several bands at once.

Stationary wavelet transform, patches of all bands, linear embedding. All three are linear, so they are one matrix on
the steps that a patch's coefficients are made of: the fused path slides it over the signal and never makes the
coefficients. The signal is extended at its ends, not the coefficients, so that both paths are equal there too; a
`kernel` of neighbouring patches is inside the fused product.
"""

from typing import Annotated, Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from latentcast.core.errors import Fault, SettingsError
from latentcast.core.findings import Finding, WindowLabels
from latentcast.core.settings import ReadWith
from latentcast.core.types import Batch, Steps, Task, Tokens
from latentcast.layers.dropout import Dropout
from latentcast.layers.lattice import lattice_angles, lattice_filters
from latentcast.layers.patching import num_patches, observed_patches
from latentcast.layers.wavelet import (
    Mode,
    composite,
    deepest,
    extended,
    filters,
    over_patch,
    places,
    reach,
    span,
    taken,
    transform,
    unlike_a_wavelet,
)
from latentcast.models.representations.patch import PatchSettings


class WaveletSettings(PatchSettings):
    """length, stride, width, kernel, position, dropout   as of `patch`

    wavelet, level  any discrete wavelet of PyWavelets, and how many levels of it
    mode            extension of the look-back's ends: mirrored (symmetric, reflect), periodic (mixes the newest and
    the oldest steps), zero, or causal: a coefficient depends on earlier steps only
    bands           all, or the approximation alone
    weigh           learn a weight for each band; they start at 1 and keep their mean
    projection      joint: one map of all bands; per-band: each band has its own share of the width, then a linear map
                    of them all
    semantic        two more linear maps with a GELU between them
    learn_filters   the filters learn too
    learn_as        lattice: as angles of an orthogonal wavelet, which keep perfect reconstruction by construction;
                    free: every tap, kept near a wavelet by `penalty` times how far they are from one
    fused           transform, patches and embedding in one product; false: one after another, to the same result
    """

    not_in_weights = PatchSettings.not_in_weights | {"fused", "penalty"}
    wavelet: str = "db4"
    level: Annotated[int, Field(ge=1)] = 3
    mode: Mode = "symmetric"
    bands: Literal["all", "approximation"] = "all"
    weigh: bool = True
    projection: Literal["joint", "per-band"] = "joint"
    semantic: bool = False
    learn_filters: bool = False
    learn_as: Literal["lattice", "free"] = "lattice"
    penalty: Annotated[float, Field(gt=0)] = 0.1
    read_with: ClassVar[ReadWith] = {"learn_as": ("learn_filters", (True,)), "penalty": ("learn_as", ("free",))}
    fused: bool = True


class Wavelet(nn.Module):
    """Each channel becomes a series of its own; each patch of its coefficients one token.

    Raises SettingsError for an unknown wavelet, and when patch or filters do not fit into the padded look-back.
    """

    Settings = WaveletSettings
    folds_channels = True
    uses_known = False
    query_tokens = 0
    low: Tensor
    high: Tensor
    matrix: Tensor
    at: Tensor
    owner: Tensor | None

    def __init__(self, settings: WaveletSettings, task: Task) -> None:
        super().__init__()
        s = self.settings = settings
        self.width = s.width
        padded, tokens = task.lookback + s.stride, self.num_tokens(task.lookback)
        if tokens < 1:
            raise SettingsError(
                f"a patch of {s.length} steps does not fit into a look-back of {task.lookback} steps"
                f" (+ {s.stride} of padding): shorten model.representation.length"
            )
        exact = filters(s.wavelet)
        low, high = (f.to(torch.get_default_dtype()) for f in exact)
        most, self.steps = deepest(len(low), padded), span(len(low), s.level)
        if s.level > most:
            remedy = f"the deepest possible is level={most}" if most else "choose a shorter wavelet"
            raise SettingsError(
                Fault(
                    "level",
                    f"={s.level}: {s.wavelet} spans {self.steps} steps there, the look-back has {task.lookback}"
                    f" (+ {s.stride} of padding); {remedy}",
                )
            )
        self.taps, self.angles = len(low), None
        if s.learn_filters and s.learn_as == "lattice":
            self.angles = nn.Parameter(lattice_angles(*exact, s.wavelet).to(low.dtype))
        elif s.learn_filters:
            self.low, self.high = nn.Parameter(low), nn.Parameter(high)
        else:  # determined by the wavelet's name: not saved
            self.register_buffer("low", low, persistent=False)
            self.register_buffer("high", high, persistent=False)
            self.register_buffer("matrix", self._matrix(), persistent=False)
        self.register_buffer("at", self._places(task.lookback), persistent=False)
        self.num_bands = s.level + 1 if s.bands == "all" else 1
        per_band = s.projection == "per-band"
        if per_band and self.width < self.num_bands:
            raise SettingsError(Fault("width", f"={s.width}: {self.num_bands} bands want at least one feature each"))
        features = s.length * (1 if per_band else self.num_bands)
        bound = (features * s.kernel) ** -0.5
        self.embed = nn.Parameter(torch.empty(s.kernel, s.width, features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(s.width).uniform_(-bound, bound))
        self.register_buffer("owner", _shares(s.width, self.num_bands) if per_band else None, persistent=False)
        self.fuse = nn.Linear(s.width, s.width) if per_band else None
        self.band = nn.Parameter(torch.zeros(self.num_bands)) if s.weigh and self.num_bands > 1 else None
        self.semantic = (
            nn.Sequential(nn.Linear(s.width, s.width), nn.GELU(), nn.Linear(s.width, s.width)) if s.semantic else None
        )
        self.position = nn.Parameter(torch.empty(tokens, s.width)) if s.position else None
        if self.position is not None:
            nn.init.trunc_normal_(self.position, std=0.02)
        self.dropout = Dropout(s.dropout)

    def facts(self, task: Task) -> dict[str, Any]:
        s = self.settings
        return {
            "wavelet": f"{s.wavelet}, level {s.level}, {s.mode}" + (", its filters learn" if s.learn_filters else ""),
            "bands": self.num_bands,
            "one coefficient covers at most": Steps(self.steps),
            "one patch covers": Steps(s.length),
            "patches are apart": Steps(s.stride),
            "patches of the look-back": self.num_tokens(task.lookback),
        }

    def num_tokens(self, time: int) -> int:
        return num_patches(time, self.settings.length, self.settings.stride)

    def band_weights(self) -> Float[Tensor, " bands"]:
        """One per band, from coarse to fine, with mean 1."""
        if self.band is None:
            return torch.ones(self.num_bands, device=self.bias.device)
        return self.band.softmax(0) * self.num_bands

    def findings(self, shown: WindowLabels, batch: Batch) -> tuple[Finding, ...]:
        """Report the weight of each band and its share of the window's energy."""
        if self.num_bands == 1:
            return ()
        level, section = self.settings.level, "Bands of the wavelet"
        fine = [f"detail {at}: {2**at} to {2 ** (at + 1)} steps a cycle" for at in range(level, 0, -1)]
        bands = (f"approximation: above {2 ** (level + 1)} steps a cycle", *fine)
        weights = self.band_weights().cpu().double().numpy()
        found = self.coefficients(batch.past.transpose(1, 2).flatten(0, 1)).square().sum(1)
        drawn, names = shown.of_series(len(found))
        energy = (found / found.sum(1, keepdim=True).clamp(min=1e-30))[drawn].cpu().double().numpy()
        learned = "They are learned, start at 1 and have mean 1." if self.band is not None else "They are not learned."
        return (
            Finding(
                section,
                "weight of each band",
                f"By what each band is multiplied before the patches are embedded. {learned}",
                "bars",
                bands,
                values=weights,
                measure="weight",
                facts={"weights": dict(zip(bands, weights.tolist(), strict=True))},
            ),
            Finding(
                section,
                "where the energy of this window lies",
                f"Share of the squared coefficients ({self.settings.wavelet}, level {level}); each row sums to 1.",
                "heat",
                names,
                tuple(band.split(":")[0] for band in bands),
                energy,
                down="series",
                measure="share",
            ),
        )

    def coefficients(self, series: Float[Tensor, "series time"]) -> Float[Tensor, "series padded bands"]:
        """Compute the used bands, coarse to fine, of the series with its last value repeated `stride` times."""
        s = self.settings
        return transform(self._extended(series), *self.filters(), s.level, s.mode)[..., : self.num_bands]

    def filters(self) -> tuple[Float[Tensor, " taps"], Float[Tensor, " taps"]]:
        """Low-pass and high-pass filter, as they are now."""
        return (self.low, self.high) if self.angles is None else lattice_filters(self.angles)

    def forward(self, batch: Batch) -> Tokens:
        series = batch.past.transpose(1, 2).flatten(0, 1)
        parts = self._fused(series) if self.settings.fused else self._one_by_one(series)
        tokens = self._with_neighbours(parts)
        if self.fuse is not None:
            tokens = self.fuse(tokens)
        if self.semantic is not None:
            tokens = self.semantic(tokens)
        if self.position is not None:
            tokens = tokens + self.position
        made = Tokens(
            self.dropout(tokens), observed_patches(batch.observed, self.settings.length, self.settings.stride)
        )
        if not self.settings.learn_filters or self.angles is not None:
            return made
        return made.penalised(self.settings.penalty * unlike_a_wavelet(self.low, self.high))

    def _fused(self, series: Float[Tensor, "series time"]) -> Float[Tensor, "series tokens out"]:
        """One strided product. The signal is read as blocks of a stride each, features of a step of its own: where it
        lies, so that no window is copied, and in the layout that tokens have.
        """
        s = self.settings
        on_bands = self._weights()
        on_steps = on_bands @ (self._matrix() if s.learn_filters else self.matrix)[: on_bands.shape[1]]
        signal, kernel = (
            each.view(each.shape[0], 1, -1, s.stride).permute(0, 3, 1, 2)
            for each in (taken(series, self.at, s.mode), on_steps)
        )
        made = F.conv2d(signal, kernel, self._bias())
        return made.permute(0, 2, 3, 1).flatten(1, 2)

    def _one_by_one(self, series: Float[Tensor, "series time"]) -> Float[Tensor, "series tokens out"]:
        s = self.settings
        patches = self.coefficients(series).unfold(1, s.length, s.stride)
        return F.linear(patches.flatten(2), self._weights(), self._bias())

    def _bias(self) -> Float[Tensor, " out"]:
        """Added once, with a patch's first neighbour."""
        kernel = self.settings.kernel
        return self.bias if kernel == 1 else F.pad(self.bias, (0, (kernel - 1) * self.width))

    def _extended(self, series: Float[Tensor, "series time"]) -> Float[Tensor, "series more"]:
        """The newest value repeated as for plain patches, then both ends as the mode has it."""
        s = self.settings
        ended = F.pad(series[:, None], (0, s.stride), mode="replicate")[:, 0]
        return extended(ended, *reach(self.taps, s.level, s.mode), s.mode)

    def _places(self, lookback: int) -> Int[Tensor, " more"]:
        """Return the source step of each value of the extended signal; `lookback` marks a zero. Whole blocks of a
        stride hold all patches; the padding of the last block has zero weights.
        """
        s = self.settings
        at = places(lookback + s.stride, *reach(self.taps, s.level, s.mode), s.mode)
        at = torch.where(at < lookback + s.stride, at.clamp(max=lookback - 1), lookback)
        blocks = self.num_tokens(lookback) - 1 + -(-(s.length + self.steps - 1) // s.stride)
        return torch.cat([at, at[-1:].expand(s.stride)])[: blocks * s.stride]

    def _matrix(self) -> Float[Tensor, "features steps"]:
        """Return all coefficients of a patch as a matrix on their steps, zero-padded to whole blocks of a stride."""
        s = self.settings
        on_steps = over_patch(composite(*self.filters(), s.level, s.mode), s.length)
        return F.pad(on_steps, (0, -on_steps.shape[1] % s.stride))

    def _weights(self) -> Float[Tensor, "out features"]:
        """Return the embedding as one matrix on the patch of all weighted bands."""
        shape = (self.settings.kernel, self.width, self.num_bands, -1)
        joint = self.embed.view(shape) if self.owner is None else self.embed[:, :, None] * self.owner[:, :, None]
        if self.band is not None:
            joint = joint * self.band_weights()[:, None]
        return joint.flatten(2).flatten(0, 1)

    def _with_neighbours(self, parts: Float[Tensor, "series tokens out"]) -> Float[Tensor, "series tokens width"]:
        """Sum each patch's contributions to its neighbours; a setting decides those beyond the ends."""
        kernel, tokens = self.settings.kernel, parts.shape[1]
        if kernel == 1:
            return parts
        whole = torch.zeros_like(parts[..., : self.width])
        for place, part in enumerate(parts.split(self.width, dim=2)):
            at = torch.arange(tokens, device=parts.device) + place - kernel // 2
            at = at % tokens if self.settings.ends == "circular" else at.clamp(0, tokens - 1)
            whole = whole + part.index_select(1, at)
        return whole


def _shares(width: int, bands: int) -> Float[Tensor, "width bands"]:
    """Return the width of each band; where the width does not divide, the coarsest bands have one more."""
    sizes = [width // bands + (number < width % bands) for number in range(bands)]
    return F.one_hot(torch.arange(bands).repeat_interleave(torch.tensor(sizes)), bands).float()
