"""Which stretch of the past mattered: what attribution found, as figures and sentences."""

import numpy as np

from latentcast.core.findings import Array, Finding, WindowLabels
from latentcast.explain.attribution import Occlusion

PAST = "Which stretch of the past mattered"
GROUPS = 12  # of steps ahead in one figure


def span(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"


def of_stretches(found: Occlusion, places: list[int], shown: WindowLabels, observed: Array, unit: str) -> list[Finding]:
    """What the forecasts at `places` hang on; the first of them beside its look-back, `observed`."""
    effect, lookback, horizon = found.effect[places], len(shown.past), found.moved.shape[1]
    names = tuple(shown.channels[at] for at in shown.drawn)
    columns = tuple(shown.past[start] for start in found.starts)
    by = {
        "line": "a straight line between its neighbours",
        "season": "what is usual at its place of the season",
        "mean": "the mean of the rest",
    }[found.fill]
    ends = (*found.starts[1:], lookback)
    how = (
        f"Each stretch of {found.length} step{'' if found.length == 1 else 's'} was replaced by {by}, in all channels"
        f" at once, and the forecast made again: the mean absolute movement over the horizon, {unit}."
    )
    top = int(effect[0].argmax())
    where = span(shown.past[found.starts[top]], shown.past[ends[top] - 1])
    before = span(str(lookback - found.starts[top]), str(lookback - ends[top] + 1))
    most = (
        f"{names[0]} moves most without {where}, {before} step{'' if before == '1' else 's'} before the forecast: by"
        f" {effect[0, top]:.3g}."
        if effect[0, top] > 0
        else f"No stretch moves the forecast of {names[0]}."
    )
    shade = np.zeros(lookback)
    for start, end, value in zip(found.starts, ends, effect[0], strict=True):
        shade[start:end] = value
    facts = {
        "method": "occlusion",
        "fill": found.fill,
        "length": found.length,
        "starts": list(found.starts),
        "effect": dict(zip(names, effect, strict=True)),
    }
    made = [
        Finding(
            PAST,
            f"{names[0]}: the look-back, darker where it mattered more",
            f"{most} {how}",
            "lines",
            ("observed",),
            shown.past,
            observed[None],
            shade=shade,
            facts=facts,
        )
    ]
    stretch, what = "stretch of the look-back, by its first step", "movement"
    if len(names) > 1:
        made.append(
            Finding(
                PAST,
                "each series' forecast without each stretch",
                "The same for every series that is shown.",
                "heat",
                names,
                columns,
                effect,
                across=stretch,
                measure=what,
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
                "Which stretch each part of the horizon hangs on.",
                "heat",
                rows,
                columns,
                near,
                across=stretch,
                down="steps ahead",
                measure=what,
            )
        )
    return made


def of_channels(moved: Array, read: list[int], shown: WindowLabels, unit: str) -> Finding:
    """`moved` [channels read, series drawn] says how far each forecast moves without each channel."""
    left = len(shown.channels) - len(read)
    more = f" {left} more channels were left out." if left else ""
    return Finding(
        PAST,
        "each series' forecast without each channel",
        "This model mixes channels. A whole channel was replaced by its mean and the forecast made again: the mean"
        f" absolute movement over the horizon, {unit}.{more}",
        "heat",
        tuple(shown.channels[at] for at in shown.drawn),
        tuple(shown.channels[at] for at in read),
        moved.T,
        across="channel that is replaced",
        down="forecast of",
        measure="movement",
    )


def of_gradient(found: Array, shown: WindowLabels) -> Finding:
    """`found` [series that are drawn, look-back]: the root mean square of the derivatives."""
    names = tuple(shown.channels[at] for at in shown.drawn)
    top = int(found[0].argmax())
    return Finding(
        PAST,
        "how fast the forecast moves with each value of the look-back",
        f"{names[0]} hangs most on {shown.past[top]}, {len(shown.past) - top} steps before the forecast. Root mean"
        " square, over the horizon, of the derivative of the forecast by the value; what a prompt says in words has"
        " none.",
        "lines",
        names,
        shown.past,
        found,
        facts={"method": "gradient", "sensitivity": dict(zip(names, found, strict=True))},
    )
