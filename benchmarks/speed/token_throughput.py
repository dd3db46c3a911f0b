"""Training throughput of `token-transformer` in codes a second, against the machine's own matrix rate in the same run.

The stage that learns the next code, as it is trained: 64 windows × 7 channels of ETTh1's size, look-back 96 and horizon
96 in codes of four steps, forward, backward and optimiser step. The matrix rate is that of a plain product of two
2048 × 2048 matrices. FLOPs are counted by torch: matrix products, convolutions, attention; nothing else.

`before` is the same with what profiling took out put back: rotary positions by sines and cosines instead of complex
numbers, and torch's own dropout.

    python -m benchmarks.speed.token_throughput [--threads 1]
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

import latentcast  # noqa: F401
from benchmarks._harness import compare, report, table
from latentcast.core.types import Batch, Task
from latentcast.models.config.run import resolve_config
from latentcast.models.inspection import _CPU_ATTENTION
from latentcast.models.network import Network, build

CLAIM = "training on codes reaches more of the machine's matrix rate than before profiling"

WINDOWS, CHANNELS, LOOKBACK, HORIZON = 64, 7, 96, 96


def plainly_rotated(x: Tensor, at: int) -> Tensor:
    half = x.shape[-1] // 2
    rate = 10_000.0 ** (-torch.arange(half) / half)
    angle = torch.arange(at, at + x.shape[-2])[:, None] * rate
    cos, sin = angle.cos(), angle.sin()
    first, second = x[..., :half], x[..., half : 2 * half]
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


def plainly_dropped(self: torch.nn.Module, x: Tensor) -> Tensor:
    return torch.nn.functional.dropout(x, self.p, self.training)  # type: ignore[arg-type]


@contextmanager
def before() -> Iterator[None]:
    with (
        patch("latentcast.models.backbones.causal.rotate", plainly_rotated),
        patch("latentcast.layers.dropout.Dropout.forward", plainly_dropped),
    ):
        yield


def make() -> Network:
    run = resolve_config({"model": "token-transformer", "lookback": LOOKBACK, "horizon": HORIZON})
    torch.manual_seed(0)
    network = build(run.kind, run.model, Task(LOOKBACK, HORIZON, CHANNELS, tuple(range(CHANNELS)))).train()
    for name, parameter in network.named_parameters():
        if ".codec." in name:
            parameter.requires_grad_(False)
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)  # times are those of the processor
    generator = torch.Generator().manual_seed(0)
    past, target = torch.randn(2, WINDOWS, LOOKBACK, CHANNELS, generator=generator)
    network, batch = make(), Batch(past, target=target)
    counter = FlopCounterMode(display=False, custom_mapping=_CPU_ATTENTION)
    with counter:
        network.model.next_code_loss(batch).backward()
    flops = counter.get_total_flops()
    codes = WINDOWS * CHANNELS * (LOOKBACK + HORIZON) // network.model.representation.codec.factor
    a = torch.randn(2048, 2048)
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], fused=True)

    def after() -> None:
        network.model.next_code_loss(batch).backward()
        optimizer.step()
        optimizer.zero_grad()

    times = compare({"product": lambda: a @ a, "before": before()(after), "after": after}, args.repeats)
    peak = 2 * 2048**3 / times.pop("product").median()
    rows = {
        name: {
            "seconds": round(each.median(), 4),
            "codes_per_second": round(codes / each.median()),
            "gflops_per_second": round(flops / each.median() / 1e9, 1),
            "of_the_matrix_rate": round(flops / each.median() / peak, 3),
        }
        for name, each in times.items()
    }
    table(["", *rows["after"]], [[name, *row.values()] for name, row in rows.items()])
    report(
        CLAIM,
        None,
        name="token_throughput",
        found={
            "codes_per_step": codes,
            "flops_per_step": flops,
            "matrix_gflops_per_second": round(peak / 1e9, 1),
            **rows,
        },
        threads=1,
    )


if __name__ == "__main__":
    main()
