"""Uploads and jobs: what they give, and that what is ended is gone."""

import io
import json
import os
import shlex
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

import latentcast
from latentcast.cli import app
from latentcast.serving.app import create_app
from latentcast.serving.jobs.queue import Job, JobQueue, QueueFull
from latentcast.serving.jobs.request import checked
from latentcast.serving.jobs.settings import JobSettings
from latentcast.serving.jobs.store import PREFIX, Store, safe_name
from latentcast.serving.jobs.tasks import KINDS, Names, Work
from latentcast.serving.models import Models
from latentcast.serving.settings import ServeSettings

pytestmark = pytest.mark.slow  # trains, or starts processes

# Speaks as a job's process does: it tells its number and that of a child, and then sleeps or ends as it is asked.
STAND_IN = """
import json, os, subprocess, sys, time
task = json.loads(sys.stdin.readline())
if task["do"] == "sleep":
    child = subprocess.Popen(["sleep", "60"])
    print(json.dumps({"event": "line", "text": str(child.pid)}), flush=True)
    time.sleep(60)
elif task["do"] == "environment":
    print(json.dumps({"event": "line", "text": " ".join(os.environ)}), flush=True)
elif task["do"] == "crash":
    sys.exit(3)
open(task["folder"] + "/result", "w").write("kept")
print(json.dumps({"event": "done"}), flush=True)
"""


