"""Closed-form models and their ensemble on ETTh1, ETTh2, ETTm1 and weather: what validation picks, then the test part.

    python -m benchmarks.accuracy.solved_grid [--data ETTm1 …] [--horizons 96 …] [--out solved_grid]

Members of a cell are random features (`MEMBERS`, each with a seed of its own) and the solved map of the first one,
alone. Their settings were chosen on the validation part. Weights of the ensemble are those on the simplex that minimise
the squared error on every window of the validation part.
The ensemble is picked where it lowers that error by at least `PAYS`; otherwise the best of `ridge`
(results/ridge_accuracy.jsonl) and of the members that use their features is. A member that does not is a linear map of
one look-back, and `ridge` chooses that better, at rolling origins. Only then every window of the test part is forecast.
"""

import argparse
import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize

import latentcast
from benchmarks._harness import RESULTS, Cells, report, table
from benchmarks.accuracy.ridge_accuracy import PUBLISHED
from latentcast.data.panel.split import Part
from latentcast.forecaster.inputs import open_prepared
from latentcast.forecaster.judge import cut_windows
from latentcast.workflows.fitting.solving import PartsJudged

CLAIM = "what validation picks is equal to the best published figure or better in 10 of 16 cells, and within .005 in 15"
PAYS = 0.003  # least relative gain of the ensemble on validation
BATCH = 64
Settings = dict[str, int | str]
TWO_AND_THREE_WEEKS: tuple[Settings, ...] = ({"lookback": 336}, {"lookback": 504})
LONG_MAP: Settings = {"lookback": 720, "reads": 288, "features": 1200, "windows": 10_000}
CHANNELS_AND_CLOCK: Settings = {
    "lookback": 720,
    "reads": 144,
    "features": 100,
    "across": 1000,
    "across_reads": 144,
    "harmonics": 2,
    "activation": "relu",
    "windows": 10_000,
}
MEMBERS: dict[str, dict[int, tuple[Settings, ...]]] = {  # settings of random features by horizon
    "ETTh1": dict.fromkeys((96, 192, 336, 720), TWO_AND_THREE_WEEKS),
    "ETTh2": dict.fromkeys((96, 192, 336, 720), TWO_AND_THREE_WEEKS),
    "ETTm1": {
        **dict.fromkeys((96, 192), ({"lookback": 480}, {"lookback": 288})),
        336: ({**LONG_MAP, "harmonics": 2}, {"lookback": 288, "harmonics": 2}),
        720: (LONG_MAP, {"lookback": 288}),
    },
    "weather": dict.fromkeys((96, 192, 336, 720), (CHANNELS_AND_CLOCK,)),
}
MAP = "solved map"


