"""Set every setting of every model to another value: each changes something, or is refused; none is ignored.

A trial fits a small model, forecasts, and compares the forecast, the quantiles, the weights, the notes, the card's
figures and the files with those of the fit without the setting.

    python benchmarks/reliability/settings.py [--models dlinear,naive] [--out FILE]

Results: benchmarks/results/reliability/settings.json
"""

import argparse
import hashlib
import json
import logging
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import latentcast
from latentcast.core.errors import LatentcastError
from latentcast.core.nested import leaves
from latentcast.models.config.presets import MODEL_PRESETS
from latentcast.models.config.run import resolve_config

ROOT = Path(__file__).parents[2]
LLM = ROOT / "tests" / "fixtures" / "pretrained" / "gpt2"
LOOP: dict[str, Any] = {"max_epochs": 4, "batch_size": 64, "lr": 0.05, "weight_decay": 0.01, "patience": 9}
SMALL = {"width": 8, "ff": 8, "heads": 2}
PATCH = {"length": 8, "stride": 4, "width": 8}
CODEC = {"hidden": 6, "blocks": 1, "code_dim": 4, "codebook_size": 8}
MODELS: dict[str, dict[str, Any]] = {
    "naive": {},
    "seasonal-naive": {},
    "auto-arima": {"model": {"max_order": 1, "max_seasonal": 0}},
    "auto-ets": {},
    "theta": {},
    "generalist": {},
    "hybrid": {"model": {"members": ["naive", "dlinear"]}, "training": LOOP},
    "dlinear": {"training": LOOP},
    "fits": {"training": LOOP},
    "ridge": {},
    "random-features": {},
    "transformer": {"training": LOOP, "model": SMALL},
    "autoformer": {"training": LOOP, "model": {"width": 8, "ff": 8}},
    "patch-transformer": {
        "training": LOOP, "model": {"representation": PATCH, "backbone": {"layers": 1, "heads": 2, "ff": 8}},
    },
    "pattn": {"training": LOOP, "model": {"representation": PATCH, "backbone": {"heads": 2}}},
    "latent-transformer": {
        "training": LOOP,
        "stages": {"reconstruct": LOOP},
        "model": {
            "representation": {"ratios": [2, 3], "channels": [6, 8], "latent_dim": 6, "width": 8},
            "backbone": {"heads": 2, "ff": 8},
        },
    },
    "time-llm": {
        "training": LOOP,
        "model": {
            "representation": PATCH,
            "backbone": {"llm": str(LLM), "llm_layers": 1, "num_prototypes": 6, "width": 4, "heads": 2},
        },
    },
    "patch-linear": {"training": LOOP, "model": {"representation": PATCH}},
    "token-transformer": {
        "training": LOOP,
        "stages": {"codec": LOOP, "next-code": LOOP},
        "model": {
            "representation": {"codec": CODEC, "width": 8}, "backbone": {"layers": 1, "heads": 2, "ff": 8},
        },
    },
}  # fmt: skip
# values that no rule below would find, by the last step of the path
OTHERS: dict[str, Any] = {
    "max_epochs": 1, "max_steps": 3, "max_time": 1e-6, "patience": 1, "validations": 2, "warmup": 0.5, "ema": 0.5,
    "lr": 3e-3, "batch_size": 16, "clip": 1e-3, "precision": "bf16", "weight_decay": 0.5, "optimizer": "adamw",
    "schedule": "one-cycle", "keep": "last", "train": "head", "loggers": [], "log_test": True, "strategy": "ddp",
    "accelerator": "gpu", "devices": 2, "accumulate": 2, "freq": "D", "season": 5, "resample": "2h",
    "split": [0.5, 0.2, 0.3], "missing": [3.0], "zone": "Europe/Berlin", "time_format": "%d.%m.%Y", "target": "load",
    "holidays": "DE", "notes": "nowhere.csv", "columns": ["load"], "ignore": ["load"], "future": ["price"],
    "past": ["price"], "static": ["price"], "categorical": ["price"], "time": "nowhere", "id": "price",
    "value": "load", "covariate_aggregate": "max", "aggregate": "sum", "resample_share": 0.1,
    "description": "hourly load", "transform": "boxcox", "layout": "long", "features": "S", "gaps": "error",
    "fraction": 0.5, "steps": "rows", "frequency_per_series": "split", "weights": [1.0, 2.0], "loss": "mae",
    "lookback": 20, "form": "ANN", "variant": "optimised", "decomposition": "additive", "failing": "leave-out",
    "processes": 2, "contexts": [64], "maps": 2, "lookbacks": [12, 24], "trailing": [0.5], "alphas": [0.1],
    "half_life": 50.0, "members": ["naive", "theta"], "quantiles": [0.1, 0.3, 0.5, 0.7, 0.9], "preset": "nowhere",
    "revision": "main", "dtype": "bf16", "quantise": "nf4", "representation": "frequency", "solved": {"alphas": [0.1]},
    "max_order": 2, "max_seasonal": 1, "adapt": "head", "seasons": "frequency", "shortcut": "linear", "label_len": 6,
    "compile": True, "strides": [2], "grid": [4, 4], "ratios": [2], "channels": [4, 6], "nonnegative": True,
    "llm": "minilm", "levels": 3, "temperature": 0.5, "mixers": ["inter-variate"], "snap": True, "damped": True,
    "head_width": 4, "reach": 2, "revive": 0.95, "checkpoint": "amazon/chronos-bolt-tiny",
}  # fmt: skip
# they start processes, take minutes, or change time and memory only
NOT_TRIED = ("devices", "strategy", "compile", "seed", "processes", "checkpointing", "check", "reuse", "fused")
CHOICES = {
    "fusion": "average", "error": "mae", "norm": "pre", "ends": "zeros", "kind": "wavelet", "position": "learned",
    "quantizer": "rvq", "decode": "greedy", "relax": "straight-through", "prototypes": "words",
    "prototype_start": "random", "prompt_wording": "published", "units": "original", "join": "before",
}  # fmt: skip


