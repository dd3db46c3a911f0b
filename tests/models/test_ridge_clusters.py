"""Groups of channels that share a solved map."""

import numpy as np
import pandas as pd

import latentcast
from latentcast.models.ridge.clusters import cluster_channels
from latentcast.models.ridge.stretches import Source, Stretches


def alternating(channels: int = 6, steps: int = 400) -> np.ndarray:
    """Even channels repeat their last value, odd ones its opposite: their best maps differ in sign."""
    rng = np.random.default_rng(0)
    values = np.zeros((steps, channels))
    for step in range(1, steps):
        values[step] = np.where(np.arange(channels) % 2, -0.95, 0.95) * values[step - 1] + rng.normal(size=channels)
    return values


def test_channels_with_like_autocorrelation_share_a_group() -> None:
    one = np.array([0])
    source = Source(alternating(), Stretches(one, one, one, np.array([400])), None)
    assert cluster_channels(source, 2).tolist() == [0, 1, 0, 1, 0, 1]
    alike = Source(np.tile(alternating(1), (1, 3)), Stretches(one, one, one, np.array([400])), None)
    assert cluster_channels(alike, 2).tolist() == [0, 0, 0]


def test_clustered_maps_are_chosen_where_one_map_cannot_serve_all_channels() -> None:
    frame = pd.DataFrame(alternating(), columns=[f"c{number}" for number in range(6)])
    frame.insert(0, "ds", pd.date_range("2024-01-01", periods=len(frame), freq="h"))
    errors = {}
    for maps in ("shared", "clustered"):
        made = latentcast.fit(frame, "ridge", lookback=24, horizon=2, settings={"model.maps": maps})
        errors[maps] = made.evaluate(frame).scaled["MSE"]
        assert made.card.solved is not None
        assert made.card.solved["maps"] == "shared" or made.card.solved["maps"].endswith(" clusters")
    assert errors["clustered"] < 0.9 * errors["shared"]
