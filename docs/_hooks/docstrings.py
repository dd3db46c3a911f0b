"""Docstrings as the reference shows them: parameters that share a description get a row, and a type, of their own."""

import re
from typing import Any

import griffe

GROUP = re.compile(r"^( *)(\w+(?:, \w+)+)\n((?:\1 +.*\n?)+)", flags=re.MULTILINE)


class OneRowAName(griffe.Extension):
    """Repeat `a, b` with its description as `a` and `b`."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = GROUP.sub(_apart, obj.docstring.value)


def _apart(group: re.Match[str]) -> str:
    indent, names, text = group.groups()
    text = text if text.endswith("\n") else f"{text}\n"
    return "".join(f"{indent}{name}\n{text}" for name in names.split(", "))