def fit(data: str, horizon: int, member: Settings, seed: int) -> latentcast.Forecaster:
    """One member; look-backs below 720 steps have a short search of the linear map: all and half of them."""
    given = {f"model.{name}": value for name, value in member.items() if name != "lookback"}
    settings: dict[str, Any] = {"model.features": 800, "model.windows": 8000, **given}
    lookback = int(member["lookback"])
    if lookback < 720:
        settings |= {"model.solved.lookbacks": [lookback // 2, lookback], "model.solved.origins": 2}
    return latentcast.fit(data, "random-features", lookback=lookback, horizon=horizon, seed=seed, settings=settings)


def errors(fitted: dict[str, latentcast.Forecaster], data: str, part: Part) -> Iterator[torch.Tensor]:
    """Errors [members, values] of every window of a part, a batch at a time, in the units of the scaler."""
    passes = []
    for forecaster in fitted.values():
        _, prepared = open_prepared(forecaster, data)
        starts = prepared.starts(part, forecaster.task.lookback, forecaster.task.horizon, 1)
        passes.append(cut_windows(forecaster, prepared, starts).in_batches(BATCH))
    models = [forecaster.network.model for forecaster in fitted.values()]
    for together in zip(*passes, strict=True):
        batches = [batch for _, batch in together]
        target = batches[0].target
        assert target is not None
        forecasts = [models[0].solved_maps(batches[0].past)]
        forecasts += [model(batch).values for model, batch in zip(models, batches, strict=True)]
        assert all(torch.equal(batch.target, target) for batch in batches)
        yield torch.stack([(one - target).flatten() for one in forecasts]).double()


def moments(fitted: dict[str, latentcast.Forecaster], data: str, part: Part) -> tuple[np.ndarray, np.ndarray, int]:
    """Mean products of the members' errors [members, members], their mean absolute errors, and the number of values.

    The squared error of every weighted mean of the members follows from the products.
    """
    products, absolute, values = torch.zeros(()), torch.zeros(()), 0
    with torch.no_grad():
        for batch in errors(fitted, data, part):
            products, absolute = products + batch @ batch.T, absolute + batch.abs().sum(1)
            values += batch.shape[1]
    return (products / values).numpy(), (absolute / values).numpy(), values


def simplex_weights(products: np.ndarray) -> np.ndarray:
    """Weights of at least 0 with sum 1 that minimise the squared error."""
    count = len(products)
    found = minimize(
        lambda weights: weights @ products @ weights,
        np.full(count, 1 / count),
        jac=lambda weights: 2 * products @ weights,
        bounds=[(0, 1)] * count,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-12},
    )
    weights = np.where(found.x < 0.01, 0.0, found.x)
    return np.asarray(weights / weights.sum())


def stored_ridge(data: str, horizon: int) -> dict[str, Any]:
    """The row of `ridge` with its default grid and the longest look-back."""
    path = RESULTS / "ridge_accuracy.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return next(row for row in rows if (row["data"], row["horizon"]) == (data, horizon))


def cell(data: str, horizon: int) -> dict[str, Any]:
    """Fit the members, pick by validation, then judge the test part."""
    began, used = time.perf_counter(), time.process_time()
    fitted = {
        f"random features {member['lookback']}": fit(data, horizon, member, seed)
        for seed, member in enumerate(MEMBERS[data][horizon])
    }
    labels, ridge = [MAP, *fitted], stored_ridge(data, horizon)
    products, _, values = moments(fitted, data, "val")
    weights = simplex_weights(products)
    together = float(weights @ products @ weights)
    validation = {**dict(zip(labels, np.diag(products).tolist(), strict=True)), "ridge": ridge["validation_mse"]}
    tested, absolute, values = moments(fitted, data, "test")
    rows = {**dict(zip(labels, np.diag(tested).tolist(), strict=True)), "ridge": ridge["mse"]}
    rows["ensemble"] = float(weights @ tested @ weights)
    return {
        "data": data,
        "horizon": horizon,
        "weights": dict(zip(labels, weights.round(4).tolist(), strict=True)),
        "validation_mse": {**validation, "ensemble": together},
        "test_mse": rows,
        "test_mae": dict(zip(labels, absolute.tolist(), strict=True)),
        "test_values": values,
        "solved": {label: dict(one.card.solved or {}) for label, one in fitted.items()},
        "seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(time.process_time() - used, 1),
    }


def pays(solved: dict[str, Any]) -> bool:
    """Whether features pay at both origins, by the figures of the run card."""
    before = solved.get("parts_in_training_part")
    held = {
        "mse_map": solved["validation_mse_map"],
        "mse_with_parts": solved["validation_mse_with_parts"],
        "standard_error_of_gain": solved["standard_error_of_gain"],
    }
    return all(
        PartsJudged(one["mse_map"], one["mse_with_parts"], one["standard_error_of_gain"]).pay
        for one in (held, before)
        if one is not None
    )


def with_pick(row: dict[str, Any]) -> dict[str, Any]:
    """A cell with what its validation figures pick, the test error of that, and the best published figure.

    A row that was measured under an older rule is picked from by the present one: its members either all keep their
    features, or none of them pays and `ridge` is picked.
    """
    validation = row["validation_mse"]
    paying = [label for label, solved in row["solved"].items() if pays(solved)]
    assert all(row["solved"][label]["parts"] == "used" for label in paying), row
    best = min([*paying, "ridge"], key=lambda label: validation[label])
    pick = "ensemble" if paying and validation["ensemble"] < (1 - PAYS) * validation[best] else best
    published = PUBLISHED[row["data"], row["horizon"]]
    return {**row, "paying": paying, "pick": pick, "mse": row["test_mse"][pick], "published": published}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", nargs="+", default=list(MEMBERS))
    parser.add_argument("--horizons", nargs="+", type=int, default=[96, 192, 336, 720])
    parser.add_argument("--out", default="solved_grid")
    options = parser.parse_args()
    torch.set_num_threads(1)
    known = Cells(RESULTS / f"{options.out}.jsonl", key=lambda row: [row["data"], row["horizon"]])
    for key in itertools.product(options.data, options.horizons):
        if key not in known:
            known.append(cell(*key))
    cells = [with_pick(row) for row in known.rows]
    columns = ("data", "horizon", "pick", "mse", "published")
    table(["data", "horizon", "pick", "MSE", "published"], [[row[name] for name in columns] for row in cells])
    apart = [round(row["mse"], 3) - row["published"] for row in cells]
    found = {
        "cells": cells,
        "equal_or_better": sum(each < 5e-4 for each in apart),
        "within_.005": sum(each < 5.5e-3 for each in apart),
    }
    report(CLAIM, {"equal_or_better": 10, "within_.005": 15}, found, name=options.out, threads=1)


if __name__ == "__main__":
    main()
