"""Open data: a frame, a file, an address, or the name of a dataset."""

from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from latentcast.core.errors import DataError
from latentcast.data.sources import catalog
from latentcast.data.sources.descriptions import described
from latentcast.data.sources.files import is_table, read_file
from latentcast.data.sources.formats.columnar import read_dataset_folder
from latentcast.data.sources.frames import Source, read_frame
from latentcast.data.sources.last_read import read_or_kept
from latentcast.data.sources.remote import address_of, downloaded


def open_data(data: Any) -> tuple[Source, dict[str, Any]]:
    """A frame, a file, an address or a dataset's name → its table, and the settings its protocol asks for.

    Raises DataError when it is none of these or cannot be read.
    """
    if not isinstance(data, str | Path):
        return read_frame(data), {}
    if (address := address_of(data)) is not None:
        with downloaded(address) as local:
            return replace(read_frame(read_file(local)), name=address.name, in_memory=False), {}
    path = Path(data)
    if path.is_file():
        return replace(read_frame(read_or_kept(path, read_file)), name=path.name, in_memory=False), {}
    if path.is_dir():
        frame = read_dataset_folder(path)
        if frame is None:
            raise DataError(
                f"{data} is a folder; wanted a table in it, a folder that Hugging Face datasets saved, or the name of a"
                " dataset"
            )
        return replace(read_frame(frame), name=path.name, in_memory=False), {}
    if is_table(path) or len(path.parts) > 1:
        raise DataError(f"there is no file {path}{_near(path)}")
    dataset = catalog.find(str(data))
    return catalog.load(dataset), {**described(dataset.name), **dataset.defaults}


def _near(path: Path) -> str:
    """Hint with files of similar names in the same folder."""
    if not path.parent.is_dir():
        return f", and no folder {path.parent}"
    close = get_close_matches(path.name, [file.name for file in path.parent.iterdir()], n=2)
    return f"; did you mean {' or '.join(close)}?" if close else ""
