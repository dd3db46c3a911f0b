"""The prompt bank: a sentence or two about each named dataset, for language models to read."""

from functools import cache
from pathlib import Path
from typing import Any

from latentcast.core.parsing import read_yaml

BANK = Path(__file__).parent.parent / "descriptions.yaml"


@cache
def _bank() -> dict[str, Any]:
    return read_yaml(BANK)


def described(name: str) -> dict[str, str]:
    """The setting `description` of a named dataset; nothing where the bank does not know it."""
    return {"description": str(_bank()[name])} if name in _bank() else {}
