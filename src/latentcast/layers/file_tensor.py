"""Tensors in a file instead of memory: the system reads and writes their pages when they are needed."""

import math
import os
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor


def zeros_in_file(folder: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """A tensor of zeros in a new file of `folder`; the file vanishes with the process at the latest.

    Raises OSError where there is no such folder or no room for all of it.
    """
    count = math.prod(shape)
    handle, name = tempfile.mkstemp(suffix=".tensor", dir=folder)
    try:
        size = count * dtype.itemsize
        if hasattr(os, "posix_fallocate"):  # else writing to a page without room on the disk would end the process
            os.posix_fallocate(handle, 0, size)
        else:
            os.truncate(handle, size)
        found = torch.from_file(name, shared=True, size=count, dtype=dtype).view(shape)
    except BaseException:
        os.close(handle)
        Path(name).unlink()
        raise
    os.close(handle)
    with suppress(PermissionError):  # Windows: not while it is in use
        Path(name).unlink()
    if Path(name).exists():
        weakref.finalize(found.untyped_storage(), _remove, name)
    return found


def _remove(name: str) -> None:
    with suppress(OSError):
        Path(name).unlink()


__all__ = ["zeros_in_file"]
