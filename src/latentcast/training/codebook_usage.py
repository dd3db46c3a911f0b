"""Health of a codebook on data: reconstruction error and share of used codes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from latentcast.core.errors import SettingsError
from latentcast.core.types import Batch
from latentcast.data.windows.mixture import Mix
from latentcast.data.windows.windows import Windows, batch_size_for_memory
from latentcast.models.network import Network

COLLAPSED = 0.1  # least share of used codes


@dataclass(frozen=True)
class Health:
    """Over all windows, each once, in scaled units.

    mse, mae     of the look-back after encode → decode
    perplexity   exp of the entropy of the codes' frequencies: how many codes are used evenly; [codebook]
    used         share of the codes that occur; [codebook]
    counts       how often each code occurs; [codebook, code]
    """

    windows: int
    codes: int
    mse: float
    mae: float
    perplexity: tuple[float, ...]
    used: tuple[float, ...]
    counts: tuple[tuple[int, ...], ...]


def in_words(found: Mapping[str, Any]) -> str:
    """One line of what `check_codes` found."""
    sizes = [len(counts) for counts in found["counts"]]
    books = zip(found["perplexity"], found["used"], sizes, strict=True)
    codes = "; ".join(f"perplexity {even:.0f} of {size}, {used:.0%} in use" for even, used, size in books)
    return f"gives back with MSE {found['mse']:.4f}, MAE {found['mae']:.4f} (scaled units); {codes}"


def health(network: Network, windows: Windows | Mix) -> Health:
    """Encode → decode of every window's look-back, of every dataset."""
    model = network.model
    book = model.representation.codec.codebook
    device = next(model.parameters()).device
    counts = torch.zeros(book.levels, book.size, dtype=torch.float64)
    sums, values = torch.zeros(2, dtype=torch.float64), 0
    training = network.training
    network.eval()
    sets = windows.sets if isinstance(windows, Mix) else (windows,)
    for _, batch in chain.from_iterable(
        each.in_batches(batch_size_for_memory(each.steps, each.channels)) for each in sets
    ):
        batch = batch.to(device)
        with torch.inference_mode():
            codes, given_back = model.codes(batch), model.reconstruct(batch).values
        for level in range(book.levels):
            counts[level] += torch.bincount(codes[..., level].flatten(), minlength=book.size).cpu()
        error = (given_back - batch.past).double()
        if batch.observed is not None:
            error = error[batch.observed]
        sums += torch.stack([error.square().sum(), error.abs().sum()]).cpu()
        values += error.numel()
    network.train(training)
    share = counts / counts.sum(1, keepdim=True).clamp(min=1)
    perplexity = torch.special.entr(share).sum(1).exp()
    mse, mae = (sums / max(values, 1)).tolist()
    used = (counts > 0).double().mean(1)
    return Health(
        len(windows),
        int(counts.sum()),
        mse,
        mae,
        tuple(perplexity.tolist()),
        tuple(used.tolist()),
        tuple(map(tuple, counts.int().tolist())),
    )


def use_of_codes(network: Network, batch: Batch) -> dict[str, Tensor]:
    """Perplexity and share of used codes in one batch, for the worst codebook."""
    codes, size = network.model.codes(batch), network.model.representation.codec.codebook.size
    share = (
        torch.stack([torch.bincount(level.flatten(), minlength=size) for level in codes.unbind(-1)])
        / codes[..., 0].numel()
    )
    return {
        "perplexity": torch.special.entr(share).sum(1).exp().min(),
        "codes_in_use": (share > 0).float().mean(1).min(),
    }


def check_codes(network: Network, windows: Windows | Mix) -> dict[str, Any]:
    """Raise SettingsError when the codebook has collapsed: the next stage would learn from a few codes only."""
    found = health(network, windows)
    if min(found.used) < COLLAPSED:
        size = network.model.representation.codec.codebook.size
        raise SettingsError(
            f"the codebook has collapsed: {min(found.used):.0%} of its {size} codes are in use (perplexity"
            f" {min(found.perplexity):.1f}), wanted at least {COLLAPSED:.0%}. Train the codec longer"
            " (stages.codec.max_steps), lower its rate (stages.codec.lr), take fewer codes"
            " (model.representation.codec.codebook_size), or a grid that cannot collapse"
            " (model.representation.codec.quantizer=fsq)"
        )
    return asdict(found)
