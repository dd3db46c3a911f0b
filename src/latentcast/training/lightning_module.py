"""The thin Lightning module: it knows a stage, an optimiser and a schedule, and no model."""

from typing import Any

import lightning as L
import torch
from torch import Tensor

from latentcast.core.types import Batch
from latentcast.models.config.training import TrainingSettings
from latentcast.models.network import Network
from latentcast.training.schedule import factor
from latentcast.training.stages import Stage


class StageModule(L.LightningModule):
    def __init__(
        self, network: Network, stage: Stage, settings: TrainingSettings, steps: int, epoch_steps: int
    ) -> None:
        super().__init__()
        self.network, self.stage, self.settings = network, stage, settings
        self.steps, self.epoch_steps = steps, epoch_steps
        self._random_state: dict[str, Any] | None = None

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        loss = self.stage.loss(self.network, batch)
        if self.global_step % self.trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            self.log("train_loss", loss, prog_bar=True, batch_size=len(batch))
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        loss = self.stage.loss(self.network, batch)
        # weighted by the windows of each batch and summed over processes: the mean over all windows
        self.log("val_loss", loss, prog_bar=True, batch_size=len(batch), on_epoch=True, sync_dist=True)
        if self.stage.measures is not None:
            for name, value in self.stage.measures(self.network, batch).items():
                self.log(f"val_{name}", value, batch_size=len(batch), on_epoch=True, sync_dist=True)

    def configure_optimizers(self) -> Any:
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[self.settings.optimizer]
        parameters = self.stage.parameters(self.network)
        # one kernel for all parameters; under mixed precision it would unscale by itself, before the clipping
        fused = self.settings.precision == "fp32"
        optimizer = kind(parameters, lr=self.settings.lr, weight_decay=self.settings.weight_decay, fused=fused)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor(self.settings, self.steps, self.epoch_steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        state: dict[str, Any] = {"cpu": torch.get_rng_state()}
        if torch.cuda.is_available():
            state["cuda"] = torch.cuda.get_rng_state_all()
        checkpoint["random_state"] = state

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._random_state = checkpoint["random_state"]

    def on_train_start(self) -> None:
        """The random state comes back last, so that nothing in between draws from it."""
        if self._random_state is not None:
            torch.set_rng_state(self._random_state["cpu"])
            if "cuda" in self._random_state and torch.cuda.is_available():
                torch.cuda.set_rng_state_all(self._random_state["cuda"])
            self._random_state = None
