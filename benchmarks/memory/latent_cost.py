"""What latent-transformer's presets cost against the uncompressed transformer, counted and not timed.

Attention: the multiply-adds of its two products, queries with keys and weights with values, of every scaled dot
product in a forward pass, from the shapes that reach it (windows x heads x queries x keys x features, twice), and held
against the closed form from the lengths alone. The encoder's over the look-back is what the compression is about; the
decoder's over label and horizon is given beside it.

Memory: the bytes that autograd keeps from the forward pass for the backward pass of one training step, each storage
once, weights and buffers excluded. As in latent_speed.py: with dropout on the attention's weights on both sides, on
neither, and each model by its default.
"""

import argparse
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from benchmarks._harness import report, table
from benchmarks.speed.latent_speed import CHANNELS, PRESETS, ROWS, network, windows
from latentcast.core.types import Batch
from latentcast.layers.attention import Attention
from latentcast.layers.transformer import DecoderLayer
from latentcast.models.network import Network

CLAIM = "compression cuts attention's products and the bytes kept for the backward pass"

ASKED_ATTENTION = {"light": 16, "medium": 64, "heavy": 256}
ASKED_MEMORY = {"light": 4, "medium": 8, "heavy": 16}
TOTAL = {"light": 4, "medium": 8, "heavy": 16, "custom_4x": 4, "custom_8x": 8, "custom_16x": 16}
WHERE = ("encoder", "decoder, itself", "decoder, memory")


def places(net: Network) -> dict[nn.Module, str]:
    found: dict[nn.Module, str] = {}
    for module in net.modules():
        if isinstance(module, DecoderLayer):
            found |= {module.itself: WHERE[1], module.memory: WHERE[2]}
    for module in net.modules():
        if isinstance(module, Attention):
            found.setdefault(module, WHERE[0])
    return found


def attention(net: Network, batch: Batch) -> dict[str, int]:
    """Multiply-adds of one window's forward pass, by place, summed over layers and counted where they happen."""
    counted = dict.fromkeys(WHERE, 0)
    at = ""
    product = nn.functional.scaled_dot_product_attention

    def enter(module: nn.Module, _: Any) -> None:
        nonlocal at
        at = where[module]

    def count(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
        rows, keys = q.shape[:-1].numel(), k.shape[-2]
        counted[at] += rows * keys * (q.shape[-1] + v.shape[-1])
        return product(q, k, v, **options)

    where = places(net)
    handles = [module.register_forward_pre_hook(enter) for module in where]
    nn.functional.scaled_dot_product_attention = count
    try:
        with torch.no_grad():
            net(batch)
    finally:
        nn.functional.scaled_dot_product_attention = product
        for handle in handles:
            handle.remove()
    return counted


def closed_form(length: int, merged: int, width: int = 512) -> dict[str, int]:
    """Two encoder layers and one decoder layer, label of half the look-back; a causal mask counts as full."""
    past, query = -(-length // merged), -(-(length // 2 + length) // merged)
    return dict(zip(WHERE, (4 * past * past * width, 2 * query * query * width, 2 * query * past * width), strict=True))


def kept_for_backward(net: Network, batch: Batch) -> int:
    """Bytes."""
    own = {t.untyped_storage().data_ptr() for t in (*net.parameters(), *net.buffers())}
    kept: dict[int, tuple[int, Tensor]] = {}

    def pack(t: Tensor) -> Tensor:
        storage = t.untyped_storage()
        if storage.data_ptr() not in own:  # holding the tensor keeps its address from being used again
            kept[storage.data_ptr()] = (storage.nbytes(), t.detach())
        return t

    with saved_tensors_hooks(pack, lambda t: t):
        net.loss(net(batch), batch)
    return sum(size for size, _ in kept.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--length", type=int, default=720, help="look-back and horizon")
    parser.add_argument("--batch", type=int, default=4, help="windows, for the memory")
    args = parser.parse_args()
    sides: list[str | None] = [None, *PRESETS]
    name = {preset: preset or "transformer" for preset in sides}
    products: dict[str, dict[str, int]] = {}
    for preset in sides:
        net = network(preset, args.length, 0.0).eval()
        products[name[preset]] = found = attention(net, windows(1, args.length, "cpu"))
        expected = closed_form(args.length, TOTAL[preset] if preset else 1)
        assert found == expected, (preset, found, expected)
    base = products["transformer"]
    ratios = {side: {where: base[where] / n for where, n in found.items()} for side, found in products.items()}
    print(f"multiply-adds of attention, {args.length} → {args.length}, one window; times fewer")
    table(["", *(f"{w}{x}" for w in WHERE for x in ("", ", times")), "asked, encoder"],
          [[side, *(v for w in WHERE for v in (found[w], ratios[side][w])), ASKED_ATTENTION.get(side, "")]
           for side, found in products.items()])  # fmt: skip
    memory: dict[str, dict[str, Any]] = {}
    for row, dropout in ROWS.items():
        batch = windows(args.batch, args.length, "cpu")
        size = {name[preset]: kept_for_backward(network(preset, args.length, dropout), batch) for preset in sides}
        memory[row] = {
            side: {"bytes": n, "ratio": size["transformer"] / n, "asked": ASKED_MEMORY.get(side)}
            for side, n in size.items()
        }
        print(f"\nkept for the backward pass, {args.batch} windows, attention dropout: {row}")
        lines = [[side, m["bytes"] / 2**20, m["ratio"], m["asked"] or ""] for side, m in memory[row].items()]
        table(["", "MiB", "times less", "asked"], lines)
    report(CLAIM, {"attention": ASKED_ATTENTION, "bytes": ASKED_MEMORY}, name="latent_cost", found={
        "settings": {**vars(args), "channels": CHANNELS}, "seed": 1,
        "attention_multiply_adds": products, "attention_ratios": ratios,
        "attention_dropout_of_rows": ROWS, "kept_for_backward": memory,
    })  # fmt: skip


if __name__ == "__main__":
    main()
