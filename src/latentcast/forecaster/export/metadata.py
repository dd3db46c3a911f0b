"""What an exported file says of itself: run card, series, statistics, interval scores and what the model declares.

It stands in the metadata of the file as text: JSON, in which arrays are numpy files in base64.
"""

import base64
import binascii
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.format import read_array
from numpy.typing import NDArray

from latentcast.core.bounded_json import parse_json
from latentcast.core.errors import CheckpointError, LatentcastError
from latentcast.core.findings import json_values
from latentcast.core.settings import validate
from latentcast.core.task import Task
from latentcast.data.settings import DataSettings
from latentcast.forecaster.calibration import Calibration
from latentcast.forecaster.card import RunCard
from latentcast.forecaster.declared import ExportedModel
from latentcast.forecaster.fit_statistics import FitStatistics, effects_of
from latentcast.forecaster.sense import check_calibration, check_statistics, check_task

PREFIX = "latentcast."
FORMAT, CARD, MODEL, SERIES = "format", "card", "model", "series"
STATISTICS, CALIBRATION, RADII, DIGEST = "statistics", "calibration", "radii", "sha256"
VERSION = 2  # 2: graphs may read the phase of a window


@dataclass(frozen=True)
class Contents:
    """What `unpack` found."""

    card: RunCard
    task: Task
    data: DataSettings
    name: str
    seed: int
    known: FitStatistics
    model: ExportedModel
    calibration: Calibration | None


def pack(
    card: Mapping[str, Any], model: ExportedModel, known: FitStatistics, calibration: Calibration | None
) -> dict[str, str]:
    """Metadata of a file; `card` is the whole card, with the task."""
    series, arrays = known.dump()
    said = {
        FORMAT: f"latentcast-export/{VERSION}",
        CARD: _json(card),
        MODEL: _json(model.to_dict()),
        SERIES: _json(series),
        STATISTICS: _packed(arrays),
    }
    if calibration is not None:
        radii, rest = calibration.dump()
        said |= {RADII: _packed(radii), CALIBRATION: _json(rest)}
    whole = {f"{PREFIX}{name}": text for name, text in said.items()}
    return {**whole, f"{PREFIX}{DIGEST}": _digest(whole)}


def unpack(metadata: Mapping[str, str], where: str) -> Contents:
    """What `pack` made, checked. Raises CheckpointError for anything else; `where` names the file."""
    said = {name.removeprefix(PREFIX): text for name, text in metadata.items() if name.startswith(PREFIX)}
    if FORMAT not in said:
        raise CheckpointError(f"{where} is no export of latentcast: write one with latentcast export DIR --to onnx")
    name, _, number = said[FORMAT].partition("/")
    if name != "latentcast-export" or not number.isdecimal():
        raise CheckpointError(f"{where} has the format {said[FORMAT]!r}, wanted latentcast-export/{VERSION}")
    if int(number) > VERSION:
        raise CheckpointError(f"{where} has the format {said[FORMAT]}: install a newer latentcast to read it")
    whole = {f"{PREFIX}{name}": text for name, text in said.items() if name != DIGEST}
    if said.get(DIGEST) != _digest(whole):
        raise CheckpointError(f"the metadata of {where} are damaged or were changed: export the model again")
    try:
        return _contents(said)
    except (
        KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RecursionError, LatentcastError,
        binascii.Error, EOFError, MemoryError,
    ) as error:  # fmt: skip
        raise CheckpointError(f"the metadata of {where} make no sense: {error}; export the model again") from error


def _contents(said: Mapping[str, str]) -> Contents:
    stored = _object(said[CARD])
    card = RunCard.from_dict(stored)
    task = Task(**{**stored["task"], "targets": tuple(stored["task"]["targets"])})
    data = validate(DataSettings, card.settings["data"], "data.")
    known = FitStatistics.parse(_object(said[SERIES]), _unpacked(said[STATISTICS]), data, effects_of(card))
    check_task(task, card.schema)
    check_statistics(known, task.channels)
    calibration = None
    if RADII in said:
        calibration = Calibration.parse(_unpacked(said[RADII]), _object(said[CALIBRATION]))
        check_calibration(calibration, task)
    name, seed = card.settings["model"]["name"], card.settings["seed"]
    if not isinstance(name, str) or type(seed) is not int:
        raise ValueError(f"model.name={name!r}, seed={seed!r}")
    return Contents(card, task, data, name, seed, known, ExportedModel.parse(_object(said[MODEL])), calibration)


def _json(value: Any) -> str:
    return json.dumps(json_values(value), ensure_ascii=False, allow_nan=False)


def _object(text: str) -> dict[str, Any]:
    found = parse_json(text)
    if not isinstance(found, dict):
        raise ValueError("wanted an object of JSON")
    return found


def _packed(arrays: dict[str, NDArray[Any]]) -> str:
    return json.dumps({name: base64.b64encode(_file(array)).decode("ascii") for name, array in arrays.items()})


def _file(array: NDArray[Any]) -> bytes:
    held = io.BytesIO()
    np.save(held, array, allow_pickle=False)
    return held.getvalue()


def _unpacked(text: str) -> dict[str, NDArray[Any]]:
    """Raises ValueError for what is no array of numbers; a size that its file does not have is one too."""
    files = {name: base64.b64decode(file, validate=True) for name, file in _object(text).items()}
    return {name: read_array(io.BytesIO(file), allow_pickle=False) for name, file in files.items()}


def _digest(texts: Mapping[str, str]) -> str:
    lines = (f"{name} {hashlib.sha256(text.encode()).hexdigest()}\n" for name, text in sorted(texts.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