def frame(path: str = "") -> pd.DataFrame:
    """The data of a trial; settings that concern irregular data get such data."""
    data = regular()
    match path:
        case "data.snap":
            data["ds"] += pd.to_timedelta(np.arange(len(data)) % 3, unit="s")
        case "data.steps":
            data = data.drop(index=[100, 101])
        case "data.zone":
            data["ds"] += pd.Timestamp("2024-03-25") - data["ds"].iloc[0]  # the clocks change within
        case "data.missing":
            data.loc[::50, "load"] = 3.0
        case "data.frequency_per_series":
            daily = data.iloc[::24].assign(unique_id="daily")
            data = pd.concat([data.assign(unique_id="hourly"), daily])[["unique_id", "ds", "load"]]
    return data


def regular() -> pd.DataFrame:
    steps, rng = np.arange(300), np.random.default_rng(0)
    waves = {"load": 2 + np.sin(steps / 4), "price": np.cos(steps / 7)}
    stamps = pd.date_range("2024-05-01", periods=300, freq="h")
    values = {name: wave + 0.1 * rng.normal(size=300) for name, wave in waves.items()}
    values["load"][40:44] = np.nan
    return pd.DataFrame({"ds": stamps, **values})


def other(path: str, value: Any) -> Any:
    """A value of the same kind that is not this one."""
    name = path.rpartition(".")[2]
    if name in OTHERS and OTHERS[name] != value:
        return OTHERS[name]
    if name in CHOICES and CHOICES[name] != value:
        return CHOICES[name]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value + 0.1
    return "other"


