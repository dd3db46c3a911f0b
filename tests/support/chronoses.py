"""Tiny Chronos models in folders, built from configurations: the package's real loading code reads them."""

import tempfile
from functools import cache
from typing import Any

import torch

LEVELS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
PATCHES: dict[str, Any] = {"input_patch_size": 4, "input_patch_stride": 4, "quantiles": LEVELS, "use_reg_token": True}
_KEPT: list[tempfile.TemporaryDirectory[str]] = []


@cache
def chronos(kind: str, seed: int = 0) -> str:
    """`bolt`, `two` or `t5`: 48 steps are read, 8 forecast at once."""
    torch.manual_seed(seed)
    shape = {"d_model": 16, "d_ff": 24, "d_kv": 8, "num_layers": 1, "num_heads": 2}
    model: Any
    if kind == "two":
        from chronos.chronos2 import Chronos2Model
        from chronos.chronos2.config import Chronos2CoreConfig

        own = {**PATCHES, "context_length": 48, "output_patch_size": 4, "max_output_patches": 2}
        config = Chronos2CoreConfig(
            **shape, chronos_config=own, chronos_pipeline_class="Chronos2Pipeline", architectures=["Chronos2Model"]
        )
        model = Chronos2Model(config)
    else:
        from transformers import T5Config, T5ForConditionalGeneration

        config = T5Config(**shape, vocab_size=64 if kind == "t5" else 2, decoder_start_token_id=0, pad_token_id=0)
        config.num_decoder_layers = 1
        if kind == "t5":
            config.chronos_config = {
                "tokenizer_class": "MeanScaleUniformBins",
                "tokenizer_kwargs": {"low_limit": -9.0, "high_limit": 9.0},
                "n_tokens": 64, "n_special_tokens": 2, "pad_token_id": 0, "eos_token_id": 1, "use_eos_token": True,
                "model_type": "seq2seq", "context_length": 48, "prediction_length": 8, "num_samples": 4,
                "temperature": 1.0, "top_k": 8, "top_p": 1.0,
            }  # fmt: skip
            model = T5ForConditionalGeneration(config)
        else:
            from chronos.chronos_bolt import ChronosBoltModelForForecasting

            config.chronos_config = {**PATCHES, "context_length": 48, "prediction_length": 8}
            config.chronos_pipeline_class = "ChronosBoltPipeline"
            config.architectures = ["ChronosBoltModelForForecasting"]
            model = ChronosBoltModelForForecasting(config)
    kept = tempfile.TemporaryDirectory()
    _KEPT.append(kept)
    model.save_pretrained(kept.name)
    return kept.name
