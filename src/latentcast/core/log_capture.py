"""What the library says while it works, kept for whoever has to say it afterwards."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

PACE = "latentcast.pace"  # how long something takes is no note


@contextmanager
def capture_log_messages(level: int = logging.NOTSET) -> Iterator[list[str]]:
    """The messages of the library's logger, each once, in the order in which they were said."""
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
