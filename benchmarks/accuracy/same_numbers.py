"""Compute the same numbers with two source trees, to show that a restructuring changes no result.

    OUT=benchmarks/results/same_numbers_before.json
    PYTHONPATH=src python -m benchmarks.accuracy.same_numbers --out $OUT
    python -m benchmarks.accuracy.same_numbers --compare $OUT after.json

A run fits every model and every combination of parts with tiny settings on synthetic tables (`_same_cases`), and then
evaluates, predicts, explains, imputes, scores, backtests and so on. Of every array it writes a digest and a few values.
With --arrays it also writes the arrays themselves (OUT.npz, not for version control), so that --compare finds the
largest difference among all values and not only among those few. One thread, deterministic algorithms.
"""

import argparse
import hashlib
import json
import logging
import os
import runpy
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._harness import ROOT, versions

NAME = "benchmarks.accuracy.same_numbers"
ONE_THREAD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"),
    "PYTHONHASHSEED": "0",
}
VALUES = 3  # of an array, evenly spaced, that are written beside its digest
DIGITS = 16  # of a digest
CLOCKS = ("seconds", "mib", "memory", "bytes", "per_second", "versions", "sha256")


def numbers(value: Any) -> list[np.ndarray]:
    """All numbers of a value in its own order, without those that depend on clocks and memory."""
    if hasattr(value, "columns") and hasattr(value, "to_numpy"):
        return [part for name in value.columns if not _clock(name) for part in numbers(value[name].to_numpy())]
    if hasattr(value, "detach"):
        value = value.detach().cpu().float().numpy() if str(value.dtype) == "torch.bfloat16" else value.cpu().numpy()
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "fiub":
            return [value.reshape(-1)]
        return [part for one in value.tolist() for part in numbers(one)] if value.dtype == object else []
    if isinstance(value, Mapping):
        return [part for name, inner in value.items() if not _clock(name) for part in numbers(inner)]
    if is_dataclass(value):
        return numbers({field.name: getattr(value, field.name) for field in fields(value)})
    if isinstance(value, list | tuple):
        return [part for inner in value for part in numbers(inner)]
    return [] if isinstance(value, bool) or not isinstance(value, int | float) else [np.array([value], np.float64)]


def _clock(name: object) -> bool:
    return any(word in str(name).lower() for word in CLOCKS)


class Record:
    """What a run found: name → digest, shape and a few values of an array, or why there is none."""

    def __init__(self) -> None:
        self.entries: dict[str, Any] = {}
        self.arrays: dict[str, np.ndarray] = {}

    def add(self, name: str, value: Any) -> None:
        """A frame gives one entry for each column of numbers; any other value one of all its numbers."""
        assert name not in self.entries, name
        if hasattr(value, "columns") and hasattr(value, "to_numpy"):
            text = ""
            for column in (column for column in value.columns if not _clock(column)):
                held = value[column].to_numpy()
                if held.dtype.kind in "fiub":
                    self._add(f"{name}[{column}]", held)
                else:
                    text += "\n".join([str(column), *map(str, held)])
            if text:
                self.entries[f"{name}[text]"] = {"sha256": hashlib.sha256(text.encode()).hexdigest()[:DIGITS]}
            return
        parts = numbers(value)
        alike = len({part.dtype for part in parts}) == 1
        self._add(name, np.concatenate(parts if alike else [np.float64([]), *parts]))

    def _add(self, name: str, array: np.ndarray) -> None:
        array = np.ascontiguousarray(array)
        digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode() + array.tobytes()).hexdigest()
        at = np.unique(np.linspace(0, max(array.size - 1, 0), VALUES).astype(int)) if array.size else []
        few = [_plain(array[place]) for place in at]
        self.entries[name] = {
            "sha256": digest[:DIGITS],
            "size": array.size,
            "dtype": array.dtype.str[1:],
            "values": few,
        }
        self.arrays[name] = array

    def attempt(self, name: str, compute: Callable[[], Any]) -> Any:
        """Add what is computed; an error is recorded by its kind. Returns what was computed."""
        import latentcast

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = compute()
        except Exception as error:  # any fault of either build is a finding of its own
            self.entries[name] = {"refused": type(error).__name__}
            if not isinstance(error, latentcast.LatentcastError):
                print(f"{name}: {type(error).__name__}: {error}", flush=True)
            return None
        if not isinstance(found, latentcast.Forecaster):
            self.add(name, found)
        return found


