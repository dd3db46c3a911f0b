"""Run one stage of training with Lightning, and leave the network with its best weights."""

import json
import logging
import math
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import EarlyStopping, EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from latentcast.core.errors import Interrupted, LatentcastError, MissingExtra, SettingsError
from latentcast.data.windows.mixture import Mix
from latentcast.data.windows.windows import Windows, batch_size_for_memory
from latentcast.models.config.training import PRECISIONS, TrainingSettings
from latentcast.models.network import Network
from latentcast.training import checkpoint
from latentcast.training.interrupt import INTERRUPTED, MAX_TIME, Watch
from latentcast.training.lightning_module import StageModule
from latentcast.training.stages import Stage

BEST, LAST, OUTCOME = "best.ckpt", "last.ckpt", "outcome.json"


@dataclass(frozen=True)
class Outcome:
    """How training ended."""

    stage: str
    stopped_by: str
    epochs: int
    steps: int
    best_val_loss: float | None
    seconds: float


def run_stage(
    network: Network,
    stage: Stage,
    train: Windows | Mix,
    val: Windows | Mix | None,
    settings: TrainingSettings,
    *,
    folder: Path,
    seed: int,
    resume: bool = False,
    progress: bool = False,
) -> Outcome:
    """Train until the epochs, the steps, the patience or the time are used up.

    `folder` receives checkpoints/STAGE/best.ckpt and last.ckpt (safetensors) and logs/STAGE/. With `resume` training
    goes on from last.ckpt, where there is one, with optimiser, schedule, order of the windows and random state, to the
    same weights as without the break.

    Raises Interrupted on SIGINT and SIGTERM (both checkpoints are kept), SettingsError when nothing can be trained or
    a precision, device or strategy is not to be had here, or when the loss is never finite.
    """
    kept = folder / "checkpoints" / stage.name
    resume = resume and (kept / LAST).is_file()
    if resume and (ended := _ended(kept)) is not None:
        _take(network, kept, settings)
        return ended
    loader = train.loader(settings.batch_size, seed=seed)
    together = batch_size_for_memory(train.steps, train.channels, most=max(settings.batch_size, 256))
    val_loader = None if val is None else val.loader(together, seed=seed, shuffle=False)
    chosen = {id(parameter) for parameter in stage.parameters(network)}  # fails early when nothing is trainable
    left = [p for p in network.parameters() if p.requires_grad and id(p) not in chosen]
    processes = settings.devices if isinstance(settings.devices, int) else 1
    epoch_batches = loader.batches(processes)
    epoch_steps = math.ceil(epoch_batches / settings.accumulate)
    steps = min(settings.max_steps or math.inf, epoch_steps * settings.max_epochs)
    module = StageModule(network, stage, settings, int(steps), epoch_steps)
    watch = Watch(kept / LAST, settings.max_time)
    best = ModelCheckpoint(
        kept, Path(BEST).stem, monitor="val_loss", enable_version_counter=False, save_on_train_epoch_end=False
    )
    # the average is taken before the watch saves it
    averages: list[L.Callback] = [] if settings.ema is None else [EMAWeightAveraging(decay=settings.ema)]
    judged: list[L.Callback] = [] if val is None else [best, *_early_stopping(settings)]
    callbacks: list[L.Callback] = [*averages, watch, *judged, Report(stage, watch, best, kept / OUTCOME)]
    if progress:
        callbacks.append(TQDMProgressBar())
    with warnings.catch_warnings(), _quiet_lightning(), _without_gradients(left):
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # torch's deprecation inside lightning
        interval = epoch_batches // min(settings.validations, epoch_batches)
        if settings.max_steps is not None:  # a run shorter than an epoch is validated at its end
            interval = min(interval, settings.max_steps * settings.accumulate)
        trainer = _trainer(settings, folder / "logs" / stage.name, callbacks, progress, interval)
        trainer.fit(
            module,
            loader,
            val_loader,
            ckpt_path=kept / LAST if resume else None,
            weights_only=False if resume else None,
        )
    watch.deliver()
    outcome = Outcome(**json.loads((kept / OUTCOME).read_text(encoding="utf-8")))
    if outcome.stopped_by == INTERRUPTED:
        raise Interrupted(
            f"training was interrupted after {outcome.steps} steps; the best and the last checkpoint are kept in"
            f" {kept}. Go on with the same command and --resume"
        )
    _take(network, kept, settings)
    finite = all(torch.isfinite(parameter).all() for parameter in network.parameters())
    if not finite or not math.isfinite(outcome.best_val_loss or 0):
        raise SettingsError(
            f"training diverged: after {outcome.steps} steps with training.lr={settings.lr} there are no finite"
            " weights or no finite loss; lower it, or limit the gradient (training.clip)"
        )
    return outcome