def outcome(model: str, stated: dict[str, Any], data: pd.DataFrame) -> dict[str, Any]:
    """Everything that a setting may change, as digests and texts; or the error."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            made = latentcast.fit(
                data, model, lookback=24, horizon=6, settings=stated, out=Path(folder) / "run", threads=1
            )
            forecast = made.predict(data)
            wide = made.predict(data, level=[80]) if made.card.validation else forecast
            if made.network.capabilities.quantile_levels:
                wide = wide.join(made.predict(data, level=[80], interval_method="quantiles"), rsuffix="_own")
            if made.network.samples:
                wide = wide.join(made.sample(data, paths=3), rsuffix="_path")
                wide = wide.join(made.predict(data, level=[60], interval_method="paths"), rsuffix="_sampled")
            judged = made.evaluate(data).to_dict()
        except LatentcastError as error:
            return {"error": f"{type(error).__name__}: {error}"}
        files = {str(path.relative_to(folder)): logged(path) for path in sorted(Path(folder).rglob("*"))}
    weights = {name: hashlib.sha256(t.numpy().tobytes()).hexdigest() for name, t in made.network.state_dict().items()}
    training = None if made.card.training is None else asdict(made.card.training)
    solved = made.card.solved
    found = {
        "forecast": forecast.to_json(), "intervals": wide.to_json(), "judged": judged, "weights": weights,
        "files": files, "training": training, "solved": solved, "notes": sorted(map(str, made.card.notes)),
        "validation": made.card.validation, "threads": made.card.threads,
    }  # fmt: skip
    return {key: without_seconds(value) for key, value in found.items()}


def logged(path: Path) -> str:
    """What a log of training holds; nothing of other files."""
    return path.read_text(encoding="utf-8") if path.name == "metrics.csv" else ""


def without_seconds(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_seconds(inner) for key, inner in value.items() if "seconds" not in str(key)}
    if isinstance(value, list | tuple):
        return [without_seconds(inner) for inner in value]
    return value


def trial(model: str, path: str, value: Any, base: dict[str, Any]) -> dict[str, Any]:
    shared, own = dict(leaves(MODELS[model])), frame(path)
    if path.endswith(".patience"):
        noisy = {"lr": 0.3, "validations": 3, "ema": None}
        shared |= {path.replace("patience", name): one for name, one in noisy.items()}
    stated = {**shared, path: value}
    try:
        if not own.equals(regular()) or path.endswith(".patience"):
            base = outcome(model, shared, own)
        found = outcome(model, stated, own)
    except Exception:
        return {"model": model, "setting": path, "value": value, "result": "traceback", "what": traceback.format_exc()}
    if "error" in found:
        return {"model": model, "setting": path, "value": value, "result": "refused", "what": found["error"]}
    changed = [key for key in found if found[key] != base.get(key)]
    result = "ignored" if not changed else "noted" if changed == ["notes"] else "used"
    return {"model": model, "setting": path, "value": value, "result": result, "what": changed}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--below", default="", help="only settings whose path begins so")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "reliability" / "settings.json")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("latentcast").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    results = []
    for model in args.models.split(","):
        base = outcome(model, MODELS[model], frame())
        if "error" in base:
            raise RuntimeError(f"{model}: {base['error']}")
        stages = {name: {} for name in MODEL_PRESETS[model].stages}
        settings = {"stages": stages, **MODELS[model], "model": {"name": model, **MODELS[model].get("model", {})}}
        tree = resolve_config({**settings, "lookback": 24, "horizon": 6}).dump()
        for path, value in leaves(tree):
            if path in ("model.name", "lookback", "horizon") or not path.startswith(args.below):
                continue
            if path.rpartition(".")[2] in NOT_TRIED:
                continue
            results.append(trial(model, path, other(path, value), base))
            if results[-1]["result"] not in ("used", "refused"):
                sys.stdout.write(json.dumps(results[-1], default=str)[-600:] + "\n")
                sys.stdout.flush()
    counts = Counter(one["result"] for one in results)
    report = {"trials": len(results), **counts, "results": results}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=1, default=str) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps({"trials": len(results), **counts}) + "\n")
    return int(counts["ignored"] + counts["traceback"] > 0)


if __name__ == "__main__":
    sys.exit(main())
