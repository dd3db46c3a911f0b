"""The shipped generalist on boards that it never saw, beside seasonal naive, Theta, AutoETS and AutoARIMA.

Every window is forecast once, by the median of the quantiles; the widths of intervals follow backtests inside the
contexts of the series that are forecast together, as in `latentcast zero-shot`. MASE is a mean over windows; ratios
are to seasonal naive (to naive where the board has no season) on the same windows. Fits of the classical models take
long: they are made on evenly spaced windows of a board (`--most`; AutoARIMA `--most-arima`), kept in `--cache`, and
compared with the generalist on those windows alone. M4: AutoETS and AutoARIMA are those of results/m4.jsonl, fitted to
whole series.

    python -m benchmarks.accuracy.zero_shot --fit          # the classical forecasts, into the cache
    python -m benchmarks.accuracy.zero_shot                # the generalist, the table and results/zero_shot.json
"""

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._harness import RESULTS, report
from benchmarks.accuracy._zero_shot_boards import SPECS, Board, boards
from latentcast.models.pretrained.network import LEVELS, MEDIAN
from latentcast.models.pretrained.ragged import forecast_rows
from latentcast.models.pretrained.seasons import of_frequency
from latentcast.models.pretrained.weights import load_weights
from latentcast.models.pretrained.widths import widened, width_factor

CLAIM = "the generalist beats the better of AutoETS and AutoTheta on boards that it never saw"

Array = NDArray[np.float64]
MODELS = ("theta", "ets", "arima", "fracast")
NAMES = {"theta": "AutoTheta", "ets": "AutoETS", "arima": "AutoARIMA", "fracast": "Fracast-0"}
OF_M4 = {"ets": "auto-ets", "arima": "auto-arima"}
M4_SEASONS = {"M4 weekly": 52, "M4 hourly": 24}


