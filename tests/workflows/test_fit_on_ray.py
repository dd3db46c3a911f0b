"""Options of a fit that only a Ray cluster reads are refused without one."""

import pandas as pd
import pytest

import latentcast
from latentcast.core.errors import SettingsError


def test_options_of_a_cluster_need_the_engine(hourly: pd.DataFrame) -> None:
    with pytest.raises(SettingsError) as found:
        latentcast.fit(
            hourly, "naive", lookback=24, horizon=2, workers=2, address="auto", storage="s3://bucket", retries=1
        )
    assert [fault.setting for fault in found.value.faults] == ["address", "retries", "storage", "workers"]
    with pytest.raises(SettingsError, match="engine='spark': wanted local or ray"):
        latentcast.fit(hourly, "naive", lookback=24, horizon=2, engine="spark")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="model='auto' chooses in one process"):
        latentcast.fit(hourly, "auto", horizon=2, engine="ray")
