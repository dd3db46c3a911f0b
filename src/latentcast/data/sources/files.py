"""A file → one pandas frame."""

import lzma
import zipfile
import zlib
from pathlib import Path

import pandas as pd
import pyarrow as pa

from latentcast.core.errors import DataError, LatentcastError
from latentcast.data.sources.formats import COMPRESSED, SUFFIXES, format_of, is_compressed
from latentcast.data.sources.formats.compressed import unpacked
from latentcast.data.sources.formats.series_rows import as_long
from latentcast.data.sources.frames import written_out
from latentcast.data.tables.across import is_across


def read_file(path: Path) -> pd.DataFrame:
    """Read a table in any known format, compressed or not; one series a row becomes a long frame.

    Raises DataError when the file is of no known format, cannot be read or holds no row.
    """
    if not is_table(path):
        raise DataError(
            f"{path} ends in {path.suffix.lower() or 'nothing'}; wanted one of {', '.join(SUFFIXES)}, or one of"
            f" these in {', '.join(COMPRESSED[:-1])} or {COMPRESSED[-1]}"
        )
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    frame = _unpacked_and_read(path) if is_compressed(path) else _read(path)
    if not len(frame):
        raise DataError(f"{path} has a header and no row")
    long = None if is_across(frame) else as_long(frame)
    return written_out(frame if long is None else long)


def _unpacked_and_read(path: Path) -> pd.DataFrame:
    kind = {".zip": "a zip archive", ".bz2": "bzip2", ".xz": "xz"}.get(path.suffix.lower(), "gzip")
    try:
        with unpacked(path) as inner:
            try:
                return _read(inner)
            except DataError as error:
                raise DataError(str(error).replace(str(inner), str(path))) from error
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as {kind}: {first_line(error)}") from error


def _read(path: Path) -> pd.DataFrame:
    form = format_of(path)
    assert form is not None
    try:
        return form.read(path)
    except LatentcastError:
        raise
    except pd.errors.EmptyDataError as error:
        raise DataError(f"{path} is empty; wanted a header and rows") from error
    except (OSError, zipfile.BadZipFile, ValueError, KeyError, NotImplementedError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read as {form.kind}: {first_line(error)}") from error


def is_table(path: Path) -> bool:
    """Whether a file has the name of a table, be it there or not."""
    return format_of(path) is not None or path.suffix.lower() == ".zip"


def first_line(error: Exception) -> str:
    """What an error of another library says, in one line."""
    return next(iter(str(error).splitlines()), type(error).__name__)
