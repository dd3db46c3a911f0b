"""How far a forecast of Time-LLM moves with the other windows of its batch, where prompts are padded as published.

    python -m benchmarks.accuracy.timellm_padding [--steps 200] [--windows 96] [--batch 24]

The published code pads the prompts of a batch on the right, with a word that the language model then reads as any
other (it is given no mask). MiniLM, two layers, trained on ETTh1's oil temperature, 96 → 24, in the published wording
and with the published padding of the patches; then test windows are forecast alone, and with their prompts padded to
the longest of each batch of 24. Figures are distances of the two forecasts in standard deviations of the window.
"""

import argparse
from dataclasses import replace
from typing import Any

import numpy as np
import torch

import latentcast
from benchmarks._harness import report
from latentcast.core.types import Batch
from latentcast.data.panel.build import build
from latentcast.data.sources.open import open_data
from latentcast.forecaster.inputs import prepare
from latentcast.forecaster.judge import cut_windows
from latentcast.layers.instance_norm import window_scale

CLAIM = "prompts padded without a mask make a forecast depend on the other windows of its batch"


def padded(batch: Batch, word: int) -> Batch:
    """The same prompts, with a word that is read where they have ended."""
    assert batch.prompt is not None
    return replace(batch, prompt=batch.prompt.masked_fill(batch.prompt < 0, word))


def distances(forecaster: Any, data: str, count: int, size: int) -> tuple[np.ndarray, list[int]]:
    """[windows, horizon] of evenly spread test windows, and how many words each prompt is padded by."""
    panel = build(open_data(data)[0].frame, forecaster.run.data)
    prepared = prepare(forecaster, panel)
    first, item = prepared.starts("test", forecaster.task.lookback, forecaster.task.horizon)
    order = torch.randperm(len(first), generator=torch.Generator().manual_seed(0))[:count].numpy()
    windows = cut_windows(forecaster, prepared, (first[order], item[order]))
    word = forecaster.network.model.backbone.language.tokenizer.pad_token_id
    found, added = [], []
    for _, batch in windows.in_batches(size):
        with torch.no_grad():
            alone, beside = (forecaster.network(one).values for one in (batch, padded(batch, word)))
        scale = window_scale(batch.past).scale
        found.append(((alone - beside).abs() / scale)[..., 0])
        added += (batch.prompt < 0).sum(-1).flatten().tolist()
    return torch.cat(found).numpy(), added


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--windows", type=int, default=96)
    parser.add_argument("--batch", type=int, default=24)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    settings = {
        "model.backbone.llm_layers": 2,
        "model.backbone.prompt_wording": "published",
        "model.representation.ends": "circular",
        "data.features": "S",
        "data.target": "OT",
        "training.max_steps": asked.steps,
        "training.loggers": [],
    }
    forecaster = latentcast.fit("ETTh1", "time-llm", preset="minilm", lookback=96, horizon=24, settings=settings)
    found, added = distances(forecaster, "ETTh1", asked.windows, asked.batch)
    report(
        CLAIM,
        None,
        name="timellm_padding",
        found={
            "windows": len(found),
            "batch": asked.batch,
            "steps": asked.steps,
            "words_added": {"mean": float(np.mean(added)), "most": max(added)},
            "standard_deviations": {
                "mean": float(found.mean()),
                "median_of_largest": float(np.median(found.max(1))),
                "largest": float(found.max()),
            },
        },
    )


if __name__ == "__main__":
    main()
