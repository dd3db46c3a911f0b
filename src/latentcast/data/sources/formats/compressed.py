"""Packed tables: a gzip, bzip2 or xz file, or a zip archive that holds one table."""

import bz2
import gzip
import lzma
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from latentcast.core.errors import DataError, shorten
from latentcast.data.sources.formats import format_of

_HEAD = 4096  # bytes that tell whether a member is text
_OPEN: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The table inside, as a file that is there for the length of the block.

    Raises DataError for an archive that holds no table or several.
    """
    with TemporaryDirectory(prefix="latentcast-") as folder:
        if (unpack := _OPEN.get(path.suffix.lower())) is not None:
            inner = Path(folder) / path.stem
            with unpack(path, "rb") as packed, inner.open("wb") as plain:
                shutil.copyfileobj(packed, plain)
        else:
            inner = _out_of_zip(path, Path(folder))
        yield inner


def _out_of_zip(path: Path, folder: Path) -> Path:
    with zipfile.ZipFile(path) as archive:
        names = [one for one in archive.namelist() if not one.endswith("/") and not one.startswith("__MACOSX/")]
        tables = [name for name in names if format_of(Path(name)) is not None]
        if not tables and len(names) == 1 and not _is_packed(archive, names[0]):
            tables, suffix = names, ".csv"  # pandas names the table in an archive as the archive: sales.zip
        else:
            suffix = ""
        if len(tables) != 1:
            there = (
                f"{len(tables)} tables ({shorten(tables)})" if tables else f"no table ({shorten(names) or 'nothing'})"
            )
            raise DataError(f"{path} holds {there}; wanted an archive with one table: unpack it and name the file")
        inner = folder / f"{Path(tables[0]).name}{suffix}"
        with archive.open(tables[0]) as packed, inner.open("wb") as plain:
            shutil.copyfileobj(packed, plain)
    return inner


def _is_packed(archive: zipfile.ZipFile, name: str) -> bool:
    """Whether a member has the name of a packed file or a folder of tables, and is one; text of any name is none."""
    with archive.open(name) as file:
        return b"\0" in file.read(_HEAD) or Path(name).suffix.lower() != ".zip"
