"""Tiny fits of everything registered, for `same_numbers`: each case is a label, a function that fits, and its calls."""

import itertools
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[2] / "tests"
sys.path.insert(0, str(TESTS))

import latentcast  # noqa: E402
from fixtures import write_saved as saved  # noqa: E402
from fixtures.frames import FRAMES  # noqa: E402

ALL = ("weights", "evaluate", "predict", "explain", "drift")
FIGURES = ("weights", "evaluate", "predict")


@dataclass(frozen=True)
class Case:
    """One fit, and how it is predicted, evaluated and explained afterwards."""

    label: str
    make: Callable[[], Any]
    frame: str = "waves"
    future: str | None = None
    stride: int = 1
    calls: tuple[str, ...] = ALL
    predictions: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"points": {}, "level": {"level": 50}})


# every name that `latentcast models` lists, with the smallest of its presets and what keeps it quick
QUICK: dict[str, Any] = {"training.max_steps": 2, "training.loggers": [], "training.accelerator": "cpu"}
LATENT = {"ratios": [2, 3], "channels": [6, 8], "latent_dim": 6, "width": 8}
LLM = saved.LLM
ONE = {"model.processes": 1}
NAMES: dict[str, dict[str, Any]] = {
    "naive": {},
    "seasonal-naive": {},
    "auto-arima": {"frame": "positive", "stride": 8, "settings": ONE, "preset": "fast"},
    "auto-ets": {"frame": "positive", "stride": 8, "settings": ONE},
    "theta": {"frame": "positive", "stride": 8, "settings": ONE},
    "chronos": {"settings": {"model.checkpoint": "pretrained/chronos"}},
    "hybrid": {"frame": "positive", "stride": 8, "settings": {"model.members.auto-ets": {"model": {"processes": 1}}}},
    "dlinear": {},
    "transformer": {"preset": "small"},
    "autoformer": {"preset": "small"},
    "patch-transformer": {"preset": "small"},
    "pattn": {},
    "latent-transformer": {"preset": "light", "settings": {"model.representation.width": 64}},
    "time-llm": {"settings": {"model.backbone": {k: v for k, v in LLM.items() if k != "name"}}},
    "patch-linear": {},
    "vq-codec": {},
    "token-transformer": {"preset": "small"},
}
STAGES = {
    f"stages.{stage}.{key}": value
    for stage in ("codec", "next-code")
    for key, value in (("max_steps", 30), ("loggers", []), ("accelerator", "cpu"))
}


SMALL_CODEC = {"stages.codec.lr": 3e-3, "model.representation.codec.codebook_size": 16}
LIGHT = {"model.representation.width": 16, "model.backbone.ff": 16}
PRESETS: dict[str, dict[str, Any]] = {
    "hybrid/wide": {"frame": "positive", "stride": 8, "settings": {"model.stride": 8}},
    "latent-transformer/auto": {"settings": LIGHT},
    "latent-transformer/small": {},
    "latent-transformer/custom_4x": {"settings": LIGHT},
    "latent-transformer/imputer": {"settings": LIGHT},
    "time-llm/minilm": {"settings": {"model.backbone": {"num_prototypes": 8, "llm_layers": 1}}, "stride": 8},
}


def named() -> Iterator[Case]:
    presets = {label: {**how, "preset": label.split("/")[1]} for label, how in PRESETS.items()}
    for label, how in {**NAMES, **presets}.items():
        name, frame = label.split("/")[0], how.get("frame", "waves")
        if name == "vq-codec":
            continue  # forecasts nothing; it is among the saved ones
        more = {**STAGES, **SMALL_CODEC} if name == "token-transformer" else {}
        settings = {**QUICK, **more, **how.get("settings", {})}
        yield Case(
            f"named/{label.replace('/', ' ')}",
            lambda name=name, how=how, settings=settings, frame=frame: latentcast.fit(
                FRAMES[frame](), name, lookback=24, horizon=6, seed=3, preset=how.get("preset"), settings=settings
            ),
            frame,
            stride=how.get("stride", 1),
        )