def _plain(value: Any) -> float | int | str:
    number: float | int = value.item()
    return number if not isinstance(number, float) or np.isfinite(number) else str(number)


def on_disk(forecaster: Any) -> dict[str, Any]:
    """What a forecaster saves: weights by name, statistics of series, calibration and figures of the card."""
    from safetensors.torch import load_file

    with tempfile.TemporaryDirectory() as folder:
        forecaster.save(Path(folder) / "run")
        run = Path(folder) / "run"
        card = json.loads((run / "card.json").read_text(encoding="utf-8"))
        files = {path.stem: load_file(path) for path in run.glob("*.safetensors")}
        series = json.loads((run / "series.json").read_text(encoding="utf-8"))
    keep = ("training", "validation", "fusion", "update", "members", "covariates", "start", "parameters", "task")
    tensors = {name: dict(sorted(held.items())) for name, held in sorted(files.items())}
    return {**tensors, "series": series, "card": _sorted({key: card[key] for key in keep if key in card})}


def _sorted(value: Any) -> Any:
    """Plain values with the keys of every object in one order: in a file their order means nothing."""
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(inner) for inner in value] if isinstance(value, list) else value


def run_case(record: Record, case: Any) -> None:
    """One fit and its calls."""
    from fixtures.frames import FRAMES
    from fixtures.renamed import call

    forecaster = record.attempt(case.label, case.make)
    if forecaster is None:
        return
    data = FRAMES[case.frame]()
    future = None if case.future is None else FRAMES[case.future]()
    for name, values in on_disk(forecaster).items():
        record.add(f"{case.label}/saved {name}", values)
    for part in ("val", "test"):
        record.attempt(
            f"{case.label}/evaluate {part}",
            lambda part=part: call(forecaster.evaluate, data, split=part, stride=case.stride).to_dict(),
        )
    record.attempt(
        f"{case.label}/evaluate level",
        lambda: call(forecaster.evaluate, data, level=50, stride=case.stride).to_dict(),
    )
    for name, options in case.predictions.items():
        record.attempt(
            f"{case.label}/predict {name}",
            lambda options=options: call(forecaster.predict, data, future=future, **options),
        )
    if "explain" in case.calls:
        record.attempt(
            f"{case.label}/explain", lambda: call(forecaster.explain, data, future=future, stretch=6).to_dict()
        )
    if "drift" in case.calls:
        record.attempt(f"{case.label}/drift", lambda: forecaster.drift(data))


def measure(only: str) -> Record:
    """All cases whose label holds `only`."""
    import torch

    import latentcast

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    logging.disable(logging.WARNING)
    from benchmarks.accuracy._same_cases import TESTS, cases
    from benchmarks.accuracy._same_verbs import verbs

    os.chdir(TESTS / "fixtures")  # where the small pretrained models lie
    record = Record()
    print(f"latentcast of {Path(latentcast.__file__).parent}")
    for case in cases():
        if only in case.label:
            began = time.perf_counter()
            run_case(record, case)
            _tell(case.label, began)
    for label, compute in verbs().items():
        if only in label:
            began = time.perf_counter()
            record.attempt(label, compute)
            _tell(label, began)
    return record


def _tell(label: str, began: float) -> None:
    if (took := time.perf_counter() - began) > 3:
        print(f"{label}: {took:.1f} s", flush=True)


def write(record: Record, out: Path, *, arrays: bool) -> None:
    # the build that is measured may be older than the module that describes the machine
    described = runpy.run_path(str(ROOT / "src" / "latentcast" / "benchmarking" / "machine.py"))["machine"]()
    head = {"machine": {**described, "threads": 1}, "versions": versions()}
    lines = [f" {json.dumps(name)}: {json.dumps(entry)}" for name, entry in record.entries.items()]
    text = json.dumps(head, indent=1)[:-2] + ',\n "arrays": {\n' + ",\n".join(lines) + "\n }\n}\n"
    json.loads(text)
    out.write_text(text, encoding="utf-8")
    if arrays:
        np.savez_compressed(out.with_suffix(".npz"), **record.arrays)
    refused = sum("refused" in entry for entry in record.entries.values())
    print(f"{len(record.entries) - refused} arrays, {refused} refused; written: {out}")


