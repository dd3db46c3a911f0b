"""The command lines that do what a job did, on the same file."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from latentcast.serving.jobs.request import AUTO, JobRequest

OPTIONS = ("features", "target", "gaps", "freq", "time")  # settings of the data with an option of their own


def commands(request: JobRequest, file: str, horizon: int, split: Sequence[float]) -> list[str]:
    """One or two lines for a shell; `split` is what a named model was fitted with."""
    data = _data_options(request.data)
    seed = ["--seed", str(request.seed)] if request.seed else []
    asked = ["--horizon", str(horizon), *seed]
    level = ["--level", _joined(request.levels)] if request.levels else []
    if request.kind == "backtest":
        models, origins = _joined(request.models), str(request.n_windows)
        rest = ["--models", models, *asked, "--n-windows", origins, *level, *data, "--out", "backtest.csv"]
        return [_line("backtest", file, rest)]
    if request.model == AUTO and request.kind == "forecast":
        level = level or ["--level", ""]
        limit = ["--time-limit", f"{request.time_limit:g}s"]
        return [_line("forecast", file, [*asked, *limit, *level, *data, "--out", "forecast"])]
    parts = ["--set", f"data.split={_joined(split)}"] if request.kind == "forecast" else []
    fit = _line("fit", file, ["--model", request.model, *asked, *parts, *data, "--out", "model"])
    if request.kind == "fit":
        return [fit]
    return [fit, shlex.join(["latentcast", "predict", "model", file, *level, "--out", "forecast.csv"])]


def _line(verb: str, file: str, options: Sequence[str]) -> str:
    return shlex.join(["latentcast", verb, file, *options])


def _data_options(data: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    for name, value in data.items():
        if name in ("id", "value") and value is not None:
            for one in [value] if isinstance(value, str) else value:
                found += [f"--{name}", str(one)]
        elif name in OPTIONS:
            found += [f"--{name}", str(value)]
        elif value is not None:
            found += ["--set", f"data.{name}={_text(value)}"]
    return found


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_text(one)}" for name, one in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _joined(values: Sequence[Any]) -> str:
    return ",".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)
