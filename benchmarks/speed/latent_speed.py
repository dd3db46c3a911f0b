"""A training step of latent-transformer's presets against one of the uncompressed transformer: forward, backward, Adam.

Both: width 512, 8 heads, feed-forward 2048, two encoder layers and one decoder layer, dropout 0.1, mixed channels, half
of the look-back as label, MSE, torch's fused Adam, fp32, the same batch; no features known in advance, which the
transformer would read. Three rows, because torch's fused attention on a CPU has no dropout on the attention's weights:

with     that dropout at 0.1 on both sides: the published form, equal settings, and the row that is asked for
without  on neither side
default  each model as it is by default: on in the transformer, off in latent-transformer

The sides take turns, and the medians count. Beside the time on the wall stands the processor's time of the process,
which, on one thread, is the same on an idle machine and the steadier of the two on a busy one.
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from benchmarks._harness import compare, ratio, report, table
from latentcast.core.types import Batch, Task
from latentcast.models.config.run import resolve_config
from latentcast.models.network import Network, build

CLAIM = "a training step of latent-transformer is faster than the uncompressed transformer's"

CHANNELS, RATE = 7, 1e-4
PRESETS = ("light", "medium", "heavy", "custom_4x", "custom_8x", "custom_16x")
ASKED = {96: {"light": 3.5, "medium": 7.0, "heavy": 10.0}, 720: {"light": 9.0, "medium": 20.0, "heavy": 30.0}}
ROWS: dict[str, float | None] = {"with": 0.1, "without": 0.0, "default": None}
TIMED = ("with", "without")  # the default is the one side of the first and the other of the second


def network(preset: str | None, length: int, attention_dropout: float | None) -> Network:
    """The transformer where there is no preset."""
    model: dict[str, Any] = {"name": "latent-transformer" if preset else "transformer", "preset": preset}
    if attention_dropout is not None:
        on_weights = {"attention_dropout": attention_dropout}
        model |= {"backbone": on_weights} if preset else on_weights
    torch.manual_seed(1)
    run = resolve_config({"model": model, "lookback": length, "horizon": length})
    return build(run.kind, run.model, Task(length, length, CHANNELS, tuple(range(CHANNELS)))).train()


def windows(size: int, length: int, device: str) -> Batch:
    random = torch.Generator().manual_seed(1)
    past, target = (torch.randn(size, length, CHANNELS, generator=random) for _ in range(2))
    return Batch(past, target=target).to(device)


def stepper(side: Network, batch: Batch) -> Callable[[], None]:
    device = batch.past.device
    side.to(device)
    adam = torch.optim.Adam(side.parameters(), lr=RATE, fused=True)

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize()

    def step() -> None:
        wait()
        adam.zero_grad()
        side.loss(side(batch), batch).backward()
        adam.step()
        wait()

    return step


def rows_of(length: int, size: int, presets: list[str], repeats: int, device: str) -> dict[str, dict[str, Any]]:
    """The three rows. In each turn the transformer makes one step, a preset as many as fill a fifth of its time."""
    batch = windows(size, length, device)
    steps = {
        (row, preset): stepper(network(preset, length, ROWS[row]), batch)
        for row in TIMED
        for preset in (None, *presets)
    }
    first = compare(steps, 1)
    several = {side: max(1, round(ratio(first, ("with", None), side) / 5)) for side in steps}
    turns = {side: partial(_repeated, step, several[side]) for side, step in steps.items()}
    taken = compare(turns, repeats, warm_up=0)

    def ms(side: tuple[str, str | None], clock: str) -> float:
        return 1e3 * taken[side].median(clock) / several[side]

    rows = {}
    for row in ROWS:
        base = ("without" if row == "without" else "with", None)
        sides = {"transformer": base} | {p: ("with" if row == "with" else "without", p) for p in presets}
        rows[row] = {
            name: {
                "ms": ms(side, "wall"), "ratio": ms(base, "wall") / ms(side, "wall"),
                "processor_ms": ms(side, "processor"), "processor_ratio": ms(base, "processor") / ms(side, "processor"),
                "asked": ASKED.get(length, {}).get(name),
                "steps_a_turn": several[side],
                "all_turns": taken[side].summary(1e3),
            }
            for name, side in sides.items()
        }  # fmt: skip
    return rows


def _repeated(step: Callable[[], None], times: int) -> None:
    for _ in range(times):
        step()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", nargs="+", type=int, default=[96, 720], help="look-back and horizon")
    parser.add_argument("--batch", nargs="+", type=int, default=[32, 8], help="windows a step, for each length")
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=list(PRESETS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    found = []
    for device in ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]:
        for length, size in zip(args.lengths, args.batch, strict=True):
            rows = rows_of(length, size, args.presets, args.repeats, device)
            found.append({"device": device, "length": length, "batch": size, "rows": rows})
            for row, sides in rows.items():
                print(f"\n{device}, {length} → {length}, {size} windows, attention dropout: {row}", flush=True)
                head = ["", "ms per step", "times faster", "ms of the processor", "times faster", "asked"]
                columns = ("ms", "ratio", "processor_ms", "processor_ratio")
                table(head, [[name, *(s[c] for c in columns), s["asked"] or ""] for name, s in sides.items()])
    report(CLAIM, ASKED, name="latent_speed" if args.threads == 1 else f"latent_speed_{args.threads}_threads", found={
        "settings": {**vars(args), "channels": CHANNELS, "lr": RATE, "optimizer": "adam, fused", "precision": "fp32"},
        "seed": 1, "attention_dropout_of_rows": ROWS, "measured_steps": found,
    }, threads=args.threads)  # fmt: skip


if __name__ == "__main__":
    main()
