"""The folder that is trained in: an empty one, or one in which the same training began."""

import json
from pathlib import Path
from typing import Any

from latentcast.core.errors import CheckpointError, DataError, SettingsError
from latentcast.core.nested import leaves, merge, nested
from latentcast.core.parsing import read_yaml, write_yaml
from latentcast.data.settings import DataSettings
from latentcast.forecaster import storage
from latentcast.forecaster.card import RunCard
from latentcast.models.config.run import RunConfig

MAY_CHANGE = ("max_time", "loggers", "accelerator", "devices", "strategy")  # of the training, in every stage


def prepare(folder: Path, run: RunConfig, card: RunCard, *, overwrite: bool, resume: bool) -> None:
    """An empty folder to train in, or, to resume, one that began with the same settings, data and weights."""
    if resume and not any(folder.glob("checkpoints/*/last.ckpt")):
        raise CheckpointError(f"{folder} holds no checkpoint to go on from; begin without --resume")
    storage.make_folder(folder, overwrite=overwrite, resume=resume)
    began_with = folder / "checkpoints" / "data.json"
    start, beside = card.start, card.datasets[1:]
    origin: dict[str, Any] = {"data": card.schema.fingerprint, "start": start and start.sha256}
    if beside:
        origin["beside"] = [{"data": one.data, "fingerprint": one.fingerprint} for one in beside]
        origin["weights"] = [one.weight for one in card.datasets]
    if not resume:
        write_yaml(folder / storage.SETTINGS, run.dump())
        began_with.parent.mkdir(exist_ok=True)
        began_with.write_text(json.dumps(origin), encoding="utf-8")
        return
    began = json.loads(began_with.read_text(encoding="utf-8"))
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
            f" {origin.get('weights')}; begin anew, or state the same"
        )
    if began["start"] != origin["start"]:
        raise SettingsError(f"training in {folder} began with other weights (--from); begin anew, or name the same")
    settings = merge(
        {"data": DataSettings().dump()}, read_yaml(folder / storage.SETTINGS)
    )  # newer ones at their defaults
    before, now = (dict(leaves(values)) for values in (settings, nested(run.dump())))
    plain = {key: list(v) if isinstance(v, tuple) else v for key, v in now.items()}
    faults = [
        f"{key}: was {before.get(key)!r}, is {plain.get(key)!r}"
        for key in sorted(before.keys() | plain.keys())
        if before.get(key) != plain.get(key)
        and not (key.startswith(("training.", "stages.")) and key.rpartition(".")[2] in MAY_CHANGE)
    ]
    if faults:
        raise SettingsError(
            [f"--resume goes on with the settings that training began with; {fault}" for fault in faults]
        )
