"""The Dockerfile and the compose file: what they promise, and the commands of the build in an empty environment."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).parents[2]
TOKEN = "correct-horse-battery"
Instruction = tuple[str, str]


def instructions() -> list[Instruction]:
    """(name, arguments) of every instruction, lines joined."""
    text = (CHECKOUT / "Dockerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", "", lines).splitlines()
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in joined if line.strip())]


def test_the_image_is_pinned_and_runs_without_root() -> None:
    found = instructions()
    assert all(re.fullmatch(r"python:3\.\d+-slim-\w+( AS build)?", rest) for name, rest in found if name == "FROM")
    last = [name for name, _ in found[::-1]]
    final = found[len(found) - last.index("FROM") - 1 :]
    assert dict(final)["USER"] == "10001:10001"
    assert not {"ADD", "RUN"} & {name for name, _ in final}
    assert json.loads(dict(final)["ENTRYPOINT"])[:2] == ["latentcast", "serve"]
    assert not any("TOKEN" in rest for name, rest in found if name in ("ENV", "ARG"))


def test_compose_listens_on_this_machine_and_gives_no_rights() -> None:
    whole: dict[str, Any] = yaml.safe_load((CHECKOUT / "compose.yaml").read_text(encoding="utf-8"))
    service = whole["services"]["latentcast"]
    assert service["ports"] == ["127.0.0.1:8000:8000"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["volumes"] == ["./runs:/models:ro"]
    assert ":?" in service["environment"]["LATENTCAST_TOKEN"]  # no token, no start
    seconds = int(service["stop_grace_period"].removesuffix("s"))
    assert seconds > 30  # a request under way is answered first


def test_only_what_the_build_copies_is_sent() -> None:
    sent = {line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [
        name for key, rest in instructions() if key == "COPY" and "--from" not in rest for name in rest.split()[:-1]
    ]
    assert sent == set(copied)
    assert all((CHECKOUT / name).exists() for name in sent)


@pytest.mark.container
def test_hadolint_finds_nothing() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    ran = subprocess.run([linter, CHECKOUT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")


class Machine:
    """An empty folder in place of the root of an image: absolute paths of instructions lie below it."""

    def __init__(self, root: Path) -> None:
        self.root, self.place = root, "/"
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "HTTPS_"))}
        own = Path.home() / ".config" / "pip" / "pip.conf"  # where this machine's packages come from
        kept |= {"PIP_CONFIG_FILE": str(own)} if own.exists() and "PIP_CONFIG_FILE" not in kept else {}
        python = Path(sys.base_prefix) / "bin"
        self.variables = {**kept, "PATH": f"{python}:/usr/bin:/bin", "HOME": str(root / "home")}
        (root / "home").mkdir(parents=True)

    def inside(self, text: str) -> str:
        """Absolute paths of the image as paths of this machine."""
        return re.sub(r"(?<![\w.])(/opt/latentcast|/build|/models|/tmp/matplotlib)", rf"{self.root}\1", text)

    def environment(self) -> dict[str, str]:
        return {name: self.inside(value) for name, value in self.variables.items()}

    def run(self, command: list[str]) -> None:
        done = subprocess.run(
            command, cwd=self.inside(self.place), env=self.environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"

    def follow(self, name: str, rest: str) -> None:
        """Do what one instruction says."""
        if name == "ENV":
            for pair in shlex.split(rest):
                key, _, value = pair.partition("=")
                self.variables[key] = value.replace("$PATH", self.variables["PATH"])
        elif name == "WORKDIR":
            self.place = rest
            Path(self.inside(rest)).mkdir(parents=True, exist_ok=True)
        elif name == "COPY" and "--from" not in rest:
            *sources, _ = rest.split()
            for source in sources:
                path, target = CHECKOUT / source, Path(self.inside(self.place)) / source
                shutil.copytree(path, target) if path.is_dir() else shutil.copy(path, target)
        elif name == "RUN":
            self.run(["/bin/sh", "-ec", self.inside(rest)])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Every instruction of both stages, in order."""
    machine = Machine(tmp_path_factory.mktemp("image"))
    for name, rest in instructions():
        machine.follow(name, rest)
    return machine


@pytest.fixture
def server(built: Machine, tmp_path: Path) -> Iterator[int]:
    """The entry point of the image, with a model, on its own port."""
    import pandas as pd

    import latentcast

    hours = pd.date_range("2024-01-01", periods=300, freq="h")
    frame = pd.DataFrame({"ds": hours, "y": hours.hour.astype(float)})
    latentcast.fit(frame, "dlinear", lookback=48, horizon=6, settings={"training.max_steps": 2}, out=tmp_path / "load")
    entry = json.loads(dict(instructions())["ENTRYPOINT"])
    command = [built.inside("/opt/latentcast/bin/latentcast"), *entry[1:-1], "18734", str(tmp_path / "load")]
    environment = {**built.environment(), "LATENTCAST_TOKEN": TOKEN}
    process = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for _ in range(120):
        time.sleep(0.5)
        try:
            urllib.request.urlopen("http://127.0.0.1:18734/health", timeout=2).close()
            break
        except OSError:
            assert process.poll() is None, process.communicate()[0].decode()
    yield 18734
    process.terminate()
    assert process.wait(60) == 0
    process.communicate()


@pytest.mark.container
def test_the_commands_of_the_build_run_and_its_server_answers(server: int) -> None:
    stamps = [f"2024-02-01T{hour:02d}:00:00" for hour in range(24)]
    body = json.dumps({"data": {"ds": stamps, "y": list(range(24))}, "horizon": 2}).encode()
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{server}/forecast", body, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        found = json.load(answer)
    assert found["data"]["ds"] == ["2024-02-02T00:00:00", "2024-02-02T01:00:00"]
    assert len(found["data"]["dlinear"]) == 2
