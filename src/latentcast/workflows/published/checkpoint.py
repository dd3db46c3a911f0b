"""Files of weights that other programs wrote: safetensors here, pickled state_dicts in a process of their own."""

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors
from safetensors.torch import load_file
from torch import Tensor

from latentcast.core.errors import CheckpointError, shorten
from latentcast.workflows.published.tensors import DIGESTS, sort_out

READER = "latentcast.workflows.published.read_pickled"


@dataclass(frozen=True)
class Checkpoint:
    """Weights of a published model.

    Attributes
    ----------
    path, sha256
        The file, and its digest.
    tensors
        Name → tensor, for all but those of a language model.
    digests
        Name → digest of each tensor of a language model.
    """

    path: Path
    sha256: str
    tensors: dict[str, Tensor]
    digests: dict[str, str]

    def take(self, names: Iterable[str]) -> dict[str, Tensor]:
        """Tensors by name, in float32.

        Raises CheckpointError when one is missing, when others are there, when values are no real floating-point
        numbers, or when one is not finite.
        """
        wanted = list(names)
        faults = [f"{name} is missing" for name in wanted if name not in self.tensors]
        faults += [f"{name} is not part of it" for name in self.tensors if name not in wanted]
        faults += [f"{name} holds values that are not finite" for name, x in self.tensors.items() if not finite(x)]
        faults += [
            f"{name} holds {str(x.dtype).removeprefix('torch.')} instead of real floating-point numbers"
            for name, x in self.tensors.items()
            if name in wanted and not x.is_floating_point()
        ]
        if faults:
            raise CheckpointError(f"{self.path} does not hold the model that was named: {shorten(faults)}")
        return {name: self.tensors[name].float() for name in wanted}


def finite(tensor: Tensor) -> bool:
    return bool(tensor.isfinite().all())


def read_checkpoint(path: str | Path, language_model: Sequence[str] = ()) -> Checkpoint:
    """Read a state_dict: safetensors, or a file of torch.save with plain tensors alone.

    Of tensors whose names begin with one of `language_model` digests are kept. Pickled files are read by another
    process, with `weights_only` and limited memory. Raises CheckpointError for what is neither, or is damaged.
    """
    path = Path(path)
    if not path.is_file():
        what = "a folder" if path.is_dir() else "missing"
        raise CheckpointError(f"{path} is {what}; wanted the file of a state_dict (.pth, .pt, .safetensors)")
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if not path.stat().st_size:
        raise CheckpointError(f"{path} is empty; wanted the file of a state_dict (.pth, .pt, .safetensors)")
    if _is_safetensors(path):
        try:
            tensors, digests = sort_out(load_file(path), language_model)
        except (safetensors.SafetensorError, ValueError) as error:
            raise CheckpointError(f"{path} cannot be read: {error}") from error
        return Checkpoint(path, sha256, tensors, digests)
    with tempfile.TemporaryDirectory(prefix="latentcast-") as folder:
        target = Path(folder) / "tensors.safetensors"
        _read_apart(path, target, language_model)
        with safetensors.safe_open(target, framework="pt") as file:
            digests = json.loads((file.metadata() or {})[DIGESTS])
        return Checkpoint(path, sha256, load_file(target), digests)


def _is_safetensors(path: Path) -> bool:
    """A length of eight bytes, and then JSON."""
    with path.open("rb") as file:
        start = file.read(9)
    return len(start) == 9 and start[8:] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size


def _read_apart(path: Path, target: Path, prefixes: Sequence[str]) -> None:
    command = [sys.executable, "-m", READER, str(path), str(target), *prefixes]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    try:
        fault = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        fault = {"kind": "damaged", "what": last[0]}
    if fault["kind"] == "memory":
        raise CheckpointError(f"{path} needs far more memory than its size: it is damaged, or not a plain state_dict")
    if fault["kind"] == "damaged":
        raise CheckpointError(f"{path} is no state_dict of plain tensors: {fault['what']}")
    plain = f"{path}.state.pth"
    raise CheckpointError(
        f"{path} holds a pickled object ({fault['what']}), which could run any code when it is opened; wanted a"
        " state_dict of plain tensors. If you trust the file, write one where its package is installed:\n"
        f"  import torch; found = torch.load({str(path)!r}, weights_only=False)\n"
        f"  torch.save(found['state_dict'] if isinstance(found, dict) else found.state_dict(), {plain!r})"
    )
