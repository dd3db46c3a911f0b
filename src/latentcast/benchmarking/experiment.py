"""Run one cell of a benchmark: fit, judge the test part, and record the cost as one line of cells.jsonl."""

import logging
import time
import traceback
from typing import Any

import torch

from latentcast.benchmarking.machine import MIB, machine, peak_mib
from latentcast.benchmarking.plan import PART, Cell
from latentcast.core.errors import Interrupted, LatentcastError
from latentcast.core.log_capture import capture_log_messages
from latentcast.data.panel.build import build
from latentcast.data.sources.open import open_data
from latentcast.evaluation.metrics import Evaluation
from latentcast.forecaster import storage
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.inputs import prepare
from latentcast.forecaster.judge import judge
from latentcast.forecaster.judged_sums import Judged
from latentcast.models.inspection import count_parameters
from latentcast.workflows.fitting.pipeline import run_fit
from latentcast.workflows.fitting.spec import FitSpec, TrainingData
from latentcast.workflows.transfer import transfer


def measure(cell: Cell) -> dict[str, Any]:
    """Return settings and figures of the cell as plain values; a failed cell has `error` and no figures.

    Raises Interrupted, which is no failure.
    """
    try:
        return {**_head(cell), **_figures(cell)}
    except Interrupted:
        raise
    except LatentcastError as error:
        return failed(cell, str(error))
    except Exception as error:
        return failed(cell, f"{type(error).__name__}: {error}", traceback.format_exc())


def failed(cell: Cell, why: str, trace: str | None = None) -> dict[str, Any]:
    return {**_head(cell), "error": why, **({"traceback": trace} if trace else {})}


def _head(cell: Cell) -> dict[str, Any]:
    return {
        "model": cell.label,
        "dataset": cell.data,
        "horizon": cell.run.horizon,
        "seed": cell.run.seed,
        "part": PART,
        "fingerprint": cell.fingerprint,
        "settings": cell.run.dump(),
        "versions": storage.versions(),
        "machine": machine(),
        **({"on": {name: {"fingerprint": its} for name, its in cell.on}} if cell.on else {}),
    }


def _figures(cell: Cell) -> dict[str, Any]:
    source, _ = open_data(cell.data)
    panel = build(source.frame, cell.run.data)
    device = "cuda" if cell.run.training.accelerator in ("auto", "cuda", "gpu") and torch.cuda.is_available() else "cpu"
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    with capture_log_messages(
        logging.WARNING
    ) as said:  # such as a history that a classical model could not be fitted to
        forecaster = run_fit(FitSpec(cell.run), TrainingData(source.name, panel))
        card = forecaster.card
        forecaster.network.to(device)
        view = prepare(forecaster, panel)
        began = time.perf_counter()
        evaluation = judge(forecaster, view, Judged(PART, source.name))
        seconds = time.perf_counter() - began
        peak = {
            "process_mib": peak_mib(),
            "cuda_mib": round(torch.cuda.max_memory_allocated() / MIB, 1) if device == "cuda" else None,
        }
        elsewhere = {name: _elsewhere(forecaster, name, fingerprint) for name, fingerprint in cell.on}
    every, trained = count_parameters(forecaster.network)
    return {
        "fingerprint": card.schema.fingerprint,  # of what was read now
        **_judged(evaluation, seconds),
        "validation": card.validation,
        "training": None if card.training is None else card.training.to_dict(),
        "peak_memory": peak,
        "parameters": {"all": every, "trainable": trained},
        **({"on": elsewhere} if elsewhere else {}),
        "notes": list(dict.fromkeys([*card.notes, *evaluation.notes, *said])),
    }


def _elsewhere(forecaster: Forecaster, name: str, fingerprint: str) -> dict[str, Any]:
    """Judge the trained model on other data; `error` where its weights do not fit them."""
    head = {"fingerprint": fingerprint}
    try:
        made = transfer(forecaster, name)
        began = time.perf_counter()
        evaluation = made.evaluate(name, part=PART)
    except LatentcastError as error:
        return {**head, "error": str(error)}
    return {**head, **_judged(evaluation, time.perf_counter() - began)}


def _judged(evaluation: Evaluation, seconds: float) -> dict[str, Any]:
    return {
        "windows": evaluation.windows,
        "test": evaluation.to_dict(),
        "prediction": {"seconds": round(seconds, 4), "windows_per_second": round(evaluation.windows / seconds, 1)},
    }
