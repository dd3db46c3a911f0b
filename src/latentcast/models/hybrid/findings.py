from collections.abc import Mapping, Sequence

import numpy as np

from latentcast.core.findings import Array, Finding, WindowLabels
from latentcast.models.hybrid.choice import STRONG

MEMBERS = "Members and their weights"


def of_members(
    shown: WindowLabels,
    names: Sequence[str],
    forecasts: Sequence[Array],
    weights: Sequence[Array],
    confidences: Mapping[str, float] | None = None,
) -> tuple[Finding, ...]:
    """Report the members' forecasts and weights of a model made of several.

    forecasts   of each member [horizon, channel] in the units of the batch
    weights     of each member [horizon, channel], the share that it has in the forecast
    confidences of each member, where it has one
    """
    made: list[Finding] = []
    whole = [shown.original(values) for values in forecasts]
    for at in [at for at in shown.drawn if at in shown.targets]:
        name = shown.channels[at]
        made += [
            Finding(
                MEMBERS,
                f"{name}: forecasts of the members",
                "Each member's own forecast, in original units, before they are put together.",
                "lines",
                tuple(names),
                shown.ahead,
                np.stack([values[:, at] for values in whole]),
                measure=name,
            ),
            Finding(
                MEMBERS,
                f"{name}: weights of the members",
                "How much of each member the forecast takes at each step ahead. Weights of a step sum to 1.",
                "heat",
                tuple(names),
                shown.ahead,
                np.stack([values[:, at] for values in weights]),
                across="step that is forecast",
                measure="weight",
            ),
        ]
    if confidences:
        made.append(
            Finding(
                MEMBERS,
                "confidence in each member",
                "Mean weight that held-out windows of all series give to each member.",
                "bars",
                tuple(confidences),
                values=np.array([float(value) for value in confidences.values()]),
                measure="confidence",
                facts={"confidences": dict(confidences)},
            )
        )
    return tuple(made)


def of_choice(
    shown: WindowLabels, names: Sequence[str], kinds: Sequence[str], strengths: Sequence[float], chosen: Array
) -> Finding:
    """Report why which members forecast each look-back: `kinds` and `strengths` of its season, `chosen` [channel,
    member]."""
    at = list(shown.drawn)
    rows = tuple((kinds[row], f"{strengths[row]:.2f}", ", ".join(np.array(names)[chosen[row]].tolist())) for row in at)
    return Finding(
        MEMBERS,
        "why these members forecast each series",
        f"A strong season has a strength above {STRONG:g}. Stationary is what the augmented Dickey-Fuller test with one"
        " lag finds at 5 %, after the season is removed.",
        "table",
        tuple(shown.channels[row] for row in at),
        ("the look-back is", "strength of the season", "members"),
        texts=rows,
        down="series",
        facts={"chosen": {shown.channels[row]: np.array(names)[chosen[row]].tolist() for row in at}},
    )
