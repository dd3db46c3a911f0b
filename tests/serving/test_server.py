"""A real server process on loopback: it answers, keeps its token to itself, and drains on SIGTERM."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

TOKEN = "correct-horse-battery"


class Server:
    """A `latentcast serve` process, and its log line by line."""

    def __init__(self, folder: Path, *options: str) -> None:
        command = [sys.executable, "-m", "latentcast", "serve", str(folder), "--port", "0", *options]
        environment = {**os.environ, "LATENTCAST_TOKEN": TOKEN}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        self.lines: list[str] = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if (found := re.search(r"running on (http://127\.0\.0\.1:\d+)", line)) is not None:
                self.address = found[1]
                break
        else:
            raise AssertionError("".join(self.lines))

    def ask(self, path: str, body: Any = None, token: str = TOKEN) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(f"{self.address}{path}", data, headers)) as answer:
            return json.load(answer)

    def end(self) -> str:
        """The rest of its log, after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        rest, _ = self.process.communicate(timeout=60)
        return "".join(self.lines) + rest


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    found = Server(folder)
    yield found
    found.process.kill()
    found.process.communicate()


@pytest.mark.slow
def test_a_process_answers_and_drains_on_sigterm(server: Server, long_frame: pd.DataFrame) -> None:
    columns = {name: long_frame[name].astype(str).tolist() for name in ("unique_id", "ds")}
    body = {"data": {**columns, "y": long_frame["y"].tolist()}}
    assert server.ask("/health") == {"status": "ok", "models": 1}
    with pytest.raises(urllib.error.HTTPError, match="401"):
        server.ask("/models", token="wrong")
    assert len(server.ask("/forecast", body)["data"]["ds"]) == 12

    answers: list[Any] = []
    explain = {**body, "item": "north", "stretch": 1}
    waiting = threading.Thread(target=lambda: answers.append(server.ask("/explain", explain)))
    waiting.start()
    time.sleep(0.15)  # it is under way, not answered
    under_way = not answers
    log = server.end()
    waiting.join()
    assert server.process.returncode == 0, log
    assert under_way
    assert answers[0]["forecast"]["north"]["values"]
    assert TOKEN not in log
    assert "Traceback" not in log
