"""Accuracy of `token-transformer` at a look-back of 96 on ETTh1 and ETTh2: the codes' language alone, and taught on
values.

For each dataset and seed one codec and one language of its codes (trained with a horizon of 336) serve all four
horizons; for each of them the Transformer is then taught on values, the codec frozen. Every
window of the test part once, standardised units; weights are chosen by the validation part, and the steps of every
stage were set on ETTh1's validation part. What is finished is a line of results/token_accuracy.jsonl and is not run
again; folders of the stages are kept (--work), so that a run that was cut goes on.

    python benchmarks/token_accuracy.py [--datasets ETTh1,ETTh2] [--seeds 0,1,2] [--horizons 96,192,336,720]
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch

import latentcast
from _report import RESULTS, table, write

LOOKBACK, READS_ON = 96, 336
PRESET = "small"
STEPS = {"codec": 400, "next-code": 1200}
# how the horizon's codes are decoded while values are taught, and for how many steps; of two ways the better on the
# validation part counts. A long roll-out costs too much to be taught through
TAUGHT: dict[int, dict[str, dict[str, Any]]] = {
    96: {"expected": {"max_steps": 100, "lr": 1e-4}, "queries": {"max_steps": 200, "lr": 3e-4}},
    192: {"queries": {"max_steps": 200, "lr": 3e-4}},
    336: {"queries": {"max_steps": 200, "lr": 3e-4}},
    720: {"queries": {"max_steps": 200, "lr": 3e-4}},
}
ASKED = {"ETTh1": {96: 0.40, 192: 0.45, 336: 0.51, 720: 0.56}, "ETTh2": {96: 0.31, 192: 0.39, 336: 0.44, 720: 0.63}}
CELLS = RESULTS / "token_accuracy.jsonl"


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
        its = {"max_steps": STEPS["next-code"], "batch_size": 16, "validations": 1}
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


def measure(dataset: str, horizon: int, seed: int, work: Path) -> dict[str, Any]:
    tokens = stages(dataset, seed, work)
    models = {"language": latentcast.load(tokens, horizon=horizon)}
    for way, how in TAUGHT[horizon].items():
        settings = {"training": {**how, "batch_size": 16, "validations": 10}, "model.head.decode": way}
        models[way] = latentcast.fit(dataset, horizon=horizon, seed=seed, settings=settings, start=tokens)
    found: dict[str, Any] = {}
    for name, forecaster in models.items():
        test = forecaster.evaluate(dataset)
        found[name] = {"mse": test.scaled["MSE"], "mae": test.scaled["MAE"]}
        if name in TAUGHT[horizon]:  # judged at the end of the fit
            found[name]["val_mse"] = forecaster.card["validation"]["scaled"]["MSE"]
    best = min(TAUGHT[horizon], key=lambda way: found[way]["val_mse"])
    return {"windows": test.windows, **found, "taught": {**found[best], "by": best}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", default="ETTh1,ETTh2")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--horizons", default="96,192,336,720")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "latentcast-token-accuracy")
    args = parser.parse_args()
    torch.set_num_threads(1)
    horizons = [int(h) for h in args.horizons.split(",")]
    cells = [json.loads(line) for line in CELLS.read_text().splitlines()] if CELLS.exists() else []
    for seed in map(int, args.seeds.split(",")):
        for dataset in args.datasets.split(","):
            for horizon in horizons:
                wanted = {
                    "dataset": dataset,
                    "horizon": horizon,
                    "seed": seed,
                    "preset": PRESET,
                    "steps": STEPS,
                    "taught": TAUGHT[horizon],
                }
                if any(cell["cell"] == wanted for cell in cells):
                    continue
                cell = {"cell": wanted, **measure(dataset, horizon, seed, args.work)}
                print(json.dumps(cell), flush=True)
                cells.append(cell)
                with CELLS.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(cell) + "\n")
    rows = []
    for dataset, asked in ASKED.items():
        for horizon, limit in asked.items():
            here = [c for c in cells if (c["cell"]["dataset"], c["cell"]["horizon"]) == (dataset, horizon)]
            if here:
                rows.append({"dataset": dataset, "horizon": horizon, "asked": limit, "windows": here[0]["windows"],
                             "seeds": len(here), **_means(here)})  # fmt: skip
    table(list(rows[0]), [list(row.values()) for row in rows])
    write(
        "token_accuracy",
        {"preset": PRESET, "lookback": LOOKBACK, "steps": STEPS, "taught": TAUGHT, "rows": rows},
        threads=1,
    )


def _means(cells: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("language", "taught"):
        for metric in ("mse", "mae"):
            values = [cell[name][metric] for cell in cells]
            found[f"{name}_{metric}"] = round(statistics.mean(values), 4)
        found[f"{name}_sd"] = (
            round(statistics.stdev(cell[name]["mse"] for cell in cells), 4) if len(cells) > 1 else None
        )
    return found


if __name__ == "__main__":
    main()
