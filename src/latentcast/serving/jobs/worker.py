"""A job's process: imports the library, waits for one job on standard input, and tells what happens as JSON lines."""

import contextlib
import json
import logging
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from latentcast.serving.jobs.process import MODEL, OUT, RESULT

MIB = 2**20
RARELY = 0.1  # seconds between two events of progress
Say = Callable[[dict[str, Any]], None]


def main() -> None:
    """Limits, imports, one job."""
    memory, disk = (int(text) * MIB for text in sys.argv[1:3])
    say = _channel()
    _limit(memory, disk)
    import latentcast.serving.jobs.tasks  # noqa: F401  the long part, done before a job waits

    line = sys.stdin.readline()
    if not line:
        return
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    task = json.loads(line)
    _enter(task["folder"])
    _run(task, say)


def _enter(folder: str) -> None:
    """Work in the job's folder; what is temporary lies there too, and goes with it where this process is killed."""
    os.chdir(folder)
    tempfile.tempdir = folder


def _run(task: dict[str, Any], say: Say) -> None:
    from latentcast.core.errors import DataError, LatentcastError, SettingsError
    from latentcast.serving.jobs.request import checked
    from latentcast.serving.jobs.tasks import KINDS, Names, Work

    out = Path(OUT)
    out.mkdir()
    path = Path(task["path"])
    Path(path.name).symlink_to(path)
    if "model" in task:
        Path(MODEL).symlink_to(task["model"])
    _follow_training(say)
    try:
        request = checked(task["request"])
        told = Names(path.name, task["name"], task["series"])
        work = Work(request, told, out, lambda text: say({"event": "line", "text": text}))
        result = KINDS[request.kind](work)
        (out / RESULT).write_text(json.dumps(result, allow_nan=False), encoding="utf-8")
    except LatentcastError as error:
        about: dict[str, Any] = {"title": type(error).__name__, "detail": _plain(str(error), task), "status": 422}
        if isinstance(error, DataError) and error.setting is not None:
            about |= {"setting": error.setting, "value": error.value}
        if isinstance(error, SettingsError):
            about["faults"] = [{"setting": fault.setting, "detail": str(fault)} for fault in error.faults]
        say({"event": "failed", **about})
    except MemoryError:
        detail = "the job needs more memory than the server gives it; send fewer rows or series"
        say({"event": "failed", "title": "Memory limit", "detail": detail, "status": 422})
    except Exception:
        traceback.print_exc()  # to the server's log, as the process then ends with 1
        detail = "the job ended with an error of the server; its log has the details"
        say({"event": "failed", "title": "Internal error", "detail": detail, "status": 500})
        sys.exit(1)
    else:
        say({"event": "done"})


def _plain(text: str, task: dict[str, Any]) -> str:
    """The message without folders of the server."""
    for folder in (task["folder"], str(Path(task["path"]).parent)):
        text = text.replace(f"{folder}/", "").replace(folder, "the job's folder")
    return text.replace(Path(task["path"]).name, task["name"])


def _channel() -> Say:
    """Writes JSON lines to what was standard output; whatever else is printed goes to standard error."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lock = threading.Lock()

    def say(event: dict[str, Any]) -> None:
        with lock, contextlib.suppress(BrokenPipeError):
            channel.write(json.dumps(event, allow_nan=False) + "\n")
            channel.flush()

    return say


def _limit(memory: int, disk: int) -> None:
    """Memory that is written to, and the size of a file, where the system can limit them."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, most in ((resource.RLIMIT_DATA, memory), (resource.RLIMIT_FSIZE, disk), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def _end_with_the_server() -> None:
    """Waits until the server closes the pipe, by intent or by its end, and ends this group of processes."""
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)


def _follow_training(say: Say) -> None:
    """Tell how far training is, from the log of its pace."""
    from latentcast.core.log_capture import PACE

    class Steps(logging.Handler):
        last = 0.0

        def emit(self, record: logging.LogRecord) -> None:
            done, steps = getattr(record, "done", None), getattr(record, "steps", None)
            if done is None or steps is None:
                say({"event": "line", "text": record.getMessage()})
            elif done >= steps or time.monotonic() - self.last > RARELY:
                self.last = time.monotonic()
                say({"event": "progress", "stage": getattr(record, "stage", ""), "done": done, "steps": steps})

    logger = logging.getLogger(PACE)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(Steps())


if __name__ == "__main__":
    main()
