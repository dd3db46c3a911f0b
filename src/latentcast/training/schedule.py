"""Learning-rate factors: functions of the step, from 0 to the last one."""

import math
from collections.abc import Callable

from latentcast.models.config.training import TrainingSettings

TABLE = {2: 5e-5, 4: 1e-5, 6: 5e-6, 8: 1e-6, 10: 5e-7, 15: 1e-7, 20: 5e-8}  # type2: rates from these epochs on
START, FINISH, PEAK = 1 / 25, 1e-4, 0.3  # one-cycle: first and last factor, where the peak lies


def factor(settings: TrainingSettings, total_steps: int, epoch_steps: int) -> Callable[[int], float]:
    """step → the factor on the base rate.

    With warm-up the rate rises linearly over the first `warmup · total_steps` steps, and the schedule fills the rest
    (one-cycle warms up by itself and takes none).
    """
    warmup = 0 if settings.schedule == "one-cycle" else round(settings.warmup * total_steps)

    def at(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        epoch = 1 + (step - warmup) // max(1, epoch_steps)
        done = min(1.0, (step - warmup) / max(1, total_steps - warmup))
        match settings.schedule:
            case "constant":
                return 1.0
            case "cosine":
                return 0.5 * (1 + math.cos(math.pi * done))
            case "halving" | "type1":
                return float(0.5 ** (epoch - 1))
            case "type2":
                return next((rate / settings.lr for first, rate in reversed(TABLE.items()) if epoch >= first), 1.0)
            case "type3":
                return float(0.9 ** max(epoch - 3, 0))
            case "one-cycle":
                if done < PEAK:
                    return _ease(START, 1.0, done / PEAK)
                return _ease(1.0, FINISH, (done - PEAK) / (1 - PEAK))

    return at


def _ease(begin: float, end: float, share: float) -> float:
    return end + (begin - end) * 0.5 * (1 + math.cos(math.pi * share))
