"""Estimate the duration of a training stage from its first steps and log it."""

import logging
import time

from latentcast.training.progress import Schedule

log = logging.getLogger("latentcast.pace")
MEASURED = 5  # steps, after one that warms up


class Pace:
    """Logs once, at level INFO, how many steps a stage makes at most and how long they take.

    The logger is `latentcast.pace`; `latentcast fit` prints its message. At level DEBUG it logs every step, with
    `stage`, `done` and `steps` as attributes of the record.
    """

    def __init__(self, stage: str, schedule: Schedule) -> None:
        self.stage, self.schedule = stage, schedule
        self._count, self._began = 0, 0.0

    def step(self, done: int) -> None:
        """Count a step of this run; `done` steps were made in all."""
        self._count += 1
        if log.isEnabledFor(logging.DEBUG):
            place = {"stage": self.stage, "done": done, "steps": self.schedule.steps}
            log.debug("%s: step %d of at most %d", *place.values(), extra=place)
        if self._count == 1:
            self._began = time.monotonic()
        if self._count == 1 + MEASURED:
            each, schedule = (time.monotonic() - self._began) / MEASURED, self.schedule
            steps = min(schedule.steps, schedule.settings.stop_at or schedule.steps)
            seconds = each * max(0, steps - done)
            limit = schedule.settings.max_time
            if limit is not None:
                seconds = min(seconds, limit)
            epochs = steps / schedule.epoch_steps
            log.info(
                "%s: at most %d steps (%.3g epochs), about %s without validations",
                *(self.stage, steps, epochs, in_words(seconds)),
            )


def in_words(seconds: float) -> str:
    """90 → 1.5 min."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.2g} min" if seconds < 3600 else f"{seconds / 3600:.2g} h"
