"""Load what forecasts from a folder: a linear map without torch where the folder holds one, else the network."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from latentcast.core.errors import CheckpointError
from latentcast.core.settings import validate
from latentcast.core.task import Task
from latentcast.core.threads import bring_torch
from latentcast.data.settings import DataSettings
from latentcast.forecaster import storage
from latentcast.forecaster.calibration import Calibration
from latentcast.forecaster.card import RunCard
from latentcast.forecaster.declared import ExportedModel
from latentcast.forecaster.export.exported import ExportedRun
from latentcast.forecaster.fit_statistics import FitStatistics, effects_of
from latentcast.forecaster.linear import file
from latentcast.forecaster.linear.address import holds_linear
from latentcast.forecaster.linear.engine import LinearEngine
from latentcast.forecaster.sense import check_calibration, check_statistics, check_task
from latentcast.forecaster.state import FittedState
from latentcast.forecaster.trained_until import check_stamp

if TYPE_CHECKING:
    from latentcast.forecaster.forecaster import Forecaster


@dataclass
class LinearForecaster(FittedState):
    """A saved forecaster that is one linear map: its forecasts equal those of the network but for rounding."""

    run: ExportedRun
    network: ExportedModel


def predictor(forecaster: FittedState | str | Path) -> FittedState:
    """What forecasts: the forecaster itself, or what is saved in a folder or at an address.

    Raises CheckpointError when the folder is missing, foreign, unfinished or damaged, and SettingsError for anything
    else.
    """
    if isinstance(forecaster, FittedState):
        return forecaster
    if isinstance(forecaster, str | Path) and holds_linear(forecaster):
        return _read(Path(forecaster))
    from latentcast.forecaster.load import as_forecaster

    bring_torch()
    return as_forecaster(forecaster)


def _read(folder: Path) -> FittedState:
    stored, names, statistics = storage.read(folder)
    packed = storage.read_linear(folder, stored)
    if packed is None or statistics is None:  # of another forecaster that was saved here before
        return _network(folder)
    try:
        card = RunCard.from_dict(stored)
        task = Task(**{**stored["task"], "targets": tuple(stored["task"]["targets"])})
        data = validate(DataSettings, card.settings["data"], "data.")
        known = FitStatistics.parse(names, statistics, data, effects_of(card))
        check_task(task, card.schema)
        check_stamp(card)
        check_statistics(known, task.channels)
        linear, model = file.parse(*packed, task)
        run = ExportedRun(card.settings["model"]["name"], card.settings["seed"], data)
        intervals, calibration = storage.read_intervals(folder, stored), None
        if intervals is not None:
            calibration = Calibration.parse(*intervals)
            check_calibration(calibration, task)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise CheckpointError(f"{folder} cannot be understood by this version of latentcast: {error}") from error
    made = LinearForecaster(run, task, card.schema.channels, known, model, card, calibration)
    made.engine = LinearEngine(linear, task.targets, partial(_network, folder))
    return made


def _network(folder: Path) -> "Forecaster":
    from latentcast.forecaster.load import as_forecaster

    bring_torch()
    return as_forecaster(folder)
