"""Tiny random models of the classes of other packages, in folders that the packages' own loading code reads."""

import dataclasses
import json
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from chronoses import chronos

_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def _quiet(build: Callable[[int], str]) -> Callable[..., str]:
    """The packages warn while they are imported; each is built once."""

    @cache
    def quiet(seed: int = 0) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return build(seed)

    return quiet


def _folder() -> Path:
    _KEPT.append(tempfile.TemporaryDirectory())
    return Path(_KEPT[-1].name)


@_quiet
def timesfm(seed: int = 0) -> str:
    """4 steps a patch, 8 forecast at once, 248 read. The package knows one size: it is made small here for good."""
    from timesfm.timesfm_2p5 import timesfm_2p5_base, timesfm_2p5_torch

    large = timesfm_2p5_base.TimesFM_2p5_200M_Definition()
    width = {"hidden_dims": 16, "output_dims": 16}
    stack = large.stacked_transformers
    small = dataclasses.replace(
        large,
        input_patch_len=4,
        output_patch_len=8,
        output_quantile_len=16,
        tokenizer=dataclasses.replace(large.tokenizer, input_dims=8, **width),
        stacked_transformers=dataclasses.replace(
            stack,
            num_layers=1,
            transformer=dataclasses.replace(stack.transformer, model_dims=16, hidden_dims=16, num_heads=2),
        ),
        output_projection_point=dataclasses.replace(
            large.output_projection_point, input_dims=16, hidden_dims=16, output_dims=8 * 10
        ),
        output_projection_quantiles=dataclasses.replace(
            large.output_projection_quantiles, input_dims=16, hidden_dims=16, output_dims=16 * 10
        ),
    )
    type(small).context_limit = 256
    timesfm_2p5_torch.TimesFM_2p5_200M_torch_module.config = small
    torch.manual_seed(seed)
    folder = _folder()
    timesfm_2p5_torch.TimesFM_2p5_200M_torch(torch_compile=False)._save_pretrained(folder)
    return str(folder)


@_quiet
def tirex(seed: int = 0) -> str:
    """4 steps a patch, 8 forecast at once, 32 read."""
    from tirex2 import TiRex2
    from tirex2._state_dict import shared_tensor_groups

    mixer = {"embedding_dim": 16, "num_heads": 2}
    templates = {
        kind: {
            "time_mixer": {"model_type": kind, **mixer, "num_slstm_heads": 2},
            "variate_mixer": dict(mixer),
            "dropout": 0.0,
            "eps": 1e-6,
        }
        for kind in ("bi-slstm", "bi-mlstm")
    }
    config: dict[str, Any] = {
        "stack_config": {"templates": templates, "recipe": list(templates)},
        "num_blocks": 2,
        "embedding_dim": 16,
        "input_patch_size": 4,
        "output_patch_size": 4,
        "quantiles": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
        "tokenizer_cfg": {"output_patch_size": 4, "input_patch_size": 4, "input_patch_stride": 4},
        "scaler_cfg": {},
        "h_expand": 2.0,
        "context_len": 32,
        "future_len": 8,
        "input_ff_dim": 16,
        "act_func": "SiLU",
        "dropout": 0.0,
    }
    torch.manual_seed(seed)
    model = TiRex2(**config, device="cpu")
    with torch.no_grad():  # the package begins with zeros in some of them
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)
    alias = {name for group in shared_tensor_groups(model) for name in group[1:]}
    folder = _folder()
    kept = {name: tensor for name, tensor in model.state_dict().items() if name not in alias}
    save_file(kept, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


@_quiet
def toto(seed: int = 0) -> str:
    """4 steps a patch."""
    from toto2 import Toto2Model, Toto2ModelConfig

    config = Toto2ModelConfig(
        patch_size=4,
        d_model=16,
        num_heads=2,
        num_layers=2,
        layer_group_size=2,
        num_variate_layers_per_group=1,
        variate_layer_first=False,
        residual_attn_ratio=1.0,
    )
    torch.manual_seed(seed)
    model = Toto2Model(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)
    folder = _folder()
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(dataclasses.asdict(config)))
    return str(folder)


@_quiet
def fracast(seed: int = 0) -> str:
    """48 steps forecast at once, 64 read."""
    import fracast as package
    from fracast._core.model import build_from_cfg

    config = json.loads((Path(package.__file__).parent / "weights" / "config.json").read_text())
    config["model"] |= {"W": 64, "level_widths": [64], "n_stages": 5}
    torch.manual_seed(seed)
    parts = dict(zip(("core", "head"), build_from_cfg(config), strict=True))
    folder = _folder()
    tensors = {f"{at}.{name}": tensor for at, part in parts.items() for name, tensor in part.state_dict().items()}
    save_file({name: tensor.clone() for name, tensor in tensors.items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


# name → (module of its package, a checkpoint)
FOUNDATIONS: dict[str, tuple[str, Callable[[], str]]] = {
    "chronos": ("chronos", lambda: chronos("bolt")),
    "fracast": ("fracast", fracast),
    "timesfm": ("timesfm", timesfm),
    "tirex": ("tirex2", tirex),
    "toto": ("toto2", toto),
}