def saved_kinds() -> Iterator[Case]:
    for kind, (make, frame, calls) in saved.KINDS.items():
        future = next((one["future"] for one in calls.values() if "future" in one), None)
        predictions = {
            name: {key: value for key, value in one.items() if key not in ("call", "future", "frame")}
            for name, one in calls.items()
            if one["call"] == "predict"
        }
        yield Case(f"kind/{kind}", make, frame, future, predictions=predictions)


REPRESENTATIONS: dict[str, dict[str, Any]] = {
    "patch": saved.PATCH,
    "compression": LATENT,
    "codes": {"codec": {"hidden": 6, "blocks": 1, "code_dim": 4, "codebook_size": 8}, "width": 8},
    "wavelet": {**saved.PATCH, "wavelet": "haar", "learn_filters": True, "learn_as": "free"},
    "multi-scale": {**saved.PATCH, "scales": [1, 2]},
    "frequency": {**saved.PATCH, "adaptive": True},
    "views": saved.VIEWS,
}
BACKBONES: dict[str, dict[str, Any]] = {
    "encoder": {"layers": 1, "heads": 2, "ff": 8},
    "attention": {"heads": 2},
    "none": {},
    "encoder-decoder": {"encoder_layers": 1, "decoder_layers": 1, "heads": 2, "ff": 8},
    "causal": {"layers": 1, "heads": 2, "ff": 8},
    "frozen_llm": {**{key: value for key, value in LLM.items() if key != "name"}, "lags": 2},
}
HEADS: dict[str, dict[str, Any]] = {
    "flatten": {},
    "quantile": {"quantiles": [0.1, 0.5, 0.9]},
    "decompression": {},
    "code": {},
}
UNDOES = {"decompression": "compression", "code": "codes"}


def combined() -> Iterator[Case]:
    """Representations x backbones x heads; a refused combination is recorded as refused."""
    for representation, backbone, head in itertools.product(REPRESENTATIONS, BACKBONES, HEADS):
        if UNDOES.get(head, representation) != representation or (representation, backbone) == ("codes", "none"):
            continue
        model = {
            "name": "patch-linear",
            "representation": {"name": representation, **REPRESENTATIONS[representation]},
            "backbone": {"name": backbone, **BACKBONES[backbone]},
            "head": {"name": head, **HEADS[head]},
        }
        yield Case(
            f"parts/{representation}+{backbone}+{head}",
            lambda model=model: saved.fit("patch-linear", settings={"model": model}),
            calls=FIGURES,
        )


