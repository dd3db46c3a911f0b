#!/usr/bin/env bash
# pyarrow 26.0.1: ParquetFile.iter_batches over several row groups holds what it read of earlier row groups until the
# iterator or the file ends, though no batch is kept: a column of 80 MB is read in batches of half a megabyte, and
# 80 MB stay allocated after the last batch. Opened anew for each row group, the same column needs a tenth.
# "Read streaming batches" and row groups as the unit of reading let one expect a bounded memory.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pyarrow==26.0.1 numpy==2.4.6
cat > "$folder/check.py" <<'PY'
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

GROUPS, ROWS = 20, 500_000
path = sys.argv[1]
rng = np.random.default_rng(0)
with pq.ParquetWriter(path, pa.schema([("x", pa.float64())]), compression="none", use_dictionary=False) as writer:
    for _ in range(GROUPS):
        writer.write_table(pa.table({"x": rng.standard_normal(ROWS)}), row_group_size=ROWS)
bytes_of_column = 8 * GROUPS * ROWS


def held(batches, before):
    most = 0
    for _ in batches:
        most = max(most, pa.total_allocated_bytes() - before)
    return most / bytes_of_column


def anew():
    for group in range(GROUPS):
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(65_536, row_groups=[group], use_threads=False)


before = pa.total_allocated_bytes()
with pq.ParquetFile(path) as file:
    whole = held(file.iter_batches(65_536, use_threads=False), before)
single = held(anew(), pa.total_allocated_bytes())
print(pa.__version__, f"share of the column held: {whole:.2f} by one open file, {single:.2f} opened for each row group")
assert whole > 0.9 and single < 0.2
PY
"$folder/venv/bin/python" "$folder/check.py" "$folder/x.parquet"
