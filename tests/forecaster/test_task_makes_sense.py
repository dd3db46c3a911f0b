"""Sizes that no fit has are refused when a folder is read."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from latentcast.core.types import Task
from latentcast.forecaster.sense import check_task

TASK = Task(24, 6, 2, (0, 1), 0, 24)


def schema(**changes: object) -> Any:
    return SimpleNamespace(**{"channels": ["a", "b"], "season": 24, "freq": "h", "zone": None, **changes})


def test_a_task_that_a_fit_has_passes() -> None:
    check_task(TASK, schema(zone="Europe/Berlin"))


@pytest.mark.parametrize(
    "change", [{"lookback": 0}, {"horizon": -1}, {"season": 0}, {"known": -1}, {"targets": ()}, {"targets": (2,)}]
)
def test_sizes_below_their_least_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"task.{next(iter(change))}"):
        check_task(replace(TASK, **change), schema())


def test_names_must_be_as_many_as_channels() -> None:
    with pytest.raises(ValueError, match="1 names for 2 channels"):
        check_task(TASK, schema(channels=["a"]))
