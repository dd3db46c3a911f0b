"""Neural entries to M4 hourly and weekly, chosen on the last horizon of the training part.

Every candidate is trained on the training part but for its last horizon, which judges it by OWA (sMAPE and MASE there,
over those of Naive2 on the test part, as the competition weighs the two); the mean of the best three is the entry. All
are judged on the test part, so that the losses stand beside. Series too short for a look-back are
read from what there is of them. Each finished candidate is a line of results/m4_neural.jsonl, its forecast a file in
--work, and is not run again.

    python benchmarks/m4_neural.py [--frequencies hourly,weekly] [--work FOLDER]
"""

import argparse
import json
import logging
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import latentcast
from _report import RESULTS, table, write
from latentcast.data.m4 import FREQUENCIES, load
from latentcast.evaluation.m4 import mase, smape

ASKED = {"hourly": 0.50, "weekly": 0.90}
WINNER = {"hourly": 0.440, "weekly": 0.851}  # Smyl 2020
TRAINING = {"batch_size": 256, "max_steps": 1500, "validations": 5, "patience": 15, "loggers": []}
Candidate = tuple[str, int, dict[str, Any]]  # model, look-back in steps, settings


def candidates(lookbacks: tuple[int, int], patches: dict[str, int]) -> dict[str, Candidate]:
    return {
        f"{model}, {lookback} steps, {loss}": (model, lookback, {"model": settings})
        for lookback in lookbacks
        for loss in ("smape", "mase")
        for model, settings in (
            ("dlinear", {"normalise": True, "loss": loss}),
            ("pattn", {"representation": patches, "head": {"loss": loss}}),
        )
    }


CANDIDATES = {"hourly": candidates((96, 336), {}), "weekly": candidates((26, 52), {"length": 8, "stride": 4})}
LINES = RESULTS / "m4_neural.jsonl"


def kept(work: Path, frequency: str, label: str) -> Path:
    return work / f"m4-{frequency}-{label.replace(', ', '-').replace(' ', '-')}.npy"


def candidate(frequency: str, label: str, work: Path) -> dict[str, Any]:
    model, lookback, own = CANDIDATES[frequency][label]
    there, each = load(FREQUENCIES[frequency]), FREQUENCIES[frequency]
    began = time.process_time()
    settings = {"data": {"scale": False}, "training": TRAINING, **own}
    fitted = latentcast.fit(
        f"M4-{frequency}", model, lookback=lookback, horizon=each.horizon, seed=0, settings=settings
    )
    held = fitted.card["validation"]["original"]
    forecast = latentcast.m4(fitted, f"M4-{frequency}").forecasts[frequency]
    assert there.train is not None
    work.mkdir(parents=True, exist_ok=True)
    np.save(kept(work, frequency, label), forecast)
    return {
        "frequency": frequency, "candidate": label, "settings": settings,
        "validation": {"smape": 100 * held["sMAPE"], "mase": held["MASE"]},
        "test": {
            "smape": float(smape(there.test, forecast).mean()),
            "mase": float(np.nanmean(mase(there.test, forecast, there.train, each.season))),
        },
        "processor_seconds": round(time.process_time() - began),
    }  # fmt: skip


def entry(frequency: str, rows: list[dict[str, Any]], work: Path) -> dict[str, Any]:
    there, each = load(FREQUENCIES[frequency]), FREQUENCIES[frequency]
    assert there.train is not None

    def of(smape: float, mase: float) -> float:
        return (smape / each.naive2[0] + mase / each.naive2[1]) / 2

    judged = [
        {"candidate": row["candidate"], "validation": of(**row["validation"]), "test": of(**row["test"]), **row["test"]}
        for row in rows
    ]
    order = sorted(range(len(rows)), key=lambda n: float(judged[n]["validation"]))
    best = [judged[n]["candidate"] for n in order[:3]]
    together = np.mean([np.load(kept(work, frequency, label)) for label in best], axis=0)
    percent = float(smape(there.test, together).mean())
    scaled = float(np.nanmean(mase(there.test, together, there.train, each.season)))
    return {
        "frequency": frequency, "asked": ASKED[frequency], "winner": WINNER[frequency],
        "candidates": judged, "best on validation": judged[order[0]],
        "entry": {"of": best, "test": of(percent, scaled), "smape": percent, "mase": scaled},
        "met": of(percent, scaled) < ASKED[frequency],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frequencies", default="hourly,weekly")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "latentcast-m4-neural")
    args = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    rows = [json.loads(line) for line in LINES.read_text().splitlines()] if LINES.exists() else []
    found = []
    for frequency in args.frequencies.split(","):
        for label in CANDIDATES[frequency]:
            done = any((row["frequency"], row["candidate"]) == (frequency, label) for row in rows)
            if done and kept(args.work, frequency, label).exists():
                continue
            rows = [row for row in rows if (row["frequency"], row["candidate"]) != (frequency, label)]
            row = candidate(frequency, label, args.work)
            print(frequency, label, row["validation"], row["test"], f"{row['processor_seconds']} s", flush=True)
            rows.append(row)
            with LINES.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        here = [row for label in CANDIDATES[frequency] for row in rows
                if (row["frequency"], row["candidate"]) == (frequency, label)]  # fmt: skip
        found.append(entry(frequency, here, args.work))
        table(
            ["candidate", "validation OWA", "test OWA", "sMAPE", "MASE"],
            [[c["candidate"], c["validation"], c["test"], c["smape"], c["mase"]] for c in found[-1]["candidates"]],
        )
        mean = found[-1]["entry"]
        print(f"mean of {', '.join(mean['of'])}: OWA {mean['test']:.4f}, asked below {ASKED[frequency]}")
    write("m4_neural", {"training": TRAINING, "found": found}, threads=1)


if __name__ == "__main__":
    main()
