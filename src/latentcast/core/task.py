"""What is asked of a network: its sizes, known before anything computes."""

from dataclasses import dataclass


class Steps(int):
    """A number of steps of the data, which descriptions also show as time."""


@dataclass(frozen=True)
class Task:
    """A forecasting task: the sizes that every part of a network is built from.

    `targets` are the positions of the forecast channels among the channels of the input
    (all of them in modes M and S, one in mode MS). `known` counts the features known in advance, `static` the constant
    features of a series, `season` is the length of the main season in steps, `description` describes the data in
    words, `items` counts the series of the fit.
    """

    lookback: int
    horizon: int
    channels: int = 1
    targets: tuple[int, ...] = (0,)
    known: int = 0
    season: int = 1
    description: str | None = None
    static: int = 0
    items: int = 0
