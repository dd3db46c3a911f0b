"""A training step of Autoformer, 96 → 96: neuralforecast's network against latentcast's, with equal sizes and weights.

Forward, MSE, backward and fused Adam on the same windows of one channel, without calendar features (neuralforecast's
has one channel a window), dropout 0.05, factor 3, moving average 25, label_len 48, on one thread; the loops around are
not measured. Two sizes: the published one (512, feed-forward 2048, 32 windows), where linear maps that both must do are
most of a step, and neuralforecast's default (128, feed-forward 32, 224 windows). First the same weights are laid into
both, and their forecasts must agree. The sides take turns; medians of processor time and of time on the wall.
"""

import argparse
import logging
import warnings
from collections.abc import Callable
from typing import Any

import torch

from benchmarks._harness import compare, ratio, report, table
from latentcast.core.types import Batch, Task
from latentcast.models.standalone.autoformer import Autoformer, AutoformerSettings

CLAIM = "a training step of autoformer is faster than neuralforecast's of equal sizes and weights"

L, H, RATE = 96, 96, 1e-4
SIZES = {"published": (512, 2048, 32), "neuralforecast's default": (128, 32, 224)}
HEADS = {512: 8, 128: 4}


def load_theirs() -> tuple[Any, Any]:
    """Their model and loss."""
    from neuralforecast.losses.pytorch import MSE
    from neuralforecast.models import Autoformer as TheirAutoformer

    return TheirAutoformer, MSE


def theirs(width: int, ff: int) -> Any:
    their_autoformer, mse = load_theirs()
    return their_autoformer(
        h=H, input_size=L, hidden_size=width, conv_hidden_size=ff, n_head=HEADS[width], factor=3, dropout=0.05,
        encoder_layers=2, decoder_layers=1, MovingAvg_window=25, activation="gelu", loss=mse(), accelerator="cpu",
    )  # fmt: skip


def ours(width: int, ff: int) -> Autoformer:
    return Autoformer(AutoformerSettings(width=width, ff=ff), Task(L, H))


def lay(source: Any, into: Autoformer) -> None:
    """Their weights in our places. Biases of queries and of norms, which change no forecast, have none here."""
    state = dict(source.state_dict())
    found: dict[str, torch.Tensor] = {}

    def block(their: str, our: str) -> None:
        found[f"{our}.query.weight"] = state[f"{their}.query_projection.weight"]
        for kind in ("weight", "bias"):
            parts = [state[f"{their}.{part}_projection.{kind}"] for part in ("key", "value")]
            found[f"{our}.key_value.{kind}"] = torch.cat(parts)
            found[f"{our}.out.{kind}"] = state[f"{their}.out_projection.{kind}"]

    def feed_forward(their: str, our: str) -> None:
        for number, place in ((1, 0), (2, 3)):
            found[f"{our}.feed_forward.{place}.weight"] = state[f"{their}.conv{number}.weight"][..., 0]

    for number in range(2):
        block(f"encoder.attn_layers.{number}.attention", f"encoder.{number}.itself")
        feed_forward(f"encoder.attn_layers.{number}", f"encoder.{number}")
    for their, our in (("self_attention", "itself"), ("cross_attention", "memory")):
        block(f"decoder.layers.0.{their}", f"decoder.0.{our}")
    feed_forward("decoder.layers.0", "decoder.0")
    found["decoder.0.trend.weight"] = state["decoder.layers.0.projection.weight"]
    for their, our in (("enc", "past"), ("dec", "future")):
        found[f"embed_{our}.values.weight"] = state[f"{their}_embedding.value_embedding.tokenConv.weight"]
    for part in ("encoder", "decoder"):
        found[f"norm_{part}.norm.weight"] = state[f"{part}.norm.layernorm.weight"]
    for kind in ("weight", "bias"):
        found[f"project.{kind}"] = state[f"decoder.projection.{kind}"]
    into.load_state_dict(found)


def difference(size: str, batch: Batch) -> dict[str, float]:
    """The largest difference of the forecasts, with the delays of each series and with those of the batch."""
    width, ff, _ = SIZES[size]
    torch.manual_seed(1)
    one, other = theirs(width, ff), ours(width, ff)
    lay(one, other)
    for network in (one, other):
        for module in network.modules():
            for name in ("p", "zeroed"):
                if hasattr(module, name):
                    setattr(module, name, 0)
    found = {}
    for name, training in (("delays of each series", False), ("delays of the batch", True)):
        one.train(training)
        other.train(training)
        with torch.no_grad():
            expected = one({"insample_y": batch.past, "futr_exog": None})
            found[name] = float((other(batch).values - expected).abs().max())
        assert found[name] < 1e-3, (size, name, found)
    return found


def stepper(network: Any, batch: Batch, *, ours: bool) -> Callable[[], None]:
    network.train()
    adam = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
    given = {"insample_y": batch.past, "futr_exog": None}
    assert batch.target is not None

    def step() -> None:
        adam.zero_grad()
        values = network(batch).values if ours else network(given)
        (values - batch.target).square().mean().backward()
        adam.step()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    measured = {}
    for size in args.sizes:
        width, ff, windows = SIZES[size]
        torch.manual_seed(1)
        batch = Batch(torch.randn(windows, L, 1).cumsum(1) / 10, target=torch.randn(windows, H, 1))
        agree = difference(size, batch)
        networks = {"neuralforecast": theirs(width, ff), "latentcast": ours(width, ff)}
        sides = {name: stepper(it, batch, ours=name == "latentcast") for name, it in networks.items()}
        times = compare(sides, args.repeats)
        faster = {clock: ratio(times, "neuralforecast", "latentcast", clock) for clock in ("wall", "processor")}
        print(f"\n{size}: width {width}, feed-forward {ff}, {windows} windows", flush=True)
        ms = {name: [1e3 * took.median(clock) for clock in ("wall", "processor")] for name, took in times.items()}
        table(["", "ms per step", "ms of the processor"], [[name, *both] for name, both in ms.items()])
        print(f"times faster: {faster}; forecasts differ by {agree}")
        measured[size] = {
            "width": width, "ff": ff, "windows": windows,
            "ratio": faster["wall"], "processor_ratio": faster["processor"],
            "ms_per_step": {name: took.summary(1e3) for name, took in times.items()},
            "largest_difference_of_forecasts": agree,
        }  # fmt: skip
    report(CLAIM, {"times_faster": 1.5}, name="autoformer_step", found={
        "settings": {**vars(args), "lookback": L, "horizon": H, "lr": RATE, "optimizer": "adam, fused, on both sides",
                     "precision": "fp32", "dropout": 0.05, "factor": 3, "kernel": 25},
        "seed": 1, "sizes": measured,
    }, threads=1)  # fmt: skip


if __name__ == "__main__":
    main()
