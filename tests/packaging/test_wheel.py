"""The sdist and the wheel, built as `make dist` builds them, in an empty environment outside the checkout."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pandas as pd
import pytest

CHECKOUT = Path(__file__).parents[2]
pytestmark = pytest.mark.dist


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(CHECKOUT)]
    subprocess.run(run, check=True, capture_output=True, text=True)
    return folder


def test_the_wheel_holds_weights_templates_and_data_and_nothing_else(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    source = CHECKOUT / "src"
    tracked = subprocess.run(["git", "ls-files", "src"], cwd=CHECKOUT, check=True, capture_output=True, text=True)
    wanted = {str(Path(line).relative_to("src")) for line in tracked.stdout.splitlines()}
    wanted = {name for name in wanted if (source / name).exists()}
    assert "latentcast/models/pretrained/shipped/small.safetensors" in wanted
    assert {name for name in names if ".dist-info/" not in name} == wanted
    assert wheel.stat().st_size < 5_000_000
    parts = [one for one in zipfile.ZipFile(wheel).infolist() if "/pretrained/shipped/" in one.filename]
    assert sum(one.compress_size for one in parts) < 1_500_000  # what the generalist's weights add
    assert [one.filename for one in parts if one.filename.endswith(".safetensors")] == [
        "latentcast/models/pretrained/shipped/small.safetensors"
    ]


def test_the_sdist_holds_sources_tests_and_licence(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "constraints.txt", "pyproject.toml"} <= names
    assert {"src/latentcast/__init__.py", "tests/packaging/test_wheel.py"} <= names
    assert not any(name.startswith(("benchmarks/", "dist/", ".venv")) for name in names)


def test_the_installed_wheel_forecasts_a_file(dist: Path, tmp_path: Path) -> None:
    python = _empty_environment(tmp_path / "env")
    (wheel,) = dist.glob("*.whl")
    torch = os.environ.get("TORCH", "torch")  # the Makefile names the CPU build
    _run([python, "-m", "pip", "install", "--quiet", "-c", str(CHECKOUT / "constraints.txt"), torch], tmp_path)
    _run([python, "-m", "pip", "install", "--quiet", "-c", str(CHECKOUT / "constraints.txt"), str(wheel)], tmp_path)

    days = pd.date_range("2024-01-01", periods=400, freq="D")
    sales = [100 + 20 * (day.weekday() >= 5) + 0.1 * number for number, day in enumerate(days)]
    pd.DataFrame({"day": days, "sales": sales}).to_csv(tmp_path / "sales.csv", index=False)
    command = [str(Path(python).with_name("latentcast")), "forecast", "sales.csv", "--horizon", "14"]
    output = _run([*command, "--time-limit", "0", "--out", "out"], tmp_path)

    assert "generalist" in output, "the shipped weights"
    forecast = pd.read_csv(tmp_path / "out" / "forecast.csv", parse_dates=["ds"])
    assert list(forecast["ds"]) == list(pd.date_range(days[-1], periods=15, freq="D")[1:])
    assert (forecast["generalist"] - 100).between(20, 80).all(), "the season and the trend go on: 139 to 162"
    assert 'src="data:image/png' in (tmp_path / "out" / "report.html").read_text(), "the templates"
    assert (tmp_path / "out" / "forecast.png").stat().st_size > 10_000
    shown = _run([python, "-c", "import latentcast; print(latentcast.__file__)"], tmp_path).strip()
    assert Path(shown).is_relative_to(tmp_path)


def _empty_environment(folder: Path) -> str:
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = shutil.which("python", path=os.pathsep.join([str(folder / "bin"), str(folder / "Scripts")]))
    assert python is not None
    return python


def _run(command: list[str], cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "LATENTCAST_DATA")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout + done.stderr
