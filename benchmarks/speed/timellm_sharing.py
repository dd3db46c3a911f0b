"""A training step of Time-LLM on windows that it has not seen, where the words that prompts share are read once.

    python -m benchmarks.speed.timellm_sharing [--lookbacks 96 512] [--rounds 5] [--layers 6] [--before 40]
                                               [--variants NAME …] [--name FILE]

Every step takes another 24 windows of ETTh1's oil temperature, drawn without replacement in the order of a seed, as in
the first epoch of a training; the words of the `--before` batches before them are in the tree. Random weights of
GPT-2's shape, float32 unless said otherwise, one thread, processor time, all variants in turn on the same windows.

rounded   the default wording; `read anew` without the tree, which is the path before there was one, and with `products
          of torch` before frozen layers had those of oneDNN and attention went a few series at a time
short     the same numbers, their labels once in the part that all windows share
packed    frozen weights in the blocks that oneDNN multiplies
int8      a window's own words by weights and inputs of 8 bits
seen      windows of an earlier epoch, all words of which are in the tree

Where neuralforecast is installed its TimeLLM takes part, with prompts of its own.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from benchmarks._harness import report, table
from benchmarks.speed.timellm_speed import HORIZON, WINDOWS, gpt2_folder, make, theirs
from latentcast.core.types import Batch
from latentcast.data.sources.open import open_data
from latentcast.models.backbones import language_model, prefix_attention
from latentcast.models.network import Network

CLAIM = "a training step of time-llm is faster when words that prompts share are read once"
TRAINED = 8640  # steps of ETTh1's training part
SHORT = {"prompt_wording": "short"}
PLAIN = "rounded, read anew, products of torch"
VARIANTS: dict[str, dict[str, Any]] = {
    PLAIN: {"cache": 0},
    "rounded, read anew": {"cache": 0},
    "rounded": {},
    "rounded, packed": {"packed": True},
    "rounded, words in bf16": {"prompt_dtype": "bf16"},
    "rounded, packed, words in int8": {"packed": True, "prompt_dtype": "int8"},
    "rounded, two digits": {"digits": 2},
    "short": SHORT,
    "short, two digits": {**SHORT, "digits": 2},
    "short, packed": {**SHORT, "packed": True},
    "short, words in bf16": {**SHORT, "prompt_dtype": "bf16"},
    "short, packed, words in int8": {**SHORT, "packed": True, "prompt_dtype": "int8"},
    "rounded, read anew, bf16 weights": {"cache": 0, "dtype": "bf16"},
    "rounded, bf16 weights": {"dtype": "bf16"},
    "short, bf16 weights": {**SHORT, "dtype": "bf16"},
    "short, packed, bf16 weights": {**SHORT, "packed": True, "dtype": "bf16"},
}
SEEN = (
    "rounded, packed",
    "short",
    "short, packed",
    "short, packed, bf16 weights",
)  # also on windows of an earlier epoch


def batches(lookback: int) -> Iterator[Batch]:
    """Batches of new windows, standardised by the training part."""
    frame = open_data("ETTh1")[0].frame
    values = np.asarray(frame.to_numpy() if hasattr(frame, "to_numpy") else frame)[:TRAINED, -1].astype(float)
    series = torch.from_numpy((values - values.mean()) / values.std()).float()
    starts = torch.randperm(TRAINED - lookback - HORIZON, generator=torch.Generator().manual_seed(0))
    for some in starts.split(WINDOWS):
        whole = series[some[:, None] + torch.arange(lookback + HORIZON)][..., None]
        yield Batch(whole[:, :lookback], target=whole[:, lookback:])


def stepper(network: Network) -> Callable[[Batch], None]:
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)

    def step(batch: Batch) -> None:
        optimiser.zero_grad()
        network.loss(network(batch), batch).backward()
        optimiser.step()

    return step


def prompted_step(network: Network, step: Callable[[Batch], None], batch: Batch) -> None:
    step(network.prompted(batch))


def taken(run: Callable[[], Any]) -> float:
    begun = time.process_time()
    run()
    return time.process_time() - begun


def main() -> None:
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--lookbacks", type=int, nargs="*", default=[96, 512])
    parse.add_argument("--rounds", type=int, default=5)
    parse.add_argument("--layers", type=int, default=6)
    parse.add_argument("--before", type=int, default=40, help="batches whose words are in the tree")
    parse.add_argument("--variants", nargs="*", choices=list(VARIANTS), default=list(VARIANTS))
    parse.add_argument("--name", default="timellm_sharing", help="of the file in results/")
    asked = parse.parse_args()
    torch.set_num_threads(1)
    found: dict[str, Any] = {**vars(asked), "windows": WINDOWS, "by lookback": {}}
    del found["lookbacks"]
    with tempfile.TemporaryDirectory() as place:
        folder = gpt2_folder(Path(place))
        for lookback in asked.lookbacks:
            found["by lookback"][lookback] = of_lookback(folder, lookback, asked)
            report(CLAIM, None, name=asked.name, found=found, threads=1)


def made(folder: str, lookback: int, layers: int, name: str) -> Network:
    """The network of a variant; `PLAIN` multiplies frozen weights as torch's own linear layers do."""
    if name == PLAIN:
        with patch.object(language_model, "quick_products"):
            return make(folder, lookback, layers, **VARIANTS[name])
    return make(folder, lookback, layers, **VARIANTS[name])


