"""Folders of saved forecasters: safetensors and JSON, without pickle or code.

weights.safetensors   the network
series.json           the names of the series of the fit, and the stamps at which their parts end
statistics.safetensors what the fit measured of each series: mean, standard deviation, spread, seasonal error, and which
                      of those stamps end its parts
intervals.safetensors scores of held-out windows, where there were any: what prediction intervals are made of
linear.safetensors    the one linear map that the network is, where it is one: forecasts without torch read it
card.json             the run card: settings, schema, versions, fingerprint, training, validation, notes
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from latentcast.core.bounded_json import parse_json
from latentcast.core.errors import CheckpointError, shorten
from latentcast.data.sources.remote import address_of
from latentcast.forecaster.linear.address import LINEAR

if TYPE_CHECKING:
    import torch
    from torch import nn

WEIGHTS, SERIES, CARD = "weights.safetensors", "series.json", "card.json"
STATISTICS, INTERVALS = "statistics.safetensors", "intervals.safetensors"
SAVING = ".saving-"  # begins the name of a folder that is being written
SETTINGS = "settings.yaml"  # written when training begins
VERSION = 4  # 2: notes of the card have codes; 3: model.between is model.mixers; 4: statistics.safetensors
FORMAT = f"latentcast/{VERSION}"


def versions() -> dict[str, str]:
    packages = ("latentcast", "torch", "lightning", "numpy", "pandas")
    known = {name: its for name in packages if (its := _version(name)) is not None}
    return {"python": platform.python_version(), **known}


@cache
def _version(package: str) -> str | None:
    """Kept: reading it from the disk takes a millisecond, a hundredth of a small fit."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def make_folder(folder: Path, *, overwrite: bool, resume: bool = False) -> None:
    """Prepare a folder for writing. `overwrite` removes files of an earlier training; its forecaster stays until
    `write`.

    Raises CheckpointError when the folder holds something that was not to be replaced, or cannot be written.
    """
    try:
        taken = _taken(folder, may=overwrite or resume)
        if taken and overwrite:
            _clear_training(folder)
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CheckpointError(f"{folder} cannot be written: {error.strerror or error}") from error


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """Raise CheckpointError when the folder holds something that must not be replaced; change nothing."""
    _taken(folder, may=overwrite)


def _taken(folder: Path, *, may: bool) -> bool:
    if (address := address_of(folder)) is not None:
        raise CheckpointError(
            f"{address} is an address, and this is written into a folder of this machine: name one, and copy it there"
            " with Forecaster.save"
        )
    if folder.exists() and not folder.is_dir():
        raise CheckpointError(f"{folder} is a file; name a folder")
    taken = folder.is_dir() and any(not path.name.startswith(SAVING) for path in folder.iterdir())
    if taken and not may:
        raise CheckpointError(f"{folder} exists and is not empty; use another folder, or say --overwrite")
    return taken


def replace_folder(folder: Path, fill: Callable[[Path], None], *, overwrite: bool) -> None:
    """Let `fill` write into a folder, and then remove what an earlier training left there; nothing before.

    Raises CheckpointError as `make_folder` does.
    """
    taken = _taken(folder, may=overwrite)
    if taken:
        _check_ours(folder)
    make_folder(folder, overwrite=False, resume=True)
    fill(folder)
    if taken:
        _clear_training(folder)


def _check_ours(folder: Path) -> None:
    if not ((folder / CARD).is_file() or (folder / SETTINGS).is_file()):
        raise CheckpointError(f"{folder} holds files, and latentcast wrote none of them: use another folder")


def _clear_training(folder: Path) -> None:
    """Remove what a training wrote."""
    _check_ours(folder)
    for pattern in (
        SETTINGS,
        "checkpoints/data.json",
        *(
            f"{at}checkpoints/*/{name}"
            for at in ("", "members/*/")
            for name in ("best.ckpt", "last.ckpt", "outcome.json")
        ),
    ):
        for file in folder.glob(pattern):
            file.unlink()
    for at in ("", "members/*/"):
        for kind in ("csv", "tensorboard", "mlflow", "wandb"):
            for logs in folder.glob(f"{at}logs/*/{kind}*"):
                shutil.rmtree(logs)
    for left in folder.glob(f"{SAVING}*"):
        shutil.rmtree(left, ignore_errors=True)


Packed = tuple[dict[str, NDArray[Any]], dict[str, str]]


