"""Fine-tuning of the generalist on the training part of a table; the validation part decides what is kept.

Candidates and features do not depend on the weights, so they are computed once, and an epoch costs little.
"""

import logging
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from latentcast.core.errors import DataError, Fault, SettingsError
from latentcast.core.nested import nested
from latentcast.core.settings import validate
from latentcast.data.panel.build import build
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Split, split
from latentcast.data.settings import DataSettings
from latentcast.data.sources.open import open_data
from latentcast.data.types import IntoFrame
from latentcast.models.pretrained.context import prepare
from latentcast.models.pretrained.features import features
from latentcast.models.pretrained.seasons import of_frequency
from latentcast.models.pretrained.torch_network import GeneralistNetwork
from latentcast.models.pretrained.weights import load_weights, read_card, write_weights
from latentcast.workflows.pretraining.generalist import WEIGHTS
from latentcast.workflows.pretraining.state import pinball
from latentcast.workflows.pretraining.windows import STEPS, TrainingWindows, joined

log = logging.getLogger("latentcast")
ROWS, BATCH = 256, 128
RATES = {"head": 1e-3, "all": 3e-4}


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
    """

    before: float
    after: float
    epochs: int
    windows: int
    path: Path


@dataclass(frozen=True)
class TuningPlan:
    """How the weights are trained further.

    Attributes
    ----------
    learn
        `head` trains the last layer, `all` everything.
    context
        Steps that are read.
    windows
        Training windows, drawn at random from all series and origins.
    epochs, patience
        Passes over the windows at most, and those without a better validation loss before training ends.
    seed
        Of the windows and their order.
    """

    learn: Literal["head", "all"] = "all"
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
            faults.append(Fault("learn", f"={self.learn!r}: wanted head or all"))
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
    train, held = _drawn(panel, split(panel, chosen.split), horizon, plan, rng)
    network = GeneralistNetwork.from_numpy(load_weights(start))
    number = network.candidates
    learned = _windows(panel, train, plan.context, horizon, rng, number)
    judged = _windows(panel, held, plan.context, horizon, np.random.default_rng(plan.seed), number)
    before, after, epoch = _train(network, learned, judged, plan, rng)
    if epoch == 0:
        log.warning("fine-tuning: no epoch was better on the validation part than the weights that it began with")
    path = Path(out) / WEIGHTS
    about = {"fine_tuned_on": source.name, "learn": plan.learn, "validation_before": before, "validation_after": after}
    write_weights(path, network.to_numpy(), {**read_card(start), **about, "started_from": start, "epochs": epoch})
    return FineTuning(before, after, epoch, len(train), path)


def _drawn(
    panel: Panel, parts: Split, horizon: int, plan: TuningPlan, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Training windows at random, and up to 512 of the validation part, evenly spread. Raises DataError without any."""
    train = _origins(panel, np.zeros_like(parts.train_end), parts.train_end, horizon, max(8, 2 * panel.season))
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


def _windows(
    panel: Panel, origins: np.ndarray, context: int, horizon: int, rng: np.random.Generator, number: int
) -> TrainingWindows:
    """Features and outcomes; windows that share a length are worked on together, with a few steps ahead each."""
    starts = np.maximum(panel.offsets[origins[:, 0]], origins[:, 2] - context)
    lengths = origins[:, 2] - starts
    season, second = of_frequency(panel.season)[0]
    values = np.where(panel.observed, panel.values, np.nan)
    found = []
    for length in np.unique(lengths):
        places = np.flatnonzero(lengths == length)
        for chunk in np.array_split(places, -(-len(places) // ROWS)):
            count = min(STEPS, horizon)
            steps = np.sort(rng.choice(horizon, count, replace=False)) + 1
            steps = np.concatenate([steps, np.full(STEPS - count, horizon)])
            at, channel = origins[chunk, 2], origins[chunk, 1]
            rows = values[at[:, None] + np.arange(-length, 0), channel[:, None]]
            outcome = values[at[:, None] + steps - 1, channel[:, None]]
            given = prepare(rows, season, second)
            ready = features(given, steps, number)
            target = (outcome - given.location) / given.scale
            usable = np.isfinite(outcome).all(1) & (np.nanmax(rows, 1) > np.nanmin(rows, 1))
            target = np.clip(np.nan_to_num(target), -200, 200).astype(np.float32)
            found.append(TrainingWindows(*ready.parts(), target, usable.astype(np.float32)))
    return joined(found)


def _train(
    network: GeneralistNetwork,
    learned: TrainingWindows,
    judged: TrainingWindows,
    plan: TuningPlan,
    rng: np.random.Generator,
) -> tuple[float, float, int]:
    """(loss before, loss of what is kept, epochs until then); leaves the best weights in the network."""
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(plan.learn == "all" or name.startswith("last."))
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=RATES[plan.learn], weight_decay=1e-2)
    before = best = _loss(network, judged)
    kept, found = deepcopy(network.state_dict()), 0
    for epoch in range(1, plan.epochs + 1):
        order = rng.permutation(len(learned.target))
        for start in range(0, len(order), BATCH):
            parts = [torch.from_numpy(part) for part in learned.rows(order[start : start + BATCH]).parts()]
            if not parts[6].any():
                continue
            loss = pinball(network(*parts[:5]), parts[5], parts[6])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
        now = _loss(network, judged)
        if now < best:
            best, found, kept = now, epoch, deepcopy(network.state_dict())
        elif epoch - found >= plan.patience:
            break
    network.load_state_dict(kept)
    return before, best, found


def _loss(network: GeneralistNetwork, windows: TrainingWindows) -> float:
    parts = [torch.from_numpy(part) for part in windows.parts()]
    with torch.no_grad():
        return float(pinball(network(*parts[:5]), parts[5], parts[6]))
