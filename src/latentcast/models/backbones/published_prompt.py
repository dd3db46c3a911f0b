"""The prompt as the published codes of Time-LLM write it, word for word, for weights that were trained with it.

Numbers have all digits of float32, the median is the lower one of two, lags are those of the circular autocorrelation
(lag 0 and mirrored lags among them), and the text is turned into words as a whole, with the marks that the tokenizer
adds by itself. Every batch holds complete prompts; what all of them begin with is read once, as for other wordings.
"""

from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import Tensor

from latentcast.core.errors import Fault, SettingsError
from latentcast.core.types import Scale, Task
from latentcast.models.backbones.prompt import PromptWriter, Units

Wording = Literal["rounded", "short", "published", "neuralforecast"]
NUMBERS = (0.5, -0.5, 12.25, -1e-7, 3.0)  # first numbers of texts that show where their words begin to differ
WIDEST = -0.12345678901234567  # as long as most numbers of float32 get


def published_static(tokenizer: Any, task: Task, wording: Wording, lags: int) -> tuple[str, list[int]]:
    """What every prompt begins with: its text, and its words."""
    description = task.description or ""
    if wording == "published":
        description = f"Dataset description: {description}"
    text = (
        f"<|start_prompt|>{description}Task description: forecast the next {task.horizon} steps given the previous"
        f" {task.lookback} steps information; Input statistics: min value"
    )
    probes = [text + _statistics(value, value, value, True, [0] * lags) for value in NUMBERS]
    ids: list[list[int]] = tokenizer(probes)["input_ids"]
    return text, _common(ids)


class PublishedPromptWriter(PromptWriter):
    """Makes the prompts of a batch, one for each channel of each window."""

    def __init__(
        self, tokenizer: Any, text: str, static: list[int], *, units: Units, lags: int, room: int, cut: bool = False
    ) -> None:
        super().__init__(tokenizer, units=units, lags=lags, folds=True, room=room, cut=cut)
        self.text, self.static = text, static

    def texts(
        self, past: Tensor, observed: Tensor | None, units: Scale | None, notes: list[str] | None = None
    ) -> list[str]:
        """What follows the part that all prompts begin with. Raises SettingsError for notes, which have no place."""
        if any(notes or ()):
            raise SettingsError(
                Fault(
                    "prompt_wording",
                    ": the published wording has no place for notes on the data; leave them out, or set"
                    " prompt_wording=rounded",
                )
            )
        series = self.in_units(past, observed, units).detach().cpu().float().transpose(1, 2).flatten(0, 1).contiguous()
        seen = None if observed is None else observed.cpu().transpose(1, 2).flatten(0, 1)
        rising = (series.diff(dim=1).sum(1) > 0).tolist()
        low, high, median = (values.tolist() for values in _extremes(series, seen))
        lags = circular_lags(series, self.lags).tolist()
        return [_statistics(*row) for row in zip(low, high, median, rising, lags, strict=True)]

    def encode(self, texts: list[str]) -> Tensor:
        ids: list[list[int]] = self.tokenizer([self.text + text for text in texts])["input_ids"] if texts else []
        shared = len(self.static)
        if any(row[:shared] != self.static for row in ids):
            raise SettingsError(
                Fault(
                    "prompt_wording",
                    ": with this tokenizer prompts do not begin with the same words; set prompt_wording=rounded",
                )
            )
        return self.padded([row[shared:] for row in ids])

    def longest(self, task: Task) -> int:
        text = self.text + _statistics(WIDEST, WIDEST, WIDEST, False, [task.lookback - 1] * self.lags)
        return len(self.tokenizer([text])["input_ids"][0]) - len(self.static)


def _common(rows: list[list[int]]) -> list[int]:
    """What all rows begin with."""
    shared = 0
    for column in zip(*rows, strict=False):
        if len(set(column)) > 1:
            break
        shared += 1
    return rows[0][:shared]


def circular_lags(series: Tensor, count: int) -> Tensor:
    """[series, time] → [series, count] places of the largest values of the circular autocorrelation."""
    spectrum = torch.fft.rfft(series[:, None], dim=-1)
    return torch.fft.irfft(spectrum * spectrum.conj(), dim=-1).mean(1).topk(count, dim=-1).indices


def _extremes(series: Tensor, seen: Tensor | None) -> Iterable[Tensor]:
    """Minimum, maximum and lower median of what was observed of each series, and of all where nothing was."""
    if seen is None:
        return series.min(1).values, series.max(1).values, series.median(1).values
    kept = seen | ~seen.any(1, keepdim=True)
    values = series.masked_fill(~kept, torch.nan)
    low, high = (series.masked_fill(~kept, end) for end in (torch.inf, -torch.inf))
    return low.min(1).values, high.max(1).values, values.nanmedian(1).values


def _statistics(low: float, high: float, median: float, rising: bool, lags: list[int]) -> str:
    return (
        f" {low}, max value {high}, median value {median}, the trend of input is {'upward' if rising else 'downward'},"
        f" top {len(lags)} lags are : {lags}<|<end_prompt>|>"
    )
