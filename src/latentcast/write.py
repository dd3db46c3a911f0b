"""Files that a person asked for: never overwritten unasked, and a failed write is one clear error."""

from pathlib import Path
from typing import Any

from latentcast.errors import CheckpointError, SettingsError


def check_file(path: Path, suffixes: tuple[str, ...], *, overwrite: bool) -> None:
    """Before the work begins. Raises SettingsError for another kind of file, CheckpointError when it is taken."""
    if path.suffix.lower() not in suffixes:
        raise SettingsError(f"{path}: wanted a file that ends in {', '.join(suffixes)}")
    if path.exists() and not overwrite:
        raise CheckpointError(f"{path} exists; use another name, or say --overwrite")
    if not path.parent.is_dir():
        raise CheckpointError(f"{path} cannot be written: there is no folder {path.parent}")


def write_frame(frame: Any, path: Path) -> None:
    try:
        if path.suffix.lower() == ".csv":
            frame.to_csv(path, index=False)
        else:
            frame.to_parquet(path, index=False)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be written: {error.strerror}") from error


def write_text(text: str, path: Path) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CheckpointError(f"{path} cannot be written: {error.strerror}") from error
