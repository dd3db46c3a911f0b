"""State of a pretraining: the network, its running average, the optimiser, and the number of rounds done."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from latentcast.models.pretrained.anchor import SHARES
from latentcast.models.pretrained.candidates import NAMES
from latentcast.models.pretrained.torch_network import GeneralistNetwork
from latentcast.models.pretrained.tuning import pinball
from latentcast.training import checkpoint
from latentcast.workflows.pretraining.windows import CHUNKS, TrainingWindows, round_of_windows

BATCH = 256
PASSES = 2  # over the windows of a round: they cost more to make than to learn from


@dataclass(frozen=True)
class PretrainingPreset:
    """Sizes of the network and how it learns: learning rate, weight decay, and how slowly the average follows."""

    wide: int = 144
    narrow: int = 96
    blocks: int = 2
    rate: float = 1.5e-3
    decay: float = 1e-2
    average: float = 0.998


PRESETS = {"small": PretrainingPreset(), "base": PretrainingPreset(wide=288, narrow=160, blocks=3, rate=1.2e-3)}


class Pretraining:
    """A training that can be cut after any round; `averaged` is the network that is kept in the end."""

    def __init__(self, preset: PretrainingPreset, seed: int, rounds: int) -> None:
        self.preset, self.seed, self.rounds, self.done, self.seconds = preset, seed, rounds, 0, 0.0
        first = round_of_windows(seed, 0, CHUNKS)
        sizes = (first.window.shape[1], first.step.shape[2], len(NAMES))
        shape = {"wide": preset.wide, "narrow": preset.narrow, "blocks": preset.blocks}
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.network = GeneralistNetwork(*sizes, **shape)
            self.averaged = GeneralistNetwork(*sizes, **shape)
        self.network.standardise_by(first.window, first.step)
        self.averaged.load_state_dict(self.network.state_dict())
        self.averaged.anchored(SHARES)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=preset.rate, weight_decay=preset.decay)

    def step(self, windows: TrainingWindows) -> float:
        """Learns from the windows of one round; returns their mean loss."""
        losses = []
        count = len(windows.target)
        for start in [*range(0, count - BATCH + 1, BATCH)] * PASSES:
            for group in self.optimiser.param_groups:
                group["lr"] = self.preset.rate * schedule((self.done + start / count) / self.rounds)
            loss = self._loss(self.network, windows, slice(start, start + BATCH))
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimiser.step()
            keep = min(self.preset.average, 1 - 1 / (2 + self.done * count / BATCH))
            with torch.no_grad():
                for kept, now in zip(self.averaged.parameters(), self.network.parameters(), strict=True):
                    kept.lerp_(now, 1 - keep)
            losses.append(float(loss.detach()))
        self.done += 1
        return float(np.mean(losses))

    def loss_of(self, windows: TrainingWindows) -> float:
        """The loss of the averaged network."""
        with torch.no_grad():
            return float(self._loss(self.averaged, windows, slice(None)))

    @staticmethod
    def _loss(network: GeneralistNetwork, windows: TrainingWindows, rows: slice) -> Tensor:
        parts = [torch.from_numpy(part[rows]) for part in windows.parts()]
        return pinball(network(*parts[:5]), parts[5], parts[6])

    def save(self, path: Path, seconds: float) -> None:
        """Writes all that is needed to go on to equal weights."""
        state = {
            "preset": asdict(self.preset), "seed": self.seed, "rounds": self.rounds, "done": self.done,
            "seconds": seconds, "network": self.network.state_dict(), "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }  # fmt: skip
        checkpoint.write(state, path)

    @classmethod
    def load(cls, path: Path) -> "Pretraining":
        """The state that was saved."""
        state = checkpoint.read(path)
        run = cls(PretrainingPreset(**state["preset"]), state["seed"], state["rounds"])
        run.done, run.seconds = state["done"], state["seconds"]
        run.network.load_state_dict(state["network"])
        run.averaged.load_state_dict(state["averaged"])
        run.optimiser.load_state_dict(state["optimiser"])
        return run


def schedule(progress: float) -> float:
    """Share of the learning rate: a short rise, level, and a fall over the last two fifths."""
    if progress < 0.01:
        return max(progress / 0.01, 0.02)
    return 1.0 if progress < 0.6 else max(0.01, float(0.5 * (1 + np.cos(np.pi * (progress - 0.6) / 0.4))))