def running(process: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(true: Callable[[], Any], seconds: float = 20.0) -> Any:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if found := true():
            return found
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


@pytest.fixture
def queue_of() -> Iterator[Callable[..., JobQueue]]:
    """Queues whose processes are stand-ins."""
    made: list[JobQueue] = []

    def make(**limits: Any) -> JobQueue:
        settings = JobSettings(**limits)
        queue = JobQueue(Store(settings.keep_seconds), settings, (sys.executable, "-c", STAND_IN))
        made.append(queue)
        queue.start()
        return queue

    yield make
    for queue in made:
        queue.stop()
        assert not queue.store.root.exists()


def submitted(queue: JobQueue, do: str) -> Job:
    upload = queue.store.new_upload("data.csv")
    upload.path.write_text("ds,y\n")
    queue.store.keep(upload)
    return queue.submit(checked({"kind": "fit", "upload": upload.id}), upload, {"do": do})


def kinds(job: Job) -> list[str]:
    return [event.data["status"] for event in job.events.since(0) if event.kind == "state"]


def child_of(job: Job) -> int:
    found = wait_for(lambda: [event for event in job.events.since(0) if event.kind == "line"])
    return int(found[0].data["text"])


def test_a_removed_job_leaves_no_process_and_no_file(queue_of: Callable[..., JobQueue]) -> None:
    queue = queue_of()
    job = submitted(queue, "sleep")
    child = child_of(job)
    assert job.process is not None
    leader = job.process.pid
    assert running(child)
    assert running(leader)
    queue.remove(job)
    assert not running(leader)
    wait_for(lambda: not running(child), 2.0)
    assert not job.folder.exists()
    assert queue.get(job.id) is None
    assert kinds(job) == ["queued", "running", "cancelled"]
    assert submitted(queue, "work").ended.wait(20.0)  # the next one runs


def test_a_job_in_the_queue_is_removed_without_being_begun(queue_of: Callable[..., JobQueue]) -> None:
    queue = queue_of(waiting=1)
    first = submitted(queue, "sleep")
    child_of(first)
    second = submitted(queue, "work")
    assert queue.ahead(second) == 0
    with pytest.raises(QueueFull, match="1 jobs wait already"):
        submitted(queue, "work")
    queue.remove(second)
    assert kinds(second) == ["queued", "cancelled"]


def test_a_job_that_takes_too_long_is_ended_with_its_children(queue_of: Callable[..., JobQueue]) -> None:
    queue = queue_of(seconds=1.0)
    job = submitted(queue, "sleep")
    child = child_of(job)
    assert job.ended.wait(20.0)
    assert job.status == "failed"
    assert job.error is not None
    assert job.error["detail"] == "the job took more than 1 s and was ended"
    wait_for(lambda: not running(child), 2.0)


def test_a_process_that_breaks_off_is_a_failure_and_the_next_job_runs(queue_of: Callable[..., JobQueue]) -> None:
    queue = queue_of()
    job = submitted(queue, "crash")
    assert job.ended.wait(20.0)
    assert job.error is not None
    assert job.error["detail"].startswith("it ended early (exit 3)")
    after = submitted(queue, "work")
    assert after.ended.wait(20.0)
    assert after.status == "done"


def test_finished_jobs_and_uploads_are_deleted_after_the_time_that_is_set(queue_of: Callable[..., JobQueue]) -> None:
    queue = queue_of(keep_seconds=0.5)
    job = submitted(queue, "work")
    assert job.ended.wait(20.0)
    assert (job.folder / "result").read_text() == "kept"
    wait_for(lambda: not job.folder.exists() and not job.upload.path.exists())
    assert queue.get(job.id) is None
    assert queue.store.upload(job.upload.id) is None


def test_a_job_s_process_gets_no_secret_of_the_server(
    queue_of: Callable[..., JobQueue], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LATENTCAST_TOKEN", "STORE_API_KEY", "DB_PASSWORD", "LATENTCAST_DATA", "PLAIN_SETTING"):
        monkeypatch.setenv(name, "x")
    job = submitted(queue_of(), "environment")
    assert job.ended.wait(20.0)
    (names,) = [event.data["text"].split() for event in job.events.since(0) if event.kind == "line"]
    assert "PLAIN_SETTING" in names
    assert not {"LATENTCAST_TOKEN", "STORE_API_KEY", "DB_PASSWORD", "LATENTCAST_DATA"} & set(names)


def test_a_job_s_process_ends_at_its_limits_of_memory_and_of_files(tmp_path: Path) -> None:
    code = f"""
from latentcast.serving.jobs.worker import _limit
_limit(300 * 2**20, 2**20)
try:
    bytearray(400 * 2**20)
except MemoryError:
    print("memory")
try:
    open({str(tmp_path / "file")!r}, "wb").write(bytes(2 * 2**20))
except OSError:
    print("file")
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["memory", "file"]


def test_temporary_files_of_a_job_lie_in_its_folder(tmp_path: Path) -> None:
    code = f"""
import tempfile
from latentcast.serving.jobs.worker import _enter
_enter({str(tmp_path)!r})
print(tempfile.mkdtemp())
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert Path(ran.stdout.strip()).parent == tmp_path


def test_processes_end_with_the_queue(queue_of: Callable[..., JobQueue]) -> None:
    queue = queue_of()
    job = submitted(queue, "sleep")
    child = child_of(job)
    queue.stop()
    assert not queue.store.root.exists()
    wait_for(lambda: not running(child), 2.0)
    assert not [thread for thread in threading.enumerate() if thread in queue._threads]


def test_folders_of_servers_that_were_killed_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left, own = tmp_path / f"{PREFIX}left", tmp_path / f"{PREFIX}own"
    for folder, owner in ((left, 2**22 + 1), (own, os.getpid())):  # the first is above the largest process number
        folder.mkdir()
        (folder / "owner").write_text(str(owner))
    store = Store(1.0)
    assert not left.exists()
    assert own.exists()
    store.remove()


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("../../etc/passwd.csv", "passwd.csv"),
        ("C:\\a\\b.csv", "b.csv"),
        ("销售 2024.csv", "销售 2024.csv"),
        ("..", "data.csv"),
    ],
)
def test_names_of_uploads_hold_no_folder(name: str, plain: str) -> None:
    assert safe_name(name) == plain


def test_requests_are_checked_before_they_wait() -> None:
    with pytest.raises(latentcast.SettingsError, match=r"kind") as caught:
        checked({"kind": "forecasts", "upload": "x", "horizon": 0})
    assert {fault.setting for fault in caught.value.faults} == {"kind", "horizon"}
    for data in ({"notes": "/etc/passwd"}, {"split": [0.5, 0.3, 0.2]}, {"gap": "mask"}):
        with pytest.raises(latentcast.SettingsError, match="not a setting of jobs"):
            checked({"kind": "forecast", "upload": "x", "data": data})
    with pytest.raises(latentcast.SettingsError, match="did you mean dlinear"):
        checked({"kind": "fit", "upload": "x", "model": "dlineer"})
    with pytest.raises(latentcast.SettingsError, match="chronos"):  # its weights come from a hub
        checked({"kind": "fit", "upload": "x", "model": "chronos"})


