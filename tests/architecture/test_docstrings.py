"""Docstrings of the public names: complete, and their examples run."""

import doctest
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import latentcast
from latentcast import Forecaster

FUNCTIONS = [name for name in latentcast.__all__ if inspect.isfunction(getattr(latentcast, name))]
METHODS = [name for name, value in inspect.getmembers(Forecaster, inspect.isfunction) if not name.startswith("_")]
RESULTS = [
    value
    for name in latentcast.__all__
    if inspect.isclass(value := getattr(latentcast, name)) and not issubclass(value, Exception)
]
METHODS_OF_RESULTS = {
    f"{kind.__name__}.{name}": member
    for kind in RESULTS
    for name, member in inspect.getmembers(kind)
    if not name.startswith("_") and getattr(getattr(member, "fget", member), "__module__", "").startswith("latentcast")
}
DOCUMENTED = {**{name: getattr(latentcast, name) for name in latentcast.__all__}, **METHODS_OF_RESULTS}


@cache
def _forecaster() -> Forecaster:
    """What the examples of results call `forecaster`."""
    settings = {"training.max_steps": 30}
    return latentcast.fit(_frame(), "dlinear", lookback=96, horizon=24, settings=settings)


def _frame() -> pd.DataFrame:
    hours = pd.date_range("2024-01-01", periods=400, freq="h")
    return pd.DataFrame({"ds": hours, "load": hours.hour.astype(float)})


def _tests() -> Iterator[doctest.DocTest]:
    finder = doctest.DocTestFinder(recurse=False)
    for name, value in DOCUMENTED.items():
        yield from (test for test in finder.find(value, name) if test.examples)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("example", list(_tests()), ids=lambda example: example.name)
def test_examples_run(example: doctest.DocTest, tmp_path: Path) -> None:
    example.globs |= {"latentcast": latentcast, "pd": pd, "frame": _frame(), "folder": tmp_path}
    example.globs["forecaster"] = _forecaster()
    printed: list[str] = []
    doctest.DocTestRunner().run(example, out=printed.append)
    assert not printed, "".join(printed)


def _function(name: str) -> Any:
    return DOCUMENTED[name]


@pytest.mark.parametrize("name", [*sorted(FUNCTIONS), *(f"Forecaster.{name}" for name in METHODS)])
def test_functions_say_what_they_take_give_and_raise(name: str) -> None:
    doc = inspect.getdoc(_function(name)) or ""
    arguments = [one for one in inspect.signature(_function(name)).parameters if one != "self"]
    for section in (["Parameters"] if arguments else []) + ["Examples"]:
        assert f"{section}\n{'-' * len(section)}\n" in doc, f"{name} has no {section}"
    if name != "Forecaster.save":
        assert "Returns\n-------\n" in doc
    listed = doc.partition("Parameters\n")[2].partition("Returns\n")[0]
    named = {word.strip(" ,") for line in listed.splitlines() if not line.startswith(" ") for word in line.split(",")}
    assert set(arguments) <= named


@pytest.mark.parametrize("name", METHODS_OF_RESULTS)
def test_methods_of_results_have_an_example(name: str) -> None:
    assert "Examples\n--------\n" in (inspect.getdoc(METHODS_OF_RESULTS[name]) or "")


@pytest.mark.parametrize("name", [name for name in latentcast.__all__ if name not in FUNCTIONS])
def test_classes_have_a_docstring_of_their_own(name: str) -> None:
    assert (getattr(latentcast, name).__doc__ or "").strip()
