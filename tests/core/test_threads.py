"""The cores that a process may use, and how many threads a block computes with."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import latentcast
from latentcast.core import threads
from latentcast.core.errors import SettingsError
from latentcast.core.threads import chosen_threads, default_threads, usable_cores, using_threads


@pytest.mark.parametrize(("text", "cores"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", 8), ("?", 8)])
def test_a_quota_of_the_control_group_bounds_the_cores(tmp_path: Path, monkeypatch, text: str, cores: int) -> None:
    (tmp_path / "cpu.max").write_text(text)
    monkeypatch.setattr(threads, "CGROUP", tmp_path / "cpu.max")
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert usable_cores() == cores


def test_without_affinity_the_cores_of_the_machine_count(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(threads, "CGROUP", tmp_path / "none")
    monkeypatch.setattr(threads, "CGROUP_1", (tmp_path / "none", tmp_path / "none"))
    monkeypatch.delattr(threads.os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(threads.os, "cpu_count", lambda: 3)
    assert usable_cores() == 3


def test_the_number_from_before_comes_back() -> None:
    before = torch.get_num_threads()
    with using_threads(3) as count:
        assert (count, torch.get_num_threads(), chosen_threads()) == (3, 3, 3)
        with using_threads(None):  # a choice outside holds inside
            assert torch.get_num_threads() == default_threads() == 3
    assert (torch.get_num_threads(), chosen_threads()) == (before, None)
    with pytest.raises(SettingsError, match="threads=0: wanted a whole number of at least 1"), using_threads(0):
        pass


def test_equal_threads_give_equal_bits_and_others_nearly_so(hourly: pd.DataFrame, tmp_path: Path) -> None:
    settings = {"training.max_epochs": 1, "training.loggers": []}

    def forecast(count: int) -> np.ndarray:
        made = latentcast.fit(hourly, "dlinear", lookback=48, horizon=12, settings=settings, threads=count)
        assert made.card.threads == made.card.training.stages[0].threads == count
        with using_threads(count):
            return made.predict(hourly)["dlinear"].to_numpy()

    one, two = forecast(1), forecast(2)
    assert np.array_equal(one, forecast(1))
    assert np.array_equal(two, forecast(2))
    np.testing.assert_allclose(two, one, rtol=1e-4)


def test_training_goes_on_with_as_many_threads_as_it_began_with(hourly: pd.DataFrame, tmp_path: Path) -> None:
    short = {"training.max_epochs": 2, "training.loggers": [], "training.max_time": 1e-6}
    sizes = {"lookback": 48, "horizon": 12, "out": tmp_path / "run"}
    latentcast.fit(hourly, "dlinear", **sizes, settings=short, threads=2)
    on = {**short, "training.max_time": None}
    with pytest.raises(SettingsError, match="threads=1: training began with 2"):
        latentcast.fit(hourly, "dlinear", **sizes, settings=on, resume=True, threads=1)
    assert latentcast.fit(hourly, "dlinear", **sizes, settings=on, resume=True).card.training.stages[0].threads == 2
