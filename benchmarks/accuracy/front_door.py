"""What `latentcast forecast` chooses by itself, and how good it is: M4 hourly and weekly, ETT, weather, CO2.

    python -m benchmarks.accuracy.front_door [--limit 300] [--sets M4-hourly,ETTh1] [--panel 5000] [--threads 2]

M4: a forecast of its test part; of M4 hourly the season is stated (24): its steps have no dates. The others: one choice
on all that comes before the test part (the last fifth, or the dataset's own), then 10 evenly spaced origins in it, mean
over channels. Beside each: seasonal-naive, and the member with the lowest validation MASE. `overhead` is the processor
time of the choice without that of its candidates' fits and their forecasts, as a share of these. `--panel` judges
`dlinear` by its defaults on simulated monthly series. A finished set is kept (results/front_door.jsonl) and is not run
again with the same limit. Nothing is chosen by a test part.
"""

import argparse
import json
import logging
import time
from typing import Any

import numpy as np
import pandas as pd
import torch

import latentcast
from benchmarks._harness import RESULTS, Cells, report, table
from latentcast.benchmarking import auto
from latentcast.data.sources import m4
from latentcast.data.sources.open import open_data
from latentcast.evaluation.m4_metrics import mase, owa, smape

CLAIM = "`latentcast forecast` chooses a model about as good as the best member by validation, at a small overhead"

HORIZONS = {"M4-hourly": 48, "M4-weekly": 13, "ETTh1": 24, "ETTh2": 24, "ETTm1": 96, "weather": 144, "CO2": 52}
ORIGINS = 10
TEST = {"ETTh1": 2880, "ETTh2": 2880, "ETTm1": 11520}  # steps of the usual test parts
USED = {"ETTh1": 14400, "ETTh2": 14400, "ETTm1": 57600}


def frame_of(name: str) -> pd.DataFrame:
    if name == "CO2":
        from statsmodels.datasets import co2

        return co2.load_pandas().data.rename_axis("ds").reset_index()
    frame = open_data(name)[0].frame
    return frame.iloc[: USED.get(name, len(frame))]


def timed(
    frame: pd.DataFrame, horizon: int, limit: float, settings: dict[str, Any] | None = None
) -> tuple[Any, dict[str, float]]:
    """The forecast, and the processor time of its parts."""
    inside = [0.0]
    tried = auto._try

    def counted(*args: Any) -> Any:
        began = time.process_time()
        try:
            return tried(*args)
        finally:
            inside[0] += time.process_time() - began

    auto._try = counted
    began, clock = time.process_time(), time.monotonic()
    try:
        found = latentcast.fit_auto(frame, horizon=horizon, time_limit=limit, settings=settings, whole=True)
    finally:
        auto._try = tried
    whole = time.process_time() - began
    return found, {
        "seconds": time.monotonic() - clock, "processor": whole, "overhead": (whole - inside[0]) / inside[0]
    }  # fmt: skip


def best_member(found: Any) -> str:
    used = [trial for trial in found.trials if trial.weight > 0]
    return str(min(used, key=lambda trial: trial.error).candidate.title)


def ahead(found: Any, past: pd.DataFrame) -> dict[str, Any]:
    """[series, horizon] forecasts of the choice, and of its best member."""
    forecaster, horizon = found.forecaster, found.forecaster.task.horizon
    if forecaster.name != "hybrid":
        values = forecaster.predict(past)[forecaster.name].to_numpy().reshape(-1, horizon)
        return {"auto": values, "member": values}
    frame = latentcast.member_forecasts(forecaster, past)
    return {
        "auto": frame["hybrid"].to_numpy().reshape(-1, horizon),
        "member": frame[best_member(found)].to_numpy().reshape(-1, horizon),
    }


def competition(name: str, limit: float) -> dict[str, Any]:
    frequency = m4.chosen(name)[0]
    there = m4.load(frequency)
    assert there.train is not None
    rows = [
        pd.DataFrame({"unique_id": key, "ds": np.arange(1, len(y) + 1), "y": y})
        for key, y in zip(there.ids, there.train, strict=True)
    ]
    frame = pd.concat(rows, ignore_index=True)
    settings = {"data.season": frequency.season} if frequency.season > 1 else {}
    found, costs = timed(frame, frequency.horizon, limit, settings)
    made = ahead(found, frame)
    last = np.stack([np.resize(y[-frequency.season :], frequency.horizon) for y in there.train])
    scores = {}
    for way, values in {**made, "seasonal-naive": last}.items():
        errors = float(np.nanmean(mase(there.test, values, there.train, frequency.season)))
        sm = float(smape(there.test, values).mean())
        scores[way] = {"MASE": errors, "OWA": owa(sm, errors, frequency.naive2)}
    return row(name, found, costs, scores)


