"""The prompt that a language model reads before the patches (Time-LLM, Jin et al. 2024, section 3).

Dataset description, task, and the window's statistics, between two marks. The static part is known when the model is
built; statistics are taken where batches are made, for the whole batch at once. The two are turned into words of the
vocabulary separately, so that the words of the static part are the same before every window.
"""

import bisect
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latentcast.core.errors import DataError, Fault, SettingsError
from latentcast.core.types import Scale, Task
from latentcast.layers.instance_norm import window_scale
from latentcast.models.backbones.lag_statistics import top_lags

START, END = "<|start_prompt|>", "<|end_prompt|>"
Units = Literal["window", "scaled", "original"]
LONGEST = -0.000123456  # rounded, as long as a number gets, except very large ones


def static_text(task: Task, statistics: str | None = "Input statistics: min value") -> str:
    """Return the text before every window; with the label of its statistics, or closed where there are none."""
    described = f"Dataset description: {task.description} " if task.description else ""
    text = (
        f"{START}{described}Task description: forecast the next {task.horizon} steps given the previous"
        f" {task.lookback} steps information"
    )
    return f"{text}; {statistics}" if statistics else f"{text}{END}"


def shortened(task: Task, fits: Callable[[Task], bool]) -> Task:
    """Return the task with as many words of its description as fit."""
    words = (task.description or "").split()
    if not words or fits(task):
        return task
    whole = [replace(task, description=" ".join(words[:count]) or None) for count in range(len(words))]
    fitting = bisect.bisect_left(whole, True, key=lambda one: not fits(one))
    return whole[max(fitting - 1, 0)]


def direction(trend: float) -> str:
    return "upward" if trend > 0 else "downward" if trend < 0 else "flat"


def level(low: float, high: float, median: float) -> float:
    """The median; rounding noise around zero is zero."""
    return median if abs(median) > 1e-6 * max(abs(low), abs(high)) else 0.0


def number(value: float, digits: int = 3) -> str:
    """Significant digits, never with an exponent above one thousand: 0.123, 12.3, 1230."""
    text = f"{value:.{digits}g}"
    if "e+" in text:
        text = f"{float(text):.0f}"
    return "0" if float(text) == 0 else text


