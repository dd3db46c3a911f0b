from collections.abc import Mapping, Sequence

import numpy as np

from latentcast.core.findings import Array, Finding, WindowLabels

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
                "What is held of each member before the weights are chosen.",
                "bars",
                tuple(confidences),
                values=np.array([float(value) for value in confidences.values()]),
                measure="confidence",
                facts={"confidences": dict(confidences)},
            )
        )
    return tuple(made)
