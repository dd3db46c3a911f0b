"""The shipped generalist on data of GIFT-Eval and fev that lie on disk, in the form that these leaderboards take.

    python -m benchmarks.accuracy.leaderboards gift $GIFT_EVAL/m4_weekly --term short --out all_results.csv
    python -m benchmarks.accuracy.leaderboards fev data.parquet --freq W --horizon 13 --out predictions.parquet

`gift` appends one line to a table of results (MASE by the seasons of that leaderboard; mean weighted quantile loss over
nine levels). `fev` writes one row a window with the columns predictions, 0.1 … 0.9, each a list. Nothing is fetched.
"""

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.accuracy._public_layouts import (
    OWN_SEASONS,
    SEASONS,
    TERMS,
    Cut,
    cuts,
    gift_steps,
    letter,
    read_fev,
    read_gift,
    season_of,
)
from latentcast.models.pretrained.network import LEVELS
from latentcast.models.pretrained.ragged import forecast_rows
from latentcast.models.pretrained.seasons import seasons_to_try
from latentcast.models.pretrained.weights import load_weights

Array = NDArray[np.float64]
ASKED = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
KEPT = [LEVELS.index(level) for level in ASKED]
CONTEXT, TOGETHER = 1024, 2048


def forecasts(windows: list[Cut], horizon: int, season: int) -> Array:
    """[window, horizon, level] quantiles at `ASKED`; the value 0 where nothing was observed before."""
    weights, found = load_weights(), []
    options, detected = seasons_to_try(season, "auto")
    for start in range(0, len(windows), TOGETHER):
        part = windows[start : start + TOGETHER]
        rows = np.full((len(part), CONTEXT), np.nan)
        for row, window in zip(rows, part, strict=True):
            past = window.past[-CONTEXT:]
            row[CONTEXT - len(past) :] = past
        found.append(forecast_rows(weights, rows, options, horizon, detected=detected, contexts=(CONTEXT,)))
    return np.nan_to_num(np.concatenate(found)[..., KEPT])


def scores(windows: list[Cut], quantiles: Array, season: int) -> dict[str, float]:
    """MASE, sMAPE, MAE and MSE of the median, and the mean weighted quantile loss, over observed outcomes."""
    truth = np.stack([window.future for window in windows])
    median = quantiles[..., ASKED.index(0.5)]
    error = np.abs(truth - median)
    scale = np.array([_seasonal_error(window.past, season) for window in windows])
    with np.errstate(divide="ignore", invalid="ignore"):
        mase = np.nanmean(error, 1) / scale
        smape = 2 * error / (np.abs(truth) + np.abs(median))
    apart = truth[..., None] - quantiles
    loss = 2 * np.abs(apart * ((apart <= 0) - np.array(ASKED)))
    total = np.nansum(np.abs(truth))
    return {
        "eval_metrics/MSE[0.5]": float(np.nanmean(error**2)),
        "eval_metrics/MAE[0.5]": float(np.nanmean(error)),
        "eval_metrics/MASE[0.5]": float(mase[np.isfinite(mase)].mean()),
        "eval_metrics/sMAPE[0.5]": float(np.nanmean(smape)),
        "eval_metrics/ND[0.5]": float(np.nansum(error) / total),
        "eval_metrics/mean_weighted_sum_quantile_loss": float(np.nansum(loss, (0, 1)).mean() / total),
    }


def _seasonal_error(past: Array, season: int) -> float:
    season = season if season < len(past) else 1
    return float(np.nanmean(np.abs(past[season:] - past[:-season]))) if len(past) > season else float("nan")


def gift(args: argparse.Namespace) -> None:
    """One line for one dataset and term."""
    name = args.name or args.path.name
    items = read_gift(args.path)
    horizon, number = gift_steps(name, items, args.term)
    windows, freq = list(cuts(items, horizon, number)), items[0].freq
    found = forecasts(windows, horizon, season_of(freq, OWN_SEASONS))
    multiple, unit = letter(freq)
    label = f"{name}/{multiple if multiple > 1 else ''}{unit}/{args.term}"
    row: dict[str, Any] = {"dataset": label, "model": "latentcast-generalist"}
    row |= {**scores(windows, found, season_of(freq, SEASONS)), "num_variates": len(items[0].values)}
    begins = not args.out.exists()
    with args.out.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row))
        if begins:
            writer.writeheader()
        writer.writerow(row)
    print(", ".join(f"{key.removeprefix('eval_metrics/')} {value}" for key, value in row.items()))


def fev(args: argparse.Namespace) -> None:
    """Predictions of the last windows of a table."""
    items = read_fev(args.path, args.freq, args.target, args.id)
    windows = list(cuts(items, args.horizon, args.windows))
    found = forecasts(windows, args.horizon, season_of(args.freq, OWN_SEASONS))
    columns: dict[str, list[Any]] = {"id": [window.name for window in windows]}
    columns["predictions"] = found[..., ASKED.index(0.5)].tolist()
    columns |= {str(level): found[..., place].tolist() for place, level in enumerate(ASKED)}
    pq.write_table(pa.table(columns), args.out)
    print(f"{len(windows)} windows of {len(items)} series in {args.out}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(required=True)
    one = kinds.add_parser("gift", help="a folder of GIFT-Eval")
    one.add_argument("path", type=Path)
    one.add_argument("--term", choices=list(TERMS), default="short")
    one.add_argument("--name", help="of the dataset, where the folder is named after its frequency")
    one.add_argument("--out", type=Path, default=Path("all_results.csv"))
    one.set_defaults(run=gift)
    two = kinds.add_parser("fev", help="a Parquet table of fev")
    two.add_argument("path", type=Path)
    two.add_argument("--freq", required=True)
    two.add_argument("--horizon", type=int, required=True)
    two.add_argument("--windows", type=int, default=1)
    two.add_argument("--target", default="target")
    two.add_argument("--id", default="id")
    two.add_argument("--out", type=Path, default=Path("predictions.parquet"))
    two.set_defaults(run=fev)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