def statistics(past: Tensor, observed: Tensor | None, lags: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """[batch, time, channel] → [batch · channel, 4] min, max, median and last − first of what was observed, and lags.

    Raises DataError when a value is no finite number.
    """
    x = past.detach().cpu().double().transpose(1, 2).flatten(0, 1).numpy()
    if not np.isfinite(x).all():
        raise DataError(
            "a window for a language model holds NaN or infinite values: set what to do with gaps (data.gaps)",
            setting="data.gaps",
        )
    if observed is None:
        low, high, median, trend = x.min(1), x.max(1), np.median(x, 1), x[:, -1] - x[:, 0]
    else:
        seen = observed.cpu().transpose(1, 2).flatten(0, 1).numpy()
        seen = np.where(seen.any(1, keepdims=True), seen, True)  # without an observation: the values that fill the
        # gaps
        values = np.where(seen, x, np.nan)
        low, high, median = np.nanmin(values, 1), np.nanmax(values, 1), np.nanmedian(values, 1)
        rows, last = np.arange(len(x)), x.shape[1] - 1 - seen[:, ::-1].argmax(1)
        trend = x[rows, last] - x[rows, seen.argmax(1)]
    return np.stack([low, high, median, trend], 1), top_lags(x, lags)


class PromptWriter:
    """Makes the prompts of a batch: a `Prompter`.

    units   the statistics' units: window (each window normalised by itself, as published), scaled (the training part's
            standard deviation) or original, in which minimum and maximum mean something
    digits  significant digits of numbers
    cut     a text that is too long loses its end; else it is an error
    folds   each channel is a series with its own prompt; else one prompt describes the channels one after another
    """

    between = "; min value"  # of two channels in one prompt

    def __init__(
        self, tokenizer: Any, *, units: Units, lags: int, folds: bool, room: int, digits: int = 3, cut: bool = False
    ) -> None:
        self.tokenizer, self.units, self.lags, self.folds, self.room = tokenizer, units, lags, folds, room
        self.digits, self.cut = digits, cut

    def of_window(self, low: float, high: float, median: float, trend: float, lags: list[int], note: str) -> str:
        """Return the text about one series of one window."""
        low_text, high_text = number(low, self.digits), number(high, self.digits)
        top = f"top {len(lags)} lags are : {', '.join(map(str, lags))}" if lags else "no lag stands out"
        return (
            f" {low_text}, max value {high_text}, median value {number(level(low, high, median), self.digits)}, the"
            f" trend of input is {direction(trend)}, {top}{f'; notes: {note}' if note else ''}{END}"
        )

    def texts(
        self, past: Tensor, observed: Tensor | None, units: Scale | None, notes: list[str] | None = None
    ) -> list[str]:
        """One text per series, in the order of the batch; `notes` of each window stand at the end of its last one."""
        past = self.in_units(past, observed, units)
        numbers, lags = statistics(past, observed, self.lags)
        channels = past.shape[2]
        said = [note for note in notes or [""] * len(past) for _ in range(channels)]
        if not self.folds:  # once for all channels
            said = [note if at % channels == channels - 1 else "" for at, note in enumerate(said)]
        told = [
            self.of_window(row[0], row[1], row[2], row[3], [lag for lag in own if lag], note)
            for row, own, note in zip(numbers.tolist(), lags.tolist(), said, strict=True)
        ]
        if self.folds:
            return told
        return [self.between.join(told[at : at + channels]) for at in range(0, len(told), channels)]

    def in_units(self, past: Tensor, observed: Tensor | None, units: Scale | None) -> Tensor:
        """The look-back in the units that statistics are given in."""
        if self.units == "window":
            return window_scale(past, observed).apply(past)
        if self.units == "scaled":
            return past
        if units is None:
            raise SettingsError(Fault("units", "=original: the original units of these values are not known here"))
        return units.invert(past)

    def __call__(
        self, past: Tensor, observed: Tensor | None, units: Scale | None, notes: list[str] | None = None
    ) -> Tensor:
        """[batch, prompts, words], -1 behind the last word. Raises SettingsError when one is too long."""
        ids = self.encode(self.texts(past, observed, units, notes))
        return ids.view(len(past), past.shape[2] if self.folds else 1, -1)

    def encode(self, texts: list[str]) -> Tensor:
        return self.padded(words(self.tokenizer, texts))

    def padded(self, ids: list[list[int]]) -> Tensor:
        """[prompts, words], -1 behind the last word. Raises SettingsError when one is too long and must not be cut."""
        if self.cut:
            ids = [row[: self.room] for row in ids]
        lengths = np.fromiter(map(len, ids), int, len(ids))
        longest = int(lengths.max(initial=0))
        if longest > self.room:
            raise SettingsError(
                f"a window's prompt has {longest} words, and beside description, task and patches the language model's"
                f" context has room for {self.room}: shorten the description, or set model.backbone.statistics=false"
            )
        padded = np.full((len(ids), longest), -1, np.int64)
        padded[np.arange(longest) < lengths[:, None]] = np.concatenate(ids) if longest else []
        return torch.from_numpy(padded)

    def longest(self, task: Task) -> int:
        """Words of about the longest prompt that a window can have."""
        low = float(number(LONGEST, self.digits))
        text = self.of_window(low, low, low, 1.0, [task.lookback] * self.lags, "")
        return len(words(self.tokenizer, [text])[0]) * (1 if self.folds else task.channels)


def words(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """Texts as numbers of the vocabulary, without marks of beginning and end."""
    ids: list[list[int]] = tokenizer(texts, add_special_tokens=False)["input_ids"]
    return ids


def static_words(tokenizer: Any, text: str) -> list[int]:
    """The static part, with the mark of beginning that the model knows, and without one of an end."""
    ids: list[int] = tokenizer(text)["input_ids"]
    ends = {tokenizer.eos_token_id, tokenizer.sep_token_id} - {None}
    return ids[:-1] if ids and ids[-1] in ends else ids
