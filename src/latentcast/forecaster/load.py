"""Load a forecaster from its folder or address."""

from pathlib import Path

from latentcast.core.errors import CheckpointError, SettingsError
from latentcast.core.types import Task
from latentcast.forecaster import hub, storage
from latentcast.forecaster.calibration import Calibration
from latentcast.forecaster.card import RunCard
from latentcast.forecaster.export.address import is_exported
from latentcast.forecaster.fit_statistics import FitStatistics, effects_of, from_rows
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.sense import check_calibration, check_statistics, check_task
from latentcast.forecaster.trained_until import check_stamp
from latentcast.models.config.run import resolve_config
from latentcast.models.network import build as build_network


def as_forecaster(forecaster: Forecaster | str | Path, *, device: str = "cpu") -> Forecaster:
    """The forecaster itself, or the one saved in a folder or at an address.

    Raises CheckpointError when the folder is missing, foreign, unfinished or damaged, and SettingsError for anything
    else.
    """
    if isinstance(forecaster, Forecaster):
        return forecaster
    if not isinstance(forecaster, str | Path):
        raise SettingsError(
            f"got {type(forecaster).__name__} as the forecaster: wanted a fitted one, or the folder of a saved one"
        )
    if is_exported(forecaster):
        raise CheckpointError(f"{forecaster} is an export, which predicts alone; name the folder of the fit for this")
    with hub.opened(forecaster) as folder:
        return _read(folder, device)


def _read(folder: Path, device: str) -> Forecaster:
    stored, names, statistics = storage.read(folder)
    try:
        card = RunCard.from_dict(stored)
        run = resolve_config(card.settings)
        task = Task(**{**stored["task"], "targets": tuple(stored["task"]["targets"])})
        if statistics is None:
            names, statistics = from_rows(names)
        known = FitStatistics.parse(names, statistics, run.data, effects_of(card))
        check_task(task, card.schema)
        check_stamp(card)
        check_statistics(known, task.channels)
        network = build_network(run.kind, run.model, task)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise CheckpointError(
            f"{folder / storage.CARD} cannot be understood by this version of latentcast: {error}"
        ) from error
    storage.read_weights(folder, network, stored)
    packed = storage.read_intervals(folder, stored)
    calibration = None
    if packed is not None:
        calibration = Calibration.parse(*packed)
        try:
            check_calibration(calibration, task)
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"{folder / storage.INTERVALS} makes no sense: {error}") from error
    network.to(device).eval()
    return Forecaster(run, task, card.schema.channels, known, network, card, calibration)