def compare(first: Path, second: Path) -> int:
    """Print what differs; the exit status: 0 when every entry of the first file is bit-equal in the second."""
    before, after = (json.loads(path.read_text(encoding="utf-8"))["arrays"] for path in (first, second))
    files = [path.with_suffix(".npz") for path in (first, second)]
    stores = [np.load(file) if file.exists() else None for file in files]
    same = [name for name, entry in before.items() if _equal(entry, after.get(name))]
    moved = _moved(before, after)
    rest = [name for name in before if name not in same and name not in moved]
    gaps = {name: _difference(name, before[name], after.get(name), stores) for name in rest}
    for name, gap in sorted(gaps.items(), key=lambda pair: -pair[1][0]):
        print(f"DIFFERS {name}: {gap[1]}")
    for name, other in moved.items():
        print(f"renamed {name} -> {other}")
    new = [name for name in after if name not in before and name not in moved.values()]
    for name in new:
        print(f"new     {name}")
    equal = f"{len(same)} of {len(before)} bit-equal, {len(moved)} bit-equal under another name"
    print(f"{equal}, {len(rest)} differ, {len(new)} new")
    return int(bool(rest))


def _equal(one: Mapping[str, Any], other: Mapping[str, Any] | None) -> bool:
    return other is not None and all(one.get(key) == other.get(key) for key in ("sha256", "refused"))


def _moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
    """Entries that are gone and whose digest stands under a new name of the same case."""
    new = {name: entry for name, entry in after.items() if name not in before and "sha256" in entry}
    found: dict[str, str] = {}
    for name, entry in before.items():
        if name in after or "sha256" not in entry:
            continue
        case = name.split("/")[:2]
        alike = (other for other, its in new.items() if its["sha256"] == entry["sha256"])
        match = next((other for other in alike if other.split("/")[:2] == case), None)
        if match is not None:
            found[name] = match
            del new[match]
    return found


def _difference(
    name: str, one: Mapping[str, Any], other: Mapping[str, Any] | None, stores: list[Any]
) -> tuple[float, str]:
    """(largest relative difference of a value, in words); infinite where the two cannot be subtracted."""
    if other is None:
        return np.inf, "missing"
    if "refused" in one or "refused" in other:
        return np.inf, " before, ".join(its.get("refused", "computed") for its in (one, other)) + " after"
    if "size" not in one or "size" not in other:
        return np.inf, "text columns differ"
    if one["size"] != other["size"]:
        return np.inf, f"{one['size']} values before, {other['size']} after"
    whole = all(store is not None and name in store for store in stores)
    held = [store[name] for store in stores] if whole else [its["values"] for its in (one, other)]
    before, after = (np.asarray(values, np.float64) for values in held)
    same = (before == after) | (np.isnan(before) & np.isnan(after))
    apart = np.where(same, 0.0, np.nan_to_num(np.abs(before - after), nan=np.inf))
    size = np.fmax(np.abs(before), np.abs(after))
    with np.errstate(invalid="ignore", divide="ignore"):
        largest = float(np.where(same, 0.0, np.nan_to_num(apart / size, nan=np.inf)).max(initial=0))
    of_all = float(apart.max(initial=0)) / max(float(np.nanmax(size, initial=0)), 1e-300)
    among = f"all {one['size']} values" if whole else f"{len(before)} of {one['size']} values"
    kind = "" if one["dtype"] == other["dtype"] else f"; {one['dtype']} before, {other['dtype']} after"
    return largest, f"by up to {largest:.2g} of a value, {of_all:.2g} of the largest value, among {among}{kind}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--arrays", action="store_true", help="also write all arrays, as OUT.npz")
    parser.add_argument("--only", default="", help="cases whose label holds this text")
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("BEFORE", "AFTER"))
    args = parser.parse_args()
    if args.compare:
        sys.exit(compare(*args.compare))
    if args.out is None:
        parser.error("name a file: --out FILE, or two: --compare BEFORE AFTER")
    if any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):
        os.execve(sys.executable, [sys.executable, "-m", NAME, *sys.argv[1:]], {**os.environ, **ONE_THREAD})
    out, began = args.out.resolve(), time.perf_counter()
    write(measure(args.only), out, arrays=args.arrays)
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
