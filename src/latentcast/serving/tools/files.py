"""Files below one folder, and no others."""

import os
import stat
from pathlib import Path

from latentcast.core.errors import SettingsError
from latentcast.serving.problems import Problem, too_large
from latentcast.serving.settings import Limits


class Root:
    """The folder that tools read files from. Raises SettingsError where it is none."""

    def __init__(self, folder: Path | None) -> None:
        if folder is not None and not folder.is_dir():
            raise SettingsError(f"--root {folder}: there is no such folder")
        self.folder = None if folder is None else folder.resolve()

    def read(self, name: str, limits: Limits) -> bytes:
        """The bytes of a file, named relative to the folder.

        Links are followed first: what they lead to must lie in the folder too. Raises Problem.
        """
        if self.folder is None:
            raise Problem(403, "file", "file: this server reads no files; send data, or start it with --root FOLDER")
        if "\0" in name or "://" in name:
            raise Problem(403, "file", f"file={name[:200]!r}: wanted a path below the root folder")
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder):
            raise Problem(403, "file", f"file={name[:200]!r} lies outside the root folder; copy it into it")
        try:
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        except OSError as error:
            raise Problem(404, "file", f"file={name[:200]!r} cannot be opened: {error.strerror}") from None
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise Problem(404, "file", f"file={name[:200]!r} is no regular file")
            content = file.read(limits.bytes + 1)
        if len(content) > limits.bytes:
            raise too_large("bytes", limits.bytes, f"file={name[:200]!r} has more than {limits.bytes} bytes")
        return content
