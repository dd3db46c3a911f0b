"""Load a saved forecaster, optionally with another decoding or horizon."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latentcast.forecaster.changed import changed
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.load import as_forecaster


def load(
    folder: str | Path,
    *,
    device: str = "cpu",
    settings: Mapping[str, Any] | None = None,
    horizon: int | None = None,
) -> Forecaster:
    """Read a saved forecaster. A folder written with a GPU loads on a CPU.

    Parameters
    ----------
    folder
        Folder that `Forecaster.save` or `fit(out=…)` wrote.
    device
        Device of the network, as `cpu` or `cuda`.
    settings
        Settings of the model that shape no weight, nested or dotted: `{"model.head.temperature": 0.8}`.
    horizon
        Another horizon than that of the fit, for models whose weights do not depend on it. None keeps it.

    Returns
    -------
    Forecaster
        With the same weights.

    Raises
    ------
    CheckpointError
        The folder is missing, foreign, unfinished, damaged, newer than this version, or makes no sense.
    SettingsError
        The weights depend on what would change.

    Examples
    --------
    >>> latentcast.fit(frame, "naive", lookback=48, horizon=2, out=folder / "saved")
    <Forecaster naive, 48 → 2 steps of h, of load in frame>
    >>> len(latentcast.load(folder / "saved", horizon=5).predict(frame))
    5
    """
    return changed(as_forecaster(folder, device=device), settings, horizon=horizon)
