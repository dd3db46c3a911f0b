"""The temporary folder of uploads and results: deleted after a time without use, and at the end of the server."""

import atexit
import os
import re
import secrets
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

PREFIX = "latentcast-serve-"
OWNER = "owner"  # the file that names the process whose folder it is
_UNSAFE = re.compile(r"[^\w.() +-]+")


@dataclass
class Upload:
    """One table that a client sent, under the file's name, and kept as Parquet."""

    id: str
    name: str
    folder: Path
    size: int = 0
    used: float = field(default_factory=time.monotonic)

    @property
    def path(self) -> Path:
        return self.folder / f"{self.name.partition('.')[0]}.parquet"


class Store:
    """Folders below one temporary folder that only this user can read. Methods may be called by any thread."""

    def __init__(self, keep_seconds: float) -> None:
        remove_left_behind()
        self.root = Path(tempfile.mkdtemp(prefix=PREFIX))
        (self.root / OWNER).write_text(str(os.getpid()))
        self.keep_seconds = keep_seconds
        self._uploads: dict[str, Upload] = {}
        self._lock = threading.Lock()
        atexit.register(self.remove)

    def __len__(self) -> int:
        return len(self._uploads)

    def new_upload(self, name: str) -> Upload:
        """An empty place for a file; the caller writes `upload.path`, and calls `keep` or `discard`."""
        folder = self._folder("upload")
        return Upload(folder.name.partition("-")[2], safe_name(name), folder)

    def keep(self, upload: Upload) -> None:
        """Remember an upload whose file is written."""
        with self._lock:
            self._uploads[upload.id] = upload

    def discard(self, upload: Upload) -> None:
        """Delete an upload and its file."""
        with self._lock:
            self._uploads.pop(upload.id, None)
        shutil.rmtree(upload.folder, ignore_errors=True)

    def upload(self, name: str) -> Upload | None:
        """The upload of that id; its time begins again."""
        with self._lock:
            found = self._uploads.get(name)
            if found is not None:
                found.used = time.monotonic()
            return found

    def job_folder(self) -> Path:
        """A new folder for one job; its id is what follows the hyphen."""
        return self._folder("job")

    def sweep(self, busy: set[str]) -> None:
        """Delete uploads that nobody used for `keep_seconds`, except those in `busy`."""
        late = time.monotonic() - self.keep_seconds
        for upload in [one for one in self._uploads.values() if one.used < late and one.id not in busy]:
            self.discard(upload)

    def remove(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.root, ignore_errors=True)

    def _folder(self, kind: str) -> Path:
        folder = self.root / f"{kind}-{secrets.token_hex(16)}"
        folder.mkdir(mode=0o700)
        return folder


def safe_name(name: str) -> str:
    """A client's file name without folders and odd characters; its endings are kept."""
    plain = _UNSAFE.sub("_", name.replace("\\", "/").rpartition("/")[2]).strip(". ")[-80:]
    return plain or "data.csv"


def remove_left_behind() -> None:
    """Delete folders of servers that were killed before they could."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            owner = int((folder / OWNER).read_text())
            if folder.stat().st_uid == os.getuid() and not _alive(owner):
                shutil.rmtree(folder, ignore_errors=True)
        except (OSError, ValueError, AttributeError):
            continue  # not ours, or a server is just writing it


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
