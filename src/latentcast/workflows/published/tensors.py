"""Named tensors of a checkpoint: those that are kept, and digests of those that are not."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

DIGESTS = "digests"
WRAPPED = "module."  # begins the names of a model that was trained by several processes


def sort_out(found: Mapping[str, Any], prefixes: Iterable[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors to keep, each with memory of its own, and a digest of each whose name begins with a prefix.

    Raises ValueError for a value that is no tensor of numbers.
    """
    kept: dict[str, Tensor] = {}
    digests: dict[str, str] = {}
    wrapped = all(str(name).startswith(WRAPPED) for name in found)
    for given, value in found.items():
        name = str(given).removeprefix(WRAPPED) if wrapped else str(given)
        if not isinstance(value, Tensor) or value.layout is not torch.strided or value.is_quantized:
            raise ValueError(f"{name} is a {type(value).__name__}; wanted plain tensors")
        if any(name.startswith(prefix) for prefix in prefixes):
            digests[name] = digest(value)
        else:
            kept[name] = value.detach().clone(memory_format=torch.contiguous_format)
    return kept, digests


def digest(tensor: Tensor) -> str:
    """Kind and content of a tensor: equal texts belong to equal tensors."""
    whole = tensor.detach().cpu().contiguous()
    content = hashlib.sha256(whole.reshape(-1).view(torch.uint8).numpy().tobytes()).hexdigest()
    return f"{str(whole.dtype).removeprefix('torch.')} {'×'.join(map(str, whole.shape))} {content}"
