#!/usr/bin/env bash
# lightning 2.6.6: with val_check_interval=1 (validate after every batch) EarlyStopping counts epochs, not validations.
# Where its own check_on_train_epoch_end is not set, the callback sets it by `val_check_interval == 1.0`, which the
# integer 1 satisfies. Validation itself keeps them apart: the integer 1 validates after each batch.
# Seen: patience 2, a loss that never falls, 12 batches an epoch: an interval of 2 batches stops after 3 validations,
# an interval of 1 batch after 36. With check_on_train_epoch_end=False both stop after 3.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 lightning==2.6.6
cat > "$folder/check.py" <<'PY'
import logging
import warnings

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
import lightning
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from torch.utils.data import DataLoader


class Flat(LightningModule):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(1, 1)

    def training_step(self, batch, index):
        return self.linear(batch).mean()

    def validation_step(self, batch, index):
        self.log("val_loss", torch.tensor(1.0))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.0)


def validations(interval, **how):
    stop = EarlyStopping("val_loss", patience=2, **how)
    quiet = dict(logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
    trainer = Trainer(max_epochs=9, val_check_interval=interval, callbacks=[stop], num_sanity_val_steps=0, accelerator="cpu", **quiet)
    data = DataLoader(torch.ones(12, 1), batch_size=1)
    trainer.fit(Flat(), data, data)
    return trainer.global_step // interval


seen = [validations(2), validations(1), validations(1, check_on_train_epoch_end=False)]
print("lightning", lightning.__version__, "validations until it stopped:", seen)
assert lightning.__version__ == "2.6.6" and seen == [3, 36, 3], seen
PY
"$folder/venv/bin/python" "$folder/check.py"
