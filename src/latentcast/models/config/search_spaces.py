"""What `tune` searches for each trainable model, unless it is told otherwise."""

from collections.abc import Mapping
from typing import Any

Space = Mapping[str, Mapping[str, Any]]

LOOKBACK: Mapping[str, Any] = {"times": [0.5, 1.0, 2.0]}  # of the default look-back
RATE: Mapping[str, Any] = {"low": 1e-4, "high": 1e-2, "log": True}
BATCH: Mapping[str, Any] = {"choices": [16, 32, 64, 128]}
DROPOUT: Mapping[str, Any] = {"low": 0.0, "high": 0.5, "step": 0.1}
_TRAINING: Space = {"lookback": LOOKBACK, "training.lr": RATE, "training.batch_size": BATCH}
_ENCODER: Space = {
    "model.representation.width": {"choices": [16, 32, 64, 128]},
    "model.head.dropout": DROPOUT,
}

SEARCH_SPACES: Mapping[str, Space] = {
    "dlinear": {
        **_TRAINING,
        "model.kernel": {"choices": [1, 13, 25]},
        "model.individual": {"choices": [False, True]},
        "training.ema": {"choices": [None, 0.98]},
    },
    "fits": {**_TRAINING, "model.harmonics": {"choices": [2, 4, 6, 8]}, "model.individual": {"choices": [False, True]}},
    "transformer": {**_TRAINING, "model.width": {"choices": [32, 64, 128]}, "model.dropout": DROPOUT},
    "autoformer": {**_TRAINING, "model.width": {"choices": [32, 64, 128]}, "model.dropout": DROPOUT},
    "patch-transformer": {**_TRAINING, **_ENCODER, "model.backbone.dropout": DROPOUT},
    "pattn": {**_TRAINING, **_ENCODER},
    "patch-linear": {**_TRAINING, "model.representation.width": {"choices": [16, 32, 64]}},
    "latent-transformer": {
        **_TRAINING,
        "model.shortcut": {"choices": ["none", "linear"]},
        "model.backbone.dropout": DROPOUT,
        "model.representation.dropout": DROPOUT,
    },
    "time-llm": {"training.lr": RATE, "lookback": LOOKBACK, "model.representation.width": {"choices": [16, 32]}},
    "token-transformer": {
        "lookback": LOOKBACK,
        "stages.next-code.lr": RATE,
        "training.lr": {"low": 1e-5, "high": 1e-3, "log": True},
    },
    "ridge": {"lookback": {"times": [0.5, 1.0, 1.5, 2.0]}},  # it searches the rest by itself
}