def rolling(name: str, horizon: int, limit: float) -> dict[str, Any]:
    frame = frame_of(name)
    first = len(frame) - TEST.get(name, len(frame) // 5)
    settings = {"data.steps": "rows"} if name == "weather" else {}  # one stamp occurs twice
    found, costs = timed(frame.iloc[:first], horizon, limit, settings)
    channels = list(found.forecaster.channels)
    season = found.forecaster.task.season
    values = frame[channels].to_numpy(np.float64)
    scale = np.nanmean(np.abs(values[season:first] - values[: first - season]), axis=0)
    errors: dict[str, list[Any]] = {"auto": [], "member": [], "seasonal-naive": []}
    for origin in np.linspace(first, len(frame) - horizon, ORIGINS).round().astype(int):
        truth = values[origin : origin + horizon].T
        made = ahead(found, frame.iloc[:origin])
        filled = pd.DataFrame(values[:origin]).ffill().to_numpy()
        made["seasonal-naive"] = np.stack([np.resize(column[-season:], horizon) for column in filled.T])
        for way, forecast in made.items():
            errors[way].append(np.nanmean(np.abs(truth - forecast), axis=1) / scale)
    scores = {way: {"MASE": float(np.nanmean(np.concatenate(each)))} for way, each in errors.items()}
    return row(name, found, costs, scores)


def row(name: str, found: Any, costs: dict[str, float], scores: dict[str, dict[str, Any]]) -> dict[str, Any]:
    trials = [
        {"model": t.candidate.title, "error": t.error, "weight": t.weight, "seconds": round(t.seconds, 1), "why": t.why}
        for t in found.trials
    ]
    return {"set": name, "chosen": found.summary(), "member": best_member(found), **costs, "scores": scores,
            "trials": trials}  # fmt: skip


def monthly(series: int, seed: int = 0) -> pd.DataFrame:
    """Monthly series of 60 to 300 steps with levels, trends and seasons of their own, times noise and a random walk."""
    rng, parts = np.random.default_rng(seed), []
    for number in range(series):
        steps = int(rng.integers(60, 301))
        at = np.arange(steps)
        season = rng.normal(size=12)
        season = (season - season.mean()) / season.std() * rng.uniform(0, 0.3)
        walk = np.cumsum(rng.normal(0, rng.uniform(0.005, 0.05), steps))
        noise = rng.normal(0, rng.uniform(0.01, 0.1), steps)
        values = 10 ** rng.uniform(0, 4) * np.exp(rng.normal(0, 0.004) * at + walk + season[at % 12] + noise)
        dates = pd.date_range("1990-01-01", periods=steps, freq="MS")
        parts.append(pd.DataFrame({"unique_id": f"s{number:05d}", "ds": dates, "y": values}))
    return pd.concat(parts, ignore_index=True)


def panel(series: int) -> dict[str, Any]:
    frame = monthly(series)
    found: dict[str, Any] = {"series": series, "horizon": 12}
    for name, preset in (("defaults", None), ("published", "published")):
        began = time.process_time()
        fitted = latentcast.fit(frame, "dlinear", horizon=12, preset=preset)
        took = time.process_time() - began
        judged = fitted.evaluate(frame)
        assert judged.baseline is not None
        assert fitted.card.training is not None
        found["seasonal-naive MASE"] = judged.baseline.original["MASE"]
        found[name] = {"MASE": judged.original["MASE"], "lookback": fitted.task.lookback, "processor": took,
                       "steps": fitted.card.training.stages[-1].steps}  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=float, default=300.0, help="seconds of each choice")
    parser.add_argument("--sets", default=",".join(HORIZONS))
    parser.add_argument("--panel", type=int, default=0, help="simulated monthly series for dlinear's defaults")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    logging.disable(logging.WARNING)
    known = Cells(RESULTS / "front_door.jsonl", key=lambda row: (row["set"], row["limit"]))
    timed(monthly(3), 12, 0)  # imports count for no set
    rows = []
    for name in [name for name in args.sets.split(",") if name]:
        if (name, args.limit) not in known:
            how = competition if name.startswith("M4") else lambda n, s: rolling(n, HORIZONS[n], s)
            one = {**how(name, args.limit), "limit": args.limit, "threads": args.threads}
            known.append(one)
        rows.append(known.get((name, args.limit)))
        print(rows[-1]["set"], rows[-1]["scores"], rows[-1]["chosen"], flush=True)
    if args.panel:
        print(json.dumps(panel(args.panel)), flush=True)
    if rows:
        shown = [[one["set"], *(one["scores"][way]["MASE"] for way in ("seasonal-naive", "member", "auto")),
                  one["scores"]["auto"].get("OWA"), one["overhead"]] for one in rows]  # fmt: skip
        table(["set", "seasonal-naive", "best member", "auto", "OWA", "overhead"], shown)
        ratios = [one["scores"]["auto"]["MASE"] / one["scores"]["member"]["MASE"] for one in rows]
        report(
            CLAIM,
            None,
            name="front_door",
            found={"limit": args.limit, "mean of auto over best member": float(np.mean(ratios)), "sets": rows},
        )


if __name__ == "__main__":
    main()
