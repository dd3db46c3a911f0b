"""Random walks: how far a context is from one, and forecasts drawn to its last value where it is not.

The network nearly learns that nothing beats the last value of a random walk, but pays for following chance drifts. So
where the context has no season, and neither drift nor autocorrelation of its steps is significant, the forecast's
distance from the last value is taken back.
"""

import numpy as np

from latentcast.models.pretrained.autocorrelation import walk_statistics
from latentcast.models.pretrained.context import Context, Rows
from latentcast.models.pretrained.network import MEDIAN

CERTAIN, REFUTED = (
    (2.5, 5.0),
    (7.0, 16.0),
)  # sums of three squared scores (χ², 3 degrees of freedom): short, long contexts
SHORT, LONG = 40, 60  # steps; in between, the limits rise with them: short real series trend more often than not
WIDER = 0.1  # share by which intervals grow there


def toward_last_value(context: Context, quantiles: Rows) -> Rows:
    """[series, steps, level] quantiles, of contexts without a season drawn to the last value where nothing refutes it.

    The share is whole while the squared scores of drift and of the first two autocorrelations of the steps sum up to
    less than the first limit, and none above the second.
    """
    if context.season > 1 or context.values.shape[1] < 3:
        return quantiles
    z, seen = context.values, context.seen
    steps = np.diff(z, axis=1) * seen[:, 1:] * seen[:, :-1]
    scores = walk_statistics(context, z, steps)[:, [0, 2, 3]]
    against = (scores**2).sum(1)
    long = np.clip((context.lengths - SHORT) / (LONG - SHORT), 0, 1)
    certain, refuted = (short + (far - short) * long for short, far in zip(CERTAIN, REFUTED, strict=True))
    share = np.clip((refuted - against) / (refuted - certain), 0, 1).astype(np.float32)[:, None, None]
    centre = quantiles[..., [MEDIAN]]
    moved = centre + share * (z[:, None, -1:] - centre)
    return moved + (quantiles - centre) * (1 + WIDER * share)
