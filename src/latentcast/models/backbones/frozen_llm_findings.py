"""What a frozen language model reports about a window: the prompt that it read, and the prototypes that patches use."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from latentcast.core.findings import MOST, Finding, WindowLabels
from latentcast.models.backbones.frozen_llm_settings import FrozenLLMSettings
from latentcast.models.backbones.language_model import LanguageModel


@dataclass(frozen=True)
class BeforePatches:
    """What precedes the patches of every window.

    text, words   the static part of the prompt, and its number of words
    leading       tokens that a window makes itself
    """

    text: str
    words: int
    leading: int


def prompt_read(
    shown: WindowLabels,
    prompt: Tensor | None,
    before: BeforePatches,
    settings: FrozenLLMSettings,
    language: LanguageModel,
) -> Finding:
    """Report the text that the language model read before the patches."""
    names: tuple[str, ...] = ("every series",)
    texts, own = [""], 0
    if prompt is not None:
        decode = language.tokenizer.decode
        places, names = shown.of_series(len(prompt))
        texts = [decode(prompt[at][prompt[at] >= 0].tolist()) for at in places]
        own = int((prompt >= 0).sum(1).max())
    led = f", then {before.leading} tokens that the window makes itself" if before.leading else ""
    return Finding(
        "What the language model read",
        "the prompt before the patches",
        f"{before.words} tokens for all windows, up to {own} of each series{led}. Language model: {settings.llm}"
        f"{', with random weights' if settings.random else ''}, {language.layers} layers.",
        "text",
        names,
        texts=tuple((before.text + text,) for text in texts),
        facts={"static": before.words, "own": own, "made of the window": before.leading},
    )


def attention_to_prototypes(
    shown: WindowLabels, weights: Float[Tensor, "series heads tokens prototypes"], words: tuple[tuple[str, ...], ...]
) -> Finding:
    """Report the prototypes that the patches of the first series take most from, by their nearest `words`."""
    places, names = shown.of_series(len(weights))
    own = weights[places[0]].mean(0).cpu().double().numpy()
    top = np.argsort(-own.mean(0), kind="stable")[:MOST].tolist()
    share = float(own.mean(0)[top].sum())
    return Finding(
        "Which words patches take from",
        f"{names[0]}: attention of patches over the prototypes that they take most from",
        f"The {len(top)} of {len(words)} prototypes with most attention ({share:.0%} of all), the most used first,"
        f" named by the three words nearest to each. Mean over heads; even would be {1 / len(words):.2g}.",
        "heat",
        tuple(str(number + 1) for number in range(len(own))),
        tuple(" ".join(words[at]).replace("\ufffd", "·") for at in top),  # · is a part of a letter
        own[:, top],
        across="prototype, by its nearest words",
        down="patch, oldest first",
        measure="attention",
        facts={"share of all attention": share, "prototypes": len(words)},
    )


__all__ = ["BeforePatches", "attention_to_prototypes", "prompt_read"]
