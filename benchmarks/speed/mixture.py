"""Four experts, of which each token asks two, against one expert for every token.

    python -m benchmarks.speed.mixture [--rounds 20] [--train]

Forward and backward of the block as it stands between representation and backbone (router, experts, residual and norm),
against the same block with a single feed-forward of the same width in the place of router and experts. Two experts are
twice its products, so that 2 is the least that can be reached. `masks` is the plain form: every expert on its own
tokens, found by a mask. The sides take turns; medians of processor time on one thread. Asked: at most 2.5.

With --train, `pattn` with a mixture learns ETTh1 (96 → 24, 400 steps) and the experts' use is counted on its test part:
asked is within twice of even, either way.
"""

import argparse
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks._harness import compare, report, table
from latentcast.core.types import Batch, Task, Tokens
from latentcast.layers.transformer import feed_forward
from latentcast.models.mixers.mixture_of_experts import Mixture, MixtureSettings

CLAIM = "four experts of which two are asked cost at most 2.5 times one expert"

EXPERTS, TOP = 4, 2
SIZES = ((1000, 128), (4096, 128), (14336, 32), (1000, 768))  # tokens, width


class Width:
    """What the mixture asks of a representation."""

    query_tokens, folds_channels, uses_known = 0, True, False

    def __init__(self, width: int) -> None:
        self.width = width

    def num_tokens(self, time: int) -> int:
        return 1

    def __call__(self, batch: Batch) -> Tokens:
        raise NotImplementedError


class One(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.feed_forward, self.norm = feed_forward(width, 4 * width, 0.0), nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x + self.feed_forward(x))


def by_masks(part: Mixture, x: Tensor) -> Tensor:
    experts = part.experts
    _, share, which = experts.route(x)
    found = torch.zeros_like(x)
    for number in range(experts.experts):
        rows, place = (which == number).nonzero(as_tuple=True)
        hidden = nn.functional.gelu(x[rows] @ experts.up[number] + experts.up_bias[number])
        made = hidden @ experts.down[number] + experts.down_bias[number]
        found = found.index_add(0, rows, made * share[rows, place, None])
    return part.norm(x + found)


def measure(tokens: int, width: int, rounds: int) -> dict[str, Any]:
    torch.manual_seed(0)
    task = Task(96, 24)
    part, one = Mixture(MixtureSettings(experts=EXPERTS, top=TOP), task, Width(width)), One(width)
    x = torch.randn(tokens, width, requires_grad=True)
    ask = torch.randn(tokens, width)

    def mixture() -> None:
        made = part(Tokens(x[None]), 1)
        assert made.penalty is not None
        torch.autograd.backward([made.values[0], made.penalty], [ask, torch.ones(())])

    sides: dict[str, Callable[[], None]] = {
        "one expert": lambda: one(x).backward(ask),
        "mixture": mixture,
        "masks": lambda: by_masks(part, x).backward(ask),
    }

    def forget() -> None:
        for module in (part, one):
            module.zero_grad()
        x.grad = None

    times = compare(sides, rounds, warm_up=3, before=forget)
    medians = {name: 1e3 * each.median() for name, each in times.items()}
    return {
        "tokens": tokens,
        "width": width,
        "milliseconds": medians,
        "mixture over one expert": medians["mixture"] / medians["one expert"],
        "masks over one expert": medians["masks"] / medians["one expert"],
    }


def use_after_training() -> dict[str, Any]:
    import latentcast
    from latentcast.data.windows.windows import make_windows, window_starts
    from latentcast.forecaster.inputs import open_prepared

    forecaster = latentcast.fit(
        "ETTh1",
        "pattn",
        lookback=96,
        horizon=24,
        seed=0,
        settings={
            "model.mixers": [{"name": "mixture", "experts": EXPERTS, "top": TOP}],
            "model.representation.width": 32,
            "training.max_steps": 400,
        },
    )
    _, view = open_prepared(forecaster, "ETTh1")
    panel = view.panel
    starts = window_starts(panel, *view.parts.bounds("test"), 96, 24)
    windows = make_windows(panel, view.scaler, starts, 96, 24, targets=forecaster.task.targets, with_known=False)
    model: Any = forecaster.network.model
    counts = torch.zeros(EXPERTS)
    with torch.inference_mode():
        for at in torch.arange(len(starts[0])).split(256):
            batch = windows.batch(at)
            past = model._scale(batch).apply(batch.past)
            tokens = model.representation(Batch(past))
            counts += model.mixers[0].usage(tokens) * len(at)
    use = counts / counts.sum()
    return {
        "windows": len(starts[0]),
        "steps": 400,
        "use": use.tolist(),
        "furthest from even": max(use.max().item() * EXPERTS, 1 / (use.min().item() * EXPERTS)),
    }


def main() -> None:
    parse = argparse.ArgumentParser()
    parse.add_argument("--rounds", type=int, default=20)
    parse.add_argument("--train", action="store_true")
    asked = parse.parse_args()
    torch.set_num_threads(1)
    found: dict[str, Any] = {"experts": EXPERTS, "top": TOP, "rounds": asked.rounds}
    found["sizes"] = [measure(tokens, width, asked.rounds) for tokens, width in SIZES]
    ratio = "mixture over one expert"
    table(
        ["tokens", "width", "one ms", "mixture ms", "x one", "masks x one"],
        [
            [
                row["tokens"],
                row["width"],
                row["milliseconds"]["one expert"],
                row["milliseconds"]["mixture"],
                row[ratio],
                row["masks over one expert"],
            ]
            for row in found["sizes"]
        ],
    )
    if asked.train:
        found["after training on ETTh1"] = use_after_training()
        print(found["after training on ETTh1"])
    report(CLAIM, {"over one expert": 2.5, "furthest from even": 2}, name="mixture", found=found, threads=1)


if __name__ == "__main__":
    main()
