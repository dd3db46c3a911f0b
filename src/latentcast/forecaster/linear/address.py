"""Which folders hold a linear map."""

from pathlib import Path

from latentcast.data.sources.remote import address_of

LINEAR = "linear.safetensors"


def holds_linear(folder: str | Path) -> bool:
    """Whether a folder of this machine holds the one linear map that its network is."""
    return address_of(folder) is None and (Path(folder) / LINEAR).is_file()
