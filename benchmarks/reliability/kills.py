"""Kill trainings by SIGKILL at every kind of point, go on with resume=True, and compare with an uncut training.

Each trial ends in one of: equal (all weights bit-equal, the same steps, epochs and validation loss), refused (an error
of the library that names the remedy), different, or a traceback. Only the first two are right.

    python benchmarks/reliability/kills.py [--sample N] [--seed S] [--out FILE]

Without --sample every model is killed at every point. Results: benchmarks/results/reliability/kills.json
"""

import argparse
import json
import logging
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import latentcast
from latentcast.core.errors import LatentcastError
from latentcast.training import checkpoint, loop, run_stage
from latentcast.workflows.fitting import pipeline, run_folder

ROOT = Path(__file__).parents[2]
LLM = ROOT / "tests" / "fixtures" / "pretrained" / "gpt2"
SIZES: dict[str, Any] = {"lookback": 24, "horizon": 6, "seed": 1}
LOOP: dict[str, Any] = {"max_epochs": 3, "batch_size": 32, "validations": 2, "patience": None, "loggers": []}
PATCH = {"length": 8, "stride": 4, "width": 8}
MODELS: dict[str, dict[str, Any]] = {
    "dlinear": {"training": {**LOOP, "keep": "best", "ema": 0.9}},
    "patch-transformer": {
        "training": {**LOOP, "accumulate": 2},
        "model": {"representation": PATCH, "backbone": {"layers": 1, "heads": 2, "ff": 8, "dropout": 0.2}},
    },
    "latent-transformer": {
        "training": LOOP,
        "stages": {"reconstruct": LOOP},
        "model": {
            "representation": {"ratios": [2, 3], "channels": [6, 8], "latent_dim": 6, "width": 8},
            "backbone": {"heads": 2, "ff": 8, "dropout": 0.2},
        },
    },
    "token-transformer": {
        "training": {**LOOP, "max_epochs": 1},
        "stages": {"codec": {**LOOP, "lr": 3e-3}, "next-code": {**LOOP, "max_epochs": 2}},
        "model": {
            "representation": {
                "codec": {"hidden": 6, "blocks": 1, "code_dim": 4, "codebook_size": 8},
                "width": 8,
            },
            "backbone": {"layers": 1, "heads": 2, "ff": 8},
        },
    },
    "time-llm": {
        "training": {**LOOP, "max_epochs": 2, "max_steps": 9},
        "model": {
            "representation": PATCH,
            "backbone": {"llm": str(LLM), "llm_layers": 1, "num_prototypes": 6, "width": 4, "heads": 2},
        },
    },
}


def frame() -> pd.DataFrame:
    steps, rng = np.arange(300), np.random.default_rng(0)
    waves = {"load": np.sin(steps / 4), "price": 5 + np.cos(steps / 7)}
    stamps = pd.date_range("2024-01-01", periods=300, freq="h")
    return pd.DataFrame({"ds": stamps, **{name: wave + 0.1 * rng.normal(size=300) for name, wave in waves.items()}})


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at_call(owner: Any, name: str, number: int, act: Callable[..., Any]) -> None:
    """Replace a function: its call with this number is `act`, which gets the function and the arguments."""
    original, calls = getattr(owner, name), [0]

    def counting(*arguments: Any, **keywords: Any) -> Any:
        calls[0] += 1
        return (act if calls[0] == number else _as_it_is)(original, *arguments, **keywords)

    setattr(owner, name, counting)


