"""The server process: uvicorn around the app, ended by SIGTERM after the requests under way are answered."""

import gc
import logging
import signal
import sys
from types import FrameType

import uvicorn

from latentcast.serving.app import create_app
from latentcast.serving.jobs.settings import JobSettings
from latentcast.serving.models import Models
from latentcast.serving.settings import ServeSettings

COLLECTED_AFTER = 700  # new objects, as Python does by itself; a command waits longer
SWITCH = 0.0005  # seconds after which a computing thread lets the one that answers in; Python's own are 0.005


def run(models: Models, settings: ServeSettings, jobs: JobSettings | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C. Requests under way are answered, new connections refused."""
    # notes on data go to the client that sent them, and to nobody's log
    logging.getLogger("latentcast").setLevel(logging.ERROR)
    if "torch" in sys.modules:  # exported models do without
        sys.modules["torch"].set_num_threads(settings.threads)
    sys.setswitchinterval(SWITCH)
    signal.signal(signal.SIGTERM, _ended)
    gc.collect()
    gc.freeze()  # models stay; the collector need not look through them
    gc.set_threshold(COLLECTED_AFTER)
    uvicorn.run(
        create_app(models, settings, jobs),
        host=settings.host,
        port=settings.port,
        log_level="info",
        access_log=False,
        server_header=False,
        ws="none",
        http="auto",
        timeout_keep_alive=15,
        h11_max_incomplete_event_size=16 * 1024,
        limit_concurrency=4 * settings.limits.waiting,
        timeout_graceful_shutdown=int(settings.limits.seconds) + 1,
    )


def _ended(number: int, frame: FrameType | None) -> None:
    """uvicorn raises the signal again once it has drained: this end is none of failure."""
    raise SystemExit(0)
