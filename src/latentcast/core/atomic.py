"""Replace files as a whole: a kill, a full disk or a power cut leaves either the old file or the new one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PART = ".part"  # ends the name of a file that is not whole yet; readers ignore such files


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a path to write to; when the block ends, that file replaces `path`.

    Parameters
    ----------
    path
        The file to replace; its folder must exist.
    durable
        Whether the content must reach the disk before the old file goes. False suffices for temporary files.

    Raises
    ------
    OSError
        The file cannot be written; the old file stays unchanged.
    """
    part = path.with_name(path.name + PART)
    try:
        yield part
        if durable:
            _flush(part)
        part.replace(path)
        if durable:
            _flush(path.parent)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replace a text file (UTF-8) as a whole. Raises OSError when it cannot be written."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def _flush(path: Path) -> None:
    """Wait until a file or folder entry is on disk; some systems cannot do that for folders."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
