"""Which stretch of the past mattered: what attribution found, as figures and sentences."""

from dataclasses import replace

import numpy as np

from latentcast.core.findings import Array, Finding, WindowLabels
from latentcast.explain.attribution import Occlusion

PAST = "Which stretch of the past mattered"
GROUPS = 12  # of steps ahead in one figure


def span(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"


def of_stretches(found: Occlusion, places: list[int], shown: WindowLabels, observed: Array, unit: str) -> list[Finding]:
    """What the forecasts at `places` depend on; of the first of them with its look-back, `observed`."""
    names = tuple(shown.channels[at] for at in shown.drawn)
    effect = found.effect[places]
    made = [_over_the_look_back(found, effect, names, shown, observed, unit)]
    if len(names) > 1:
        text = "The same for every series that is shown."
        made.append(_heat(found, shown, "each series' forecast without each stretch", text, names, effect))
    horizon = found.moved.shape[1]
    if horizon > 1:
        groups = np.array_split(np.arange(horizon), min(GROUPS, horizon))
        near = np.stack([np.abs(found.moved[:, group, places[0]]).mean(1) for group in groups])
        rows = tuple(f"{g[0] + 1}" if len(g) == 1 else f"{g[0] + 1}–{g[-1] + 1}" for g in groups)
        title, text = f"{names[0]}: near and far steps of the horizon", "Which stretch each part of the horizon uses."
        made.append(replace(_heat(found, shown, title, text, rows, near), down="steps ahead"))
    return made


def _over_the_look_back(
    found: Occlusion, effect: Array, names: tuple[str, ...], shown: WindowLabels, observed: Array, unit: str
) -> Finding:
    """The look-back of the first series, shaded by what each stretch is worth."""
    lookback = len(shown.past)
    ends = (*found.starts[1:], lookback)
    shade = np.zeros(lookback)
    for start, end, value in zip(found.starts, ends, effect[0], strict=True):
        shade[start:end] = value
    by = {
        "line": "a straight line between its neighbours",
        "season": "what is usual at its place of the season",
        "mean": "the mean of the rest",
    }[found.fill]
    how = (
        f"Each stretch of {found.length} step{'' if found.length == 1 else 's'} was replaced by {by}, in all channels"
        f" at once, and the forecast made again: the mean absolute movement over the horizon, {unit}."
    )
    facts = {
        "method": "occlusion",
        "fill": found.fill,
        "length": found.length,
        "starts": list(found.starts),
        "effect": dict(zip(names, effect, strict=True)),
    }
    title = f"{names[0]}: the look-back, darker where it mattered more"
    text = f"{_strongest(found, effect[0], names[0], shown)} {how}"
    return Finding(PAST, title, text, "lines", ("observed",), shown.past, observed[None], shade=shade, facts=facts)


def _strongest(found: Occlusion, effect: Array, name: str, shown: WindowLabels) -> str:
    """A sentence on the stretch that moves a forecast most; `effect` [stretches]."""
    lookback, top = len(shown.past), int(effect.argmax())
    if effect[top] <= 0:
        return f"No stretch moves the forecast of {name}."
    start, end = found.starts[top], (*found.starts[1:], lookback)[top]
    before = span(str(lookback - start), str(lookback - end + 1))
    return (
        f"{name} moves most without {span(shown.past[start], shown.past[end - 1])}, {before}"
        f" step{'' if before == '1' else 's'} before the forecast: by {effect[top]:.3g}."
    )


def _heat(
    found: Occlusion, shown: WindowLabels, title: str, text: str, rows: tuple[str, ...], values: Array
) -> Finding:
    """`values` [rows, stretches] as a heat map."""
    columns = tuple(shown.past[start] for start in found.starts)
    across = "stretch of the look-back, by its first step"
    return Finding(PAST, title, text, "heat", rows, columns, values, across=across, measure="movement")


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
