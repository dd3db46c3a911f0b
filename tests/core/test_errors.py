"""Errors travel between processes as they were raised."""

import pickle

import pytest

from latentcast.core.errors import (
    CheckpointError,
    DataError,
    Fault,
    GapError,
    Interrupted,
    LatentcastError,
    MissingExtra,
    SettingsError,
    TimeError,
)


@pytest.mark.parametrize(
    "error",
    [
        SettingsError(Fault("training.lr", "=-1: wanted a number above 0")),
        SettingsError([Fault("a", "=1: no"), "a sentence of no setting"]),
        DataError("a gap", setting="data.gaps", value=["mask", "ffill"], dataset="sales"),
        TimeError("no time"),
        GapError("a gap", setting="data.gaps"),
        CheckpointError("damaged"),
        MissingExtra("ray", "ray", "engine=ray"),
        Interrupted("stopped"),
        LatentcastError("any"),
    ],
)
def test_an_error_comes_back_from_another_process_as_it_was(error: LatentcastError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.__dict__ == error.__dict__


def test_the_fault_of_an_error_from_another_process_keeps_its_setting() -> None:
    (fault,) = pickle.loads(pickle.dumps(SettingsError(Fault("lr", "=0: no")))).faults
    assert (fault.setting, str(fault), fault.below("training.")) == ("lr", "lr=0: no", "training.lr=0: no")
