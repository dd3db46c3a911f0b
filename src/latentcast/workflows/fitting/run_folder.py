"""The training folder: empty, or with an interrupted training of equal settings."""

import json
from pathlib import Path
from typing import Any

from latentcast.core.atomic import replacing, write_text
from latentcast.core.bounded_json import parse_json
from latentcast.core.errors import CheckpointError, DataError, SettingsError
from latentcast.core.nested import leaves, nested
from latentcast.core.parsing import read_yaml, write_yaml
from latentcast.forecaster import storage
from latentcast.forecaster.card import RunCard
from latentcast.forecaster.forecaster import Forecaster
from latentcast.models.config.run import RunConfig, resolve_config

MAY_CHANGE = ("max_time", "loggers", "log_test", "accelerator", "devices", "strategy")  # of every stage
BEGAN_WITH = Path("checkpoints") / "data.json"  # written last: a folder that has it can be gone on with


def prepare(folder: Path, forecaster: Forecaster, *, overwrite: bool, resume: bool) -> None:
    """An empty folder to train in, or, to resume, one that began with the same settings, data and weights.

    Raises
    ------
    CheckpointError
        The folder holds something that must not be replaced, nothing to go on from, or cannot be written.
    SettingsError, DataError
        Training began with other settings, weights or data.
    """
    origin = _origin(forecaster.card)
    if resume:
        _check_same_training(folder, forecaster.run, origin)
        return
    storage.make_folder(folder, overwrite=overwrite)
    try:
        with replacing(folder / storage.SETTINGS) as part:
            write_yaml(part, forecaster.run.dump())
        (folder / BEGAN_WITH).parent.mkdir(exist_ok=True)
        write_text(folder / BEGAN_WITH, json.dumps(origin))
    except OSError as error:
        raise CheckpointError(f"{folder} cannot be written: {error.strerror or error}") from error


def _origin(card: RunCard) -> dict[str, Any]:
    """Return the origin of a training: digests of data and weights, and shares of several datasets."""
    origin: dict[str, Any] = {
        "data": card.schema.fingerprint,
        "start": None if card.start is None else card.start.sha256,
    }
    if others := card.datasets[1:]:
        origin["beside"] = [{"data": one.data, "fingerprint": one.fingerprint} for one in others]
        origin["weights"] = [one.weight for one in card.datasets]
    return origin


def _check_same_training(folder: Path, run: RunConfig, origin: dict[str, Any]) -> None:
    if not ((folder / BEGAN_WITH).is_file() and (folder / storage.SETTINGS).is_file()):
        replace = " and with --overwrite" if folder.is_dir() and any(folder.iterdir()) else ""
        raise CheckpointError(f"{folder} holds no checkpoint to go on from; begin without --resume{replace}")
    _check_origin(folder, _read(folder / BEGAN_WITH), origin)
    settings = _at_defaults(read_yaml(folder / storage.SETTINGS))
    before, now = (dict(leaves(values)) for values in (settings, nested(run.dump())))
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in now.items()}
    faults = [
        f"--resume goes on with the settings that training began with; {key}: was {before.get(key)!r}, is"
        f" {plain.get(key)!r}"
        for key in sorted(before.keys() | plain.keys())
        if before.get(key) != plain.get(key)
        and not (key.startswith(("training.", "stages.")) and key.rpartition(".")[2] in MAY_CHANGE)
    ]
    if faults:
        raise SettingsError(faults)


def _at_defaults(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of an earlier version, with those that it did not have at their defaults."""
    try:
        return resolve_config(storage.migrate_settings(settings)).dump()
    except SettingsError as error:
        raise CheckpointError(
            f"training began with settings that this version of latentcast does not know ({error.faults[0]}): go on"
            " with the version that began it, or begin anew (--overwrite)"
        ) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        values = parse_json(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict) or not {"data", "start"} <= values.keys():
            raise ValueError("wanted an object with data and start")
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {error}; begin anew (--overwrite)") from error
    return values


def _check_origin(folder: Path, began: dict[str, Any], origin: dict[str, Any]) -> None:
    if began["data"] != origin["data"]:
        raise DataError(f"training in {folder} began with other data than these; begin anew, or give it the same data")
    if began.get("beside") != origin.get("beside"):
        was, now = began.get("beside", []), origin.get("beside", [])
        changed = [one["data"] for one in (*was, *now) if one not in was or one not in now] or ["their order"]
        raise DataError(
            f"training in {folder} began with other data beside the first (what differs:"
            f" {', '.join(dict.fromkeys(changed))}); begin anew, or give it the same data"
        )
    if began.get("weights") != origin.get("weights"):
        raise SettingsError(
            f"training in {folder} began with weights {began.get('weights')}, and now they are"
            f" {origin.get('weights')}; begin anew, or set the same"
        )
    if began["start"] != origin["start"]:
        raise SettingsError(f"training in {folder} began with other weights (--from); begin anew, or name the same")
