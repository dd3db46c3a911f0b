"""Pretraining of the generalist on simulated series: seeded, resumable to equal weights, in any number of processes."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from latentcast.core.errors import CheckpointError, Fault, SettingsError, suggest
from latentcast.models.pretrained.network import Weights
from latentcast.models.pretrained.weights import write_weights
from latentcast.workflows.pretraining.state import PRESETS, Pretraining
from latentcast.workflows.pretraining.windows import CHUNKS, ROWS, TrainingWindows, round_of_windows

log = logging.getLogger("latentcast")
ROUNDS_AN_HOUR = 1000  # of one processor core; hours stand for a number of rounds, so that they give equal weights
VALIDATION_SEED = 1_000_003  # of the validation board: no training round draws from it
STATE, CURVE, WEIGHTS = "state.ckpt", "curve.jsonl", "generalist.safetensors"
Judge = Callable[[Weights], dict[str, float]]


@dataclass(frozen=True)
class PretrainingPlan:
    """What is trained, and for how long.

    Attributes
    ----------
    preset
        `small` or `base`: sizes of the network and how it learns.
    rounds
        Rounds of 8 192 windows, see `rounds_in`.
    seed
        Of the simulator and the first weights.
    every
        Rounds between two lines of the learning curve; each is also a state to go on from.
    """

    preset: str = "small"
    rounds: int = 180
    seed: int = 0
    every: int = 25

    def check(self) -> None:
        """Raises SettingsError for an unknown preset, or no rounds at all."""
        if self.preset not in PRESETS:
            raise SettingsError(Fault("preset", f"={self.preset!r}: {suggest(self.preset, PRESETS)}"))
        if self.rounds < 1:
            raise SettingsError(
                Fault(
                    "rounds", f"={self.rounds}: wanted at least one round (of {1 / ROUNDS_AN_HOUR:.4f} hours of a core)"
                )
            )


def rounds_in(hours: float) -> int:
    """Rounds that take so many hours of one core, by a nominal speed, not by the clock: equal hours, equal weights."""
    return round(hours * ROUNDS_AN_HOUR)


def pretrain_generalist(
    out: str | Path,
    plan: PretrainingPlan = PretrainingPlan(),
    *,
    processes: int = 0,
    judge: Judge | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> Path:
    """Train a generalist on simulated series alone, and write its weights, card and learning curve.

    `out` receives `generalist.safetensors`, its card `generalist.json`, `curve.jsonl` and the state to go on from;
    `model.weights` of the model `generalist` takes the folder. `processes` simulate ahead of the training, 0 simulates
    in this one; the weights do not depend on it. `judge` gives figures of further boards for the learning curve.

    Raises SettingsError as the plan's `check`, and CheckpointError when `out` holds a training already and neither
    `resume` nor `overwrite` was said, or another training.
    """
    plan.check()
    folder = Path(out)
    run = _state(folder, plan, resume=resume, overwrite=overwrite)
    validation = [round_of_windows(VALIDATION_SEED, number, CHUNKS) for number in range(2)]
    losses: list[float] = []
    began = time.process_time()
    for windows in _supply(run, processes):
        losses.append(run.step(windows))
        if run.done % plan.every == 0 or run.done == run.rounds:
            row = {
                "round": run.done,
                "windows": run.done * len(windows.target),
                "loss": float(np.mean(losses)),
                "validation": float(np.mean([run.loss_of(held) for held in validation])),
                "core_seconds": run.seconds + time.process_time() - began,
            }
            row |= {} if judge is None else judge(run.averaged.to_numpy())
            losses = []
            with (folder / CURVE).open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            log.info(f"round {run.done} of {run.rounds}: loss {row['loss']:.4f}, held out {row['validation']:.4f}")
            run.save(folder / STATE, row["core_seconds"])
    write_weights(folder / WEIGHTS, run.averaged.to_numpy(), _card(run, plan.preset))
    return folder / WEIGHTS


def _state(folder: Path, plan: PretrainingPlan, *, resume: bool, overwrite: bool) -> Pretraining:
    """The state to begin with: a new one, or that of the folder."""
    path = folder / STATE
    if path.exists() and resume:
        run = Pretraining.load(path)
        asked = {"preset": asdict(PRESETS[plan.preset]), "seed": plan.seed, "rounds": plan.rounds}
        found = {"preset": asdict(run.preset), "seed": run.seed, "rounds": run.rounds}
        other = [f"{name} {found[name]} (not {asked[name]})" for name in asked if asked[name] != found[name]]
        if other:
            raise CheckpointError(f"{folder} holds a training with {', '.join(other)}: resume with these, or overwrite")
        return run
    if path.exists() and not overwrite:
        raise CheckpointError(f"{folder} holds a training: go on with it (resume), or begin anew (overwrite)")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CURVE).unlink(missing_ok=True)
    return Pretraining(PRESETS[plan.preset], plan.seed, plan.rounds)


def _supply(run: Pretraining, processes: int) -> Iterator[TrainingWindows]:
    """The windows of all rounds that are left, in order."""
    numbers = range(run.done + 1, run.rounds + 1)
    if processes < 1:
        yield from (round_of_windows(run.seed, number, CHUNKS) for number in numbers)
        return
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        ahead = [pool.submit(round_of_windows, run.seed, number, CHUNKS) for number in numbers[: 2 * processes]]
        for number in numbers:
            windows = ahead.pop(0).result()
            later = number + 2 * processes
            if later <= run.rounds:
                ahead.append(pool.submit(round_of_windows, run.seed, later, CHUNKS))
            yield windows


def _card(run: Pretraining, preset: str) -> dict[str, object]:
    return {
        "name": f"generalist {preset}",
        "trained": str(date.today()),
        "trained_on": "simulated series alone (latentcast.data.simulation); no real series",
        "preset": asdict(run.preset),
        "seed": run.seed,
        "rounds": run.rounds,
        "windows": run.rounds * CHUNKS * 2 * ROWS,
    }