def in_one_piece(step: Callable[[Batch], None], batch: Batch) -> None:
    """A step whose attention makes the scores of all series at once."""
    with patch.object(prefix_attention, "is_quicker", return_value=False):
        step(batch)


def of_lookback(folder: str, lookback: int, asked: argparse.Namespace) -> dict[str, Any]:
    networks = {name: made(folder, lookback, asked.layers, name) for name in asked.variants}
    supply = batches(lookback)
    words: dict[str, list[float]] = {name: [] for name in networks}
    for batch in (next(supply) for _ in range(asked.before)):
        for name, network in networks.items():
            words[name].append(read_words(network, batch))
    steps = {name: stepper(network) for name, network in networks.items()}
    if PLAIN in steps:
        steps[PLAIN] = partial(in_one_piece, steps[PLAIN])
    first = next(supply)
    for name, step in steps.items():
        step(networks[name].prompted(first))
    other = theirs(folder, lookback, asked.layers, first, torch.zeros(WINDOWS, 1, dtype=torch.long))
    if other is not None:
        taken(other["own"])
    seconds: dict[str, list[float]] = {name: [] for name in [*steps, *(["neuralforecast"] if other else [])]}
    again = [name for name in SEEN if name in steps]
    seconds.update({f"{name}, seen": [] for name in again})
    for _ in range(asked.rounds):
        batch = next(supply)
        for name, step in steps.items():
            seconds[name].append(taken(partial(prompted_step, networks[name], step, batch)))
        for name in again:
            seconds[f"{name}, seen"].append(taken(partial(prompted_step, networks[name], steps[name], batch)))
        if other is not None:
            seconds["neuralforecast"].append(taken(other["own"]))
    medians = {name: statistics.median(each) for name, each in seconds.items() if each}
    base, theirs_take = medians.get(PLAIN), medians.get("neuralforecast")
    table(
        ["variant", "seconds", "x plain", "x neuralforecast", "new words a window"],
        [
            [name, each, base and base / each, theirs_take and theirs_take / each,
             statistics.mean(words[name][-10:]) if name in words else None]
            for name, each in medians.items()
        ],
    )  # fmt: skip
    return {
        "seconds": medians,
        "times faster than read anew with products of torch": base
        and {name: base / each for name, each in medians.items()},
        "times faster than neuralforecast": theirs_take and {n: theirs_take / each for n, each in medians.items()},
        "new words of a window": {name: statistics.mean(each[-10:]) for name, each in words.items()},
        "static words": {name: network.model.backbone.static.numel() for name, network in networks.items()},
    }


def read_words(network: Network, batch: Batch) -> float:
    """Read the prompts of a batch; return how many words of a window were read."""
    part, prompt = network.model.backbone, network.prompted(batch).prompt
    assert prompt is not None
    if not part.settings.cache:
        return float((prompt >= 0).sum()) / len(batch)
    reader = part.reader
    tree = reader._tree()
    before = tree.read_words
    reader.known(prompt[:, 0])
    return (tree.read_words - before) / len(batch)


if __name__ == "__main__":
    main()