def write(
    folder: Path,
    network: nn.Module,
    card: Mapping[str, Any],
    series: tuple[Mapping[str, Any], dict[str, NDArray[Any]]],
    intervals: Packed | None = None,
    linear: Packed | None = None,
) -> None:
    """Write all files into an inner folder and then move them: the old content stays whole until then.

    Raises CheckpointError when it cannot be written.
    """
    card = _finite({"format": FORMAT, **card})
    try:
        beside = Path(tempfile.mkdtemp(prefix=SAVING, dir=folder))
        try:
            names = _write_files(beside, network, card, series, {INTERVALS: intervals, LINEAR: linear})
            for name in (*names, CARD):  # the card last: it says whether the folder is whole
                (beside / name).replace(folder / name)
            for name in {INTERVALS, LINEAR} - set(names):
                (folder / name).unlink(missing_ok=True)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except (OSError, safetensors.SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise CheckpointError(f"{folder} cannot be written: {reason}") from error


def _write_files(
    folder: Path,
    network: nn.Module,
    card: Mapping[str, Any],
    series: tuple[Mapping[str, Any], dict[str, NDArray[Any]]],
    optional: Mapping[str, Packed | None],
) -> tuple[str, ...]:
    import safetensors.torch

    safetensors.torch.save_file(
        {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()},
        folder / WEIGHTS,
        metadata={"format": "pt"},
    )
    names, statistics = series
    (folder / SERIES).write_text(json.dumps(names, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    safetensors.numpy.save_file(statistics, folder / STATISTICS)
    more = {name: packed for name, packed in optional.items() if packed is not None}
    for name, (arrays, metadata) in more.items():
        safetensors.numpy.save_file(arrays, folder / name, metadata=metadata)
    files = (WEIGHTS, SERIES, STATISTICS, *more)
    digests = {name: _sha256(folder / name) for name in files} | {CARD: _card_sha256(card)}
    text = json.dumps({**card, "sha256": digests}, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / CARD).write_text(text, encoding="utf-8")
    return files


def read(folder: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, NDArray[Any]] | None]:
    """(card, names of series, their statistics); up to latentcast/3 all of the latter stands with the names.

    Raises CheckpointError when the folder is missing, foreign, unfinished or damaged."""
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is no folder; wanted one that latentcast fit wrote (--out)")
    if not (folder / CARD).is_file():
        if (folder / "checkpoints").is_dir():
            raise CheckpointError(
                f"training in {folder} did not finish: go on with the command that began it and --resume"
            )
        raise CheckpointError(f"{folder} was not written by latentcast: there is no {CARD} in it")
    card = read_json(folder / CARD)
    _check_format(folder / CARD, card)
    digests = card.get("sha256")
    own = (STATISTICS,) if _number(card) > 3 else ()
    there = [name for name in (INTERVALS, LINEAR) if isinstance(digests, dict) and name in digests]
    for name in (WEIGHTS, SERIES, *own, *there, CARD):
        path = folder / name
        if not path.is_file():
            raise CheckpointError(f"{folder} lacks {name}: copy the whole folder")
        found = _card_sha256(card) if name == CARD else _sha256(path)
        if not isinstance(digests, dict) or found != digests.get(name):
            raise CheckpointError(
                f"{path} is damaged or was changed since it was saved (its sha256 is not the one in {CARD}):"
                " copy the folder again, or fit again"
            )
    statistics = _tensors(folder / STATISTICS)[0] if own else None
    return migrate(card), read_json(folder / SERIES), statistics


def _check_format(path: Path, card: Mapping[str, Any]) -> None:
    """Raise CheckpointError for a format that is not ours, or newer than this version reads."""
    name, _, number = str(card.get("format")).partition("/")
    if name != "latentcast" or not number.isdecimal() or int(number) < 1:
        raise CheckpointError(f"{path} has the format {card.get('format')!r}; wanted one of latentcast/1 to {FORMAT}")
    if int(number) > VERSION:
        versions = card.get("versions")
        wrote = versions.get("latentcast") if isinstance(versions, Mapping) else None
        raise CheckpointError(
            f"{path} has the format {card['format']}, and this version of latentcast reads up to {FORMAT}; install"
            f" latentcast {wrote or 'in the version that wrote it'} or newer"
        )


def migrate(card: dict[str, Any]) -> dict[str, Any]:
    """The card of an older format as this version writes it. Notes without codes are read by the card itself."""
    settings = _with_free_filters(card.get("settings"))
    return {**card, "settings": _with_mixers(settings) if _number(card) < 3 else settings}


def migrate_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of a training that an older version began, under their present names."""
    migrated: dict[str, Any] = _with_mixers(_with_free_filters(settings))
    return migrated


def _with_free_filters(settings: Any) -> Any:
    """Settings in which wavelets whose filters learn say that every tap does, as it was before there were lattices."""
    if isinstance(settings, list):
        return [_with_free_filters(value) for value in settings]
    if not isinstance(settings, dict):
        return settings
    inner = {key: _with_free_filters(value) for key, value in settings.items()}
    learns = inner.get("name") == "wavelet" and inner.get("learn_filters") and "learn_as" not in inner
    return {**inner, "learn_as": "free"} if learns else inner


def _with_mixers(settings: Any) -> Any:
    """Settings in which composed models, also those that are members, name their `mixers`."""
    if isinstance(settings, list):
        return [_with_mixers(value) for value in settings]
    if not isinstance(settings, dict):
        return settings
    composed = "between" in settings and "backbone" in settings
    return {"mixers" if composed and key == "between" else key: _with_mixers(value) for key, value in settings.items()}


def _migrated_name(name: str, card: Mapping[str, Any]) -> str:
    """The present name of a tensor in a folder with this card."""
    return re.sub(r"\bmodel\.between\.(?=\d)", "model.mixers.", name) if _number(card) < 3 else name


def _number(card: Mapping[str, Any]) -> int:
    return int(str(card["format"]).partition("/")[2])


def read_intervals(folder: Path, card: Mapping[str, Any]) -> Packed | None:
    """Of a folder that `read` found whole; None where nothing was held out. Raises CheckpointError."""
    if INTERVALS not in card["sha256"]:
        return None
    return _tensors(folder / INTERVALS)


def read_linear(folder: Path, card: Mapping[str, Any]) -> Packed | None:
    """Of a folder that `read` found whole; None where the model is no linear map. Raises CheckpointError."""
    return _tensors(folder / LINEAR) if LINEAR in card["sha256"] else None


def _tensors(path: Path) -> Packed:
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:  # the second by torch, of file handles
        raise CheckpointError(f"{path} cannot be read: {error}") from error


def read_weights(folder: Path, network: nn.Module, card: Mapping[str, Any]) -> None:
    """Fill a network that was built from the card's settings. Raises CheckpointError when shapes or names differ."""
    import safetensors.torch

    try:
        stored = safetensors.torch.load_file(folder / WEIGHTS)
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{folder / WEIGHTS} cannot be read: {error}") from error
    tensors = {_migrated_name(name, card): tensor for name, tensor in stored.items()}
    wanted = network.state_dict()
    # the number of maps was chosen when they were solved: it comes from the file
    free = {f"{at}.{name}" for at, part in network.named_modules() for name in getattr(part, "sized_by_weights", ())}
    optional = {
        f"{at}.{name}" for at, part in network.named_modules() for name in getattr(part, "optional_weights", ())
    }
    faults = [f"{name} is missing" for name in wanted.keys() - tensors.keys() - optional]
    faults += [f"{name} is unknown" for name in tensors.keys() - wanted.keys()]
    faults += [
        f"{name} is {_shape(tensors[name])}, wanted {_shape(wanted[name])}"
        for name in wanted.keys() & tensors.keys()
        if tensors[name].shape != wanted[name].shape and name not in free
    ]
    for name in sorted(wanted.keys() & tensors.keys()):
        found = tensors[name]
        if found.dtype != wanted[name].dtype:
            faults.append(f"{name} is {found.dtype}, wanted {wanted[name].dtype}")
        elif found.is_floating_point() and not found.isfinite().all():
            faults.append(f"{name} holds values that are not finite")
    if faults:
        raise CheckpointError(f"{folder / WEIGHTS} does not fit the model of the card: {shorten(sorted(faults))}")
    network.load_state_dict(tensors)


def _shape(tensor: torch.Tensor) -> str:
    return "×".join(str(size) for size in tensor.shape)


def read_json(path: Path) -> dict[str, Any]:
    """An object of JSON. Raises CheckpointError when the file is missing, damaged, or nested too deeply."""
    try:
        values = parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing: copy the whole folder, or begin anew") from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {error}; copy the folder again, or fit again") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} is damaged: wanted an object")
    return values


def _finite(value: Any) -> Any:
    """Replace NaN and infinity by null for JSON."""
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _card_sha256(card: Mapping[str, Any]) -> str:
    """Of what a card says, whatever its layout; not of its digests."""
    said = {key: value for key, value in card.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
