"""Words about time series, and prototypes that start from them instead of the whole vocabulary."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from latentcast.core.errors import Fault, SettingsError
from latentcast.layers.reprogramming import ROWS

Start = Literal["vocabulary", "weighted", "cluster", "random"]
WORDS: dict[str, str] = {
    "trend": "increase decrease rise fall grow decline stable steady upward downward ascending descending",
    "cycle": "cycle period seasonal daily weekly monthly yearly annual recurring periodic repetitive",
    "change": "change fluctuate vary shift swing oscillate wave",
    "extremes": "peak valley maximum minimum highest lowest extreme high low top bottom",
    "statistics": "average mean median normal typical unusual anomaly",
    "forecast": "forecast predict expect anticipate estimate project",
    "time": "future past history previous next current recent before after yesterday tomorrow",
    "quantity": "more less few many some most all none",
    "degree": "slight moderate significant dramatic rapid slow gradual",
}
NOISE = 0.1  # share of the usual initial values, added so that prototypes of the same words differ
SHARPNESS = 3.0  # of random weightings: a few words make up most of each
ROUNDS = 20  # of k-means
BASE, FEWEST, MOST = 1000, 500, 2000


def adaptive_count(lookback: int, horizon: int, channels: int, base: int = BASE) -> int:
    """base · (ln T · ln H · √C) / (ln 96 · ln 96 · √7), within 500 … 2000: more for longer and wider tasks."""
    share = math.log(lookback) * math.log(horizon) * math.sqrt(channels) / (math.log(96) ** 2 * math.sqrt(7))
    return min(max(round(base * share), FEWEST), MOST)


def known_words(tokenizer: Any, vocabulary: int, anchors: Sequence[str] | None = None) -> list[list[int]]:
    """The pieces of each word that the tokenizer knows: with a space before it or without, whichever has fewer.

    The words are `anchors`, or those of `WORDS`. Raises SettingsError when it knows none, or not all of `anchors`.
    """
    found, unknown = [], []
    for word in " ".join(WORDS.values()).split() if anchors is None else anchors:
        forms = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in (f" {word}", word)]
        known = [ids for ids in forms if ids and tokenizer.unk_token_id not in ids and max(ids) < vocabulary]
        if known:
            found.append(min(known, key=len))
        else:
            unknown.append(word)
    if anchors is not None and unknown:
        which = ", ".join(unknown)
        raise SettingsError(Fault("anchors", f": this language model's tokenizer does not know {which}; leave it out"))
    if not found:
        raise SettingsError(
            Fault(
                "prototype_start",
                ": none of the words for time series is in this language model's vocabulary; set"
                " prototype_start=vocabulary",
            )
        )
    return found


def mixtures(
    start: Start, pieces: list[list[int]], count: int, words: Float[Tensor, "vocabulary width"]
) -> Iterator[Float[Tensor, "rows vocabulary"]]:
    """Prototypes as linear combinations of the vocabulary, some rows at a time.

    weighted  each its own random weighting of all words
    cluster   centres of clusters of the words, equally often; the words themselves where there are fewer
    random    each a word drawn at random

    A word of several pieces is their mean. A little of the usual start is added, different for each.
    """
    vocabulary = len(words)
    of_words = torch.zeros(len(pieces), vocabulary, device="cpu")
    for row, ids in zip(of_words, pieces, strict=True):
        row.index_add_(0, torch.tensor(ids), torch.full((len(ids),), 1 / len(ids)))
    if start == "weighted":
        shares = (SHARPNESS * torch.randn(count, len(pieces))).softmax(1)
    elif start == "random":
        shares = torch.eye(len(pieces))[torch.randint(len(pieces), (count,))]
    else:
        table = words.detach().cpu().float()
        vectors = torch.stack([table[ids].mean(0) for ids in pieces])
        centres = clusters(vectors, min(count, len(pieces)))
        shares = centres[torch.arange(count) % len(centres)]
    bound = NOISE / math.sqrt(vocabulary)
    for first in range(0, count, ROWS):
        chosen = shares[first : first + ROWS] @ of_words
        yield chosen + torch.empty_like(chosen).uniform_(-bound, bound)


def clusters(vectors: Float[Tensor, "words width"], count: int) -> Float[Tensor, "count words"]:
    """k-means: the share of each word in each centre. As many clusters as words: each word by itself."""
    words = len(vectors)
    if count == words:
        return torch.eye(words)
    centres = vectors[torch.randperm(words)[:count]]
    members = torch.zeros(count, words)
    for _ in range(ROUNDS):
        nearest = torch.cdist(vectors, centres).argmin(1)
        members = torch.nn.functional.one_hot(nearest, count).T.float()
        empty = (members.sum(1) == 0).nonzero()[:, 0]
        if len(empty):  # of words that stand together: an empty one takes a word of the largest
            for place in empty.tolist():
                largest = members.sum(1).argmax()
                word = members[largest].nonzero()[0, 0]
                members[largest, word], members[place, word] = 0, 1
        members = members / members.sum(1, keepdim=True)
        centres = members @ vectors
    return members
