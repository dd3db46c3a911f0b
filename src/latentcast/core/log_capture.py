"""Capture the library's log messages, so that an interface can print them after the command."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

PACE = "latentcast.pace"  # logger of estimated times, which are no notes


@contextmanager
def capture_log_messages(level: int = logging.NOTSET) -> Iterator[list[str]]:
    """Collect the messages of the library's logger, each once, in order."""
    said: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name != PACE and record.getMessage() not in said:
                said.append(record.getMessage())

    logger, handler = logging.getLogger("latentcast"), Collect(level)
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)
