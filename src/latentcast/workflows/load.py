"""Load a saved forecaster, optionally with another decoding or horizon."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latentcast.core.errors import SettingsError
from latentcast.forecaster.export.address import is_exported

if TYPE_CHECKING:
    from latentcast.forecaster.export.exported import ExportedForecaster
    from latentcast.forecaster.forecaster import Forecaster


def load(
    folder: str | Path,
    *,
    device: str = "cpu",
    settings: Mapping[str, Any] | None = None,
    horizon: int | None = None,
) -> Forecaster | ExportedForecaster:
    """Read a saved forecaster. A folder written with a GPU loads on a CPU.

    Parameters
    ----------
    folder
        Folder that `Forecaster.save` or `fit(out=…)` wrote, or the `.onnx` file of an export, which is read without
        torch.
    device
        Device of the network, as `cpu` or `cuda`.
    settings
        Settings of the model that shape no weight, nested or dotted: `{"model.head.temperature": 0.8}`.
    horizon
        Another horizon than that of the fit, for models whose weights do not depend on it. None keeps it.

    Returns
    -------
    Forecaster or ExportedForecaster
        With the same weights; the latter of an exported file.

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
    if is_exported(folder):
        from latentcast.forecaster.export.exported import load_exported

        if settings or horizon is not None or device != "cpu":
            raise SettingsError(f"{folder} computes on the CPU as it was exported: leave out all but its path")
        return load_exported(folder)
    return load_folder(folder, device=device, settings=settings, horizon=horizon)


def load_folder(
    folder: str | Path,
    *,
    device: str = "cpu",
    settings: Mapping[str, Any] | None = None,
    horizon: int | None = None,
) -> Forecaster:
    """As `load`, of the folder of a fit alone: for verbs that need its network."""
    from latentcast.forecaster.changed import changed
    from latentcast.forecaster.load import as_forecaster

    return changed(as_forecaster(folder, device=device), settings, horizon=horizon)
