"""What other systems lack: SIGTERM that can be caught, and signals that can be held back."""

import signal
from types import SimpleNamespace
from typing import Any

import pytest

from latentcast.benchmarking import workers
from latentcast.training.interrupt import INTERRUPTED, StopRequest


def test_ctrl_c_ends_training_where_sigterm_cannot_be_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    install = signal.signal

    def without_sigterm(number: int, handler: Any) -> Any:
        if number == signal.SIGTERM:
            raise ValueError("invalid signal value")
        return install(number, handler)

    monkeypatch.setattr(signal, "signal", without_sigterm)
    before = signal.getsignal(signal.SIGTERM)
    with StopRequest(None) as request:
        assert request.reason() is None
        signal.raise_signal(signal.SIGINT)
        assert request.reason() == INTERRUPTED
    assert signal.getsignal(signal.SIGTERM) is before


def test_workers_start_where_signals_cannot_be_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "signal", SimpleNamespace(SIGINT=signal.SIGINT))
    with workers._interrupts_held():
        process = workers.get_context("spawn").Process(target=int, args=("7",))
        process.start()
    process.join(30)
    assert process.exitcode == 0
