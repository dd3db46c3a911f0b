"""Run or resume one stage of training and load the kept weights into the network."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from latentcast.core.errors import CheckpointError, Fault, Interrupted, SettingsError
from latentcast.core.threads import chosen_threads, using_threads
from latentcast.models.network import Network
from latentcast.training import checkpoint
from latentcast.training.choose_devices import make_devices
from latentcast.training.devices import Devices, quiet_lightning
from latentcast.training.interrupt import INTERRUPTED, MAX_TIME, StopRequest
from latentcast.training.logs import ProgressBar, TrainingLog
from latentcast.training.loop import BEST, FORMAT, LAST, StageLoop, StageTask
from latentcast.training.ray_workers import RayTraining, train_on_ray


@dataclass(frozen=True)
class Outcome:
    """How a stage of training ended.

    Attributes
    ----------
    stopped_by
        `max_epochs`, `max_steps`, `max_time`, `interrupted`, the patience, or a loss that is not finite.
    epochs, steps
        Epochs begun and optimiser steps made.
    best_val_loss
        Lowest validation loss; None without a validation.
    seconds
        Time in training, over all runs of the stage.
    threads
        Threads that torch computed with.
    """

    stage: str
    stopped_by: str
    epochs: int
    steps: int
    best_val_loss: float | None
    seconds: float
    threads: int


def run_stage(
    network: Network,
    task: StageTask,
    *,
    resume: bool = False,
    progress: bool = False,
    ray: RayTraining | None = None,
) -> Outcome:
    """Train until the epochs, the steps, the patience or the time are used up.

    Parameters
    ----------
    network
        Trained in place; at the end it has the weights that the settings keep.
    task
        The stage, its windows and its folder, which receives `checkpoints/STAGE/best.ckpt` and `last.ckpt`
        (safetensors) and `logs/STAGE/`.
    resume
        Go on from `last.ckpt` where there is one, with optimiser, schedule, order of the windows and random state, to
        the same weights as without the break.
    progress
        Show a progress bar.
    ray
        Train in workers of a Ray cluster. None: on the devices that the settings name.

    Raises
    ------
    Interrupted
        SIGINT or SIGTERM arrived; both checkpoints are kept.
    SettingsError
        Nothing can be trained, a device is not available, or the loss is never finite.
    CheckpointError
        The checkpoints to go on from are damaged or incomplete.
    """
    task = replace(task, folder=task.folder.absolute())
    kept = checkpoints(task)
    state = _read_last(kept, task) if resume and (kept / LAST).is_file() else None
    if state is not None and state["stopped_by"] not in (None, INTERRUPTED, MAX_TIME):
        return _take(network, kept, task)
    task.stage.parameters(network)  # fails early when nothing is trainable
    stop = StopRequest(task.settings.max_time)
    with quiet_lightning(), using_threads(_threads_of(state)):
        if ray is None:
            devices = make_devices(task.settings)
            kept = Path(
                devices.launch(partial(_train, network=network, task=task, state=state, stop=stop, progress=progress))
            )
            together = devices.processes > 1 and torch.distributed.is_initialized()  # forked ones have ended
        else:
            train_on_ray(_train, network, task, state, ray, resume=resume)
            together = False
    outcome = _take(network, kept, task)
    if together:
        torch.distributed.barrier()  # the first process may remove the folder now
    _check_outcome(outcome, network, task, kept)
    return outcome


def checkpoints(task: StageTask) -> Path:
    """The folder of the stage's checkpoints."""
    return task.folder / "checkpoints" / task.stage.name


def _train(
    devices: Devices,
    network: Network,
    task: StageTask,
    state: Mapping[str, Any] | None,
    stop: StopRequest,
    progress: bool,
) -> str:
    """One process of the training; where the checkpoints lie, which is the first process's folder."""
    folder = Path(devices.broadcast(str(task.folder)))
    kept = checkpoints(replace(task, folder=folder))
    first = devices.rank == 0
    with _without_gradients(network, task), stop:
        log = TrainingLog(task.settings, folder / "logs" / task.stage.name if first else None, None)
        loop = StageLoop(devices, network, replace(task, folder=kept), log)
        if state is not None:
            _restore(loop, state, kept)
        if progress and first:
            log.progress = ProgressBar(task.stage.name, loop.schedule.steps, loop.progress.step)
        try:
            reason = loop.run(stop)
        finally:
            log.close()
    devices.barrier()
    if reason != INTERRUPTED:
        stop.deliver()
    return str(kept)


