"""Stopping on a signal or when the time is over, in a state that training can go on from."""

import contextlib
import signal
import threading
import time
from pathlib import Path
from typing import Any

import lightning as L

INTERRUPTED, MAX_TIME = "interrupted", "max_time"


class Watch(L.Callback):
    """After the running optimiser step, `last` is saved with the position in the epoch, and training ends.

    A second signal ends the process at once.
    """

    def __init__(self, last: Path, max_time: float | None) -> None:
        self.last, self.max_time = last, max_time
        self.reason: str | None = None
        self._signal: int | None = None
        self._begun = 0.0
        self._handlers: dict[int, Any] = {}

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._begun = time.monotonic()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._handlers[number] = signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: Any) -> None:
        self._signal = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._handlers.items():
            with contextlib.suppress(ValueError, TypeError):
                signal.signal(number, handler)
        self._handlers = {}

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.reason is not None or (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        over = self.max_time is not None and time.monotonic() - self._begun >= self.max_time
        stop = over or self._signal is not None
        if trainer.world_size > 1:
            stop = trainer.strategy.reduce_boolean_decision(stop, all=False)
        if stop:
            trainer.save_checkpoint(self.last)
            self.reason = MAX_TIME if over else INTERRUPTED
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self.reason is None:
            trainer.save_checkpoint(self.last)

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._restore()

    def deliver(self) -> None:
        """A signal that came after the last step, and stopped nothing, goes to whom it was meant for."""
        if self._signal is not None and self.reason is None:
            signal.raise_signal(self._signal)

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        self._restore()
