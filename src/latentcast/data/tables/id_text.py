"""Names of series as text."""

from typing import Any


def id_text(value: Any) -> str:
    """A series' name as text; a whole number reads the same as an integer and as a float."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
