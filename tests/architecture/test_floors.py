"""The picture of docs/architecture.md as a rule: a room imports only lower layers, and nothing imports in a circle."""

import ast
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import latentcast

SOURCE = Path(latentcast.__file__).parent
FLOORS = (
    ("core",),
    ("layers", "data", "reporting"),
    ("models", "evaluation"),
    ("training", "explain"),
    ("forecaster",),
    ("workflows",),
    ("benchmarking",),
    ("distributed", "serving"),
    ("cli", "__init__"),
    ("__main__",),
)
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}


def name_of(path: Path) -> str:
    """The dotted name below the package; a package face counts as its folder."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


MODULES = {name_of(path): path for path in SOURCE.rglob("*.py")}


@cache
def imported(path: Path) -> set[str]:
    """Modules of the package that a file imports anywhere in it, for annotations too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    inner = {name.removeprefix("latentcast").lstrip(".") or "__init__" for name in found if "latentcast" in name}
    kept = inner & set(MODULES)
    return {name for name in kept if not any(other.startswith(f"{name}.") for other in kept)} - {name_of(path)}


def test_rooms_import_only_lower_floors() -> None:
    arrows = {(name.split(".")[0], other.split(".")[0]) for name, path in MODULES.items() for other in imported(path)}
    arrows = {(room, other) for room, other in arrows if room != other}
    assert {name.split(".")[0] for name in MODULES} == set(LEVEL)
    assert [(room, other) for room, other in sorted(arrows) if LEVEL[other] >= LEVEL[room]] == []
    assert len(arrows) <= 75


def test_nothing_is_imported_in_a_circle() -> None:
    TopologicalSorter({name: imported(path) for name, path in MODULES.items()}).prepare()
    folders: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        room, *rest = name.split(".")
        others = {other.split(".")[1] for other in imported(path) if other.startswith(f"{room}.")}
        folders.setdefault(".".join([room, *rest[:1]]), set()).update(f"{room}.{other}" for other in others)
    TopologicalSorter({name: others - {name} for name, others in folders.items()}).prepare()
