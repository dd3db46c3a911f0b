"""Fine-tuning of the generalist on the training part of a table; the validation part decides what is kept.

Windows are drawn at random from all series; `models.pretrained.tuning` learns from them.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from latentcast.core.errors import DataError, Fault, SettingsError
from latentcast.core.nested import nested
from latentcast.core.settings import validate
from latentcast.data.panel.build import build
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Split, split
from latentcast.data.settings import DataSettings
from latentcast.data.sources.open import open_data
from latentcast.data.types import IntoFrame
from latentcast.models.pretrained.seasons import of_frequency
from latentcast.models.pretrained.torch_network import GeneralistNetwork
from latentcast.models.pretrained.tuning import RATES, Learn, Passes, Series, tune
from latentcast.models.pretrained.weights import load_weights, read_card, write_weights
from latentcast.workflows.pretraining.generalist import WEIGHTS

log = logging.getLogger("latentcast")


@dataclass(frozen=True)
class FineTuning:
    """Result of a fine-tuning.

    Attributes
    ----------
    before, after
        Loss on the validation part by the weights that it began with, and by those that are kept.
    epochs
        Epochs until the kept weights; 0 where none was better than the beginning.
    windows
        Training windows.
    path
        The file of weights.
    map_share
        Mean share of the linear map in the forecast; 0 where the validation part gives it none.
    """

    before: float
    after: float
    epochs: int
    windows: int
    path: Path
    map_share: float = 0.0


@dataclass(frozen=True)
class TuningPlan:
    """How the weights are trained further.

    Attributes
    ----------
    learn
        `head` trains the last layer, `all` everything, `low-rank` a change of rank 4 of every layer.
    context
        Steps that are read.
    windows
        Training windows, drawn at random from all series and origins.
    epochs, patience
        Passes over the windows at most, and those without a better validation loss before training ends.
    seed
        Of the windows and their order.
    """

    learn: Learn = "all"
    context: int = 512
    windows: int = 8000
    epochs: int = 20
    patience: int = 3
    seed: int = 0

    def check(self, horizon: int) -> None:
        """Raises SettingsError for sizes below one, or an unknown part to learn."""
        sizes = {"horizon": horizon, "context": self.context, "windows": self.windows, "epochs": self.epochs}
        faults = [f"{name}={value}: wanted at least 1" for name, value in sizes.items() if value < 1]
        if self.learn not in RATES:
            faults.append(Fault("learn", f"={self.learn!r}: wanted head, all or low-rank"))
        if faults:
            raise SettingsError(faults)


def finetune_generalist(
    data: IntoFrame,
    out: str | Path,
    horizon: int,
    plan: TuningPlan = TuningPlan(),
    *,
    start: str = "small",
    settings: Mapping[str, Any] | None = None,
) -> FineTuning:
    """Train shipped weights, or those of a folder (`start`), further on the training part of the data.

    `out` receives the weights and their card. `settings` are of the data: {"data.split": (0.6, 0.2, 0.2), ...}. The
    weights that are kept have the least validation loss, the ones of the start among them: on the validation part,
    fine-tuning never does harm.

    Raises SettingsError as the plan's `check`, and DataError when the training or the validation part holds no window.
    """
    plan.check(horizon)
    source, defaults = open_data(data)
    chosen = validate(DataSettings, {**defaults, **dict(nested(settings or {}).get("data", {}))}, "data.")
    panel = build(source.frame, chosen)
    rng = np.random.default_rng(plan.seed)
    train, held = _drawn(panel, split(panel, chosen.split), horizon, plan, rng, chosen.fraction)
    network = GeneralistNetwork.from_numpy(load_weights(start))
    learned, judged = (_windows(panel, part, plan.context, horizon) for part in (train, held))
    passes = Passes(plan.learn, plan.epochs, plan.patience, plan.seed)
    found = tune(network, learned, judged, of_frequency(panel.season)[0], passes)
    log.warning(f"generalist: {found.words()}")
    path = Path(out) / WEIGHTS
    about = {"fine_tuned_on": source.name, "learn": plan.learn, "validation_before": found.before}
    about |= {"validation_after": found.after, "map_share": found.map_share, "started_from": start}
    write_weights(path, network.to_numpy(), {**read_card(start), **about, "epochs": found.epochs})
    return FineTuning(found.before, found.after, found.epochs, len(train), path, found.map_share)


def _drawn(
    panel: Panel, parts: Split, horizon: int, plan: TuningPlan, rng: np.random.Generator, fraction: float
) -> tuple[np.ndarray, np.ndarray]:
    """Training windows at random, and up to 512 of the validation part, evenly spread. Raises DataError without any."""
    learned = np.ceil(fraction * parts.train_end).astype(np.int64)
    train = _origins(panel, np.zeros_like(learned), learned, horizon, max(8, 2 * panel.season))
    held = _origins(panel, parts.train_end, parts.val_end, horizon, 8)
    for name, found in (("training", train), ("validation", held)):
        if not len(found):
            raise DataError(
                f"the {name} part holds no window of {horizon} steps ahead: choose another split (data.split)",
                setting="data.split",
            )
    drawn = train[rng.permutation(len(train))[: plan.windows]]
    return drawn, held[np.unique(np.linspace(0, len(held) - 1, 512).astype(np.int64))]


def _origins(panel: Panel, low: np.ndarray, high: np.ndarray, horizon: int, least: int) -> np.ndarray:
    """[window, 3] item, channel and origin (counted over all steps); outcomes lie in steps [low, high) of an item."""
    found = []
    for item, first in enumerate(panel.offsets[:-1]):
        origins = np.arange(max(low[item], least), high[item] - horizon + 1) + first
        for channel in range(len(panel.channels)):
            known = panel.observed[origins - 1, channel] if len(origins) else np.zeros(0, bool)
            kept = origins[known]
            found.append(np.stack([np.full(len(kept), item), np.full(len(kept), channel), kept], 1))
    return np.concatenate(found)


def _windows(panel: Panel, origins: np.ndarray, context: int, horizon: int) -> Series:
    """Contexts, right-aligned, and outcomes in original units; NaN where nothing was observed."""
    values = np.where(panel.observed, panel.values, np.nan)
    starts = panel.offsets[origins[:, 0]][:, None]
    at, channel = origins[:, [2]], origins[:, [1]]
    places = at + np.arange(-context, 0)
    past = np.where(places >= starts, values[np.maximum(places, starts), channel], np.nan)
    return Series(past, values[at + np.arange(horizon), channel])