def chosen(board: Board, most: int) -> NDArray[np.int64]:
    """Places of the windows that classical models are fitted to: evenly spaced over the board, each channel alike."""
    count = len(board.windows)
    if count <= most:
        return np.arange(count)
    series = len({window.series for window in board.windows})
    each = max(1, most // series) if series * 2 <= count else 0
    if not each:
        return np.unique(np.linspace(0, count - 1, most).astype(np.int64))
    per = count // series
    origins = np.linspace(0, per - 1, each).astype(np.int64)
    return np.concatenate([number * per + origins for number in range(series)])


def fit_classical(name: str, board: Board, places: NDArray[np.int64]) -> Array:
    """[window, horizon] point forecasts of one of statsforecast's models; the last value where it fails."""
    from statsforecast.models import AutoARIMA, AutoETS, AutoTheta

    found = []
    for place in places:
        context = board.windows[place].context[-512:]
        season = board.season if 2 * board.season + 4 <= len(context) else 1
        if name in ("ets", "arima") and season > 24:
            season = 1  # AutoETS has no longer seasons; AutoARIMA takes minutes a window with them
        model = {
            "theta": lambda s: AutoTheta(season_length=s),
            "ets": lambda s: AutoETS(season_length=s),
            "arima": lambda s: AutoARIMA(season_length=s, approximation=True),
        }[name](season)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found.append(np.asarray(model.forecast(context, board.horizon)["mean"], float))
            except Exception:
                found.append(np.full(board.horizon, context[-1]))
    return np.array(found)


def run_fracast(board: Board, places: NDArray[np.int64]) -> Array:
    """[window, horizon] medians of Fracast-0, contexts of one length together; the last value below eight steps."""
    from fracast import FracastModel

    model = FracastModel.from_pretrained(None, weights="fp32")
    middle = list(model.quantiles).index(0.5)
    contexts = [board.windows[place].context[-model.context_length :] for place in places]
    found = np.stack([np.full(board.horizon, context[-1]) for context in contexts])
    lengths = np.array([len(context) for context in contexts])
    for length in np.unique(lengths[lengths >= 8]):
        for rows in np.array_split(np.flatnonzero(lengths == length), -(-int((lengths == length).sum()) // 64)):
            given = np.stack([contexts[row] for row in rows])
            found[rows] = model.forecast_batch(given, horizon=board.horizon)[..., middle]
    return found


def fit_all(args: argparse.Namespace) -> None:
    """Classical forecasts into the cache; what is there already is not fitted again."""
    args.cache.mkdir(parents=True, exist_ok=True)
    for board in boards(args.boards):
        for name in args.models:
            if board.name.startswith("M4") and name in OF_M4:
                continue
            path = args.cache / f"{board.name.replace(' ', '-')}-{name}.npz"
            if path.exists():
                continue
            places = chosen(board, args.most_arima if name == "arima" else args.most)
            began = time.process_time()
            found = run_fracast(board, places) if name == "fracast" else fit_classical(name, board, places)
            seconds = time.process_time() - began
            np.savez(path, places=places, forecasts=found, seconds=seconds)
            print(f"{board.name}: {NAMES[name]} on {len(places)} windows in {seconds:.0f} s", flush=True)


def generalist(board: Board, weights: Any, contexts: tuple[int, ...], *, backtests: bool = True) -> Array:
    """[window, horizon, level] quantiles; the period is found where the board does not give it.

    `backtests` inside the contexts decide how wide intervals are.
    """
    given = board.given
    seasons = of_frequency(M4_SEASONS[board.name]) if given is None else of_frequency(given)[:1]
    longest = max(len(window.context) for window in board.windows)
    rows = np.full((len(board.windows), longest), np.nan)
    for row, window in zip(rows, board.windows, strict=True):
        row[longest - len(window.context) :] = window.context
    found = forecast_rows(weights, rows, seasons, board.horizon, detected=given is None, contexts=contexts)
    for places in tables(board) if backtests else ():
        factor = width_factor(weights, rows[places], seasons, board.horizon, detected=given is None, contexts=contexts)
        found[places] = widened(found[places], factor)
    return found


def tables(board: Board) -> list[NDArray[np.int64]]:
    """Places of windows that a user would forecast together: the first origins of all series, the second ones, …"""
    seen: dict[str, int] = {}
    numbers = []
    for window in board.windows:
        seen[window.series] = seen.get(window.series, -1) + 1
        numbers.append(seen[window.series])
    return [np.flatnonzero(np.array(numbers) == number) for number in range(max(numbers) + 1)]


def naive(board: Board) -> Array:
    """[window, horizon] the last season repeated."""
    return np.stack([np.resize(window.context[-board.season :], board.horizon) for window in board.windows])


def mases(board: Board, forecasts: Array, places: NDArray[np.int64] | None = None) -> Array:
    """[window] mean absolute scaled errors."""
    windows = board.windows if places is None else [board.windows[place] for place in places]
    return np.array(
        [np.abs(window.target - row).mean() / window.scale for window, row in zip(windows, forecasts, strict=True)]
    )


def smapes(board: Board, forecasts: Array) -> Array:
    """[window] symmetric mean absolute percentage errors, as M4 has them."""
    return np.array(
        [
            np.mean(200 * np.abs(w.target - row) / np.maximum(np.abs(w.target) + np.abs(row), 1e-12))
            for w, row in zip(board.windows, forecasts, strict=True)
        ]
    )


def interval(first: Array, second: Array, groups: list[str]) -> tuple[float, float]:
    """95 % interval of the ratio of mean errors, by resampling whole series in pairs."""
    names = sorted(set(groups))
    sums = np.array([[first[np.array(groups) == n].sum(), second[np.array(groups) == n].sum()] for n in names])
    draws = np.random.default_rng(0).integers(0, len(names), (1000, len(names)))
    ratios = sums[draws, 0].sum(1) / sums[draws, 1].sum(1)
    return float(np.quantile(ratios, 0.025)), float(np.quantile(ratios, 0.975))


def judge(board: Board, quantiles: Array, seconds: float, cache: Path) -> dict[str, Any]:
    """One row of the table."""
    target = np.stack([window.target for window in board.windows])
    scale = np.array([window.scale for window in board.windows])[:, None]
    ours, theirs = mases(board, quantiles[..., MEDIAN]), mases(board, naive(board))
    series = [window.series for window in board.windows]
    kept = [LEVELS.index(level) for level in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)]
    levels = np.array(LEVELS)[kept]
    error = (target[..., None] - quantiles[..., kept]) / scale[..., None]
    loss = 2 * np.maximum(levels * error, (levels - 1) * error).mean()
    row: dict[str, Any] = {
        "board": board.name, "source": board.source, "windows": len(board.windows), "series": len(set(series)),
        "horizon": board.horizon, "season": board.season, "period": "found" if board.given is None else "given",
        "mase": float(ours.mean()), "mase_naive": float(theirs.mean()), "ratio": float(ours.mean() / theirs.mean()),
        "ratio_interval": interval(ours, theirs, series),
        "smape": float(smapes(board, quantiles[..., MEDIAN]).mean()),
        "wql_ratio": float(loss / theirs.mean()),
        **{f"coverage_{name}": _coverage(target, quantiles, level) for name, level in (("80", 0.1), ("90", 0.05))},
        "series_per_second": len(board.windows) / seconds,
    }  # fmt: skip
    for name in MODELS:
        found = _classical(name, board, cache)
        if found is not None:
            places, their = found
            row[name] = {
                "windows": len(places),
                "ratio": float(their.mean() / theirs[places].mean()),
                "generalist_on_these": float(ours[places].mean() / theirs[places].mean()),
                "generalist_to_it": float(ours[places].mean() / their.mean()),
                "interval": interval(ours[places], their, [series[place] for place in places]),
            }
    if board.name in M4_SEASONS:
        row["owa"] = _owa(board, row)
    return row


def _coverage(target: Array, quantiles: Array, level: float) -> float:
    low, high = quantiles[..., LEVELS.index(level)], quantiles[..., LEVELS.index(1 - level)]
    return float(((target >= low) & (target <= high)).mean())


def _classical(name: str, board: Board, cache: Path) -> tuple[NDArray[np.int64], Array] | None:
    """Places and MASE of a classical model."""
    if board.name.startswith("M4") and name in OF_M4:
        return _from_m4(OF_M4[name], board)
    path = cache / f"{board.name.replace(' ', '-')}-{name}.npz"
    if not path.exists():
        return None
    kept = np.load(path)
    return kept["places"], mases(board, kept["forecasts"], kept["places"])


def _from_m4(model: str, board: Board) -> tuple[NDArray[np.int64], Array]:
    lines = [json.loads(line) for line in (RESULTS / "m4.jsonl").read_text().splitlines()]
    rows = {row["series"]: row["mase"] for row in lines if model in row["spec"]}
    places = [place for place, window in enumerate(board.windows) if window.series in rows]
    return np.array(places), np.array([rows[board.windows[place].series] for place in places])


def _owa(board: Board, row: dict[str, Any]) -> float:
    """The mean of sMAPE and MASE to those of Naive2, by the organisers' figures."""
    smape, mase = {"M4 weekly": (9.161, 2.777), "M4 hourly": (18.383, 2.395)}[board.name]
    return float((row["smape"] / smape + row["mase"] / mase) / 2)


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Geometric means over boards, against the better of AutoETS and AutoTheta on the same windows."""
    to_best = {}
    for row in rows:
        there = [row[name] for name in ("ets", "theta") if name in row]
        if there:
            best = min(there, key=lambda found: found["ratio"])
            to_best[row["board"]] = best["generalist_to_it"]
    real = [row for row in rows if row["board"] != "random walks"]
    return {
        "geometric_mean_ratio_to_naive": float(np.exp(np.mean([np.log(row["ratio"]) for row in real]))),
        "to_better_of_ets_and_theta": to_best,
        "geometric_mean_to_better": float(
            np.exp(np.mean([np.log(ratio) for name, ratio in to_best.items() if name != "random walks"]))
        ),
    }


def show(rows: list[dict[str, Any]]) -> None:
    """The table, MASE to seasonal naive."""
    print(
        f"{'board':16} {'gener.':>7} {'theta':>7} {'ets':>7} {'arima':>7} {'fracast':>7} {'to best':>8}"
        f" {'80 %':>6} {'90 %':>6} {'WQL':>6}"
    )
    for row in rows:
        cells = [f"{row[name]['ratio']:7.3f}" if name in row else f"{'–':>7}" for name in MODELS]
        there = [row[name] for name in ("ets", "theta") if name in row]
        best = f"{min(there, key=lambda f: f['ratio'])['generalist_to_it']:8.3f}" if there else f"{'–':>8}"
        cover = f"{row['coverage_80']:6.3f} {row['coverage_90']:6.3f} {row['wql_ratio']:6.3f}"
        owa = f"  OWA {row['owa']:.3f}" if "owa" in row else ""
        print(f"{row['board']:16} {row['ratio']:7.3f} {' '.join(cells)} {best} {cover}{owa}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", action="store_true", help="fit the classical models and end")
    parser.add_argument("--boards", nargs="+", choices=list(SPECS), default=None)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["theta", "ets"])
    parser.add_argument("--most", type=int, default=420)
    parser.add_argument("--most-arima", type=int, default=200)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "latentcast-zero-shot")
    parser.add_argument("--weights", default="small")
    parser.add_argument("--contexts", type=int, nargs="+", default=[1024])
    parser.add_argument("--name", default="zero_shot", help="of the file of results; empty: none is written")
    args = parser.parse_args()
    if args.fit:
        fit_all(args)
        return
    weights, rows = load_weights(args.weights), []
    for board in boards(args.boards):
        began = time.process_time()
        quantiles = generalist(board, weights, tuple(args.contexts))
        rows.append(judge(board, quantiles, time.process_time() - began, args.cache))
    show(rows)
    total = summary(rows)
    print(json.dumps(total, indent=1))
    if args.name:
        report(
            CLAIM,
            {"to the better": 0.94, "80 % intervals": [0.75, 0.85]},
            name=args.name,
            found={"boards": rows, **total},
            threads=1,
        )


if __name__ == "__main__":
    main()
