"""Pretraining of the generalist on simulated series: seeded, resumable to equal weights, in as many rounds as asked."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from latentcast.models.pretrained.candidates import NAMES
from latentcast.models.pretrained.network import LEVELS
from latentcast.models.pretrained.torch_network import GeneralistNetwork
from latentcast.workflows.pretraining.windows import TrainingWindows, round_of_windows

log = logging.getLogger("latentcast")
CHUNKS = 32  # of a round
BATCH = 256


@dataclass(frozen=True)
class PretrainingPreset:
    """Sizes of the network and how it learns."""

    wide: int = 144
    narrow: int = 96
    blocks: int = 2
    rate: float = 1.5e-3
    decay: float = 1e-2
    average: float = 0.998


PRESETS = {"small": PretrainingPreset(), "base": PretrainingPreset(wide=288, narrow=160, blocks=3, rate=1.2e-3)}


def pinball(quantiles: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean pinball loss over `LEVELS`, doubled: at the median the absolute error."""
    levels = torch.tensor(LEVELS)
    error = target[..., None] - quantiles
    loss = 2 * torch.maximum(levels * error, (levels - 1) * error).mean(-1)
    return (loss.mean(1) * weight).sum() / weight.sum()


class Pretraining:
    """State of a pretraining: the network, its running average, the optimiser, and the number of rounds done."""

    def __init__(self, preset: PretrainingPreset, seed: int, rounds: int) -> None:
        self.preset, self.seed, self.rounds, self.done = preset, seed, rounds, 0
        self.curve: list[dict[str, float]] = []
        torch.manual_seed(seed)
        first = round_of_windows(seed, 0, CHUNKS)
        sizes = (first.window.shape[1], first.step.shape[2], len(NAMES))
        shape = {"wide": preset.wide, "narrow": preset.narrow, "blocks": preset.blocks}
        self.network = GeneralistNetwork(*sizes, **shape)
        self.network.standardise_by(first.window, first.step)
        self.average = GeneralistNetwork(*sizes, **shape)
        self.average.load_state_dict(self.network.state_dict())
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=preset.rate, weight_decay=preset.decay)

    def step(self, windows: TrainingWindows) -> float:
        """Learns from the windows of one round; returns their mean loss."""
        total, batches = 0.0, 0
        for start in range(0, len(windows.target) - BATCH + 1, BATCH):
            progress = (self.done + start / len(windows.target)) / self.rounds
            for group in self.optimiser.param_groups:
                group["lr"] = self.preset.rate * float(_schedule(progress))
            parts = [torch.from_numpy(part[start : start + BATCH]) for part in windows.parts()]
            loss = pinball(self.network(*parts[:5]), parts[5], parts[6])
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimiser.step()
            keep = min(self.preset.average, 1 - 1 / (2 + self.done * 16))
            with torch.no_grad():
                for kept, now in zip(self.average.parameters(), self.network.parameters(), strict=True):
                    kept.lerp_(now, 1 - keep)
            total += float(loss.detach())
            batches += 1
        self.done += 1
        return total / batches

    def save(self, path: Path) -> None:
        """Writes all that is needed to go on to equal weights."""
        state = {
            "preset": asdict(self.preset), "seed": self.seed, "rounds": self.rounds, "done": self.done,
            "curve": self.curve, "network": self.network.state_dict(), "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }  # fmt: skip
        part = path.with_suffix(".part")
        torch.save(state, part)
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Pretraining":
        """Goes on from a saved state."""
        state = torch.load(path, weights_only=True)
        self = cls(PretrainingPreset(**state["preset"]), state["seed"], state["rounds"])
        self.done, self.curve = state["done"], state["curve"]
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        return self


def _schedule(progress: float) -> float:
    """Share of the learning rate: a short rise, level, and a fall over the last third."""
    if progress < 0.01:
        return max(progress / 0.01, 0.02)
    return 1.0 if progress < 0.6 else max(0.01, 0.5 * (1 + np.cos(np.pi * (progress - 0.6) / 0.4)))


def pretrain(
    out: Path,
    *,
    preset: str = "small",
    seed: int = 0,
    rounds: int = 500,
    every: int = 25,
    judge: Callable[[dict[str, np.ndarray]], dict[str, float]] | None = None,
) -> Pretraining:
    """Trains a generalist on simulated series, or goes on with the training that `out` holds."""
    out.mkdir(parents=True, exist_ok=True)
    state = out / "state.pt"
    run = Pretraining.load(state) if state.exists() else Pretraining(PRESETS[preset], seed, rounds)
    began, loss = time.process_time(), []
    while run.done < run.rounds:
        loss.append(run.step(round_of_windows(run.seed, run.done + 1, CHUNKS)))
        if run.done % every == 0 or run.done == run.rounds:
            row = {"round": run.done, "windows": run.done * CHUNKS * 128, "loss": float(np.mean(loss)),
                   "core_seconds": time.process_time() - began}  # fmt: skip
            if judge is not None:
                row |= judge(run.average.to_numpy())
            run.curve.append(row)
            log.info(json.dumps({k: round(v, 4) for k, v in row.items()}))
            loss = []
            run.save(state)
    return run
