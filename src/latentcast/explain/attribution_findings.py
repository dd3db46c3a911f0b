"""Findings of attribution, as figures and sentences."""

import numpy as np

from latentcast.core.findings import MOST, Array, Finding, WindowLabels
from latentcast.explain.attribution import Occlusion

PAST = "Which stretch of the past mattered"
GROUPS = 12  # of steps ahead in one figure


def span(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"


def of_stretches(found: Occlusion, places: list[int], shown: WindowLabels, observed: Array, unit: str) -> list[Finding]:
    """Report the attribution of the forecasts at `places` next to their look-backs `observed` [series drawn,
    look-back]."""
    effect, horizon = found.effect[places], found.moved.shape[1]
    names = tuple(shown.channels[at] for at in shown.drawn)
    columns = tuple(shown.past[start] for start in found.starts)
    made = [_look_back(found, effect, row, shown, observed[row], unit) for row in range(len(names))]
    stretch, what = "stretch of the look-back, by its first step", "movement"
    if len(names) > 1:
        made.append(
            Finding(
                PAST,
                "each series' forecast without each stretch",
                "How far the forecast of each series moves. Colours compare the stretches of one row.",
                "heat",
                names,
                columns,
                effect,
                across=stretch,
                measure=what,
                each_row=True,
            )
        )
    if horizon > 1:
        groups = np.array_split(np.arange(horizon), min(GROUPS, horizon))
        near = np.stack([np.abs(found.moved[:, group, places[0]]).mean(1) for group in groups])
        rows = tuple(f"{g[0] + 1}" if len(g) == 1 else f"{g[0] + 1}–{g[-1] + 1}" for g in groups)
        made.append(
            Finding(
                PAST,
                f"{names[0]}: near and far steps of the horizon",
                "How far each part of the horizon moves. Colours compare the stretches of one row.",
                "heat",
                rows,
                columns,
                near,
                across=stretch,
                down="steps ahead",
                measure=what,
                each_row=True,
            )
        )
    return made


def _look_back(found: Occlusion, effect: Array, row: int, shown: WindowLabels, observed: Array, unit: str) -> Finding:
    """The look-back of one series, darker where its forecast depends on it more."""
    lookback = len(shown.past)
    names = tuple(shown.channels[at] for at in shown.drawn)
    by = {
        "line": "a straight line between its neighbours",
        "season": "what is usual at its place of the season",
        "mean": "the mean of the rest",
    }[found.fill]
    ends = (*found.starts[1:], lookback)
    steps = "step" if found.length == 1 else "steps"
    how = (
        f"Each stretch of {found.length} {steps} is replaced in all channels by {by}, and the forecast is made again."
        f" The number is the mean absolute change over the horizon, {unit}."
    )
    top = int(effect[row].argmax())
    where = span(shown.past[found.starts[top]], shown.past[ends[top] - 1])
    before = span(str(lookback - found.starts[top]), str(lookback - ends[top] + 1))
    most = (
        f"The forecast of {names[row]} moves most without {where}, {before} step{'' if before == '1' else 's'} before"
        f" its start: by {effect[row, top]:.3g}."
        if effect[row, top] > 0
        else f"No stretch moves the forecast of {names[row]}."
    )
    shade = np.zeros(lookback)
    for start, end, value in zip(found.starts, ends, effect[row], strict=True):
        shade[start:end] = value
    facts = {
        "method": "occlusion",
        "fill": found.fill,
        "length": found.length,
        "starts": list(found.starts),
        "effect": dict(zip(names, effect, strict=True)),
    }
    return Finding(
        PAST,
        f"{names[row]}: the look-back, darker where it mattered more",
        f"{most} {how}",
        "lines",
        ("observed",),
        shown.past,
        observed[None],
        shade=shade,
        facts=facts if row == 0 else {},
    )


def of_channels(moved: Array, shown: WindowLabels, unit: str) -> Finding:
    """Report `moved` [channels, series drawn]: the change of each forecast without each channel."""
    drawn = sorted(np.argsort(-moved.max(1), kind="stable")[:MOST].tolist())
    few = len(drawn) < len(shown.channels)
    more = f" Drawn are the {len(drawn)} of {len(shown.channels)} channels that move a forecast most." if few else ""
    names = tuple(shown.channels[at] for at in shown.drawn)
    facts = {name: dict(zip(shown.channels, row, strict=True)) for name, row in zip(names, moved.T, strict=True)}
    return Finding(
        PAST,
        "each series' forecast without each channel",
        "This model mixes channels. A whole channel is replaced by its mean, and the forecast is made again. The number"
        f" is the mean absolute change over the horizon, {unit}. Colours compare the channels of one row.{more}",
        "heat",
        names,
        tuple(shown.channels[at] for at in drawn),
        moved[drawn].T,
        across="channel that is replaced",
        down="forecast of",
        measure="movement",
        each_row=True,
        facts={"movement": facts},
    )


def of_gradient(found: Array, shown: WindowLabels) -> Finding:
    """`found` [series that are drawn, look-back]: the root mean square of the derivatives."""
    names = tuple(shown.channels[at] for at in shown.drawn)
    top = int(found[0].argmax())
    return Finding(
        PAST,
        "how fast the forecast moves with each value of the look-back",
        f"The forecast of {names[0]} depends most on {shown.past[top]}, {len(shown.past) - top} steps before its start."
        " The number is the root mean square, over the horizon, of the derivative of the forecast by the value. A"
        " prompt has no derivative.",
        "lines",
        names,
        shown.past,
        found,
        facts={"method": "gradient", "sensitivity": dict(zip(names, found, strict=True))},
    )
