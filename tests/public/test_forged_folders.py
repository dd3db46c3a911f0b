"""Saved folders that were damaged or edited: refused, or a finite forecast; a sample of the long trial."""

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "reliability" / "folders.py"


@pytest.fixture(scope="module")
def trials() -> ModuleType:
    spec = importlib.util.spec_from_file_location("folders", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["folders"] = module
    spec.loader.exec_module(module)
    return module


def test_a_folder_whose_digests_do_not_fit_is_refused(trials: ModuleType) -> None:
    results = [trials.run(trials.KINDS[n % len(trials.KINDS)], trials.mutate, 1000 + n) for n in range(28)]
    assert [one for one in results if one["result"] != "refused"] == []


@pytest.mark.filterwarnings("ignore")
def test_a_folder_with_renewed_digests_ends_in_no_traceback_and_no_nan(trials: ModuleType) -> None:
    results = [trials.run(trials.KINDS[n % len(trials.KINDS)], trials.forge, 1000 + n) for n in range(14)]
    assert [one for one in results if one["result"] not in ("refused", "forecast")] == []
    assert any(one["result"] == "refused" for one in results)


def test_the_unchanged_folders_forecast(trials: ModuleType, tmp_path: Path) -> None:
    for kind in trials.KINDS:
        folder = Path(shutil.copytree(trials.SAVED / kind, tmp_path / kind))
        assert trials.outcome(folder, kind) == ("forecast", None), json.dumps(kind)
