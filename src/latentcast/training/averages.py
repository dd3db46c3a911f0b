"""The running mean of weights (EMA), in few calls a step."""

from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel


def averaged(network: torch.nn.Module, decay: float) -> AveragedModel:
    """A copy of a network whose weights and buffers follow the network's by an exponential mean."""

    @torch.no_grad()
    def update(own: Any, new: Any, _: Any) -> None:
        if not own[0].is_floating_point() and not own[0].is_complex():
            for one, other in zip(own, new, strict=True):
                one.copy_(decay * one + (1 - decay) * other)
            return
        torch._foreach_mul_(own, decay)
        torch._foreach_add_(own, torch._foreach_mul(new, 1 - decay))

    return AveragedModel(network, multi_avg_fn=update, use_buffers=True)
