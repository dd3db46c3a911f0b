#!/usr/bin/env bash
# lightning 2.6.6, torchmetrics 1.9.0, torch 2.13.0 (CPU), Python 3.11
#
# A reader expects `import lightning.fabric`, the thin layer without a Trainer and without metrics, to cost little more
# than torch. It imports the whole of torchmetrics: lightning/fabric/utilities/imports.py compares the version of
# torchmetrics with compare_version of lightning-utilities, which imports the package to read its __version__. All
# domains come along (audio, image, text, …). No name of torchmetrics is used by what was imported.
#
# Seen: 270 modules of torchmetrics, those of audio, images and text among them, after the import of Fabric alone.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.13.0 lightning==2.6.6 torchmetrics==1.9.0
cat > "$folder/seen.py" <<'PYTHON'
import sys

import torch  # noqa: F401

before = {name for name in sys.modules if name.startswith("torchmetrics")}
from lightning.fabric import Fabric  # noqa: E402, F401

after = {name for name in sys.modules if name.startswith("torchmetrics")}
print(f"modules of torchmetrics before: {len(before)}, after: {len(after)}")
assert not before
assert len(after) == 270, len(after)
for domain in ("audio", "image", "text", "retrieval"):
    assert f"torchmetrics.functional.{domain}" in after or f"torchmetrics.{domain}" in after, domain
import lightning.fabric.utilities.imports as imports  # noqa: E402

assert imports._TORCHMETRICS_GREATER_EQUAL_1_0_0
PYTHON
"$folder/env/bin/python" -W ignore "$folder/seen.py"
echo "as described"
