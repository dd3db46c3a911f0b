"""Split the look-back by frequency into trend and season and patch them separately; one token for each patch of the
season.

The trend is what lies below a cutoff, the season all the rest, so that their sum is the look-back exactly. The trend
moves slowly: its patches are twice as long and twice as far apart.
"""

import math
from typing import Annotated, Any, ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from latentcast.core.errors import SettingsError
from latentcast.core.findings import Finding, WindowLabels
from latentcast.core.settings import ReadWith
from latentcast.core.types import Batch, Steps, Task, Tokens
from latentcast.layers.dropout import Dropout
from latentcast.layers.patching import PatchEmbedding, aligned, num_patches, observed_patches
from latentcast.layers.spectrum import (
    dominant_periods,
    has_trend,
    is_seasonal,
    seasonal_share,
    slope_statistic,
    slow,
    student,
)
from latentcast.layers.view_fusion import Fuse, FuseAt, Fusion, Unfused
from latentcast.models.representations.patch import PatchSettings

PARTS = ("season", "trend")
SLOWER = 2  # the trend's patches are so much longer and farther apart
SECTION = "Trend and season, split by frequency"
NO_SEASON = 0.1  # cycles per step: the cutoff of data without a season


class FrequencySettings(PatchSettings):
    """length, stride, width, kernel, position, dropout   as of `patch`, for the season

    cutoff         cycles per step below which a movement is trend; by default half the frequency of the data's season
    (0.1 for data without one)
    fusion         concat, gate, sum, mean or attention (layers.view_fusion), which has `fusion_heads`
    fuse_at        patches, or llm: trend and season are reprogrammed by themselves, and fused at the width of the
                   language model (backbone frozen_llm)
    adaptive       split only series with a season or a trend; the trend of others is their mean
    top_k          largest amplitudes that are counted for a season
    strength       share of these amplitudes in all beyond which a series has a season
    false_alarms   of the test for a trend, on independent normal values
    """

    cutoff: Annotated[float, Field(gt=0, le=0.5)] | None = None
    fusion: Fusion = "concat"
    fusion_heads: Annotated[int, Field(ge=1)] = 4
    fuse_at: FuseAt = "patches"
    adaptive: bool = False
    top_k: Annotated[int, Field(ge=1)] = 5
    strength: Annotated[float, Field(gt=0, lt=1)] = 0.5
    false_alarms: Annotated[float, Field(gt=0, lt=1)] = 0.05
    read_with: ClassVar[ReadWith] = {
        "fusion_heads": ("fusion", ("attention",)),
        **dict.fromkeys(("top_k", "strength", "false_alarms"), ("adaptive", (True,))),
    }


