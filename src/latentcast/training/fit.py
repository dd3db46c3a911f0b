"""Run one stage of training with Lightning, and leave the network with its best weights."""

import json
import logging
import math
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.fabric.utilities.exceptions import MisconfigurationException

from latentcast.data.windows import Loader, Windows
from latentcast.errors import Interrupted, LatentcastError, MissingExtra, SettingsError
from latentcast.network import Network
from latentcast.training import checkpoint
from latentcast.training.module import StageModule
from latentcast.training.settings import PRECISIONS, TrainingSettings
from latentcast.training.stages import Stage
from latentcast.training.watch import INTERRUPTED, MAX_TIME, Watch

BEST, LAST, OUTCOME = "best.ckpt", "last.ckpt", "outcome.json"


@dataclass(frozen=True)
class Outcome:
    """How training ended."""

    stage: str
    stopped_by: str
    epochs: int
    steps: int
    best_val_loss: float | None


def run_stage(
    network: Network,
    stage: Stage,
    train: Windows,
    val: Windows,
    settings: TrainingSettings,
    *,
    folder: Path,
    seed: int,
    resume: bool = False,
    progress: bool = False,
) -> Outcome:
    """Train until the epochs, the steps, the patience or the time are used up.

    `folder` receives checkpoints/best.ckpt and checkpoints/last.ckpt (safetensors) and logs/. With `resume` training
    goes on from last.ckpt with optimiser, schedule, order of the windows and random state, to the same weights as
    without the break.

    Raises Interrupted on SIGINT and SIGTERM (both checkpoints are kept), SettingsError when nothing can be trained or
    a precision, device or strategy is not to be had here.
    """
    kept = folder / "checkpoints"
    loader = Loader(train, settings.batch_size, seed=seed)
    val_loader = Loader(val, max(settings.batch_size, 256), seed=seed, shuffle=False)
    stage.parameters(network)  # fails early when nothing is trainable
    processes = settings.devices if isinstance(settings.devices, int) else 1
    epoch_batches = math.ceil(len(loader) / processes)
    epoch_steps = math.ceil(epoch_batches / settings.accumulate)
    steps = min(settings.max_steps or math.inf, epoch_steps * settings.max_epochs)
    module = StageModule(network, stage, settings, int(steps), epoch_steps)
    watch = Watch(kept / LAST, settings.max_time)
    best = ModelCheckpoint(
        kept, Path(BEST).stem, monitor="val_loss", enable_version_counter=False, save_on_train_epoch_end=False
    )
    callbacks: list[L.Callback] = [best, watch, *_early_stopping(settings)]
    if progress:
        callbacks.append(TQDMProgressBar())
    with warnings.catch_warnings(), _quiet_lightning():
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # torch's deprecation inside lightning
        trainer = _trainer(settings, folder, callbacks, progress, epoch_batches)
        trainer.fit(
            module,
            loader,
            val_loader,
            ckpt_path=kept / LAST if resume else None,
            weights_only=False if resume else None,
        )
    if trainer.is_global_zero:
        outcome = _outcome(stage, trainer, watch, best)
        (kept / OUTCOME).write_text(json.dumps(asdict(outcome)), encoding="utf-8")
    outcome = Outcome(**json.loads((kept / OUTCOME).read_text(encoding="utf-8")))
    if outcome.stopped_by == INTERRUPTED:
        raise Interrupted(
            f"training was interrupted after {outcome.steps} steps; the best and the last checkpoint are kept in"
            f" {kept}. Go on with the same command and --resume"
        )
    if (kept / BEST).exists():
        state = checkpoint.read(kept / BEST)["state_dict"]
        network.load_state_dict({key.removeprefix("network."): value for key, value in state.items()})
    return outcome


def _trainer(
    settings: TrainingSettings, folder: Path, callbacks: list[L.Callback], progress: bool, epoch_batches: int
) -> L.Trainer:
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
            val_check_interval=1 / min(settings.validations, epoch_batches),
            num_sanity_val_steps=0,
            log_every_n_steps=20,
            logger=_loggers(settings, folder),
            callbacks=callbacks,
            plugins=[checkpoint.SafeCheckpointIO()],
            enable_progress_bar=progress,
            enable_model_summary=False,
            use_distributed_sampler=False,
            default_root_dir=folder,
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


def _loggers(settings: TrainingSettings, folder: Path) -> list[Any]:
    loggers: list[Any] = []
    if "csv" in settings.loggers:
        loggers.append(CSVLogger(folder, name="logs", version="csv"))
    if "tensorboard" in settings.loggers:
        try:
            loggers.append(TensorBoardLogger(folder, name="logs", version="tensorboard"))
        except ModuleNotFoundError as error:
            raise MissingExtra("tensorboard", "tensorboard", "training.loggers=tensorboard") from error
    return loggers


def _outcome(stage: Stage, trainer: L.Trainer, watch: Watch, best: ModelCheckpoint) -> Outcome:
    score = best.best_model_score
    limit = trainer.max_steps if trainer.max_steps != -1 else math.inf
    if watch.reason is not None:
        reason = watch.reason
    elif trainer.global_step >= limit:
        reason = "max_steps"
    elif trainer.current_epoch >= (trainer.max_epochs or math.inf):
        reason = "max_epochs"
    else:
        stopper = trainer.early_stopping_callback
        finite = score is None or torch.isfinite(trainer.callback_metrics.get("val_loss", torch.tensor(0.0)))
        patience = getattr(stopper, "patience", None)
        reason = f"patience ({patience} validations without a better loss)" if finite else "a loss that is not finite"
    value = None if score is None else float(score)
    return Outcome(stage.name, reason, trainer.current_epoch, trainer.global_step, value)


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


__all__ = ["MAX_TIME", "Outcome", "run_stage"]