# further settings of parts, training and data: label → (model, frame, settings)
VARIANTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "training one-cycle ema": (
        "dlinear",
        "waves",
        {"training": {"schedule": "one-cycle", "ema": 0.9, "warmup": 0.2, "validations": 2, "keep": "best"}},
    ),
    "training accumulate adamw": (
        "dlinear",
        "waves",
        {"training": {"accumulate": 2, "optimizer": "adamw", "weight_decay": 0.1, "clip": 0.1, "batch_size": 8}},
    ),
    "training epochs patience": (
        "dlinear",
        "waves",
        {"training": {"max_steps": None, "max_epochs": 3, "patience": 1, "keep": "best", "schedule": "halving"}},
    ),
    "training bf16": ("patch-linear", "waves", {"training.precision": "bf16"}),
    "loss mae": ("dlinear", "waves", {"model.loss": "mae"}),
    "normalise kernel": ("dlinear", "waves", {"model": {"normalise": True, "kernel": 5}}),
    "split fractions": ("dlinear", "waves", {"data.split": [0.5, 0.2, 0.3]}),
    "split counts": ("dlinear", "waves", {"data.split": [150, 60, 60]}),
    "split dates": ("dlinear", "waves", {"data.split": ["2024-01-08", "2024-01-11"]}),
    "few-shot": ("dlinear", "waves", {"data.fraction": 0.3}),
    "target alone": ("dlinear", "waves", {"data.features": "S", "data.target": "load"}),
    "columns": ("dlinear", "waves", {"data.columns": ["price"]}),
    "gaps ffill": ("dlinear", "holed_waves", {"data.gaps": "ffill"}),
    "gaps transformer": ("transformer", "holed_waves", {"model": {**saved.SMALL, "heads": 2}}),
    "gaps patches": ("patch-linear", "holed_waves", {"model.representation": saved.PATCH}),
    "steps rows": ("dlinear", "holed_waves", {"data.steps": "rows"}),
    "season": ("seasonal-naive", "waves", {"data.season": 12}),
    "resample sum": ("dlinear", "irregular", {"data.resample": "2h", "data.aggregate": "sum"}),
    "zoned channels": ("transformer", "zoned", {"model": {**saved.SMALL, "heads": 2}}),
    "nonnegative": ("seasonal-naive", "positive", {"data.nonnegative": True, "data.transform": "log1p"}),
    "many lengths patches": ("patch-linear", "many_lengths", {"model.representation": saved.PATCH}),
    "compression pool": ("latent-transformer", "waves", {"model.representation": {**LATENT, "kind": "pool"}}),
    "compression attention": (
        "latent-transformer",
        "waves",
        {"model.representation": {**LATENT, "kind": "attention", "mix": False, "label_len": 7}},
    ),
    "mixture": (
        "pattn",
        "waves",
        {"model": {"representation": saved.PATCH, saved.renamed.MIXERS: [{"name": "mixture"}]}},
    ),
    "autoformer factor": ("autoformer", "waves", {"model": {**saved.SMALL, "factor": 1, "kernel": 7}}),
    "llm dynamic": (
        "time-llm",
        "waves",
        {
            "model": {
                "representation": saved.PATCH,
                "backbone": {
                    **LLM,
                    "dynamic": 2,
                    "local_statistics": True,
                    "units": "original",
                    "lags": 2,
                    "statistics": False,
                },
            },
            "data.description": "load and price, by the hour",
        },
    ),
    "llm random fused": (
        "time-llm",
        "waves",
        {
            "model": {
                "representation": saved.PATCH,
                "backbone": {**LLM, "random": True, "prototypes": "vocabulary", "join": "fuse", "dynamic": 2},
            }
        },
    ),
    "hybrid average": (
        "hybrid",
        "waves",
        {"model.members": ["naive", "seasonal-naive"], "model.fusion": "average"},
    ),
    "hybrid mae": (
        "hybrid",
        "many_lengths",
        {"model.members": ["naive", "seasonal-naive"], "model.error": "mae"},
    ),
}


def varied() -> Iterator[Case]:
    for label, (model, frame, settings) in VARIANTS.items():
        yield Case(
            f"variant/{label}",
            lambda model=model, frame=frame, settings=settings: saved.fit(model, frame, settings),
            frame,
            calls=(*FIGURES, "explain"),
        )


CODECS: dict[str, dict[str, Any]] = {
    "residual": {"quantizer": "residual", "levels": 2},
    "fsq": {"quantizer": "fsq", "grid": [3, 3]},
}
HEAD: dict[str, dict[str, Any]] = {
    "queries": {"decode": "queries"},
    "gumbel": {"relax": "gumbel"},
    "straight-through": {"relax": "straight-through", "loss": "mae"},
}


def tokens() -> Iterator[Case]:
    """Other codecs and other ways of learning through them."""

    def make(codec: Mapping[str, Any], head: Mapping[str, Any]) -> Any:
        stages = {key: value for key, value in saved.TOKENS.items() if key.startswith("stages.")}
        model = {
            "representation": {"codec": {**saved.CODEC["model.representation.codec"], **codec}, "width": 8},
            "backbone": saved.TOKENS["model.backbone"],
            "head": dict(head),
        }
        return saved.fit("token-transformer", settings={**stages, "model": model})

    for label, codec in CODECS.items():
        yield Case(f"tokens/{label}", lambda codec=codec: make(codec, {}), calls=FIGURES)
    for label, head in HEAD.items():
        yield Case(f"tokens/{label}", lambda head=head: make({}, head), calls=FIGURES)


def cases() -> list[Case]:
    return [*saved_kinds(), *named(), *varied(), *tokens(), *combined()]
