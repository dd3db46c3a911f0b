"""Models that are solved in closed form, as a step of a fit."""

import logging
import time
from typing import Any

from latentcast.core.protocols import SolvedModel
from latentcast.forecaster.forecaster import Forecaster
from latentcast.workflows.fitting.windows import Supply

log = logging.getLogger("latentcast")


def solve_closed_form(forecaster: Forecaster, train: Supply, held_out: Supply | None) -> dict[str, Any]:
    """Solve what the model solves; return what it chose, with the number of windows and the seconds it took."""
    model = forecaster.network.model
    assert isinstance(model, SolvedModel)
    began = time.monotonic()
    found = model.solve(train, held_out)
    return {
        **found,
        "windows": len(train),
        "validation_windows": 0 if held_out is None else len(held_out),
        "seconds": round(time.monotonic() - began, 2),
    }
