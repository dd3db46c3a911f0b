"""Zero-shot transfer: a model trained on one dataset judged on another, beside the same model trained there.

Every window of the target's test part once, in units scaled by the target's own training part; beside it naive,
seasonal-naive, and the same model with the same settings and seeds trained on the target. Weights are chosen by the
validation part of what each is trained on. ETTm1 and ETTh1 are one transformer at two frequencies; their parts end at
the same dates, so that what is judged lies after all that was learned from.
A finished training (dataset, seed) is one line of results/transfer.jsonl and is not run again with the same settings.

    python -m benchmarks.accuracy.transfer [--pairs ETTh1:ETTh2,ETTm1:ETTh1] [--model pattn] [--seeds 0,1,2]
                                           [--set KEY=VALUE …]
"""

import argparse
import json
import logging
import statistics
from functools import partial
from pathlib import Path
from typing import Any

import torch

import latentcast
from benchmarks._harness import RESULTS, Cells, report, table
from latentcast.core.nested import merge
from latentcast.core.parsing import parse_assignments
from latentcast.models.config.run import resolve_config

CLAIM = "a model forecasts a dataset that it was not trained on"

PLAIN = ("naive", "seasonal-naive")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", default="ETTh1:ETTh2,ETTm1:ETTh1", help="source:target, separated by commas")
    parser.add_argument("--model", default="pattn")
    parser.add_argument("--lookback", type=int, default=96)
    parser.add_argument("--horizon", type=int, default=96)
    parser.add_argument("--steps", type=int, default=1000, help="training steps at most")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="further settings of the model")
    parser.add_argument(
        "--cells", type=Path, default=RESULTS / "transfer.jsonl", help="where finished trainings are kept"
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    own = merge({"training": {"max_steps": args.steps, "loggers": []}}, parse_assignments(args.set))
    pairs = [tuple(pair.split(":")) for pair in args.pairs.split(",")]
    targets = list(dict.fromkeys(target for _, target in pairs))
    # each target learns its own too; who is judged where
    judged: dict[str, list[str]] = {target: [target] for target in targets}
    for source, target in pairs:
        judged.setdefault(source, [])
        judged[source] += [target] * (target not in judged[source])
    args.cells = Cells(args.cells)
    seeds = [int(seed) for seed in args.seeds.split(",")]
    trained = {
        (source, seed): _trained(args, args.model, source, where, seed, own)
        for seed in seeds
        for source, where in judged.items()
    }
    plain = {
        (model, target): _trained(args, model, target, [target], 0, {})["judged"][target]
        for model in PLAIN
        for target in targets
    }
    rows = []
    for source, target in pairs:
        shot, home = ([trained[one, seed]["judged"][target] for seed in seeds] for one in (source, target))
        row = {"source": source, "target": target, "windows": shot[0]["windows"]}
        row |= {"zero_shot": _over(shot), "trained_on_target": _over(home)}
        row |= {model: {key: plain[model, target][key] for key in ("mse", "mae")} for model in PLAIN}
        rows.append(row)
    table(
        ["source", "target", *(f"{who} {what}" for who in ("zero-shot", "trained", *PLAIN) for what in ("MSE", "MAE"))],
        [
            [r["source"], r["target"], *(r[who][what] for who in ("zero_shot", "trained_on_target", *PLAIN)
                                         for what in ("mse", "mae"))]
            for r in rows
        ],
    )  # fmt: skip
    what = {"model": args.model, "lookback": args.lookback, "horizon": args.horizon, "seeds": seeds}
    settings = trained[pairs[0][0], seeds[0]]["cell"]["settings"]
    report(CLAIM, None, name="transfer", found={**what, "settings": settings, "rows": rows}, threads=1)


def _trained(
    args: argparse.Namespace, model: str, source: str, where: list[str], seed: int, own: dict[str, Any]
) -> dict[str, Any]:
    """One training, and its figures on the test parts of `where`; from the file where it is there already."""
    run = resolve_config({"model": model, "lookback": args.lookback, "horizon": args.horizon, **own})
    settings = json.loads(json.dumps({"model": run.model.dump(), "training": run.training.dump()}))
    wanted = {"model": model, "data": source, "judged_on": where, "seed": seed}
    wanted |= {"lookback": args.lookback, "horizon": args.horizon, "settings": settings}
    return dict(args.cells.once(wanted, partial(_measure, args, model, source, where, seed, own)))


def _measure(
    args: argparse.Namespace, model: str, source: str, where: list[str], seed: int, own: dict[str, Any]
) -> dict[str, Any]:
    made = latentcast.fit(source, model, lookback=args.lookback, horizon=args.horizon, seed=seed, settings=own)
    found = {}
    for target in where:
        there = made if target == source else latentcast.transfer(made, target)
        figures = there.evaluate(target)
        found[target] = {"windows": figures.windows, "mse": figures.scaled["MSE"], "mae": figures.scaled["MAE"]}
    seconds = None if made.card.training is None else made.card.training.seconds
    return {"seconds": seconds, "judged": found}


def _over(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """Means and deviations over seeds."""
    found: dict[str, Any] = {}
    for key in ("mse", "mae"):
        values = [cell[key] for cell in cells]
        found |= {key: statistics.mean(values), f"{key}_sd": statistics.stdev(values) if values[1:] else None}
    return found


if __name__ == "__main__":
    main()
