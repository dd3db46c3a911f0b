"""Collect the findings of a network's parts about one window, in the order of the forward pass."""

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from latentcast.core.findings import Explains, Finding, WindowLabels
from latentcast.core.types import Batch
from latentcast.models.network import Network


def collect_findings(network: Network, batch: Batch, shown: WindowLabels) -> tuple[Finding, ...]:
    """Findings of every module that `Explains`, from one forward over a batch of one window.

    Each is asked after the forward pass with the arguments of its own (first) forward call.
    """
    given: dict[str, tuple[Explains, tuple[Any, ...]]] = {}
    hooks = []

    def note(name: str, module: nn.Module, args: tuple[Any, ...]) -> None:
        if isinstance(module, Explains):
            given.setdefault(name, (module, args))

    for name, module in network.model.named_modules():
        hooks.append(module.register_forward_pre_hook(lambda m, args, name=name: note(name, m, args)))
    network.eval()
    try:
        with torch.inference_mode():
            network(batch)
            for hook in hooks:
                hook.remove()
            said = [(name, module.findings(_labels(shown, args), *args)) for name, (module, args) in given.items()]
    finally:
        for hook in hooks:
            hook.remove()
    return tuple(replace(one, part=name or "model") for name, several in said for one in several)


def _labels(shown: WindowLabels, args: tuple[Any, ...]) -> WindowLabels:
    """The window's labels as far as a module was given it."""
    return shown.of_last(args[0].past.shape[1]) if args and isinstance(args[0], Batch) else shown
