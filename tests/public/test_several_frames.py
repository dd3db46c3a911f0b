"""Several frames in one fit are told apart in errors, and a list of GluonTS records is one dataset."""

import numpy as np
import pandas as pd
import pytest

import latentcast
from latentcast.core.errors import DataError

QUICK = {"training.max_steps": 1, "training.loggers": []}


def frame(steps: int) -> pd.DataFrame:
    return pd.DataFrame({"ds": pd.date_range("2022-01-01", periods=steps), "y": np.sin(np.arange(steps) / 3)})


@pytest.mark.parametrize("at", [0, 1, 2])
def test_the_frame_at_fault_is_named(at: int) -> None:
    frames = [frame(300) for _ in range(3)]
    frames[at] = frames[at].assign(y="text")
    with pytest.raises(DataError, match=rf"^frame {at + 1}: values must be numbers") as caught:
        latentcast.fit(frames, "dlinear", lookback=20, horizon=5, settings=QUICK)
    assert caught.value.dataset == f"frame {at + 1}"


def test_a_list_of_records_is_one_dataset() -> None:
    records = [
        {"item_id": name, "start": "2022-01-01", "freq": "D", "target": frame(300)["y"].tolist()} for name in "ab"
    ]
    forecaster = latentcast.fit(records, "naive", lookback=20, horizon=5)
    assert sorted(forecaster.predict(records)["unique_id"].unique()) == ["a", "b"]
