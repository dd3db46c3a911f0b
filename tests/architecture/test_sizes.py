"""Functions and files stay small enough to read at one glance."""

import ast
from functools import cache
from pathlib import Path
from statistics import median

import latentcast

SOURCE = Path(latentcast.__file__).parent
FILES = {path.relative_to(SOURCE).as_posix(): path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py")}
PUBLIC = {*latentcast.__all__, *dir(latentcast.Forecaster)}  # these explain every argument in their docstring


@cache
def _functions() -> list[tuple[str, str, int, int]]:
    """(file, name, lines without the docstring of a public one, arguments) of each function outside the commands."""
    found = []
    for file, text in FILES.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not file.startswith("cli/"):
                doc = len((ast.get_docstring(node) or "").splitlines()) if node.name in PUBLIC else 0
                taken = [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)]
                lines = (node.end_lineno or 0) - node.lineno + 1 - doc
                found.append((file, node.name, lines, len(set(taken) - {"self", "cls"})))
    return found


def test_functions_are_short() -> None:
    assert [one for one in _functions() if one[2] > 60] == []
    assert [one for one in _functions() if one[3] > 8 and one[1] not in PUBLIC] == []


def test_files_are_short() -> None:
    lengths = {file: text.count("\n") for file, text in FILES.items()}
    assert {file: length for file, length in lengths.items() if length > 450} == {}
    assert median(lengths.values()) <= 130
