"""Damage saved folders and load them: every damage must be refused, and nothing may end in a traceback or NaN.

* mutated: one file is changed by a bit, cut, emptied, swapped, or one value of a JSON file is replaced; the digests
  stay. Right: refused, all of them.
* forged: a value is replaced by a wild one and all digests are renewed, as somebody could who edits a folder by hand.
  Right: refused with an error of the library, or a forecast without NaN and infinity. Digests are no signature.

    python benchmarks/reliability/folders.py [--mutated 200] [--forged 60] [--seed S] [--out FILE]

Results: benchmarks/results/reliability/folders.json
"""

import argparse
import json
import logging
import random
import shutil
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import latentcast
from latentcast.core.errors import LatentcastError
from latentcast.forecaster import storage

ROOT = Path(__file__).parents[2]
SAVED = ROOT / "tests" / "fixtures" / "saved"
KINDS = ("dlinear", "naive", "latent-covariates", "quantile-head", "several-datasets", "hybrid-weighted", "transformer")
WILD: tuple[Any, ...] = (None, -1, 0, 1e308, "", "x", [], {}, True, 2**70, -0.5, [[]], "nan", {"a": {"a": 1}})
TENSORS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "NaN": lambda tensor: torch.full_like(tensor.float(), torch.nan),
    "infinity": lambda tensor: torch.full_like(tensor.float(), torch.inf),
    "huge": lambda tensor: torch.full_like(tensor.float(), 3e38),
    "float64": lambda tensor: tensor.double(),
    "int8": lambda tensor: tensor.to(torch.int8),
    "longer": lambda tensor: torch.cat([tensor.flatten(), tensor.flatten()]),
    "scalar": lambda tensor: torch.zeros(()),
}


def paths_in(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Places of all values in a JSON tree."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [at] if at else []
    for key, each in inner:
        found += paths_in(each, (*at, key))
    return found


def replace_value(path: Path, rng: random.Random) -> str:
    values = json.loads(path.read_text(encoding="utf-8"))
    own = [at for at in paths_in(values) if at[0] != "sha256"]
    at, wild = rng.choice(own), rng.choice(WILD)
    owner = values
    for key in at[:-1]:
        owner = owner[key]
    if owner[at[-1]] == wild:
        wild = "another value"
    owner[at[-1]] = wild
    path.write_text(json.dumps(values), encoding="utf-8")
    return f"{path.name}: {'.'.join(map(str, at))} = {json.dumps(wild)}"


def replace_tensor(path: Path, rng: random.Random) -> str:
    with safe_open(path, "pt") as file:
        tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    name, kind = rng.choice(sorted(tensors)), rng.choice(sorted(TENSORS))
    tensors[name] = TENSORS[kind](tensors[name]).contiguous()
    save_file(tensors, path, metadata=metadata)
    return f"{path.name}: {name} is {kind}"


def mutate(folder: Path, rng: random.Random) -> str:
    """Damage one file; the digests stay."""
    path = rng.choice(sorted(folder.iterdir()))
    raw = path.read_bytes()
    kind = rng.choice(("bit", "cut", "empty", "gone", "longer", "swapped", "value"))
    if kind == "value" and path.suffix == ".json":
        return replace_value(path, rng)
    if kind == "gone":
        path.unlink()
    elif kind == "swapped":
        other = rng.choice([one for one in sorted(folder.iterdir()) if one != path])
        path.write_bytes(other.read_bytes())
    else:
        at = rng.randrange(len(raw))
        bit = raw[:at] + bytes([raw[at] ^ (1 << rng.randrange(8))]) + raw[at + 1 :]
        path.write_bytes({"cut": raw[: len(raw) // 2], "empty": b"", "longer": raw + b"x"}.get(kind, bit))
    return f"{path.name}: {kind}"


def forge(folder: Path, rng: random.Random) -> str:
    """Put a wild value into one file, and renew all digests."""
    named = [path for path in sorted(folder.iterdir()) if path.suffix == ".json" or _tensors(path)]
    path = rng.choice(named)
    what = replace_value(path, rng) if path.suffix == ".json" else replace_tensor(path, rng)
    card_path = folder / storage.CARD
    card = json.loads(card_path.read_text(encoding="utf-8"))
    names = [
        name
        for name in (storage.WEIGHTS, storage.SERIES, storage.STATISTICS, storage.INTERVALS)
        if (folder / name).exists()
    ]
    digests = {name: storage._sha256(folder / name) for name in names} | {storage.CARD: storage._card_sha256(card)}
    card_path.write_text(json.dumps(card | {"sha256": digests}), encoding="utf-8")
    return what


def _tensors(path: Path) -> list[str]:
    with safe_open(path, "pt") as file:
        return list(file.keys())


def outcome(folder: Path, kind: str) -> tuple[str, str | None]:
    """What loading and forecasting come to: refused, forecast, not finite or traceback."""
    data = DATA[kind]()
    try:
        made = latentcast.load(folder)
        future = {"future_covariates": FUTURE[kind]()} if kind in FUTURE else {}
        level = {} if made.calibration is None else {"level": 80}
        values = made.predict(data, **future, **level).iloc[:, 2:].to_numpy(float)
        return ("forecast" if np.isfinite(values).all() else "not finite"), None
    except LatentcastError as error:
        return "refused", str(error)[:200]
    except Exception:
        return "traceback", traceback.format_exc()[-800:]


def run(kind: str, act: Callable[[Path, random.Random], str], seed: int) -> dict[str, Any]:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as at:
        folder = Path(shutil.copytree(SAVED / kind, Path(at) / "run"))
        what = act(folder, rng)
        result, said = outcome(folder, kind)
    return {"kind": kind, "seed": seed, "what": what, "result": result, "said": said and said.replace(at, "")}


def _inputs() -> tuple[dict[str, Callable[[], Any]], dict[str, Callable[[], Any]]]:
    """The frames that the saved folders were fitted to, as their expected answers name them."""
    sys.path.insert(0, str(ROOT / "tests"))
    from fixtures.frames import FRAMES

    data, future = {}, {}
    for kind in KINDS:
        asked = json.loads((SAVED.parent / "expected" / f"{kind}.json").read_text(encoding="utf-8"))["asked"]
        call = next(iter(asked.values()))
        data[kind] = FRAMES[call["frame"]]
        if name := call.get("future"):
            future[kind] = FRAMES[name]
    return data, future


DATA, FUTURE = _inputs()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutated", type=int, default=200)
    parser.add_argument("--forged", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "reliability" / "folders.json")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("latentcast").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    report: dict[str, Any] = {}
    for name, act, count in (("mutated", mutate, args.mutated), ("forged", forge, args.forged)):
        results = [run(KINDS[n % len(KINDS)], act, args.seed + n) for n in range(count)]
        counts = Counter(one["result"] for one in results)
        report[name] = {"folders": count, **counts, "results": results}
        print(name, dict(counts))
        for one in results:
            if one["result"] in ("traceback", "not finite") or (name == "mutated" and one["result"] != "refused"):
                print(json.dumps(one))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    bad = [one for name in report for one in report[name]["results"] if one["result"] in ("traceback", "not finite")]
    through = [one for one in report["mutated"]["results"] if one["result"] != "refused"]
    return int(bool(bad or through))


if __name__ == "__main__":
    sys.exit(main())
