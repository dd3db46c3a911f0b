"""One process for one job: started ahead, given a folder, followed line by line, and ended with all its children."""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

log = logging.getLogger("latentcast.serving")
WORKER = (sys.executable, "-m", "latentcast.serving.jobs.worker")
OUT, RESULT, MODEL = "out", "result.json", "model"  # below a job's folder, and below OUT in it
SECRET = ("TOKEN", "SECRET", "PASSWORD", "_KEY", "LATENTCAST_DATA")  # variables that a job has no use for


class WorkerProcess:
    """A process that has imported the library and waits for one job.

    It leads a process group of its own; `kill` ends the group. It ends by itself when this process does, as its
    standard input is then closed.
    """

    def __init__(self, command: Sequence[str], memory_mib: int, disk_mib: int) -> None:
        environment = {name: text for name, text in os.environ.items() if not any(part in name for part in SECRET)}
        environment |= {"HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1", "MPLBACKEND": "agg"}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [*command, str(memory_mib), str(disk_mib)], stdin=pipe, stdout=pipe, stderr=pipe, env=environment,
            start_new_session=True, text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
        self._killed = False
        self._last = deque[str](maxlen=20)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def run(self, task: dict[str, Any], folder: Path, seconds: float, tell: Callable[[dict[str, Any]], None]) -> str:
        """Give the job and pass on its events until the process ends.

        Returns the empty string, or why it ended early: `time`, or `exit N`.
        """
        late = threading.Event()

        def end() -> None:
            late.set()
            self.kill()

        clock = threading.Timer(seconds, end)
        clock.daemon = True
        clock.start()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"folder": str(folder), **task}) + "\n")
            self._process.stdin.flush()
            for line in self._process.stdout:
                tell(json.loads(line))
        except (OSError, ValueError) as error:
            log.error("a job's process broke off: %s", error)
            self.kill()
        finally:
            clock.cancel()
        with contextlib.suppress(ChildProcessError):  # another thread has ended it
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        meant = self._killed
        self.kill()  # children that outlive it, while its number is still its own
        code = self._process.returncode
        if code and not meant:
            log.error("a job's process ended with %d:\n%s", code, "".join(self._last))
        return "time" if late.is_set() else f"exit {code}" if code else ""

    def kill(self) -> None:
        """End the process and its children now."""
        self._killed = True
        if self._process.returncode is None:  # else its number may be another's by now
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def close(self) -> None:
        """End a process that has no job, and free its pipes."""
        self.kill()
        self._listener.join(1.0)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):  # what was not read yet
                    stream.close()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._last.append(line)