def _restore(loop: StageLoop, state: Mapping[str, Any], kept: Path) -> None:
    try:
        loop.restore(state)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"{kept / LAST} does not fit this model as this version of latentcast builds it ({why}): go on with the"
            " version that began it, or begin anew (--overwrite)"
        ) from error


def _read_last(kept: Path, task: StageTask) -> dict[str, Any]:
    """The state to go on from. Raises CheckpointError when it is damaged, of another build, or without its best."""
    state = checkpoint.read(kept / LAST)
    if state.get("format") != FORMAT:
        raise CheckpointError(
            f"{kept / LAST} was written by another version of latentcast, which trains in another order: begin anew"
            " (--overwrite)"
        )
    if state["progress"]["best"] is not None and task.settings.keep == "best":
        _read_best(kept, state["progress"]["best"])
    return state


def _read_best(kept: Path, loss: float) -> dict[str, Any]:
    if not (kept / BEST).is_file():
        raise CheckpointError(
            f"{kept} lacks {BEST}, the weights of the best validation (loss {loss:.4g}): training cannot go on without"
            " them. Copy the whole folder, or begin anew (--overwrite)"
        )
    best = checkpoint.read(kept / BEST)
    if not best.get("val_loss", math.inf) <= loss:
        raise CheckpointError(
            f"{kept / BEST} is not of this training: its validation loss is {best.get('val_loss')}, the best was"
            f" {loss:.4g}. Copy the whole folder, or begin anew (--overwrite)"
        )
    return best


def _take(network: Network, kept: Path, task: StageTask) -> Outcome:
    """Load the weights that are kept: those of the best validation, or the last where the settings ask for them."""
    state = _read_last(kept, task)
    progress = state["progress"]
    best = progress["best"]
    if best is not None and task.settings.keep == "best":
        chosen = _read_best(kept, best)
        best = chosen["val_loss"]
    else:
        chosen = state
    try:
        network.load_state_dict(chosen["state_dict"])
    except (RuntimeError, KeyError) as error:
        raise CheckpointError(f"the weights in {kept} are not those of this model: {error}") from error
    return Outcome(
        task.stage.name,
        str(state["stopped_by"]),
        state["epochs"],
        progress["step"],
        None if best is None else float(best),
        round(progress["seconds"], 2),
        state["threads"],
    )


def _check_outcome(outcome: Outcome, network: Network, task: StageTask, kept: Path) -> None:
    if outcome.stopped_by == INTERRUPTED:
        raise Interrupted(
            f"training was interrupted after {outcome.steps} steps; the best and the last checkpoint are kept in"
            f" {kept}. Go on with the same command and --resume"
        )
    finite = all(torch.isfinite(parameter).all() for parameter in network.parameters())
    if not finite or not math.isfinite(outcome.best_val_loss or 0):
        raise SettingsError(
            f"training diverged: after {outcome.steps} steps with training.lr={task.settings.lr} there are no finite"
            " weights or no finite loss; lower it, or limit the gradient (training.clip)"
        )


def _threads_of(state: Mapping[str, Any] | None) -> int | None:
    """Training goes on with as many threads as it began with: other numbers change the last bits of sums."""
    if state is None:
        return None
    began, now = int(state["threads"]), chosen_threads()
    if now is not None and now != began:
        raise SettingsError(
            Fault("threads", f"={now}: training began with {began}; go on with as many, or leave it out")
        )
    return began


@contextmanager
def _without_gradients(network: Network, task: StageTask) -> Iterator[None]:
    """Disable gradients of parameters that the stage does not train."""
    chosen = {id(parameter) for parameter in task.stage.parameters(network)}
    left = [p for p in network.parameters() if p.requires_grad and id(p) not in chosen]
    for parameter in left:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in left:
            parameter.requires_grad_(True)
