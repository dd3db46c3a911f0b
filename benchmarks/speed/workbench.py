"""The page of the workbench with 5 000 series, in a headless Chromium: first paint, and what a hand does.

A finished forecast is opened in fresh tabs without a cache. First contentful paint is the browser's own entry; the
chart counts when it and the list are in the page and a frame has been drawn. An interaction lasts from its event to
the frame that shows its effect, the server's answer included where there is one.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from benchmarks._harness import report, show

CLAIM = "a file of 5 000 series: first paint within 1 s, every interaction within 100 ms"
SERIES, MONTHS = 5000, 48
OPENED = """
new MutationObserver(() => {
  if (window.drawn || !document.querySelector(".plot canvas") || !document.querySelector(".option")) return;
  window.drawn = -1;
  requestAnimationFrame(() => setTimeout(() => { window.drawn = performance.now(); }));
}).observe(document, { childList: true, subtree: true });
"""
TIMED = """async ({ act, seen, count }) => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const $ = (id) => document.getElementById(id);
  const list = document.querySelector(".list");
  const type = (text) => { $("search").value = text; $("search").dispatchEvent(new Event("input")); };
  const title = () => $("series-title").textContent;
  const acts = {
    search: (at) => type(["s", "st", "store-4", "store-43", "", "9", "99"][at % 7]),
    clear: () => type(""),
    scroll: (at) => { list.scrollTop = (at * 7919 % 4900) * 36; },
    choose: (at) => { const rows = document.querySelectorAll(".option"); rows[(at * 5) % rows.length].click(); },
    key: () => list.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true })),
    zoom: (at) => document.querySelectorAll(".zoom .icon")[at % 3].click(),
  };
  const times = [];
  acts.clear();
  for (let at = 0; at < count; at += 1) {
    if (act === "choose") { acts.scroll(at + 1); await frame(); }
    await frame();
    const before = title();
    const began = performance.now();
    acts[act](at);
    do { await frame(); } while (seen === "title" && title() === before && performance.now() - began < 2000);
    times.push(performance.now() - began);
  }
  return times;
}"""
ACTS = {"search": "", "scroll": "", "choose": "title", "key": "title", "zoom": ""}


def table() -> bytes:
    ids = [f"store-{number:04d}" for number in range(SERIES)]
    months = pd.date_range("2021-01-01", periods=MONTHS, freq="MS").strftime("%Y-%m-%d")
    values = 100 + 10 * np.sin(np.arange(MONTHS) * np.pi / 6) + np.arange(SERIES)[:, None] / 50
    values += np.random.default_rng(0).normal(0, 2, values.shape)
    frame = pd.DataFrame(
        {"unique_id": np.repeat(ids, MONTHS), "ds": np.tile(months, SERIES), "y": values.ravel().round(2)}
    )
    return frame.to_csv(index=False).encode()


def asked(address: str, path: str, body: bytes | None = None) -> Any:
    request = urllib.request.Request(address + path, data=body, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())


@contextmanager
def served() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "latentcast", "serve", "--workbench", "--port", str(port)])
    try:
        for _ in range(300):
            try:
                asked(f"http://127.0.0.1:{port}/", "health")
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait()


def finished(address: str) -> tuple[str, dict[str, float]]:
    """The id of a forecast of all series, and the seconds of each step before it."""
    seconds, began = {}, time.perf_counter()
    upload = asked(address, "uploads?name=stores.csv", table())["id"]
    seconds["upload"] = time.perf_counter() - began
    for kind in ("describe", "forecast"):
        request = {"kind": kind, "upload": upload, "model": "seasonal-naive", "horizon": 12}
        job = asked(address, "jobs", json.dumps(request).encode())["id"]
        while (about := asked(address, f"jobs/{job}"))["status"] in ("queued", "running"):
            time.sleep(0.2)
        assert about["status"] == "done", about
        seconds[kind] = about["seconds"]
    return job, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tabs", type=int, default=9)
    parser.add_argument("--times", type=int, default=60)
    args = parser.parse_args()
    from playwright.sync_api import sync_playwright

    browser = os.environ.get("LATENTCAST_CHROMIUM") or shutil.which("chromium")
    with served() as address, sync_playwright() as playwright:
        job, before = finished(address)
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        paints, drawn = [], []
        for _ in range(args.tabs):
            page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
            page.add_init_script(OPENED)
            page.goto(f"{address}#job={job}")
            page.wait_for_selector(".plot canvas")
            page.wait_for_timeout(300)
            entry = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
            paints.append(page.evaluate(entry))
            drawn.append(page.evaluate("window.drawn"))
        rows = []
        for act, seen in ACTS.items():
            times = page.evaluate(TIMED, {"act": act, "seen": seen, "count": args.times})
            rows.append({"interaction": act, **_figures(times), "all": times})
        version = chromium.version
        chromium.close()
    opening = {"first_contentful_paint_ms": _figures(paints), "chart_and_list_ms": _figures(drawn)}
    print(json.dumps(opening, indent=1))
    show(rows, ["interaction", "median", "p95", "largest"])
    settings = {"series": SERIES, "months": MONTHS, "tabs": args.tabs, "times": args.times, "chromium": version}
    settings["load_average"] = os.getloadavg()[0]  # of everything on the machine: what else runs lengthens all of it
    asked_for = {"first_paint_ms": 1000, "interaction_ms": 100}
    found = {"settings": settings, "seconds_before": before, **opening, "interactions": rows}
    report(CLAIM, asked_for, found, name="workbench")


def _figures(times: list[float]) -> dict[str, float]:
    return {
        "median": statistics.median(times),
        "p95": float(np.percentile(times, 95)),
        "largest": max(times),
    }


if __name__ == "__main__":
    main()
