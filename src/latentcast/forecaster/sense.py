"""Check the plausibility of a saved folder: shapes, signs and ranges, independent of its digests.

Digests show damage. They are no signature: who can change a file can also renew its digest.
"""

from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from latentcast.core.task import Task
from latentcast.data.features.covariates import Covariates
from latentcast.data.tables.frequency import Frequency
from latentcast.evaluation.conformal import GRID
from latentcast.forecaster.calibration import BASES, Calibration
from latentcast.forecaster.card import Schema
from latentcast.forecaster.fit_statistics import FitStatistics


def check_task(task: Task, schema: Schema) -> None:
    """Raise ValueError for sizes that no fit has."""
    sizes = {"lookback": (task.lookback, 1), "horizon": (task.horizon, 1), "channels": (task.channels, 1)}
    sizes |= {"season": (task.season, 1), "known": (task.known, 0), "static": (task.static, 0)}
    for name, (value, least) in sizes.items():
        _whole(f"task.{name}", value, least)
    if not task.targets or not all(type(at) is int and 0 <= at < task.channels for at in task.targets):
        raise ValueError(f"task.targets={task.targets} are not among its {task.channels} channels")
    if len(schema.channels) != task.channels or not all(isinstance(name, str) for name in schema.channels):
        raise ValueError(f"schema.channels has {len(schema.channels)} names for {task.channels} channels")
    _whole("schema.season", schema.season, 1)
    Frequency.of(schema.freq)
    if schema.zone is not None and not schema.zone.startswith(("+", "-", "UTC")):
        ZoneInfo(schema.zone)


def check_statistics(known: FitStatistics, channels: int) -> None:
    """Raise ValueError for statistics of another shape, or of a sign that none has."""
    shape = (len(known.ids), channels)
    arrays = {
        "mean": known.scaler.mean,
        "std": known.scaler.std,
        "spread": known.spread,
        "seasonal_error": known.naive_error,
    }
    for name, values in arrays.items():
        if values.shape != shape:
            raise ValueError(f"{name} has the shape {values.shape}, wanted {shape}")
        missing = np.isnan(values) if name == "seasonal_error" else np.zeros(shape, np.bool_)
        if not (np.isfinite(values) | missing).all():
            raise ValueError(f"{name} holds values that are not finite")
        least = {"mean": -np.inf, "spread": 0.0}.get(name, np.nextafter(0, 1))
        if (values[~missing] < least).any():
            raise ValueError(f"{name} holds values below its range")
    if known.scaler.effects is not None:
        if not np.isfinite(known.scaler.effects.weights).all():
            raise ValueError("the weights of the covariates are not finite")
        _check_covariates(known.scaler.effects.covariates)
    if known.scaler.transform is not None and not np.isfinite(known.scaler.transform.power).all():
        raise ValueError("power holds values that are not finite")


def _check_covariates(covariates: Covariates) -> None:
    for column in (*covariates.future, *covariates.static):
        texts = [column.name, *column.categories]
        if not all(isinstance(text, str) for text in texts) or column.kind not in ("number", "category", "holiday"):
            raise ValueError(f"covariates: {column.name!r} has categories or a kind that no fit writes")
        numbers = np.array([column.mean, column.std, *column.knots], np.float64)
        if not np.isfinite(numbers).all() or column.std <= 0:
            raise ValueError(f"covariates: {column.name!r} has statistics that are not finite, or a scale below zero")


def check_calibration(calibration: Calibration, task: Task) -> None:
    """Raise ValueError for scores of intervals that none has."""
    table, rows = calibration.table, len(calibration.counts)
    if calibration.base not in BASES:
        raise ValueError(f"base={calibration.base!r}")
    if not calibration.bands or not all(0 <= band < 1 for band in calibration.bands):
        raise ValueError(f"bands={calibration.bands}")
    if table.shape != (rows, task.horizon, len(calibration.bands), len(GRID)):
        raise ValueError(f"the table has the shape {table.shape}")
    if not np.isfinite(table).all() or (np.diff(table, axis=-1) < 0).any():
        raise ValueError("the radii are not finite, or shrink with the level")
    if calibration.counts.dtype.kind != "i" or (calibration.counts < 1).any():
        raise ValueError("the counts of scores are not positive")
    for name in ("windows", "stride", "spacing"):
        _whole(name, getattr(calibration, name), 1)
    used: list[Any] = [row for own in calibration.rows.values() for row in own]
    used += [] if calibration.pooled is None else [calibration.pooled]
    if not all(type(row) is int and 0 <= row < rows for row in used):
        raise ValueError("rows point outside the table")
    if any(len(own) != len(task.targets) for own in calibration.rows.values()):
        raise ValueError("rows of a series are not one for each target")


def _whole(name: str, value: object, least: int) -> None:
    if type(value) is not int or value < least:
        raise ValueError(f"{name}={value!r}: wanted a whole number of at least {least}")
