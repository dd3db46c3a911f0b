"""Write the prompts of a language-model backbone before training, for inspection."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from latentcast.core.errors import DataError, Fault, SettingsError, shorten
from latentcast.core.protocols import PromptedBackbone
from latentcast.core.types import Scale, Task
from latentcast.data.panel.annotations import of_windows
from latentcast.data.panel.build import build
from latentcast.data.panel.split import split
from latentcast.data.scaling.scaler import Scaler
from latentcast.data.sources.open import open_data
from latentcast.data.types import IntoFrame
from latentcast.models.backbones.prompt import PromptWriter
from latentcast.models.composed import Composed
from latentcast.models.config.run import make_task, merge_user_settings, resolve_config
from latentcast.models.network import build as build_network


@dataclass(frozen=True)
class Prompts:
    """The prompts of the last window of each series, and their length in tokens.

    Attributes
    ----------
    texts
        Series → whole prompt.
    static
        Tokens that are the same for all windows.
    own
        Series → tokens of its own window.
    patches, led
        Tokens of the patches, and of those that the window makes itself.
    context
        Most tokens that the language model reads; None where it has no limit.

    Examples
    --------
    >>> found = latentcast.prompts(frame, "time-llm", lookback=96, horizon=24)  # doctest: +SKIP
    >>> found.own["load"], found.context  # doctest: +SKIP
    """

    texts: dict[str, str]
    static: int
    own: dict[str, int]
    patches: int
    context: int | None
    led: int = 0

    def summary(self) -> str:
        """Return one sentence with the tokens that a window needs.

        Returns
        -------
        str
            Tokens that all windows share, tokens of each window, patches, and the limit of the language model.

        Examples
        --------
        Needs the weights of a language model:

        >>> latentcast.prompts(frame, "time-llm", lookback=96, horizon=24).summary()  # doctest: +SKIP
        """
        most, least = max(self.own.values(), default=0), min(self.own.values(), default=0)
        each = f"{least} to {most}" if least != most else str(most)
        limit = "" if self.context is None else f", of {self.context} that the model reads"
        whole = self.static + most + self.led + self.patches
        led = f" + {self.led} that the window makes" if self.led else ""
        return f"{self.static} tokens for all windows + {each} of each{led} + {self.patches} patches = {whole}{limit}"


def prompts(
    data: IntoFrame,
    model: str = "time-llm",
    *,
    preset: str | None = None,
    lookback: int | None = None,
    horizon: int | None = None,
    settings: Mapping[str, Any] | None = None,
    config: str | Path | None = None,
) -> Prompts:
    """Write the prompts of the last window of every series, before anything is trained.

    Of the language model only configuration and tokeniser are read.

    Parameters
    ----------
    data
        Frame, file or dataset name.
    model
        A model with a language model in it.
    preset, lookback, horizon, settings, config
        As for `fit`.

    Returns
    -------
    Prompts
        Texts and their lengths.

    Raises
    ------
    SettingsError
        The model reads no prompt, or settings are wrong.
    DataError
        As `fit`; also for a series that is shorter than the look-back.

    Examples
    --------
    A language model must be installed or named (`model.backbone.llm`):

    >>> print(latentcast.prompts(frame, lookback=96, horizon=24).summary())  # doctest: +SKIP
    """
    source, defaults = open_data(data)
    run = resolve_config(merge_user_settings(model, preset, lookback, horizon, None, settings, config), defaults)
    panel = build(source.frame, run.data)
    task = make_task(run, panel)
    with torch.device("meta"):
        network = build_network(run.kind, run.model, task)
    part: Any = network.model.backbone if isinstance(network.model, Composed) else None
    if not isinstance(part, PromptedBackbone):
        raise SettingsError(Fault("model", f": {model} is told nothing: choose time-llm, or model.backbone=frozen_llm"))
    if short := panel.shorter_than(task.lookback):
        raise DataError(f"shorter than the look-back of {task.lookback} steps: {shorten(short)}")
    parts = split(panel, run.data.split)
    scaler = Scaler.fit(panel, parts.train_end, run.data)
    scaled = torch.from_numpy(scaler.apply(panel))
    past = torch.stack([scaled[end - task.lookback : end] for end in panel.offsets[1:]])
    writer = network.prompter
    names = [panel.series_name(item, c) for item in range(len(panel.ids)) for c in range(task.channels)]
    static, patches, most = part.static.numel(), _patches(network, task), part.language.context
    if not isinstance(writer, PromptWriter):
        return Prompts({"every series": part.static_text}, static, {}, patches, most, part.leading)
    if not writer.folds:
        names = [item or source.name for item in panel.ids]
    units = Scale(*(torch.from_numpy(x).float()[:, None] for x in (scaler.mean, scaler.std)))
    starts = panel.offsets[1:] - task.lookback
    told = of_windows(panel.said, panel.times, starts, range(len(panel.ids)), task.lookback)
    texts = writer.texts(past, None, units, told)
    words = (writer.encode(texts) >= 0).sum(1).tolist()
    whole = {name: part.static_text + text for name, text in zip(names, texts, strict=True)}
    return Prompts(whole, static, dict(zip(names, words, strict=True)), patches, most, part.leading)


def _patches(network: Any, task: Task) -> int:
    representation = network.model.representation
    return int(representation.num_tokens(task.lookback) + representation.query_tokens)
