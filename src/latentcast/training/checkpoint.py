"""Training checkpoints as safetensors with a JSON tree in the header: nothing that can run is written or read."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import CheckpointIO
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from latentcast.core.errors import CheckpointError


def write(checkpoint: dict[str, Any], path: Path) -> None:
    """Written beside and moved into place, so that a kill in the middle leaves the old file whole."""
    tensors: dict[str, torch.Tensor] = {}
    tree = json.dumps(_pack(checkpoint, tensors))
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".part")
    save_file(tensors, beside, metadata={"tree": tree})
    os.replace(beside, path)  # noqa: PTH105 - atomic, also over an existing file


def read(path: Path) -> dict[str, Any]:
    """Raises CheckpointError when the file is not a whole checkpoint of ours."""
    try:
        with safe_open(path, framework="pt") as file:
            tree = json.loads((file.metadata() or {})["tree"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise CheckpointError(f"{path} is not a training checkpoint, or is damaged: {error}") from error
    unpacked: dict[str, Any] = _unpack(tree, tensors)
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


class SafeCheckpointIO(CheckpointIO):
    """Lightning's door to `write` and `read`."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        write(checkpoint, Path(path))

    def load_checkpoint(
        self, path: Any, map_location: Any | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        return read(Path(path))

    def remove_checkpoint(self, path: Any) -> None:
        Path(path).unlink(missing_ok=True)
