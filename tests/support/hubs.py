"""A model hub of its own on loopback: as much of its HTTP interface as downloads and commits ask for."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

Files = dict[str, bytes]


class Hub:
    """Repositories as commits: name → branch → commit, and commit → files."""

    def __init__(self) -> None:
        self.branches: dict[str, dict[str, str]] = {}
        self.commits: dict[str, Files] = {}
        self.blobs: dict[str, bytes] = {}
        self.asked: list[str] = []  # method and path of every request
        self.tokens: set[str] = set()
        self.address = ""

    def commit(self, name: str, files: Files, branch: str = "main") -> str:
        sha = hashlib.sha1(repr((len(self.commits), sorted(files))).encode(), usedforsecurity=False).hexdigest()
        self.commits[sha] = files
        self.branches.setdefault(name, {})[branch] = sha
        return sha

    def files(self, name: str, revision: str = "main") -> Files | None:
        at = self.branches.get(name, {}).get(revision, revision)
        return self.commits.get(at) if name in self.branches else None


@contextmanager
def running() -> Iterator[Hub]:
    """A hub that answers for the length of the block."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is written."""

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, value: Any, status: int = 200) -> None:
        self._answer(status, json.dumps(value).encode(), Content_Type="application/json")

    def _path(self) -> str:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append(f"{self.command} {path}")
        if token := self.headers.get("Authorization"):
            self.hub.tokens.add(token)
        return path

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self._path()
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self._info(found[1], found[2] or "main")
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/(.+?)/?", path):
            self._tree(found[1], found[2])
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/(.+)/([^/]+)", path):
            self._file(*found.groups())
        else:
            self._json({"error": "not here"}, 404)

    def _info(self, name: str, revision: str) -> None:
        files = self.hub.files(name, revision)
        if files is None:
            code = "RevisionNotFound" if name in self.hub.branches else "RepoNotFound"
            return self._answer(404, b"{}", X_Error_Code=code)
        sha = self.hub.branches[name].get(revision, revision)
        return self._json({"id": name, "sha": sha, "siblings": [{"rfilename": file} for file in files]})

    def _tree(self, name: str, revision: str) -> None:
        files = self.hub.files(name, revision) or {}
        entries = [{"type": "file", "path": file, "size": len(body), "oid": _sha(body)} for file, body in files.items()]
        self._json(entries)

    def _file(self, name: str, revision: str, file: str) -> None:
        files = self.hub.files(name, revision)
        if files is None or file not in files:
            return self._answer(404, b"", X_Error_Code="EntryNotFound")
        sha = self.hub.branches[name].get(revision, revision)
        return self._answer(200, files[file], ETag=f'"{_sha(files[file])}"', X_Repo_Commit=sha)

    def do_PUT(self) -> None:
        self.hub.blobs[self._path().removeprefix("/lfs/")] = self._body()
        self._answer(200)

    def do_POST(self) -> None:
        path, body = self._path(), self._body()
        if self.headers.get("Authorization") != "Bearer hf_right":
            return self._json({"error": "wrong token"}, 401)
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            self.hub.branches.get(name) or self.hub.commit(name, {})
            return self._json({"url": f"{self.hub.address}/{name}", "name": name})
        if path == "/api/validate-yaml":
            return self._json({"warnings": [], "errors": []})
        if path.endswith("/info/lfs/objects/batch"):
            return self._batch(json.loads(body))
        found = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(branch|preupload|commit)/(.+)", path)
        assert found is not None, path
        if found[2] == "branch":
            self.hub.branches[found[1]].setdefault(found[3], self.hub.branches[found[1]]["main"])
            return self._json({})
        if found[2] == "preupload":
            files = [one["path"] for one in json.loads(body)["files"]]
            modes = {True: "lfs", False: "regular"}
            answer = [{"path": name, "uploadMode": modes[name.endswith("safetensors")]} for name in files]
            return self._json({"files": [{**one, "shouldIgnore": False} for one in answer]})
        return self._commit(found[1], found[3], [json.loads(line) for line in body.splitlines()])

    def _batch(self, asked: Any) -> None:
        objects = [
            {**one, "actions": {"upload": {"href": f"{self.hub.address}/lfs/{one['oid']}"}}} for one in asked["objects"]
        ]
        self._json({"transfer": "basic", "objects": objects})

    def _commit(self, name: str, branch: str, lines: list[Any]) -> None:
        files = dict(self.hub.files(name, branch) or {})
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.blobs[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        sha = self.hub.commit(name, files, branch)
        self._json({"success": True, "commitOid": sha, "commitUrl": f"{self.hub.address}/{name}/commit/{sha}"})


def _sha(body: bytes) -> str:
    return hashlib.sha1(body, usedforsecurity=False).hexdigest()
