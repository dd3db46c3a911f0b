"""Transfer of `token-transformer` at 96 → 96: a codec and a language of its codes judged on data it has not seen.

ETTh1 → ETTh2, ETTm1 → ETTh1, and a generalist trained on ETTh1, ETTm1 and weather with equal weights, judged on ETTh2,
which it has not seen, and on its own three. Stages, sizes and steps are those of token_accuracy.py, whose folders are
used where they lie in --work; the generalist has as many steps as the others, a third of them on each dataset.

zero-shot   the codes' language as it is
few-shot    the same taught on values for 100 steps, on the first tenth of the target's training part
at home     the codes' language trained on the target, where there is one

Beside them naive and seasonal-naive. Every window of the target's test part once, in units scaled by its training part.
The three ETTs record two transformers over the same two years, and their parts end at the same dates: what is judged
lies after all that was learned from. Each finished (source, target, seed) is a line of results/token_transfer.jsonl.

    python -m benchmarks.accuracy.token_transfer [--pairs ETTh1:ETTh2,…] [--seeds 0,1,2] [--work FOLDER]
"""

import argparse
import logging
import statistics
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import torch

import latentcast
from benchmarks._harness import RESULTS, Cells, report, table
from benchmarks.accuracy.token_accuracy import PRESET, STEPS, TAUGHT, stages

CLAIM = "token-transformer forecasts data it has not seen better than naive and seasonal-naive"

HORIZON, SHARE = 96, 0.1
TEACHING = {**TAUGHT[HORIZON]["expected"], "batch_size": 16, "validations": 10, "loggers": []}
GENERALIST = "ETTh1+ETTm1+weather"
PAIRS = ("ETTh1:ETTh2", "ETTm1:ETTh1", *(f"{GENERALIST}:{target}" for target in ("ETTh2", *GENERALIST.split("+"))))
PLAIN, SEASONS = ("naive", "seasonal-naive"), 144  # their look-back: a day of weather's steps
LEARNED = ("zero-shot", "few-shot", "at home")
Figures = dict[str, float]


def judged(forecaster: latentcast.Forecaster, target: str) -> Figures:
    found = forecaster.evaluate(target)
    return {"windows": found.windows, "mse": found.scaled["MSE"], "mae": found.scaled["MAE"]}


def measure(source: str, target: str, seed: int, work: Path) -> dict[str, Figures]:
    tokens = stages(source, seed, work)
    at_home = target in source.split("+")
    language = latentcast.load(tokens, horizon=HORIZON)
    there = language if source.split("+")[0] == target else latentcast.transfer(language, target)
    found = {"zero-shot": judged(there, target)}
    if not at_home:
        few = latentcast.fit(
            target, horizon=HORIZON, seed=seed, settings={"training": TEACHING, "data.fraction": SHARE}, start=tokens
        )
        found["few-shot"] = judged(few, target)
    if (work / f"tokens-{target}-{seed}" / "card.json").exists():
        found["at home"] = judged(latentcast.load(stages(target, seed, work), horizon=HORIZON), target)
    for name in PLAIN:
        found[name] = judged(latentcast.fit(target, name, lookback=SEASONS, horizon=HORIZON), target)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", default=",".join(PAIRS), help="source:target, separated by commas")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "latentcast-token-accuracy")
    args = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    cells = Cells(RESULTS / "token_transfer.jsonl")
    for pair in args.pairs.split(","):
        source, target = pair.split(":")
        for seed in map(int, args.seeds.split(",")):
            wanted = {"source": source, "target": target, "seed": seed, "preset": PRESET, "steps": STEPS}
            cells.once(wanted, partial(measure, source, target, seed, args.work))
    rows = []
    for source, target in dict.fromkeys((cell["cell"]["source"], cell["cell"]["target"]) for cell in cells.rows):
        here = [c for c in cells.rows if (c["cell"]["source"], c["cell"]["target"]) == (source, target)]
        row: dict[str, Any] = {"source": source, "target": target, "windows": here[0]["zero-shot"]["windows"]}
        row |= {"seeds": len(here)}
        for name in (*PLAIN, *LEARNED):
            values = [cell[name]["mse"] for cell in here if name in cell]
            row[name] = round(statistics.mean(values), 4) if values else None
            if name in LEARNED:
                row[f"{name} sd"] = round(statistics.stdev(values), 4) if len(values) > 1 else None
        rows.append(row)
    table(list(rows[0]), [list(row.values()) for row in rows])
    report(CLAIM, None, name="token_transfer", found={
        "preset": PRESET, "steps": STEPS, "few-shot": {"share": SHARE, **TEACHING}, "rows": rows,
    }, threads=1)  # fmt: skip


if __name__ == "__main__":
    main()
