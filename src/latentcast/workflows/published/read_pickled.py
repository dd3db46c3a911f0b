"""Read a file of torch.save in a process of its own: plain tensors alone, and with bounded memory.

    python -m latentcast.workflows.published.read_pickled SOURCE TARGET [PREFIX …]

Tensors go to TARGET as safetensors. Of those whose name begins with a PREFIX only digests go there, in the metadata.
What is wrong is one line of JSON on standard output, with exit status 1.
"""

import json
import pickle
import re
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from latentcast.workflows.published.tensors import DIGESTS, sort_out

SPARE = 512 * 2**20  # bytes beyond what a file of this size needs


def limit_memory(source: Path) -> None:
    """At most four times the size of the file beyond what the process has now, where the system can limit it."""
    try:
        import resource

        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        return
    most = used + 4 * source.stat().st_size + SPARE
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def read(source: Path) -> Mapping[str, Any]:
    """The dictionary in the file, or the one that a trainer wrapped. Raises ValueError for anything else."""
    _check_sums(source)
    found = torch.load(source, map_location="cpu", weights_only=True)
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not found:
        raise ValueError(f"it holds a {type(found).__name__}")
    return found


def _check_sums(source: Path) -> None:
    """Compare the parts of a file of torch.save with their checksums, which torch itself does not read.

    Raises ValueError where one differs, MemoryError where they unpack to far more than the file.
    """
    if not zipfile.is_zipfile(source):
        return
    with zipfile.ZipFile(source) as archive:
        if sum(part.file_size for part in archive.infolist()) > 4 * source.stat().st_size + SPARE:
            raise MemoryError
        wrong = archive.testzip()
    if wrong is not None:
        raise ValueError(f"the checksum of {wrong} is another: the file has changed since it was written")


def main(source: str, target: str, *prefixes: str) -> int:
    limit_memory(Path(source))
    try:
        tensors, digests = sort_out(read(Path(source)), prefixes)
        save_file(tensors, target, metadata={DIGESTS: json.dumps(digests)})
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        return _report(
            "pickled", named[1].rstrip(".") if named else "of a kind that torch.save does not write by default"
        )
    except SafetensorError as error:  # torch reads files of that name as such
        return _report("damaged", str(error))
    except (MemoryError, RuntimeError, ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        memory = isinstance(error, MemoryError) or "allocate memory" in str(error)
        return _report("memory" if memory else "damaged", str(error).splitlines()[0] if str(error) else "")
    return 0


def _report(kind: str, what: str) -> int:
    sys.stdout.write(json.dumps({"kind": kind, "what": what}))
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
