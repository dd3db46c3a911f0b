"""What a covariate that is known in advance is worth, on a series that depends on it.

A daily series: a random walk, a weekly season, noise, and the effects of a price (bent: nothing below its median) and
of a promotion (a category). Each model is fitted without them, with them, and with a third one beside them that has
nothing to do with the series; the same seed, settings and windows. MSE of every test window, in original units.

    python -m benchmarks.accuracy.covariates [--seeds 0,1,2]
"""

import argparse
import statistics
from typing import Any

import numpy as np
import pandas as pd
import torch

import latentcast
from benchmarks._harness import report, table

CLAIM = "a declared covariate lowers the error of a series that depends on it, and a useless one changes nothing"

STEPS, LOOKBACK, HORIZON = 1500, 56, 14
MODELS = ("naive", "dlinear", "patch-transformer", "latent-transformer", "transformer")
WAYS: dict[str, dict[str, Any]] = {
    "undeclared": {"data.ignore": ["price", "promotion", "useless"]},
    "declared": {"data.future": ["price", "promotion"], "data.ignore": ["useless"]},
    "and a useless one": {"data.future": ["price", "promotion", "useless"]},
}


def series(seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    t = np.arange(STEPS)
    price, promotion = random.normal(10, 2, STEPS), random.random(STEPS) < 0.15
    walk, noise = random.normal(0, 0.1, STEPS).cumsum(), random.normal(0, 0.3, STEPS)
    effect = -4 * np.maximum(price - 10, 0) + 9 * promotion
    return pd.DataFrame(
        {
            "ds": pd.date_range("2020-01-01", periods=STEPS),
            "sales": 60 + walk + np.sin(2 * np.pi * t / 7) + noise + effect,
            "price": price,
            "promotion": np.where(promotion, "yes", "no"),
            "useless": random.normal(0, 1, STEPS).cumsum(),
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0,1,2")
    args = parser.parse_args()
    torch.set_num_threads(1)
    seeds = [int(seed) for seed in args.seeds.split(",")]
    rows = []
    for model in MODELS:
        small: dict[str, Any] = {"model.preset": "small"} if "transformer" in model else {}
        small |= {"model.preset": "published"} if model == "dlinear" else {}
        means = {}
        for way, declared in WAYS.items():
            found = []
            for seed in seeds:
                frame = series(seed)
                settings = {**small, **declared, "training.max_steps": 200}
                forecaster = latentcast.fit(
                    frame, model, lookback=LOOKBACK, horizon=HORIZON, seed=seed, settings=settings
                )
                found.append(forecaster.evaluate(frame).original["MSE"])
            means[way] = statistics.mean(found)
        falls = 1 - means["declared"] / means["undeclared"]
        changes = means["and a useless one"] / means["declared"] - 1
        rows.append({"model": model, **means, "falls by": falls, "asked": 0.8, "a useless one changes": changes})
        print(rows[-1], flush=True)
    table(list(rows[0]), [list(row.values()) for row in rows])
    report(
        CLAIM,
        {"falls by": 0.8},
        name="covariates",
        found={"steps": STEPS, "lookback": LOOKBACK, "horizon": HORIZON, "seeds": seeds, "rows": rows},
        threads=1,
    )


if __name__ == "__main__":
    main()
