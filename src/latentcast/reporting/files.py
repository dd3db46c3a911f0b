"""Files that a person asked for: never overwritten unasked; a failed write is one clear error."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from latentcast.core.errors import CheckpointError, SettingsError


def check_file(path: Path, suffixes: tuple[str, ...], *, overwrite: bool) -> None:
    """Before the work begins. Raises SettingsError for another kind of file, CheckpointError when it is taken."""
    if path.suffix.lower() not in suffixes:
        raise SettingsError(f"{path}: wanted a file that ends in {', '.join(suffixes)}")
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder; wanted the name of a file in it")
    if path.exists() and not overwrite:
        raise CheckpointError(f"{path} exists; use another name, or say --overwrite")
    if not path.parent.is_dir():
        raise CheckpointError(f"{path} cannot be written: there is no folder {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise CheckpointError(f"{path} cannot be written: permission denied")


def write_frame(frame: Any, path: Path) -> None:
    """A pandas frame as CSV or Parquet, by the suffix. Raises CheckpointError when it cannot be written."""
    with _whole(path) as part:
        if path.suffix.lower() == ".csv":
            frame.to_csv(part, index=False)
        else:
            frame.to_parquet(part, index=False)


def write_text(text: str, path: Path) -> None:
    """Raises CheckpointError when it cannot be written."""
    with _whole(path) as part:
        part.write_text(text, encoding="utf-8")


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Yield a temporary file that replaces `path` once complete: a full disk leaves the old file."""
    part = path.with_name(f".{path.name}.part")
    try:
        try:
            yield part
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be written: {error.strerror or error}") from error
