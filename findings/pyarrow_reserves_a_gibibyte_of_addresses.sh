#!/usr/bin/env bash
# pyarrow 26.0.1 on Linux: its default allocator (mimalloc) reserves 1 GiB of addresses for the first array, here one of
# three numbers, while some 45 MB are resident. Where the address space is limited (RLIMIT_AS, as services set it for
# files of strangers) to a little more than that, the reservation takes all of it, and what follows fails with
# "ArrowMemoryError: malloc of size 64 failed": the limit seems to be used up by a table of a few rows. Whether it fails
# depends on the length of paths and on what is loaded. ARROW_DEFAULT_MEMORY_POOL=system reserves nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pyarrow==26.0.1
cat > "$folder/reserved.py" <<'PYTHON'
import resource
from pathlib import Path

import pyarrow as pa


def addresses():
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() // 2**20


array = pa.array(range(3))
resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(pa.__version__, pa.default_memory_pool().backend_name, f"{addresses()} MiB of addresses, {resident} MiB resident", sep=": ")
PYTHON
default=$("$folder/venv/bin/python" "$folder/reserved.py")
system=$(ARROW_DEFAULT_MEMORY_POOL=system "$folder/venv/bin/python" "$folder/reserved.py")
printf '%s\n' "$default" "$system"
number() { sed -E 's/.*: ([0-9]+) MiB of addresses.*/\1/' <<< "$1"; }
[[ $default == "26.0.1: mimalloc: "* && $system == "26.0.1: system: "* ]]
(($(number "$default") - $(number "$system") > 900))
