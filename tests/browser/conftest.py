"""A server in a process of its own, and a tab of a headless Chromium that is looked for on this machine."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="session")
def chromium() -> Iterator["Browser"]:
    """The browser: LATENTCAST_CHROMIUM, or `chromium` on the PATH."""
    found = os.environ.get("LATENTCAST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("there is no chromium on the PATH, and LATENTCAST_CHROMIUM names none")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[..., str]]:
    """Start a server with the workbench; gives its address."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**environment: str) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "latentcast", "serve", "--workbench", "--port", str(port)]
        started.append(subprocess.Popen(command, env={**os.environ, **environment}))
        address = f"http://127.0.0.1:{port}/"
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{address}health", timeout=1):
                    return address
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the server does not answer")

    yield start
    for process in started:
        process.terminate()
        assert process.wait(20) == 0 or process.returncode == -15


@pytest.fixture(scope="session")
def address(serve: Callable[..., str]) -> str:
    return serve()


@pytest.fixture
def tab(chromium: "Browser", address: str) -> Iterator[Callable[..., "Page"]]:
    """Open the page. Every error in its console, those of its security policy among them, fails the test."""
    opened: list[Any] = []
    faults: list[str] = []

    def open_tab(path: str = "", *, at: str = address, dark: bool = False, width: int = 1280, **context: Any) -> "Page":
        shade = "dark" if dark else "light"
        place = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=shade, locale="en-GB", **context
        )
        place.set_default_timeout(60_000)
        opened.append(place)
        page = place.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        page.goto(f"{at}{path}")
        page.wait_for_selector("body[data-ready]")
        return page

    open_tab.faults = faults  # type: ignore[attr-defined]
    yield open_tab
    for place in opened:
        place.close()
    assert faults == []