class Frequency(nn.Module):
    """Each channel becomes a series of its own. Raises SettingsError when a patch does not fit into the look-back."""

    Settings = FrequencySettings
    folds_channels = True
    uses_known = False
    query_tokens = 0

    def __init__(self, settings: FrequencySettings, task: Task) -> None:
        super().__init__()
        s = self.settings = settings
        apart = s.fuse_at == "llm"
        self.unfused = Unfused(s.fusion, s.fusion_heads, PARTS) if apart else None
        self.width = s.width * len(PARTS) if apart else s.width
        self.season_steps = task.season
        self.cutoff = s.cutoff or (0.5 / task.season if task.season > 1 else NO_SEASON)
        for part, factor in (("season", 1), ("trend", SLOWER)):
            length, stride = s.length * factor, s.stride * factor
            if num_patches(task.lookback, length, stride) < 1:
                raise SettingsError(
                    f"a patch of {length} steps (of the {part}) does not fit into a look-back of {task.lookback} steps"
                    f" (+ {stride} of padding): shorten model.representation.length"
                )
        self.season = PatchEmbedding(s.length, s.stride, s.width, s.kernel, s.ends)
        self.trend = PatchEmbedding(s.length * SLOWER, s.stride * SLOWER, s.width, s.kernel, s.ends)
        self.fuse = None if apart else Fuse(s.fusion, len(PARTS), s.width, s.fusion_heads, PARTS)
        tokens = self.num_tokens(task.lookback)
        self.position = nn.Parameter(torch.randn(tokens, self.width) * 0.02) if s.position else None
        self.dropout = Dropout(s.dropout)

    def facts(self, task: Task) -> dict[str, Any]:
        s = self.settings
        where = ", where there is any" if s.adaptive else ""
        return {
            "trend": f"slower than {1 / self.cutoff:.4g} steps a cycle{where}",
            "one patch covers": Steps(s.length),
            "one patch of the trend covers": Steps(s.length * SLOWER),
            "patches are apart": Steps(s.stride),
            "patches of the look-back": self.num_tokens(task.lookback),
        }

    def num_tokens(self, time: int) -> int:
        return num_patches(time, self.settings.length, self.settings.stride)

    def split(
        self, series: Float[Tensor, "series time"]
    ) -> tuple[Float[Tensor, "series time"], Float[Tensor, "series time"]]:
        """(trend, season); their sum is the series."""
        trend = slow(series, self.cutoff, self.season_steps)
        if self.settings.adaptive:
            s = self.settings
            split = is_seasonal(series, s.strength, s.top_k) | has_trend(series, s.false_alarms)
            trend = torch.where(split[:, None], trend, series.mean(1, keepdim=True))
        return trend, series - trend

    def findings(self, shown: WindowLabels, batch: Batch) -> tuple[Finding, ...]:
        at = shown.drawn[0]
        parts = torch.cat(self.split(batch.past[:, :, at])).cpu().double().numpy()
        why = (self._choice(shown, batch),) if self.settings.adaptive else ()
        return (
            Finding(
                SECTION,
                f"{shown.channels[at]}: what its patches are made of",
                f"The look-back in the network's own units; below {1 / self.cutoff:.4g} steps a cycle is season, all"
                " that is slower is trend. Their sum is the look-back.",
                "lines",
                ("trend", "season"),
                shown.past,
                parts,
            ),
            *why,
        )

    def _choice(self, shown: WindowLabels, batch: Batch) -> Finding:
        """Return why each series is split or not."""
        s = self.settings
        series = batch.past[0, :, list(shown.drawn)].T
        names = tuple(shown.channels[at] for at in shown.drawn)
        share, slope = seasonal_share(series, s.top_k).tolist(), slope_statistic(series).tolist()
        least = student(1 - s.false_alarms / 2, series.shape[1] - 2) if series.shape[1] > 3 else math.inf
        periods = [[f"{one:.4g}" for one in row if one > 0] for row in dominant_periods(series, s.top_k).tolist()]
        rows, chosen = [], {}
        for name, part, t, found in zip(names, share, slope, periods, strict=True):
            reasons = ["a season"] * (part > s.strength) + ["a trend"] * (t > least)
            chosen[name] = bool(reasons)
            said = f"split: it has {' and '.join(reasons)}" if reasons else "not split: neither season nor trend"
            rows.append((f"{part:.0%}", f"{t:.3g}", ", ".join(found) or "none", said))
        return Finding(
            SECTION,
            "why each series is split or not",
            f"A series has a season where its {s.top_k} largest amplitudes are more than {s.strength:.0%} of all, and a"
            f" trend where |t| of its slope is above {least:.3g} (of independent normal values {s.false_alarms:.0%}"
            " are). Periods are peaks of the spectrum that the look-back holds at least twice.",
            "table",
            names,
            ("share of largest amplitudes", "|t| of the slope", "dominant periods in steps", "choice"),
            texts=tuple(rows),
            down="series",
            facts={"split": chosen, "share": dict(zip(names, share, strict=True)),
                   "slope": dict(zip(names, slope, strict=True))},
        )  # fmt: skip

    def forward(self, batch: Batch) -> Tokens:
        trend, season = self.split(batch.past.transpose(1, 2).flatten(0, 1))
        time = trend.shape[1]
        at = aligned(self.season.ends(time), self.trend.ends(time)).to(trend.device)
        views = (self.season(season), self.trend(trend).index_select(1, at))
        tokens = torch.cat(views, 2) if self.fuse is None else self.fuse(views)
        if self.position is not None:
            tokens = tokens + self.position
        s = self.settings
        return Tokens(self.dropout(tokens), observed_patches(batch.observed, s.length, s.stride))
