"""Inspect a network by tracing a forward pass over one window."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from latentcast.core.types import Batch, Task
from latentcast.layers.frozen_linear import PRODUCT, has_product
from latentcast.models.network import Network

Shape = tuple[int, ...]


@runtime_checkable
class Inspectable(Protocol):
    """A part or a model that reports facts about itself: plain values by name."""

    def facts(self, task: Task) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Row:
    """One module. `depth` is 0 for the whole model, 1 for its parts and 2 for theirs.

    shapes   of what it gives, one after another where that is several tensors or it runs several times
    flops    two for each multiply-add of matrix products, convolutions and attention; nothing else is counted
    """

    name: str
    what: str
    depth: int
    shapes: tuple[Shape, ...]
    parameters: int
    flops: int


@dataclass(frozen=True)
class Architecture:
    """`attention_flops` are those of the products of queries, keys and values, and are among `flops`."""

    rows: tuple[Row, ...]
    parameters: int
    trainable: int
    flops: int
    attention_flops: int
    facts: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def inspect(network: Network, depth: int = 2) -> Architecture:
    """Shapes, parameters and FLOPs of a forecast from one window, down to `depth`; the facts of every part."""
    model, device = network.model, next((p.device for p in network.parameters()), torch.device("cpu"))
    modules = dict(_stages(model, "", 0, depth))
    shapes: dict[str, list[Shape]] = {}

    def begin(name: str) -> None:
        shapes.setdefault(name, [])  # rows stand in the order in which modules begin

    def end(name: str, output: Any) -> None:
        # the first of several results: others, such as a cache, are not passed on
        shapes[name] += _shapes(output[0] if isinstance(output, tuple) else output)

    hooks = []
    for name, (module, _) in modules.items():
        hooks.append(module.register_forward_pre_hook(lambda _, __, name=name: begin(name)))
        hooks.append(module.register_forward_hook(lambda _, __, output, name=name: end(name, output)))
    training = model.training
    model.eval()
    counter = FlopCounterMode(display=False, custom_mapping=OPERATIONS_OF_CPUS)
    try:
        with torch.no_grad(), counter:
            model(network.prompted(_one_window(network.task)).to(device))
    finally:
        for hook in hooks:
            hook.remove()
        model.train(training)
    counts, root = counter.get_flop_counts(), type(model).__name__
    flops = {name: sum(counts.get(f"{root}.{name}" if name else root, {}).values()) for name in modules}
    rows = []
    for name, seen in shapes.items():
        module, level = modules[name]
        if level < 2 or flops[name]:  # norms and dropout change no shape
            size = count_parameters(module)[0]
            rows.append(Row(name or "model", type(module).__name__, level, tuple(seen), size, flops[name]))
    attention = sum(n for kind, n in counts.get("Global", {}).items() if "scaled_dot_product" in str(kind))
    facts: dict[str, Any] = {}
    for module, level in modules.values():
        if level < 2 and isinstance(module, Inspectable):
            facts |= module.facts(network.task)
    return Architecture(tuple(rows), *count_parameters(network), flops[""], attention, facts)


@dataclass(frozen=True)
class Memory:
    """Bytes that training needs: weights that are frozen and learned, gradients and Adam's two moments of the latter,
    and what a step on `windows` windows keeps for backward.
    """

    frozen: int
    learned: int
    optimiser: int
    kept: int
    windows: int

    @property
    def total(self) -> int:
        return self.frozen + self.learned + self.optimiser + self.kept


def training_memory(network: Network, windows: int) -> Memory:
    """Estimate the memory of training: measure what one and two windows keep for backward, and extrapolate.

    Frameworks, data and the space that kernels borrow come on top of it.
    """
    parts: list[Any] = list(network.modules())
    held = [part.language.model for part in parts if hasattr(part, "language")]
    every = list({p.data_ptr(): p for m in (network, *held) for p in m.parameters()}.values())
    learned = sum(p.numel() * p.element_size() for p in network.parameters() if p.requires_grad)
    frozen = sum(p.numel() * p.element_size() for p in every) - learned
    own = {p.untyped_storage().data_ptr() for p in every}
    kept = []
    for count in (1, 2):
        one = _one_window(network.task)
        past, known, later = (
            None if x is None else x.repeat(count, 1, 1) for x in (one.past, one.past_known, one.future_known)
        )
        assert past is not None
        phase = torch.zeros(count, dtype=torch.int64)
        several = Batch(past, past_known=known, future_known=later, phase=phase)
        seen: dict[int, int] = {}

        def keep(tensor: Tensor, seen: dict[int, int] = seen) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in own:
                seen[storage.data_ptr()] = storage.nbytes()
            return tensor

        device = next((p.device for p in network.parameters()), torch.device("cpu"))
        with torch.random.fork_rng([]), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            values = network.train()(network.prompted(several).to(device)).values  # held until all is counted
        kept.append(sum(seen.values()))
        del values
    network.eval()
    each = max(kept[1] - kept[0], 0)
    return Memory(frozen, learned, 3 * learned, max(kept[0] - each, 0) + windows * each, windows)


def _stages(module: nn.Module, name: str, level: int, depth: int) -> Iterator[tuple[str, tuple[nn.Module, int]]]:
    """Yield modules with their depth; pure containers are replaced by their modules."""
    holds = type(module).forward is nn.Module.forward
    if not holds:
        yield name, (module, level)
    if holds or level < depth:
        for child, inner in module.named_children():
            yield from _stages(inner, f"{name}.{child}".lstrip("."), level if holds else level + 1, depth)


def _shapes(output: Any) -> list[Shape]:
    """Of a tensor, or of the numbers that a value such as Tokens holds; masks and penalties are none."""
    if is_dataclass(output):
        return [s for field in fields(output) for s in _shapes(getattr(output, field.name))]
    return [tuple(output.shape)] if isinstance(output, Tensor) and output.ndim and output.is_floating_point() else []


def _one_window(task: Task) -> Batch:
    past = torch.zeros(1, task.lookback, task.channels)
    known = torch.zeros(1, task.lookback + task.horizon, task.known)
    phase = torch.zeros(1, dtype=torch.int64)
    return Batch(past, past_known=known[:, : task.lookback], future_known=known[:, task.lookback :], phase=phase)


def _attention(query: Shape, key: Shape, value: Shape, *_: Any, **__: Any) -> int:
    flops: int = sdpa_flop_count(query, key, value)
    return flops


def _linear(x: Any, weight: Any, *rest: Any, **how: Any) -> int:
    return int(2 * math.prod(x) * weight[0])


# torch counts the fused kernels of GPUs alone, and no product of oneDNN
OPERATIONS_OF_CPUS: dict[Any, Any] = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention}
if has_product():
    OPERATIONS_OF_CPUS[getattr(torch.ops.mkldnn, PRODUCT)] = _linear


def count_parameters(network: nn.Module) -> tuple[int, int]:
    """(all, trainable) parameters; a part that holds frozen weights outside of what is saved counts them itself."""
    sizes = [(p.numel(), p.requires_grad) for p in network.parameters()]
    held = sum(getattr(module, "frozen_parameters", 0) for module in network.modules())
    return held + sum(n for n, _ in sizes), sum(n for n, trained in sizes if trained)