def _ended(kept: Path) -> Outcome | None:
    """How the stage ended, where nothing is left of it: neither a signal nor the time cut it."""
    if not (kept / OUTCOME).is_file():
        return None
    outcome = Outcome(**json.loads((kept / OUTCOME).read_text(encoding="utf-8")))
    return None if outcome.stopped_by in (INTERRUPTED, MAX_TIME) else outcome


def _take(network: Network, kept: Path, settings: TrainingSettings) -> None:
    """The weights that were chosen, where any were kept."""
    chosen = kept / (BEST if settings.keep == "best" else LAST)
    if chosen.exists():
        state = checkpoint.read(chosen)["state_dict"]
        network.load_state_dict({key.removeprefix("network."): value for key, value in state.items()})


def check_machine(settings: TrainingSettings) -> None:
    """Raises SettingsError when a precision, device or strategy is not to be had here."""
    with warnings.catch_warnings(), _quiet_lightning():
        warnings.simplefilter("ignore")
        _trainer(settings, None, [], False, 1)


def _trainer(
    settings: TrainingSettings, logs: Path | None, callbacks: list[L.Callback], progress: bool, interval: int
) -> L.Trainer:
    """`logs` is where they are written, `interval` the number of batches between validations."""
    try:
        return L.Trainer(
            accelerator=settings.accelerator,
            devices=settings.devices,
            strategy=settings.strategy,
            precision=PRECISIONS[settings.precision],  # type: ignore[arg-type]
            max_epochs=settings.max_epochs,
            max_steps=settings.max_steps or -1,
            accumulate_grad_batches=settings.accumulate,
            gradient_clip_val=settings.clip,
            val_check_interval=interval,
            num_sanity_val_steps=0,
            log_every_n_steps=20,
            logger=False if logs is None else _loggers(settings, logs),
            enable_checkpointing=logs is not None,
            callbacks=callbacks,
            plugins=[checkpoint.SafeCheckpointIO()],
            enable_progress_bar=progress,
            enable_model_summary=False,
            use_distributed_sampler=False,
            default_root_dir=logs,
        )
    except (ValueError, RuntimeError, MisconfigurationException) as error:
        if isinstance(error, LatentcastError):
            raise
        where = f"accelerator={settings.accelerator}, devices={settings.devices}, strategy={settings.strategy}"
        raise SettingsError(f"training cannot run with {where}, precision={settings.precision}: {error}") from error


def _early_stopping(settings: TrainingSettings) -> list[L.Callback]:
    if settings.patience is None:
        return []
    return [EarlyStopping("val_loss", patience=settings.patience, check_finite=True, verbose=False)]


def _loggers(settings: TrainingSettings, logs: Path) -> list[Any]:
    """Into csv/ and tensorboard/; training that goes on writes beside what was logged before: csv-2/."""
    loggers: list[Any] = []
    for name in settings.loggers:
        before = len(list(logs.glob(f"{name}*")))
        version = f"{name}-{before + 1}" if before else name
        if name == "csv":
            loggers.append(CSVLogger(logs, name="", version=version))
            continue
        try:
            loggers.append(TensorBoardLogger(logs, name="", version=version))
        except ModuleNotFoundError as error:
            raise MissingExtra("tensorboard", "tensorboard", "training.loggers=tensorboard") from error
    return loggers


class Report(L.Callback):
    """Writes how training ended; from the first process, wherever that runs."""

    def __init__(self, stage: Stage, watch: Watch, best: ModelCheckpoint, path: Path) -> None:
        self.stage, self.watch, self.best, self.path = stage, watch, best, path
        self.began = time.monotonic()

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.is_global_zero:
            score = self.best.best_model_score
            value = None if score is None else float(score)
            seconds = round(time.monotonic() - self.began, 2)
            ended = trainer.current_epoch, trainer.global_step
            outcome = Outcome(self.stage.name, self._reason(trainer), *ended, value, seconds)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(asdict(outcome)), encoding="utf-8")
        trainer.strategy.barrier()  # the other processes read it

    def _reason(self, trainer: L.Trainer) -> str:
        if self.watch.reason is not None:
            return self.watch.reason
        if trainer.max_steps != -1 and trainer.global_step >= trainer.max_steps:
            return "max_steps"
        loss = trainer.callback_metrics.get("val_loss")
        if loss is not None and not torch.isfinite(loss):
            return "a loss that is not finite"
        if trainer.should_stop and isinstance(trainer.early_stopping_callback, EarlyStopping):
            return f"patience ({trainer.early_stopping_callback.patience} validations without a better loss)"
        return "max_epochs"


@contextmanager
def _without_gradients(parameters: list[torch.nn.Parameter]) -> Iterator[None]:
    """What a stage leaves as it is costs no gradient."""
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


class _quiet_lightning:
    """Lightning greets on its loggers; a library does not."""

    def __enter__(self) -> None:
        self.loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
        self.levels = [logger.level for logger in self.loggers]
        for logger in self.loggers:
            logger.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        for logger, level in zip(self.loggers, self.levels, strict=True):
            logger.setLevel(level)
