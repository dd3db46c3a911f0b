"""Adam and AdamW of torch without its compiler, whose import takes longer than many a training.

torch wraps each method of an optimiser to keep it out of `torch.compile`, and the first call imports the whole
compiler. The network alone is compiled here (`compiling.py`), so that the plain functions inside these wrappers do the
same.
"""

from inspect import unwrap
from typing import Any

import torch

_WRAPPED = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")


def _plain(kind: type[torch.optim.Optimizer]) -> type[Any]:
    methods: dict[str, Any] = {name: unwrap(getattr(kind, name)) for name in _WRAPPED}
    return type(kind.__name__, (kind,), {**methods, "step": torch.no_grad()(unwrap(kind.step))})


OPTIMIZERS = {"adam": _plain(torch.optim.Adam), "adamw": _plain(torch.optim.AdamW)}
