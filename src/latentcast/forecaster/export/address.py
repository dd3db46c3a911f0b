"""Which addresses name exported files."""

from pathlib import Path

SUFFIX = ".onnx"


def is_exported(address: object) -> bool:
    """Whether an address names an exported file, and no folder."""
    return isinstance(address, str | Path) and str(address).endswith(SUFFIX)
