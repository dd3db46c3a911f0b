"""What the generalist decides at inference, each choice taken away: on the validation series, for one or more weights.

Periods (given, weighed, found), context lengths that are averaged, the fall-back to the last value, the share of
smoothing, and widths of intervals by backtests.

    python -m benchmarks.accuracy.generalist_choices --weights small runs/other
"""

import argparse
from collections.abc import Callable
from unittest.mock import patch

import numpy as np

from benchmarks._harness import RESULTS, Cells
from benchmarks.accuracy._validation_judge import Array, Forecast, means, scores
from benchmarks.accuracy._zero_shot_boards import Board
from latentcast.models.pretrained import inference
from latentcast.models.pretrained.anchor import ANCHOR
from latentcast.models.pretrained.network import Weights
from latentcast.models.pretrained.ragged import forecast_rows
from latentcast.models.pretrained.seasons import of_frequency
from latentcast.models.pretrained.weights import load_weights
from latentcast.models.pretrained.widths import widened, width_factor


def plain(weights: Weights, contexts: tuple[int, ...] = (1024,)) -> Forecast:
    """The season as the board gives it."""
    return lambda rows, board, second: forecast_rows(
        weights, rows, ((board.season, second),), board.horizon, contexts=contexts
    )


def periods(weights: Weights, detected: bool, told: bool) -> Forecast:
    """Seasons by a backtest: those of the frequency (`told`), and detected ones."""

    def forecast(rows: Array, board: Board, _: int) -> Array:
        options = of_frequency(board.season) if told else ((1, 0),)
        return forecast_rows(weights, rows, options, board.horizon, detected=detected)

    return forecast


def without_walks(weights: Weights) -> Forecast:
    """No fall-back to the last value."""

    def forecast(rows: Array, board: Board, second: int) -> Array:
        with patch.object(inference, "toward_last_value", lambda context, quantiles: quantiles):
            return plain(weights)(rows, board, second)

    return forecast


def own_widths(weights: Weights) -> Forecast:
    """Each series as a table of its own, its widths by its own backtests."""

    def forecast(rows: Array, board: Board, second: int) -> Array:
        found, seasons = plain(weights)(rows, board, second), ((board.season, second),)
        factors = [width_factor(weights, row[None], seasons, board.horizon) for row in rows[:100]]
        factors += [1.0] * (len(rows) - len(factors))
        return np.stack([widened(part, factor) for part, factor in zip(found, factors, strict=True)])

    return forecast


CHOICES: dict[str, Callable[[Weights], Forecast]] = {
    "as it is": plain,
    "periods weighed": lambda weights: periods(weights, detected=False, told=True),
    "periods weighed and detected": lambda weights: periods(weights, detected=True, told=True),
    "periods detected, none told": lambda weights: periods(weights, detected=True, told=False),
    "no period": lambda weights: periods(weights, detected=False, told=False),
    "512 steps": lambda weights: plain(weights, (512,)),
    "512 and 256 steps": lambda weights: plain(weights, (512, 256)),
    "1024, 512 and 256 steps": lambda weights: plain(weights, (1024, 512, 256)),
    "no fall-back to the last value": without_walks,
    "no share of smoothing": lambda weights: plain({key: value for key, value in weights.items() if key != ANCHOR}),
    "widths by own backtests": own_widths,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", nargs="+", default=["small"])
    parser.add_argument("--choices", nargs="+", choices=list(CHOICES), default=list(CHOICES))
    args = parser.parse_args()
    cells = Cells(RESULTS / "generalist_choices.jsonl")
    for name in args.weights:
        weights = load_weights(name)
        for choice in args.choices:
            row = cells.once(
                [name.rsplit("/", 1)[-1], choice], lambda c=choice, w=weights: means(scores(CHOICES[c](w)))
            )
            print(name, choice, round(row["ratio"], 4), round(row["from_80"], 3), flush=True)


if __name__ == "__main__":
    main()
