"""Addresses of files and folders beyond this machine: their form, and fsspec, which reads and writes them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from latentcast.core.errors import DataError, LatentcastError, MissingExtra, suggest

# scheme → the package that reads it, and the extra that brings it; fsspec itself reads the others
SCHEMES: dict[str, tuple[str, str] | None] = {
    "file": None,
    "gs": ("gcsfs", "gs"),
    "hf": ("huggingface_hub", "hub"),
    "memory": None,
    "s3": ("s3fs", "s3"),
}
_FORM = re.compile(r"([a-z][a-z0-9+.-]+):(/+)(.*)", re.DOTALL)  # one letter is a drive of Windows


@dataclass(frozen=True)
class Address:
    """A scheme of `SCHEMES` and what follows it."""

    scheme: str
    path: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.path}"

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.path).name

    def file_system(self) -> Any:
        """The file system of fsspec. Raises MissingExtra without the package of this scheme."""
        needed = SCHEMES[self.scheme]
        if find_spec("fsspec") is None:
            raise MissingExtra("fsspec", "hub", f"{self.scheme}://")
        if needed is not None and find_spec(needed[0]) is None:
            raise MissingExtra(*needed, f"{self.scheme}://")
        import fsspec

        return fsspec.filesystem(self.scheme)


def address_of(text: object) -> Address | None:
    """The address that a text or a path holds; None for a local path or anything else.

    `Path` makes one slash of two: `s3:/bucket/x` is read as `s3://bucket/x`. Raises DataError for an unknown scheme, or
    for a `file://` address without an absolute path.
    """
    found = _FORM.fullmatch(str(text)) if isinstance(text, str | Path) else None
    if found is None:
        return None
    scheme, slashes, rest = found.groups()
    if scheme not in SCHEMES or "::" in rest:
        if len(slashes) < 2:
            return None
        if scheme in SCHEMES:
            raise DataError(f"{text} chains addresses by ::, which is not read; copy the file, or name it alone")
        raise DataError(f"{text}: {scheme}:// is not read; {suggest(scheme, [f'{name}://' for name in SCHEMES])}")
    if scheme != "file":
        return Address(scheme, rest)
    if len(slashes) == 2:
        raise DataError(f"{text}: wanted an absolute path, as file:///{rest}")
    return Address(scheme, f"/{rest}")


@contextmanager
def downloaded(address: Address) -> Iterator[Path]:
    """The file at an address as a local file, which is there for the length of the block.

    Raises DataError when there is no such file or it cannot be read.
    """
    if address.scheme == "file":
        yield Path(address.path)
        return
    with TemporaryDirectory(prefix="latentcast-") as folder:
        local = Path(folder) / address.name
        with remote_errors(address):
            files = address.file_system()
            if not files.isfile(address.path):
                raise DataError(f"there is no file {address}")
            files.get_file(address.path, str(local))
        try:
            yield local
        except DataError as error:
            text = str(error).replace(str(local), str(address))
            raise type(error)(text, setting=error.setting, value=error.values) from error


@contextmanager
def remote_errors(address: object, done: str = "read") -> Iterator[None]:
    """Whatever a package for remote files raises, as a DataError that names the address."""
    try:
        yield
    except LatentcastError:
        raise
    except Exception as error:  # each package has exceptions of its own
        said = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise DataError(f"{address} cannot be {done}: {said}") from error
