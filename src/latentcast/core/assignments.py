"""Settings as a person writes them after --set: quoted for a POSIX shell, and read back as the same values."""

import json
import shlex
from pathlib import Path

from latentcast.core.parsing import parse_assignments


def assignment(setting: str, *values: object) -> str:
    """The word that gives a setting these texts, such as names of columns or a path.

    Examples
    --------
    >>> assignment("data.id", "shop", "product name")
    "data.id='shop,product name'"
    >>> assignment("data.value", "sales, net")
    'data.value=\\'"sales, net"\\''
    """
    texts = [value.as_posix() if isinstance(value, Path) else str(value) for value in values]
    plain = ",".join(texts)
    if not _reads_back(plain, texts):
        plain = json.dumps(texts[0] if len(texts) == 1 else texts, ensure_ascii=False)
    return f"{setting}={shlex.quote(plain)}"


def option(name: str, *values: str) -> str:
    """An option of the command line with its value, once for each of several."""
    return " ".join(f"--{name} {shlex.quote(value)}" for value in values)


def _reads_back(text: str, wanted: list[str]) -> bool:
    value = parse_assignments([f"key={text}"])["key"]
    items = value if isinstance(value, list) else [value]
    # a whole number may name a column; another kind of value would be refused
    return all(type(item) in (str, int) for item in items) and [str(item) for item in items] == wanted
