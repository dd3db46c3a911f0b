"""Sampled paths: `token-transformer` against the T5 pipeline of chronos-forecasting, of the same layers and width.

100 paths × 7 series × 96 steps after a context of 512, random weights on both sides (the time does not depend on
them), in turns in one process. Both have 3 layers, d_model 128, 8 heads, d_ff 256; the T5 has an encoder of 3 layers
besides, a vocabulary of 4096 as its authors' models have, and one token a step where a code of ours covers four.

And of ours alone: with the cache of keys and values against reading everything again for each of 128 codes; and what a
path costs as the horizon grows, with every code before it in reach, and as many as the context has.

    pip install -e '.[bench]'
    python -m benchmarks.speed.token_sampling
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

import latentcast  # noqa: F401  the versions of both sides are written down
from benchmarks._harness import compare, ratio, report, table
from latentcast.core.types import Batch, Task, Tokens
from latentcast.layers.code_sampling import chances
from latentcast.models.config.run import resolve_config
from latentcast.models.network import Network, build

CLAIM = "sampling paths is faster than Chronos' T5 of the same width, and the cache saves most of it"

CONTEXT, HORIZON, SERIES, PATHS, CODES = 512, 96, 7, 100, 128
LAYERS, WIDTH, HEADS, FF = 3, 128, 8, 256


def ours(horizon: int, reach: int | None = None) -> Network:
    run = resolve_config(
        {
            "model": {
                "name": "token-transformer",
                "representation": {"width": WIDTH},
                "backbone": {"layers": LAYERS, "heads": HEADS, "ff": FF, "reach": reach},
            },
            "lookback": CONTEXT,
            "horizon": horizon,
        }
    )
    torch.manual_seed(0)
    return build(run.kind, run.model, Task(CONTEXT, horizon, SERIES, tuple(range(SERIES)))).eval()


def chronos() -> Any:
    from chronos import ChronosConfig, ChronosPipeline
    from chronos.chronos import ChronosModel
    from transformers import T5Config, T5ForConditionalGeneration

    vocabulary = 4096
    config = ChronosConfig(
        tokenizer_class="MeanScaleUniformBins",
        tokenizer_kwargs={"low_limit": -15.0, "high_limit": 15.0},
        context_length=CONTEXT,
        prediction_length=HORIZON,
        n_tokens=vocabulary,
        n_special_tokens=2,
        pad_token_id=0,
        eos_token_id=1,
        use_eos_token=True,
        model_type="seq2seq",
        num_samples=PATHS,
        temperature=1.0,
        top_k=50,
        top_p=1.0,
    )
    t5 = T5Config(
        d_model=WIDTH,
        d_ff=FF,
        d_kv=WIDTH // HEADS,
        num_layers=LAYERS,
        num_decoder_layers=LAYERS,
        num_heads=HEADS,
        vocab_size=vocabulary,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
    )
    torch.manual_seed(0)
    return ChronosPipeline(config.create_tokenizer(), ChronosModel(config, T5ForConditionalGeneration(t5).eval()))


@torch.inference_mode()
def read_again(network: Network, batch: Batch, paths: int) -> torch.Tensor:
    """The same draws without a cache: every code is chosen after the whole sequence is read once more."""
    model = network.model
    _, batch = model._normalised(batch)
    vectors, _ = model.representation.codec.encode(model.representation.series(batch))
    steps = model.representation.query_tokens
    chance = chances(torch.arange(len(batch)), batch.past.shape[2], paths, steps).flatten(0, 2)
    sequence = model.representation.embed(vectors).repeat_interleave(paths, dim=0)
    future = []
    for step in range(steps):
        last = model.backbone(Tokens(sequence)).values[:, -1]
        codes = model.head.chosen(last, lambda logits, _, step=step: model.head.settings.draw(logits, chance[:, step]))
        future.append(model.representation.codec.codebook.lookup(codes))
        sequence = torch.cat([sequence, model.representation.embed(future[-1], sequence.shape[1])], dim=1)
    return torch.cat(future, dim=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    past = torch.randn(1, CONTEXT, SERIES, generator=torch.Generator().manual_seed(0)).cumsum(1)
    batch, seeds = Batch(past), torch.zeros(1, dtype=torch.long)

    network, pipeline = ours(HORIZON), chronos()
    sides: dict[str, Callable[[], torch.Tensor]] = {
        "latentcast": lambda: network.model.sample(batch, PATHS, seeds),
        "chronos-t5": lambda: pipeline.predict(past[0].T, prediction_length=HORIZON, num_samples=PATHS),
    }
    with torch.inference_mode():
        assert sides["latentcast"]().shape == (1, PATHS, HORIZON, SERIES)
        assert sides["chronos-t5"]().shape == (SERIES, PATHS, HORIZON)
        times = compare(sides, arguments.repeats, warm_up=0)
    best = {name: [round(took.median(clock), 4) for clock in ("wall", "processor")] for name, took in times.items()}
    faster = {clock: round(ratio(times, "chronos-t5", "latentcast", clock), 2) for clock in ("wall", "processor")}
    table(
        ["100 paths × 7 × 96", "seconds", "of processor", "times ours"],
        [[name, *best[name], best[name][0] / best["latentcast"][0]] for name in sides],
    )

    long = ours(CODES * network.model.representation.codec.factor)
    few = 10
    ways: dict[str, Callable[[], torch.Tensor]] = {
        "cached": lambda: long.model.sample(batch, few, seeds),
        "read again": lambda: read_again(long, batch, few),
    }
    with torch.inference_mode():
        taken = compare(ways, arguments.repeats, warm_up=0)
    cache = {"codes": CODES, "paths": few, **{name: round(took.median(), 4) for name, took in taken.items()}}
    cache["ratio"] = round(cache["read again"] / cache["cached"], 2)
    table([f"{CODES} codes, {few} paths × 7", "seconds"], [[name, cache[name]] for name in ("cached", "read again")])

    growth = []
    for reach in (None, CONTEXT // network.model.representation.codec.factor):
        for horizon in (96, 192, 384, 768):
            model = ours(horizon, reach).model
            with torch.inference_mode():
                draw = partial(model.sample, batch, PATHS, seeds)
                one = compare({"draw": draw}, arguments.repeats, warm_up=0)["draw"]
            wall, cpu = one.median("wall"), one.median()
            each = round(cpu / PATHS / horizon * 1e6, 1)
            growth.append({"reach": reach, "horizon": horizon, "seconds": round(wall, 4), "processor": round(cpu, 4),
                           "us_per_path_and_step": each})  # fmt: skip
    table(list(growth[0]), [[str(value) for value in row.values()] for row in growth])

    report(
        CLAIM,
        {"times_faster": 10, "cache": 5, "cost": "linear in the horizon"},
        name="token_sampling" if arguments.threads == 1 else f"token_sampling_{arguments.threads}_threads",
        found={
            "context": CONTEXT,
            "paths": PATHS,
            "series": SERIES,
            "horizon": HORIZON,
            "repeats": arguments.repeats,
            "seconds": {name: {"wall": wall, "processor": cpu} for name, (wall, cpu) in best.items()},
            "times_faster": faster,
            "cache": cache,
            "growth": growth,
        },
        threads=arguments.threads,
    )


if __name__ == "__main__":
    main()
