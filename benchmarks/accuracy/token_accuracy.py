"""Accuracy of `token-transformer` at a look-back of 96 on ETTh1 and ETTh2: the codes' language alone, and taught on
values.

For each dataset and seed one codec and one language of its codes (trained with a horizon of 336) serve all four
horizons; for each of them the Transformer is then taught on values, the codec frozen, in one or two ways. Of
these the one that is better on the validation part is the model's figure; the language alone stands beside it.
Every window of the test part once, standardised units; weights are chosen by the validation part, and the steps of
every stage were set on ETTh1's validation part. What is finished is a line of results/token_accuracy.jsonl and is not
run again; folders of the stages are kept (--work), so that a run that was cut goes on.

    python -m benchmarks.accuracy.token_accuracy [--datasets ETTh1,ETTh2] [--seeds 0,1,2] [--horizons 96,192,336,720]
"""

import argparse
import statistics
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import torch

import latentcast
from benchmarks._harness import RESULTS, Cells, report, table

CLAIM = "token-transformer reaches the figures asked on ETTh1 and ETTh2"

LOOKBACK, READS_ON = 96, 336
PRESET = "small"
STEPS = {"codec": 400, "next-code": 1200}
LANGUAGE = "language"
# how the horizon's codes are decoded while values are taught, and for how many steps. The longest roll-out costs too
# much to be taught through
TAUGHT: dict[int, dict[str, dict[str, Any]]] = {
    96: {"expected": {"max_steps": 100, "lr": 1e-4}, "queries": {"max_steps": 200, "lr": 3e-4}},
    192: {
        "expected": {"max_steps": 100, "lr": 1e-4, "validations": 2},
        "queries": {"max_steps": 200, "lr": 3e-4},
    },
    336: {
        "expected": {"max_steps": 100, "lr": 1e-4, "validations": 2},
        "queries": {"max_steps": 200, "lr": 3e-4},
    },
    720: {"queries": {"max_steps": 200, "lr": 3e-4}},
}
ASKED = {"ETTh1": {96: 0.40, 192: 0.45, 336: 0.51, 720: 0.56}, "ETTh2": {96: 0.31, 192: 0.39, 336: 0.44, 720: 0.63}}


def stages(dataset: str, seed: int, work: Path) -> Path:
    """The folder of the codes' language; of several datasets, joined by "+", with equal weights."""
    data = dataset.split("+")
    weights = [1.0] * len(data) if len(data) > 1 else None
    codec, tokens = (work / f"{name}-{dataset}-{seed}" for name in ("codec", "tokens"))
    if not (codec / "card.json").exists():
        latentcast.pretrain(
            data,
            "vq-codec",
            weights=weights,
            lookback=LOOKBACK,
            seed=seed,
            settings={"stages.codec.max_steps": STEPS["codec"]},
            out=codec,
            overwrite=True,
        )
    if not (tokens / "card.json").exists():
        its = {"lr": 1e-3, "max_steps": STEPS["next-code"], "batch_size": 16, "validations": 1}
        latentcast.pretrain(
            data,
            "token-transformer",
            weights=weights,
            preset=PRESET,
            horizon=READS_ON,
            seed=seed,
            settings={"stages": {"next-code": its}},
            start=codec,
            out=tokens,
            overwrite=True,
        )
    return tokens


def measure(dataset: str, horizon: int, seed: int, way: str, work: Path) -> dict[str, Any]:
    tokens = stages(dataset, seed, work)
    if way == LANGUAGE:
        forecaster = latentcast.load(tokens, horizon=horizon)
    else:
        training = {"batch_size": 16, "validations": 10, **TAUGHT[horizon][way]}
        settings = {"training": training, "model.head.decode": way}
        forecaster = latentcast.fit(dataset, horizon=horizon, seed=seed, settings=settings, start=tokens)
    test = forecaster.evaluate(dataset)
    found = {"windows": test.windows, "mse": test.scaled["MSE"], "mae": test.scaled["MAE"]}
    # judged at the end of the fit
    return found if way == LANGUAGE else {**found, "val_mse": forecaster.card.validation["scaled"]["MSE"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", default="ETTh1,ETTh2")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--horizons", default="96,192,336,720")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "latentcast-token-accuracy")
    args = parser.parse_args()
    torch.set_num_threads(1)
    horizons = [int(h) for h in args.horizons.split(",")]
    cells = Cells(RESULTS / "token_accuracy.jsonl")
    for seed in map(int, args.seeds.split(",")):
        for dataset in args.datasets.split(","):
            for horizon in horizons:
                for way in (LANGUAGE, *TAUGHT[horizon]):
                    wanted = cell_of(dataset, horizon, seed, way)
                    cells.once(wanted, partial(measure, dataset, horizon, seed, way, args.work))
    rows = [
        row for dataset, asked in ASKED.items() for horizon, limit in asked.items()
        if (row := over_seeds(dataset, horizon, limit, cells.rows))
    ]  # fmt: skip
    heads = ["dataset", "horizon", "windows", "seeds", "asked", "mse", "sd", "mae", "chosen",
             *(f"{way} mse" for way in (LANGUAGE, "expected", "queries"))]  # fmt: skip
    table(heads, [[row.get(head) for head in heads] for row in rows])
    report(
        CLAIM,
        ASKED,
        name="token_accuracy",
        found={"preset": PRESET, "lookback": LOOKBACK, "steps": STEPS, "taught": TAUGHT, "rows": rows},
        threads=1,
    )


def cell_of(dataset: str, horizon: int, seed: int, way: str) -> dict[str, Any]:
    steps = {"preset": PRESET, "steps": STEPS, "taught": TAUGHT[horizon].get(way)}
    return {"dataset": dataset, "horizon": horizon, "seed": seed, "way": way, **steps}


def over_seeds(dataset: str, horizon: int, asked: float, cells: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over the seeds of which every way is finished; nothing where there is none."""
    ways = (LANGUAGE, *TAUGHT[horizon])
    found: list[dict[str, dict[str, Any]]] = []
    for seed in dict.fromkeys(cell["cell"]["seed"] for cell in cells):
        here = {way: cell for way in ways for cell in cells if cell["cell"] == cell_of(dataset, horizon, seed, way)}
        if len(here) == len(ways):
            found.append(here)
    if not found:
        return {}
    taught = [[here[way] for way in TAUGHT[horizon]] for here in found]
    best = [min(cells, key=lambda cell: float(cell["val_mse"])) for cells in taught]
    row: dict[str, Any] = {"dataset": dataset, "horizon": horizon, "windows": best[0]["windows"], "seeds": len(found),
                           "asked": asked}  # fmt: skip
    for name in ("mse", "mae"):
        row[name] = round(statistics.mean(cell[name] for cell in best), 4)
    row["sd"] = round(statistics.stdev(cell["mse"] for cell in best), 4) if len(best) > 1 else None
    row["chosen"] = [cell["cell"]["way"] for cell in best]
    return row | {f"{way} mse": round(statistics.mean(here[way]["mse"] for here in found), 4) for way in ways}


if __name__ == "__main__":
    main()
