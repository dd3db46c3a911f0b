"""Who may ask: Host, origin, token, body; and what an answer shows."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from latentcast.core.errors import SettingsError
from latentcast.core.settings import validate
from latentcast.serving.app import create_app
from latentcast.serving.models import Models
from latentcast.serving.problems import without_paths
from latentcast.serving.settings import ServeSettings

SECRET = "correct-horse-battery"


@pytest.fixture(scope="module")
def guarded(folder: Path) -> Iterator[TestClient]:
    """A server with a token and a small limit on bodies."""
    given = {"token": SECRET, "hosts": ("api.example",), "limits": {"bytes": 2048}}
    app = create_app(Models.open([str(folder)]), validate(ServeSettings, given))

    @app.post("/added-later")
    async def added_later() -> dict[str, str]:
        return {"status": "ok"}

    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.mark.parametrize("path", ["/models", "/models/load", "/metrics", "/openapi.json", "/nothing"])
@pytest.mark.parametrize("header", [None, "Bearer wrong", f"Basic {SECRET}", "Bearer ", f"Bearer {SECRET}x", SECRET])
def test_only_the_token_opens(guarded: TestClient, path: str, header: str | None) -> None:
    found = guarded.get(path, headers={} if header is None else {"authorization": header})
    assert found.status_code == 401
    assert found.headers["www-authenticate"] == "Bearer"
    assert found.json()["type"] == "urn:latentcast:token"
    assert SECRET not in found.text


def test_the_token_opens_and_health_needs_none(guarded: TestClient) -> None:
    assert guarded.get("/models", headers={"authorization": f"Bearer {SECRET}"}).status_code == 200
    assert guarded.get("/health").json() == {"status": "ok", "models": 1}
    assert guarded.get(f"/models?token={SECRET}").status_code == 401


def test_routes_added_later_are_under_the_same_protection(guarded: TestClient) -> None:
    own = {"authorization": f"Bearer {SECRET}"}
    assert guarded.post("/added-later").status_code == 401
    assert guarded.post("/added-later", headers={**own, "origin": "http://evil.example"}).status_code == 403
    assert guarded.post("/added-later", headers={**own, "host": "evil.example"}).status_code == 400
    found = guarded.post("/added-later", headers=own)
    assert found.status_code == 200
    assert "script-src 'self'" in found.headers["content-security-policy"]


def test_the_token_is_neither_logged_nor_shown(guarded: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for header in (f"Bearer {SECRET}", f"Bearer {SECRET}2"):
        guarded.post("/forecast", content=b"{", headers={"authorization": header})
    assert SECRET not in caplog.text
    assert SECRET not in repr(validate(ServeSettings, {"token": SECRET}))
    assert SECRET not in validate(ServeSettings, {"token": SECRET}).model_dump_json()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"host": "0.0.0.0"}, "set a token of at least 16 characters in the environment variable LATENTCAST_TOKEN"),
        ({"host": "192.168.0.4"}, "LATENTCAST_TOKEN"),
        ({"host": "example.org"}, "LATENTCAST_TOKEN"),
        ({"token": "short"}, "LATENTCAST_TOKEN is too short"),
        ({"port": 70000}, "port"),
    ],
)
def test_an_open_server_is_refused(given: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as raised:
        validate(ServeSettings, given)
    assert "short'" not in str(raised.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "localhost", "::1"])
def test_loopback_needs_no_token(host: str) -> None:
    assert validate(ServeSettings, {"host": host}).token is None


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:8000", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example", 400),
        ("127.0.0.1@evil.example", 400),
        ("", 400),
    ],
)
def test_the_host_is_checked(client: TestClient, host: str, status: int) -> None:
    assert client.get("/health", headers={"host": host}).status_code == status


def test_a_host_that_was_named_is_accepted(guarded: TestClient) -> None:
    assert guarded.get("/health", headers={"host": "api.example"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "http://["},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_pages_of_other_origins_are_refused(client: TestClient, headers: dict[str, str]) -> None:
    found = client.post("/forecast", json={}, headers=headers)
    assert found.status_code == 403
    assert not any(name.startswith("access-control") for name in found.headers)
    preflight = client.options("/forecast", headers={"origin": "http://evil.example"})
    assert preflight.status_code == 403


def test_pages_of_this_origin_are_answered(client: TestClient) -> None:
    own = {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}
    assert client.post("/forecast", json={}, headers=own).status_code == 422


def test_bodies_are_counted_as_they_come(guarded: TestClient) -> None:
    own = {"authorization": f"Bearer {SECRET}", "content-type": "application/json"}
    stated = guarded.post("/forecast", content=b" " * 4096, headers=own)
    streamed = guarded.post("/forecast", content=(b" " * 512 for _ in range(8)), headers=own)
    packed = guarded.post("/forecast", content=b"{}", headers={**own, "content-encoding": "gzip"})
    assert [found.status_code for found in (stated, streamed, packed)] == [413, 413, 415]
    assert stated.json()["limit"] == "bytes"
    assert stated.json()["most"] == 2048


def test_every_answer_has_the_headers(client: TestClient) -> None:
    for path in ("/health", "/nothing", "/openapi.json"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_a_failure_of_our_own_shows_nothing(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(Models.open([str(folder)]), ServeSettings())

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("secrets of /etc/passwd")

    with TestClient(app, base_url="http://localhost") as client:
        found = client.get("/broken")
    assert found.status_code == 500
    assert found.json()["detail"] == "the server failed at this request; its log says why"
    assert "secrets" in caplog.text


def test_paths_of_the_server_are_left_out() -> None:
    assert without_paths("/home/me/x.csv cannot be read") == "[path] cannot be read"
    assert without_paths("there is no file /tmp/a/b.csv, 3/4 of http://h/etc/passwd") == (
        "there is no file [path], 3/4 of http://h/etc/passwd"
    )
