"""What share of the machine's matrix product rate the language model's part of a step reaches, before and after.

    python -m benchmarks.speed.timellm_profile [--lookbacks 96 512] [--windows 24] [--channels 7] [--layers 6]

GPT-2's shape, random weights, one thread, processor time. The part is timed alone: from tokens in the model's terms to
its hidden states, and back to the gradient of these tokens; each path reads the same prompts.

before   prompt and patches as one sequence through transformers and torch's fused attention (`reuse: false`)
after    the prompt computed once, patches alone with gradient (the default)

Operations are those that each path does (products of matrices, with those inside attention), counted by torch for a few
windows and scaled, since they are in proportion. The rate is that of a product of the model's size in the same type.
The largest operators of the fast path are written beside, as torch's profiler sees them.
"""

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks._harness import compare, report, table
from benchmarks.speed.timellm_speed import gpt2_folder, make, windows
from latentcast.models.inspection import OPERATIONS_OF_CPUS
from latentcast.models.network import Network

CLAIM = "the language model's part of a step reaches the machine's matrix product rate"

FEW = 2  # series that operations are counted for
PATHS: dict[str, dict[str, Any]] = {
    "before": {"reuse": False},
    "after": {},
    "before, bf16": {"reuse": False, "dtype": "bf16"},
    "after, bf16": {"dtype": "bf16"},
}


def part(network: Network, lookback: int, series: int) -> Callable[[], None]:
    """Forward and backward of the language model over the tokens of so many series of one channel."""
    backbone = network.model.backbone
    batch = network.prompted(windows(lookback, series))
    assert batch.prompt is not None
    words = batch.prompt[:, 0]
    tokens = network.model.representation.num_tokens(lookback)
    embedded = torch.randn(series, tokens, backbone.language.width, generator=torch.Generator().manual_seed(0))
    embedded = embedded.to(backbone.language.dtype)
    run = backbone.reader.after_known if backbone.plain is None else backbone.reader.as_one

    def once() -> None:
        given = embedded.clone().requires_grad_()
        run(given, words, None)[..., : backbone.width].float().square().mean().backward()

    once.words = words.shape[1]  # type: ignore[attr-defined]
    return once


def operations(run: Callable[[], None]) -> int:
    run()  # what is computed once and for all is no part of a step
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False, custom_mapping=OPERATIONS_OF_CPUS) as counter:
        run()
    return int(counter.get_total_flops())


def largest(run: Callable[[], None]) -> dict[str, float]:
    """Operators by their share of the time, those of at least 2 %."""
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        run()
    events = [(event.key, event.self_cpu_time_total) for event in seen.key_averages()]
    whole = sum(taken for _, taken in events)
    shares = sorted(((name, taken / whole) for name, taken in events), key=lambda item: -item[1])
    return {name: round(share, 3) for name, share in shares if share >= 0.02}


def main() -> None:
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--lookbacks", type=int, nargs="*", default=[96, 512])
    parse.add_argument("--windows", type=int, default=24)
    parse.add_argument("--channels", type=int, default=7)
    parse.add_argument("--layers", type=int, default=6)
    parse.add_argument("--rounds", type=int, default=1)
    asked = parse.parse_args()
    torch.set_num_threads(1)
    series = asked.windows * asked.channels
    found: dict[str, Any] = {**vars(asked), "series": series, "by lookback": {}}
    del found["lookbacks"]
    with tempfile.TemporaryDirectory() as place:
        folder = gpt2_folder(Path(place))
        for lookback in asked.lookbacks:
            rows: dict[str, dict[str, Any]] = {}
            for name, how in PATHS.items():
                network = make(folder, lookback, asked.layers, **how)
                counted = operations(part(network, lookback, FEW)) / FEW * series
                run, dtype = part(network, lookback, series), network.model.backbone.language.dtype
                a, b = torch.randn(1024, 768, dtype=dtype), torch.randn(768, 3072, dtype=dtype)
                product = partial(torch.matmul, a, b)  # of the model's size
                few = {"product": lambda product=product: [product() for _ in range(5)], "part": run}
                times = compare(few, asked.rounds, warm_up=0)
                seconds = min(times["part"].processor)
                fastest = 5 * 2 * 1024 * 768 * 3072 / min(times["product"].processor)
                rows[name] = {
                    "words of a window": run.words,  # type: ignore[attr-defined]
                    "seconds": seconds,
                    "Gop": counted / 1e9,
                    "Gop a second": counted / seconds / 1e9,
                    "matmul Gop a second": fastest / 1e9,
                    "share of the matmul rate": counted / seconds / fastest,
                    "operators": largest(part(network, lookback, 24)) if name.startswith("after") else None,
                }
                print(
                    lookback, name, {key: value for key, value in rows[name].items() if key != "operators"}, flush=True
                )
                found["by lookback"][lookback] = rows
                report(CLAIM, None, name="timellm_profile", found=found, threads=1)
            for name in ("after", "after, bf16"):
                print(name, rows[name]["operators"])
            head = ["seconds", "Gop", "Gop a second", "share of the matmul rate"]
            table(["path", *head], [[name, *(row[key] for key in head)] for name, row in rows.items()])


if __name__ == "__main__":
    main()
