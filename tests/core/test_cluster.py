"""Tasks in several places: what is refused, and the same results in this process and in others."""

import sys
from operator import add
from types import SimpleNamespace

import pytest

from latentcast.core.cluster import Cluster, check_engine, connected, each_here
from latentcast.core.errors import MissingExtra, SettingsError


def test_every_wrong_number_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as found:
        check_engine("spark", Cluster(workers=0, cpus=-1, gpus=True, retries=1.5))  # type: ignore[arg-type]
    assert [fault.setting for fault in found.value.faults] == ["engine", "workers", "retries", "cpus", "gpus"]
    check_engine("ray", Cluster(workers=None))


def test_results_come_in_order_in_this_process() -> None:
    assert list(each_here(add, 10, [1, 2, 3], 1)) == [(0, 11), (1, 12), (2, 13)]


@pytest.mark.slow
def test_results_come_in_order_from_others() -> None:
    assert list(each_here(add, 10, [1, 2, 3], 2)) == [(0, 11), (1, 12), (2, 13)]


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"latentcast\[ray\]"), connected(Cluster()):
        pass


def test_an_address_without_a_cluster_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**_: object) -> None:
        raise ConnectionError("Failed to connect")

    ray = SimpleNamespace(is_initialized=lambda: False, init=init)
    monkeypatch.setitem(sys.modules, "ray", ray)  # type: ignore[arg-type]
    with (
        pytest.raises(SettingsError, match=r"address=a:1: no Ray cluster answers there.*RAY_AUTH_MODE=token"),
        connected(Cluster(address="a:1")),
    ):
        pass