def _as_it_is(original: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    return original(*arguments, **keywords)


def before(original: Callable[..., Any], *arguments: Any, **keywords: Any) -> None:
    die()


def after(original: Callable[..., Any], *arguments: Any, **keywords: Any) -> None:
    original(*arguments, **keywords)
    die()


def half_written(original: Callable[..., Any], tensors: Any, path: Any, *arguments: Any, **keywords: Any) -> None:
    original(tensors, path, *arguments, **keywords)
    raw = Path(path).read_bytes()
    Path(path).write_bytes(raw[: len(raw) // 2])
    die()


def arm(point: str, number: int) -> None:
    """Make this process die at a point of the training; `number` says at which of several such moments."""
    import safetensors.torch

    match point:
        case "preparing the folder":
            at_call(run_folder, "write_text", 1, before)
        case "before the first checkpoint":
            at_call(loop.StageLoop, "_made_a_step", 1 + number % 2, after)
        case "within an epoch":
            at_call(loop.StageLoop, "_made_a_step", 7 + number % 5, after)
        case "end of an epoch":
            at_call(loop.StageLoop, "save", 2 * (1 + number % 2), after)
        case "best written, last not yet":
            at_call(loop.StageLoop, "save", 2 + number % 3, before)
        case "within the write of a checkpoint":
            at_call(checkpoint, "save_file", 3 + number % 4, half_written)
        case "before a checkpoint is renamed":
            at_call(checkpoint, "save_file", 3 + number % 4, after)
        case "between stages, or after the last":
            at_call(run_stage, "run_stage", 1, after)
        case "before calibration":
            at_call(pipeline, "calibrate_on_validation", 1, before)
        case "within the final save":
            at_call(safetensors.torch, "save_file", 1, half_written)


TIMED = "any time"
POINTS = (
    "preparing the folder",
    "before the first checkpoint",
    "within an epoch",
    "end of an epoch",
    "best written, last not yet",
    "within the write of a checkpoint",
    "before a checkpoint is renamed",
    "between stages, or after the last",
    "before calibration",
    "within the final save",
    TIMED,
)


def in_child(work: Callable[[], None], kill_after: float | None = None) -> int:
    """Run in a forked process; its exit status, negative for the signal that ended it."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except LatentcastError as error:
            Path(os.environ["KILLS_ERROR"]).write_text(str(error))
            os._exit(3)
        except BaseException:
            Path(os.environ["KILLS_ERROR"]).write_text(traceback.format_exc())
            os._exit(4)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def fit(model: str, out: Path, *, resume: bool = False, point: str | None = None, number: int = 0) -> None:
    if point is not None:
        arm(point, number)
    torch.manual_seed(random.SystemRandom().randrange(2**31))  # the state of the process must not matter
    latentcast.fit(frame(), model, **SIZES, settings=MODELS[model], out=out, resume=resume)


def found_in(out: Path) -> dict[str, Any]:
    """Weights as bytes, and how training ended."""
    made = latentcast.load(out)
    weights = {name: tensor.numpy().tobytes() for name, tensor in made.network.state_dict().items()}
    stages = [(one.steps, one.epochs, one.stopped_by, one.best_val_loss) for one in made.card.training.stages]
    return {"weights": weights, "stages": stages}


def trial(model: str, point: str, number: int, whole: dict[str, Any], seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        os.environ["KILLS_ERROR"] = str(Path(folder) / "error")
        if point == TIMED:
            delay = random.Random(f"{model}{number}").uniform(0.05, 1.0) * seconds
            status = in_child(lambda: fit(model, out), kill_after=delay)
        else:
            status = in_child(lambda: fit(model, out, point=point, number=number))
        killed = status == -signal.SIGKILL
        status = in_child(lambda: fit(model, out, resume=True))
        error = Path(folder) / "error"
        said = error.read_text().replace(f"{folder}/", "")[-500:] if error.exists() else None
        if status == 0:
            result = "equal" if found_in(out) == whole else "different"
        else:
            result = "refused" if status == 3 else "traceback"
        return {"model": model, "point": point, "number": number, "killed": killed, "result": result, "error": said}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, help="trials to draw; all by default")
    parser.add_argument("--part", default="1/1", help="of the trials, as 2/3: so that several processes share them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "reliability" / "kills.json")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("latentcast").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    trials = [(model, point) for model in MODELS for point in POINTS]
    if args.sample is not None:
        trials = random.Random(args.seed).sample(trials, args.sample)
    whole: dict[str, tuple[dict[str, Any], float]] = {}
    results = []
    part, parts = map(int, args.part.split("/"))
    for number, (model, point) in list(enumerate(trials))[part - 1 :: parts]:
        if model not in whole:
            folder = Path(tempfile.mkdtemp())
            os.environ["KILLS_ERROR"] = str(folder / "error")
            began = time.monotonic()
            if in_child(lambda model=model, folder=folder: fit(model, folder / "run")):
                raise RuntimeError((folder / "error").read_text())
            whole[model] = found_in(folder / "run"), time.monotonic() - began
            shutil.rmtree(folder)
        results.append(trial(model, point, args.seed + number, *whole[model]))
        print(json.dumps(results[-1]), flush=True)
    counts = Counter(one["result"] for one in results)
    report = {
        "trials": len(results),
        "killed": sum(one["killed"] for one in results),
        **{name: counts.get(name, 0) for name in ("equal", "refused", "different", "traceback")},
        "results": results,
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print({key: value for key, value in report.items() if key != "results"})
    return int(counts.get("different", 0) + counts.get("traceback", 0) > 0)


if __name__ == "__main__":
    sys.exit(main())
