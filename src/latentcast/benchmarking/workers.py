"""Cells in processes of their own: what one holds or breaks is gone with it, and its peak of memory is its own."""

import logging
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from typing import Any

import torch

from latentcast.benchmarking.experiment import failed, measure
from latentcast.benchmarking.plan import Cell
from latentcast.core.errors import Interrupted

Measured = Generator[tuple[Cell, dict[str, Any]], None, None]
GRACE = 5.0  # seconds to end before a process is killed


def in_processes(cells: Iterable[Cell], workers: int, threads: int, devices: list[str]) -> Measured:
    """Each cell with its record, in the order in which they end, `workers` at a time; each worker keeps one device.

    When the iterator is closed, by Ctrl-C too, what is running is ended.
    """
    context = get_context("spawn")
    waiting, free = deque(cells), list(range(workers))
    running: dict[Connection, tuple[Any, int, Cell]] = {}
    try:
        while waiting or running:
            while waiting and free:
                cell, slot = waiting.popleft(), free.pop(0)
                receiver, sender = context.Pipe(duplex=False)
                device = devices[slot % len(devices)] if devices else None
                process = context.Process(target=_work, args=(cell, threads, device, sender))
                with _interrupts_held():
                    process.start()
                    running[receiver] = (process, slot, cell)
                sender.close()  # the worker has the other copy: when it ends, the pipe ends
            ready = connection.wait(list(running))
            for receiver in [one for one in running if one in ready]:
                process, slot, cell = running[receiver]
                try:
                    record = receiver.recv()
                except (EOFError, OSError):
                    process.join()
                    record = failed(
                        cell, f"its process ended with exit code {process.exitcode}{_why(process.exitcode)}"
                    )
                process.join()
                receiver.close()
                del running[receiver]
                free.append(slot)
                yield cell, record
    finally:
        for process, _, _ in running.values():
            process.terminate()
        for process, _, _ in running.values():
            process.join(GRACE)
            if process.is_alive():
                process.kill()
                process.join()


def in_this_process(cells: Iterable[Cell], threads: int) -> Measured:
    """The same one after another, for debugging; peaks of memory are then those of the whole process."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for cell in cells:
            yield cell, measure(cell)
    finally:
        torch.set_num_threads(before)


def _work(cell: Cell, threads: int, device: str | None, sender: Connection) -> None:
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device  # read when CUDA is first used, which is later
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what is temporary is removed
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.getLogger("latentcast").addHandler(logging.NullHandler())  # notes stand in the record
    torch.set_num_threads(threads)
    try:
        record = measure(cell)
    except Interrupted:
        sys.exit(130)
    sender.send(record)


def _end_with_parent() -> None:
    """A comparison that was killed leaves no workers behind."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _why(code: int | None) -> str:
    if code is not None and -code == getattr(signal, "SIGKILL", None):
        return " (killed, as when memory runs out)"
    return ""


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C reaches every process of a terminal. A worker is started deaf to it and is ended by its parent."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
