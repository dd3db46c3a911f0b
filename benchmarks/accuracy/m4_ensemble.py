"""M4 hourly and weekly: pooled ridge regression, the generalist, theta, the last season, weighed on held-out windows.

    python -m benchmarks.accuracy.m4_ensemble

`ridge` is one map for all series of a frequency, on series that are standardised each by itself. Every member forecasts
the last two horizons of the training part from what lies before them, and is fitted to nothing else. The weights, a
multiple of a tenth each, are those with the lowest OWA there. Then the members are fitted to the whole training part,
and the test part is judged once.
"""

import argparse
import itertools
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

import latentcast
from benchmarks._harness import RESULTS, Cells, report, table
from benchmarks.accuracy._zero_shot_boards import Board, Window
from benchmarks.accuracy.zero_shot import fit_classical, generalist
from latentcast.data.sources.m4 import FREQUENCIES, Frequency, load
from latentcast.evaluation.m4_metrics import mase, owa, smape
from latentcast.models.pretrained.network import MEDIAN
from latentcast.models.pretrained.weights import load_weights

CLAIM = "an ensemble with a pooled ridge regression is better than the winner of M4 on hourly and weekly series"
ASKED = {"hourly": 0.40, "weekly": 0.85}
LOOKBACKS = {"hourly": 336, "weekly": 104}
CONTEXT = 1024  # last steps of a history that members read
ORIGINS = 2
TENTHS = 10

Array = NDArray[np.float64]
Histories = Sequence[Array]


def ridge(histories: Histories, frequency: Frequency) -> Array:
    """Forecasts of one map that is solved from all histories."""
    kept = [history[-2 * CONTEXT :] for history in histories]
    names = [f"{number:04}" for number in range(len(kept))]
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(names, [len(values) for values in kept]),
            "ds": np.concatenate([np.arange(len(values)) for values in kept]),
            "y": np.concatenate(kept),
        }
    )
    settings = {
        "data.split": [0, 2 * frequency.horizon, 0], "data.season": frequency.season, "model.refit": True,
    }  # fmt: skip
    sizes = {"lookback": LOOKBACKS[frequency.name], "horizon": frequency.horizon}
    found = latentcast.fit(frame, "ridge", settings=settings, **sizes).predict(frame)
    order = found["unique_id"].astype(str).to_numpy()[:: frequency.horizon]
    assert order.tolist() == names
    return np.asarray(found["ridge"].to_numpy(np.float64).reshape(-1, frequency.horizon))


def members(histories: Histories, frequency: Frequency) -> dict[str, Array]:
    """[series, horizon] of every member, beyond the end of the histories."""
    windows = [Window(history[-CONTEXT:], np.zeros(0), 1.0, str(n)) for n, history in enumerate(histories)]
    board = Board(f"M4 {frequency.name}", "", frequency.season, None, frequency.horizon, windows)
    naive = np.stack([np.resize(history[-frequency.season :], frequency.horizon) for history in histories])
    return {
        "ridge": ridge(histories, frequency),
        "generalist": np.asarray(generalist(board, load_weights("small"), (CONTEXT,))[..., MEDIAN], np.float64),
        "theta": fit_classical("theta", board, np.arange(len(windows))),
        "seasonal-naive": naive,
    }


def score(target: Array, forecast: Array, histories: Histories, frequency: Frequency, base: Any) -> float:
    percent = float(smape(target, forecast).mean())
    scaled = float(np.nanmean(mase(target, forecast, histories, frequency.season)))
    return float(owa(percent, scaled, base) or np.nan)


def mixed(weights: Sequence[float], forecasts: Sequence[Array]) -> Array:
    return np.asarray(sum(weight * one for weight, one in zip(weights, forecasts, strict=True)))


def simplex(count: int) -> Iterator[tuple[float, ...]]:
    """All weights that are tenths and sum to 1."""
    for cuts in itertools.product(range(TENTHS + 1), repeat=count - 1):
        if sum(cuts) <= TENTHS:
            yield (*(cut / TENTHS for cut in cuts), (TENTHS - sum(cuts)) / TENTHS)


def measure(name: str) -> dict[str, Any]:
    began, used = time.perf_counter(), time.process_time()
    frequency = FREQUENCIES[name]
    there, horizon = load(frequency), frequency.horizon
    train, base = there.train, frequency.naive2
    assert train is not None
    held: list[tuple[dict[str, Array], Array, Histories]] = []
    for origin in range(ORIGINS, 0, -1):
        cut = [history[: len(history) - origin * horizon] for history in train]
        after = np.stack([history[len(history) - origin * horizon :][:horizon] for history in train])
        held.append((members(cut, frequency), after, cut))
    names = list(held[0][0])

    def held_out(weights: Sequence[float]) -> float:
        each = [score(after, mixed(weights, list(found.values())), cut, frequency, base) for found, after, cut in held]
        return float(np.mean(each))

    weights = min(simplex(len(names)), key=held_out)
    tested = members(train, frequency)
    return {
        "weights": dict(zip(names, weights, strict=True)),
        "held_out_owa": {
            **{n: held_out(one) for n, one in zip(names, np.eye(len(names)).tolist(), strict=True)},
            "ensemble": held_out(weights),
        },
        "owa": {
            **{n: score(there.test, one, train, frequency, base) for n, one in tested.items()},
            "ensemble": score(there.test, mixed(weights, list(tested.values())), train, frequency, base),
        },
        "asked": ASKED[name],
        "seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(time.process_time() - used, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frequencies", nargs="+", default=list(ASKED))
    options = parser.parse_args()
    torch.set_num_threads(1)
    known = Cells(RESULTS / "m4_ensemble.jsonl")
    rows = [known.once(name, lambda name=name: measure(name)) for name in options.frequencies]
    table(["frequency", "ensemble", "asked"], [[row["cell"], row["owa"]["ensemble"], row["asked"]] for row in rows])
    report(CLAIM, ASKED, {"found": known.rows}, name="m4_ensemble", threads=1)


if __name__ == "__main__":
    main()