@pytest.fixture(scope="module")
def bench(folder: Path) -> Iterator[TestClient]:
    """A server with the workbench."""
    app = create_app(Models.open([str(folder)]), ServeSettings(workbench=True))
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.fixture(scope="module")
def shops() -> bytes:
    days, rng = np.arange(200), np.random.default_rng(0)
    stamps = pd.date_range("2024-01-01", periods=200).strftime("%Y-%m-%d")
    frames = [
        pd.DataFrame({"day": stamps, "shop": shop, "sold": level + days % 7 + rng.normal(0, 0.1, 200)})
        for shop, level in (("north", 20.0), ("south", 40.0))
    ]
    return pd.concat(frames).to_csv(index=False).encode()


def sent(bench: TestClient, body: bytes, name: str = "shops.csv") -> str:
    answer = bench.post("/uploads", params={"name": name}, content=body)
    assert answer.status_code == 201
    return str(answer.json()["id"])


def followed(bench: TestClient, **request: Any) -> tuple[str, list[tuple[str, dict[str, Any]]]]:
    """The id of a job, and its events until it ended."""
    asked = bench.post("/jobs", json=request)
    assert asked.status_code == 202, asked.text
    job = asked.json()["id"]
    assert asked.headers["location"] == f"/jobs/{job}"
    with bench.stream("GET", f"/jobs/{job}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        text = "".join(stream.iter_text())
    events = [dict(line.split(": ", 1) for line in event.splitlines()) for event in text.strip().split("\n\n")]
    assert [int(event["id"]) for event in events] == list(range(1, len(events) + 1))
    return job, [(event["event"], json.loads(event["data"])) for event in events]


def test_without_the_workbench_there_are_no_jobs(client: TestClient) -> None:
    for path in ("/", "/jobs/models", "/uploads"):
        assert client.get(path).status_code == 404


def test_from_an_upload_to_a_forecast(
    bench: TestClient, shops: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = sent(bench, shops)
    job, events = followed(bench, kind="describe", upload=upload)
    found = bench.get(f"/jobs/{job}/result").json()
    assert events[-1][1]["status"] == "done"
    assert {column["name"]: column["role"] for column in found["columns"]} == {
        "day": "time", "shop": "id", "sold": "value",
    }  # fmt: skip
    assert (found["series"], found["frequency"], found["season"], found["horizon"]) == (2, "D", 7, 7)

    job, events = followed(bench, kind="forecast", upload=upload, model="seasonal-naive", horizon=3, levels=[80])
    assert bench.get(f"/jobs/{job}").json()["status"] == "done"
    result = bench.get(f"/jobs/{job}/result").json()
    frame = pd.read_csv(io.BytesIO(bench.get(f"/jobs/{job}/files/forecast.csv").content))
    assert frame["unique_id"].tolist() == ["north"] * 3 + ["south"] * 3
    last = pd.read_csv(io.BytesIO(shops)).groupby("shop")["sold"].apply(lambda sold: sold.tolist()[-7:-4])
    assert frame["seasonal-naive"].to_numpy() == pytest.approx(np.concatenate(last.tolist()), rel=1e-6)
    one = bench.get(f"/jobs/{job}/series/1", params={"steps": 5}).json()
    assert one["ahead"]["y"] == pytest.approx(last["south"], rel=1e-6)
    assert one["ahead"]["t"][0] == pd.Timestamp("2024-07-19").timestamp()
    assert (len(one["y"]), one["left_out"]) == (5, 195)
    (band,) = one["ahead"]["bands"]
    assert band["lo"] == pytest.approx(frame["seasonal-naive-lo-80"][3:].tolist(), rel=1e-6)
    index = bench.get(f"/jobs/{job}/series").json()
    assert (index["ids"], index["levels"]) == (["north", "south"], ["80"])
    assert bench.get(f"/jobs/{job}/series/2").status_code == 404
    zipfile.ZipFile(io.BytesIO(bench.get(f"/jobs/{job}/files/model.zip").content)).extractall(tmp_path / "zip")
    again = latentcast.load(tmp_path / "zip" / "model").predict(pd.read_csv(io.BytesIO(shops)))
    assert again["seasonal-naive"].to_numpy() == pytest.approx(frame["seasonal-naive"].to_numpy())

    monkeypatch.chdir(tmp_path)
    Path("shops.csv").write_bytes(shops)
    for line in result["commands"]:
        ran = CliRunner().invoke(app, shlex.split(line)[1:], catch_exceptions=False)
        assert ran.exit_code == 0
    pd.testing.assert_frame_equal(pd.read_csv("forecast.csv"), frame)
    for name in ("result.json", "..%2F..%2Fowner", "settings.json"):
        assert bench.get(f"/jobs/{job}/files/{name}").status_code == 404
    assert bench.delete(f"/jobs/{job}").status_code == 204
    assert bench.get(f"/jobs/{job}").status_code == 404


def test_the_model_of_a_forecast_is_judged_and_explained(
    shops: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process: what a job's process does with the folder of a forecast."""
    monkeypatch.chdir(tmp_path)
    frame = pd.read_csv(io.BytesIO(shops))
    frame.to_parquet("shops.parquet")
    names = Names("shops.parquet", "shops.csv", 10)
    latentcast.fit(frame, "ridge", lookback=150, horizon=5, settings={"data.split": [0.8, 0.2, 0.0]}, out="model")
    asked = {"upload": "0", "of": "0", "horizon": 5, "levels": [], "n_windows": 2}
    found = KINDS["backtest"](Work(checked({"kind": "backtest", **asked}), names, tmp_path, print))
    by_model = {row["model"]: row["MAE"] for row in found["table"]}
    assert set(by_model) == {"ridge", "seasonal-naive"}
    direct = latentcast.backtest(frame, ["ridge"], lookback=150, horizon=5, n_windows=2)
    assert by_model["ridge"] == pytest.approx(direct.leaderboard["MAE"][0], rel=1e-6)
    assert len(pd.read_csv("backtest.csv")) == 2 * 2 * 5
    found = KINDS["explain"](Work(checked({"kind": "explain", "item": "south", **asked}), names, tmp_path, print))
    assert found["series"] == ["south"]
    assert {"The data", "The linear map"} <= {one["section"] for one in found["findings"]}
    with pytest.raises(latentcast.DataError, match="2 series, and a job takes 1"):
        KINDS["forecast"](Work(checked({"kind": "forecast", "upload": "0"}), replace(names, series=1), tmp_path, print))


def test_a_table_that_cannot_be_read_says_how_to_fix_it(bench: TestClient) -> None:
    upload = sent(bench, b"a,b\n1,x\n2,y\n", "odd.csv")
    job, events = followed(bench, kind="describe", upload=upload)
    found = bench.get(f"/jobs/{job}/result").json()
    assert [column["name"] for column in found["columns"]] == ["a", "b"]
    assert found["fault"]["setting"] == "data.time"
    assert str(bench.app.state.jobs.store.root) not in json.dumps([found, events])  # type: ignore[attr-defined]


def test_refusals_are_problems(bench: TestClient, shops: bytes) -> None:
    def refused(answer: Any, status: int) -> str:
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        return str(answer.json()["detail"])

    assert "suffix" in refused(bench.post("/uploads", params={"name": "x.exe"}, content=b"1"), 415)
    assert "is empty" in refused(bench.post("/uploads", params={"name": "x.csv"}, content=b""), 422)
    assert "no such upload" in refused(bench.post("/jobs", json={"kind": "describe", "upload": "0"}), 404)
    assert "no JSON" in refused(bench.post("/jobs", content=b"{"), 400)
    assert "no such job" in refused(bench.get("/jobs/0/events"), 404)
    upload = sent(bench, shops)
    assert "horizon: got 0" in refused(bench.post("/jobs", json={"kind": "fit", "upload": upload, "horizon": 0}), 422)
    assert bench.delete(f"/uploads/{upload}").status_code == 204
    refused(bench.delete(f"/uploads/{upload}"), 404)


def test_the_page_runs_nothing_from_elsewhere(bench: TestClient) -> None:
    answer = bench.get("/")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "<script>" not in answer.text
    assert " style=" not in answer.text
    for path in ("js/app.js", "css/base.css", "strings/zh.json", "vendor/uPlot.iife.min.js"):
        assert bench.get(f"/workbench/{path}").status_code == 200
    for path in ("..%2Froutes.py", "js", "../mount.py"):
        assert bench.get(f"/workbench/{path}").status_code in (400, 404)


def test_limits_of_jobs_are_those_of_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Any] = []
    monkeypatch.setattr("latentcast.serving.run.run", lambda *given: served.extend(given))
    ran = CliRunner().invoke(app, ["serve", "--workbench", "--job-limit", "waiting=1", "--job-limit", "uploads=2"])
    assert ran.exit_code == 0, ran.output
    made = create_app(*served)
    assert (made.state.jobs.settings.waiting, made.state.jobs.settings.uploads) == (1, 2)
    refused = CliRunner().invoke(app, ["serve", "--job-limit", "waiting=1"])
    assert "--job-limit is read with --workbench alone" in str(refused.exception)
