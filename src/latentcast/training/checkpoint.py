"""Training checkpoints as safetensors with a JSON tree in the header: nothing that can run is written or read."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from latentcast.core.atomic import replacing
from latentcast.core.bounded_json import parse_json
from latentcast.core.errors import CheckpointError


def write(checkpoint: dict[str, Any], path: Path, *, durable: bool = True) -> None:
    """Replace a checkpoint as a whole: a kill in the middle leaves the old one.

    Raises
    ------
    CheckpointError
        A value is neither a tensor nor plain, or the disk does not take the file.
    """
    tensors: dict[str, torch.Tensor] = {}
    tree = json.dumps(_pack(checkpoint, tensors))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, durable=durable) as part:
            save_file(tensors, part, metadata={"tree": tree})
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"the checkpoint {path} cannot be written: {error}. Free space or permissions on that disk, then go on with"
            " the same command and --resume"
        ) from error


def read(path: Path) -> dict[str, Any]:
    """Raises CheckpointError when the file is not a whole checkpoint of this package."""
    try:
        with safe_open(path, framework="pt") as file:
            tree = parse_json((file.metadata() or {})["tree"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        unpacked: dict[str, Any] = _unpack(tree, tensors)
    except (OSError, RuntimeError, SafetensorError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{path} is not a training checkpoint, or is damaged: {error}; begin anew (--overwrite)"
        ) from error
    return unpacked


def _pack(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """JSON for everything but tensors, which are numbered; mappings and tuples are marked to come back as they were."""
    if isinstance(value, torch.Tensor):
        key = str(len(tensors))
        tensors[key] = value.detach().cpu().clone().contiguous()
        return {"tensor": key}
    if isinstance(value, dict):
        return {"dict": [[_pack(k, tensors), _pack(v, tensors)] for k, v in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_pack(item, tensors) for item in value]}
    if isinstance(value, list):
        return [_pack(item, tensors) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise CheckpointError(f"a checkpoint cannot hold {type(value).__name__}: only tensors and plain values")


def _unpack(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(value, list):
        return [_unpack(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "tensor":
        return tensors[inner]
    if kind == "dict":
        return {_unpack(k, tensors): _unpack(v, tensors) for k, v in inner}
    return tuple(_unpack(item, tensors) for item in inner)
