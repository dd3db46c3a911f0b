#!/usr/bin/env bash
# pyarrow 26.0.1: csv.open_csv reads 34 blocks of the file before the first batch is asked for, also with
# ReadOptions(use_threads=False), whatever the size of a block. The reader's memory is 34 blocks, not one: with
# blocks of 16 MiB it holds half a gibibyte.
# The documentation of block_size speaks of the bytes processed at a time, so a reader would expect a block or two.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pyarrow==26.0.1
cat > "$folder/check.py" <<'PY'
import io
import time

import pyarrow
from pyarrow import csv


class Counting(io.BytesIO):
    taken = 0

    def read(self, size=-1):
        got = super().read(size)
        self.taken += len(got)
        return got


rows = b"a,b\n" + b"1.5,2.5\n" * 8_000_000
for size in (1 << 20, 1 << 18):
    file = Counting(rows)
    reader = csv.open_csv(pyarrow.PythonFile(file, "r"), read_options=csv.ReadOptions(use_threads=False, block_size=size))
    time.sleep(1)
    opened = file.taken / size
    reader.read_next_batch()
    print(pyarrow.__version__, f"blocks of {size} bytes: {opened:.0f} read when opened")
    assert opened == 34
PY
"$folder/venv/bin/python" "$folder/check.py"
