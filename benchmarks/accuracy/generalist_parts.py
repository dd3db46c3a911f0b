"""Parts of the generalist at equal cost: encoders of the raw context, and sizes.

Each variant trains for as many rounds as `--minutes` of a core hold, by a first timing; then it is judged on
validation series (`_validation_boards`), none of which is a board of the zero-shot benchmark. The encoders add what
they read in the raw context to the first layer of the residual MLP:

* patches: windows of 16 steps of the last 512, embedded alike, mixed across, joined
* compression: three strided convolutions over the last 1 024 steps, 64 of them to one
* wavelet: six bands of Haar's wavelets over the last 512: the last 16 coefficients and the energies of each

    python -m benchmarks.accuracy.generalist_parts --variants mlp patches --seeds 0 1 --folder runs/parts
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks._harness import RESULTS, Cells
from benchmarks.accuracy._validation_judge import judged
from latentcast.models.pretrained.context import Context
from latentcast.models.pretrained.features import Features, features
from latentcast.models.pretrained.torch_network import GeneralistNetwork
from latentcast.models.pretrained.weights import write_weights
from latentcast.workflows.pretraining import state, windows
from latentcast.workflows.pretraining.state import PRESETS, Pretraining
from latentcast.workflows.pretraining.windows import CHUNKS, round_of_windows

RAW = 1024


def with_raw(context: Context, steps: np.ndarray) -> Features:
    """Features whose numbers of a window end with the raw context, zeros before its beginning."""
    found = features(context, steps)
    raw = np.zeros((len(context.values), RAW), np.float32)
    values = np.arcsinh(context.values * context.seen)[:, -RAW:]
    raw[:, RAW - values.shape[1] :] = values
    return Features(np.concatenate([found.window, raw], 1), found.step, found.candidates, found.unit, found.skill)


class Patches(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed, self.place = nn.Linear(16, 24), nn.Parameter(torch.zeros(32, 24))
        self.across, self.out = nn.Linear(32, 12), nn.Linear(12 * 24, width)

    def forward(self, raw: Tensor) -> Tensor:
        tokens = nn.functional.silu(self.embed(raw[:, -512:].unflatten(1, (32, 16))) + self.place)
        mixed = nn.functional.silu(self.across(tokens.transpose(1, 2)))
        found: Tensor = self.out(mixed.flatten(1))
        return found


class Compression(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(1, 8, 4, 4), nn.SiLU(), nn.Conv1d(8, 16, 4, 4), nn.SiLU(), nn.Conv1d(16, 24, 4, 4), nn.SiLU(),
            nn.Flatten(),
        )  # fmt: skip
        self.out = nn.Linear(24 * RAW // 64, width)

    def forward(self, raw: Tensor) -> Tensor:
        found: Tensor = self.out(self.layers(raw[:, None]))
        return found


class Wavelet(nn.Module):
    LEVELS, KEPT = 6, 16

    def __init__(self, width: int) -> None:
        super().__init__()
        sizes = [min(self.KEPT, 512 >> level) + 2 for level in range(1, self.LEVELS + 1)]
        self.out = nn.Linear(sum(sizes) + (512 >> self.LEVELS), width)

    def forward(self, raw: Tensor) -> Tensor:
        rest, parts = raw[:, -512:], []
        for _ in range(self.LEVELS):
            even, odd = rest[:, ::2], rest[:, 1::2]
            rest, band = (even + odd) / 2**0.5, (odd - even) / 2**0.5
            late = band[:, -max(1, band.shape[1] // 4) :]
            parts += [band[:, -self.KEPT :], *(torch.log(p.square().mean(1, True) + 1e-3) for p in (band, late))]
        found: Tensor = self.out(torch.cat([*parts, rest], 1))
        return found


ENCODERS: dict[str, Callable[[int], nn.Module]] = {
    "patches": Patches, "compression": Compression, "wavelet": Wavelet,
}  # fmt: skip


class Encoded(GeneralistNetwork):
    """The residual MLP with an encoder of the raw context, whose numbers follow those of the window."""

    encoder_name = "patches"

    def __init__(self, window: int, step: int, candidates: int, *, wide: int, narrow: int, blocks: int = 2) -> None:
        super().__init__(window, step, candidates, wide=wide, narrow=narrow, blocks=blocks)
        self.window_in = nn.Linear(window - RAW, wide)
        self.encoder = ENCODERS[self.encoder_name](wide)
        nn.init.normal_(self.encoder.out.weight, 0, 1e-3)

    def forward(self, window: Tensor, *parts: Tensor) -> Tensor:
        scaled = (window - self.window_mean) / self.window_scale
        told, raw = scaled[:, :-RAW], window[:, -RAW:]
        hidden = nn.functional.silu(self.window_in(told) + self.encoder(raw))
        return self.from_hidden(hidden, *parts)


def round_for(variant: str, seed: int, number: int) -> windows.TrainingWindows:
    """The windows of one round; with the raw context where an encoder reads it."""
    if variant not in ENCODERS:
        return round_of_windows(seed, number, CHUNKS)
    with patch.object(windows, "features", with_raw):
        return round_of_windows(seed, number, CHUNKS)


def begun(variant: str, seed: int, rounds: int) -> Pretraining:
    """A training of the variant before its first round."""
    preset = PRESETS["base" if variant == "base" else "small"]
    if variant not in ENCODERS:
        return Pretraining(preset, seed, rounds)
    kind = type(variant, (Encoded,), {"encoder_name": variant})
    with patch.object(state, "GeneralistNetwork", kind), patch.object(windows, "features", with_raw):
        return Pretraining(preset, seed, rounds)


def trained(variant: str, seed: int, minutes: float) -> tuple[Pretraining, float]:
    """The variant trained for as many rounds as fit into the minutes, and the minutes that it took."""
    trial = begun(variant, seed, 100)
    began = time.process_time()
    for number in (1, 2):
        trial.step(round_for(variant, seed, number))
    rounds = max(3, int(120 * minutes / (time.process_time() - began)))
    run = begun(variant, seed, rounds)
    began = time.process_time()
    for number in range(1, rounds + 1):
        run.step(round_for(variant, seed, number))
    return run, (time.process_time() - began) / 60


def row_of(variant: str, seed: int, minutes: float, folder: Path) -> dict[str, Any]:
    """Train and judge one variant with one seed; weights that the package can read are kept in the folder."""
    run, took = trained(variant, seed, minutes)
    held = [round_for(variant, 1_000_003, number) for number in range(2)]
    loss = float(np.mean([run.loss_of(part) for part in held]))
    ready = with_raw if variant in ENCODERS else features
    found = judged(run.averaged, ready)
    if variant not in ENCODERS:
        path = folder / f"{variant}-{seed}" / "generalist.safetensors"
        write_weights(path, run.averaged.to_numpy(), {"rounds": run.rounds, "seed": seed})
    size = sum(value.numel() for value in run.averaged.parameters())
    return {
        "variant": variant, "seed": seed, "rounds": run.rounds, "minutes": took, "weights": size, "held_out": loss,
        **found,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variants", nargs="+", default=["mlp", *ENCODERS, "base"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--minutes", type=float, default=2.5, help="of a core, for each training")
    parser.add_argument("--folder", type=Path, default=Path("runs/parts"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    cells = Cells(RESULTS / "generalist_parts.jsonl")
    for seed in args.seeds:
        for variant in args.variants:
            cells.once([variant, seed, args.minutes], lambda v=variant, s=seed: row_of(v, s, args.minutes, args.folder))


if __name__ == "__main__":
    main()
