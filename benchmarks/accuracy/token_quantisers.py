"""Quantisers of equal bits, and what forecasts their tokens make: against the codec as it is by default.

    python -m benchmarks.accuracy.token_quantisers [--data ETTh1 ETTm1] [--steps 400] [--codecs]
    python -m benchmarks.accuracy.token_quantisers --forecasts [--next 600] [--stride 24] [--seed 0] [--models NAME …]

`--codecs`: reconstruction of every window of the test part, standardised units, 4 steps a code, 8 or 16 bits a code.
`--forecasts`: `small`, 96 → 96, the codes' Transformer after `--next` steps of the next code (batches of 16), rolled
out for MSE (of the validation part too), and 50 paths for CRPS and the coverage of 80 % intervals, on one test window
of `--stride`, with `--seed`; finished cells are lines of results/token_quantisers.jsonl and are not run again.
"""

import argparse
import logging
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import torch

import latentcast
from benchmarks._harness import RESULTS, Cells, report, table
from latentcast.workflows.anomaly import judge_codec

CLAIM = "binary spherical or two-level codes, calendar embeddings and a value-aligned loss pay"

CODEC = "model.representation.codec."
CODECS: dict[str, dict[str, Any]] = {
    "8 bits: vq (default)": {},
    "8 bits: residual, 2 × 16": {"quantizer": "residual", "levels": 2, "codebook_size": 16},
    "8 bits: bsq, one code": {"quantizer": "bsq", "bits": 8, "levels": 1},
    "8 bits: bsq, 2 × 16": {"quantizer": "bsq", "bits": 8, "levels": 2},
    "8 bits: bsq, 2 × 16, entropy 1": {"quantizer": "bsq", "bits": 8, "levels": 2, "entropy": 1.0},
    "16 bits: residual, 2 × 256": {"quantizer": "residual", "levels": 2},
    "16 bits: residual, 2 × 256, coarse 0.5": {"quantizer": "residual", "levels": 2, "coarse": 0.5},
    "16 bits: bsq, 2 × 256": {"quantizer": "bsq", "bits": 16, "levels": 2},
    "16 bits: bsq, 2 × 256, coarse 0.5": {"quantizer": "bsq", "bits": 16, "levels": 2, "coarse": 0.5},
}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "vq (default)": ("8 bits: vq (default)", {}),
    "vq, calendar": ("8 bits: vq (default)", {"model.representation.calendar": True}),
    "vq, aligned 1": ("8 bits: vq (default)", {"model.head.aligned": 1.0}),
    "residual, 2 × 256": ("16 bits: residual, 2 × 256", {}),
    "residual, 2 × 256, coarse 0.5": ("16 bits: residual, 2 × 256, coarse 0.5", {}),
    "bsq, 16 bits": ("16 bits: bsq, 2 × 256", {}),
}


def settings_of(codec: str) -> dict[str, Any]:
    return {f"{CODEC}{name}": value for name, value in CODECS[codec].items()}


def reconstruction(data: str, codec: str, steps: int, seed: int, out: Path) -> dict[str, Any]:
    settings = {"stages.codec.max_steps": steps, **settings_of(codec)}
    model = latentcast.pretrain(data, "vq-codec", lookback=96, seed=seed, settings=settings, out=out)
    found = judge_codec(model, data)
    return {
        "mse": found.mse, "mae": found.mae, "perplexity": list(found.perplexity), "used": list(found.used),
        "seconds": model.card.training.seconds,
    }  # fmt: skip


def forecasts(data: str, name: str, asked: argparse.Namespace, out: Path) -> dict[str, Any]:
    codec, over = MODELS[name]
    out = out / str(list(CODECS).index(codec))
    if not out.exists():  # models with equal codecs share it
        reconstruction(data, codec, asked.steps, asked.seed, out)
    settings = {
        "stages.next-code.lr": 1e-3, "stages.next-code.max_steps": asked.next, "stages.next-code.batch_size": 16,
        **settings_of(codec), **over,
    }  # fmt: skip
    model = latentcast.pretrain(
        data,
        "token-transformer",
        preset="small",
        lookback=96,
        horizon=96,
        seed=asked.seed,
        settings=settings,
        start=out,
    )
    plain = model.evaluate(data, part="test", stride=asked.stride)
    chosen_by = model.evaluate(data, part="val", stride=asked.stride)
    paths = model.evaluate(data, part="test", stride=asked.stride, level=[80], interval_method="paths", paths=50)
    figures = paths.intervals
    assert figures is not None
    return {
        "windows": plain.windows, "mse": plain.scaled["MSE"], "mae": plain.scaled["MAE"],
        "validation_mse": chosen_by.scaled["MSE"], "validation_mae": chosen_by.scaled["MAE"],
        "crps": figures.scaled["CRPS"], "80": figures.scaled["levels"]["80"],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", default=["ETTh1", "ETTm1"])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--next", type=int, default=600)
    parser.add_argument("--stride", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--codecs", nargs="*", choices=list(CODECS), help="these codecs; without a name, all")
    parser.add_argument("--forecasts", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    seed = [asked.seed] if asked.seed else []  # cells without one have seed 0
    cells, found = Cells(RESULTS / "token_quantisers.jsonl"), dict[str, Any]()
    for data in asked.data:
        for name in () if asked.codecs is None else asked.codecs or CODECS:
            with tempfile.TemporaryDirectory() as place:
                run = partial(reconstruction, data, name, asked.steps, asked.seed, Path(place) / "codec")
                found[f"{data}, {name}"] = cells.once(["codec", data, name, asked.steps, *seed], run)
        with tempfile.TemporaryDirectory() as place:
            for name in asked.models if asked.forecasts else ():
                run = partial(forecasts, data, name, asked, Path(place))
                key = ["forecast", data, name, asked.steps, asked.next, asked.stride, *seed]
                found[f"{data}, {name}, forecast"] = cells.once(key, run)
    table(["what", "MSE", "MAE"], [[name, row["mse"], row["mae"]] for name, row in found.items()])
    report(CLAIM, None, name="token_quantisers", found={"rows": cells.rows}, threads=1)


if __name__ == "__main__":
    main()
