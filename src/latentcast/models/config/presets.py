"""The named models: a model class, its settings, its training and its presets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ModelPreset:
    """A named model. `kind` is a class in models.MODELS; presets override groups of settings.

    stages        stages before forecasting, in order, each with its training settings
    required      stages of every fit, unless its initial weights have passed them
    forecasts     False where nothing is trained after the stages
    grows_from    other models that can give initial weights, each with the part that is copied
    by_lookback   (longest look-back, preset) from short to long: what the preset `auto` stands for
    reads         steps that a default look-back has at least, where the series are long enough
    """

    about: str
    kind: str
    values: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    stages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    by_lookback: tuple[tuple[int, str], ...] = ()
    required: tuple[str, ...] = ()
    forecasts: bool = True
    grows_from: Mapping[str, str] = field(default_factory=dict)
    reads: int = 0

    def preset_for(self, lookback: int) -> tuple[str, str]:
        """Return the preset that `auto` selects, and the reason."""
        for number, (longest, name) in enumerate(self.by_lookback):
            if lookback <= longest or number == len(self.by_lookback) - 1:
                others = [f"{n} up to {most}" for most, n in self.by_lookback[:-1]]
                rule = f"{', '.join(others)}, {self.by_lookback[-1][1]} beyond"
                return name, f"preset auto: {name} for a look-back of {lookback} ({rule})"
        raise ValueError("no preset depends on the look-back")


def _patches(length: int, stride: int, width: int) -> dict[str, Any]:
    return {"name": "patch", "length": length, "stride": stride, "width": width}


def _stages(ratios: tuple[int, ...], channels: tuple[int, ...], latent_dim: int) -> dict[str, Any]:
    return {"model": {"representation": {"ratios": ratios, "channels": channels, "latent_dim": latent_dim}}}


_CODEC_STAGE = {"lr": 1e-3, "batch_size": 64, "max_epochs": 100, "max_steps": 15_000, "patience": 10}

MODEL_PRESETS: dict[str, ModelPreset] = {
    "naive": ModelPreset("the last value, repeated", "naive"),
    "seasonal-naive": ModelPreset("the last season, repeated", "seasonal-naive"),
    "auto-arima": ModelPreset(
        "ARIMA, orders chosen at each origin (Hyndman and Khandakar 2008)",
        "auto-arima",
        presets={"fast": {"model": {"max_order": 2, "max_seasonal": 1, "approximation": True}}},
        reads=200,
    ),
    "auto-ets": ModelPreset(
        "exponential smoothing, form chosen at each origin (Hyndman et al. 2002)", "auto-ets", reads=200
    ),
    "theta": ModelPreset(
        "Theta method (Assimakopoulos and Nikolopoulos 2000), fitted at each origin", "theta", reads=200
    ),
    "chronos": ModelPreset(
        "pretrained Chronos-Bolt or Chronos-2, as it is (Ansari et al. 2024, 2025)", "chronos", reads=1024
    ),
    "fracast": ModelPreset("pretrained Fracast-0, its weights in its package", "fracast", reads=2048),
    "timesfm": ModelPreset("pretrained TimesFM 2.5, as it is (Das et al. 2024)", "timesfm", reads=1024),
    "tirex": ModelPreset("pretrained TiRex-2, as it is", "tirex", reads=2048),
    "toto": ModelPreset("pretrained Toto 2.0, as it is", "toto", reads=2048),
    "generalist": ModelPreset(
        "pretrained weights that ship with the package; forecasts untrained",
        "generalist",
        presets={
            "head": {"model": {"adapt": "head"}},
            "all": {"model": {"adapt": "all"}},
            "low-rank": {"model": {"adapt": "low-rank"}},
        },
        reads=1024,
    ),
    "hybrid": ModelPreset(
        "forecasts of several models, classical ones among them, fused by weights of each series and step ahead",
        "hybrid",
        {"members": ("auto-ets", "dlinear")},
        presets={
            "classical": {"model": {"members": ("auto-arima", "auto-ets", "theta")}},
            "wide": {
                "model": {
                    "members": (
                        {"label": "auto-arima", "model": {"preset": "fast"}},
                        "auto-ets",
                        "theta",
                        "dlinear",
                    )
                }
            },
        },
    ),
    "dlinear": ModelPreset(
        "trend and remainder, one linear map each (Zeng et al. 2023)",
        "dlinear",
        # without the normalisation it loses to seasonal-naive where series have levels of their own
        {"normalise": True},
        # the problem is convex: the end of a decaying learning rate is the solution and needs no validation part
        training={"lr": 2e-3, "ema": 0.98, "max_epochs": 30, "keep": "last", "patience": None},
        presets={
            # without normalisation, at the paper's rate and schedule; the last state is kept, since a validation part
            # at another level than the test part would select a premature one
            "published": {
                "model": {"normalise": False},
                "training": {
                    "lr": 5e-3,
                    "ema": None,
                    "max_steps": None,
                    "max_epochs": 10,
                    "schedule": "halving",
                    "clip": None,
                    "keep": "last",
                    "patience": None,
                },
            },
            # one map of each window less its own mean, as the shortcut of `latent-transformer --preset small`
            "normalised": {
                "model": {"kernel": 1, "normalise": True},
                "training": {
                    "lr": 2e-3,
                    "ema": 0.98,
                    "max_epochs": 10,
                    "max_steps": 600,
                    "validations": 2,
                    "schedule": "cosine",
                    "clip": 1.0,
                    "keep": "best",
                    "patience": 5,
                },
            },
        },
    ),
    "fits": ModelPreset(
        "complex linear map of low frequencies (FITS, Xu et al. 2024)",
        "fits",
        training={"lr": 5e-3, "ema": 0.98, "max_epochs": 30, "keep": "best", "patience": 5},
    ),
    "ridge": ModelPreset(
        "ridge regression, solved in closed form; look-back, penalty and maps searched at rolling origins",
        "ridge",
        training={"keep": "last", "patience": None},  # there is no state to choose
        reads=336,
    ),
    "random-features": ModelPreset(
        "ridge regression and a solved readout of random features on its residual: nonlinear, without gradients",
        "random-features",
        training={"keep": "last", "patience": None},
        reads=336,
    ),
    "transformer": ModelPreset(
        "encoder-decoder over single time steps (Vaswani et al. 2017)",
        "transformer",
        training={"lr": 1e-4},
        presets={"small": {"model": {"width": 64, "heads": 4, "ff": 128}, "training": {"lr": 5e-4}}},
    ),
    "autoformer": ModelPreset(
        "encoder-decoder that decomposes as it goes, mixing steps by auto-correlation (Wu et al. 2021)",
        "autoformer",
        training={"lr": 1e-4, "schedule": "halving", "max_epochs": 10, "patience": 3},  # as published
        presets={"small": {"model": {"width": 64, "ff": 128}, "training": {"lr": 5e-4}}},
    ),
    "patch-transformer": ModelPreset(
        "patches, Transformer encoder, linear head (PatchTST, Nie et al. 2023)",
        "composed",
        {
            "representation": _patches(16, 8, 128),
            "backbone": {"name": "encoder"},
            "head": {"name": "flatten"},
        },
        training={"lr": 1e-4, "max_epochs": 20, "batch_size": 64},
        presets={
            "small": {
                "model": {
                    "representation": {"width": 16},
                    "backbone": {"heads": 4, "ff": 128, "dropout": 0.3},
                    "head": {"dropout": 0.3},
                },
                "training": {"lr": 1e-3},
            }
        },
    ),
    "pattn": ModelPreset(
        "patches, one attention layer, linear head: the control for larger backbones (Tan et al. 2024)",
        "composed",
        {
            "representation": _patches(16, 8, 128),
            "backbone": {"name": "attention"},
            "head": {"name": "flatten"},
        },
        training={"lr": 5e-4, "batch_size": 64},
    ),
    "latent-transformer": ModelPreset(
        "encoder-decoder over a look-back compressed in time, decompressed to the horizon",
        "composed",
        {
            "representation": {"name": "compression"},
            "backbone": {"name": "encoder-decoder"},
            "head": {"name": "decompression"},
        },
        training={"lr": 1e-4, "max_epochs": 100, "patience": 10},
        presets={
            "light": _stages((2, 2), (64, 128), 64),
            "medium": _stages((2, 2, 2), (64, 128, 256), 128),
            "heavy": _stages((2, 2, 2, 2), (64, 128, 256, 512), 256),
            "custom_4x": _stages((4,), (256,), 128),
            "custom_8x": _stages((4, 2), (128, 256), 128),
            "custom_16x": _stages((4, 2, 2), (128, 256, 512), 256),
            # each channel by itself, few weights and much dropout: suits small sets such as ETT
            "small": {
                "model": {
                    "shortcut": "linear",
                    "representation": {
                        "ratios": (24,),
                        "channels": (32,),
                        "latent_dim": 32,
                        "width": 32,
                        "mix": False,
                        "label_len": 24,
                        "calendar": False,
                        "dropout": 0.5,
                    },
                    "backbone": {"encoder_layers": 1, "heads": 2, "ff": 64, "dropout": 0.5},
                },
                "training": {"lr": 2e-3, "ema": 0.98, "max_steps": 600, "validations": 2, "patience": 5},
                "stages": {"reconstruct": {"lr": 2e-3}},
            },
            # for gaps: little compression, and features enough to tell one channel from the others
            "imputer": {
                "model": {
                    "representation": {
                        "ratios": (2, 2),
                        "channels": (128, 256),
                        "latent_dim": 128,
                        "width": 128,
                        "dropout": 0.05,
                    },
                    "backbone": {"heads": 4, "ff": 128, "dropout": 0.05},
                    "shortcut": "linear",
                },
                "stages": {"reconstruct": {"lr": 1e-3, "max_steps": 3000, "max_epochs": 100}},
            },
        },
        stages={"reconstruct": {"lr": 5e-4, "max_steps": None, "patience": None}},
        by_lookback=((99, "light"), (500, "medium"), (10**9, "heavy")),
    ),
    "time-llm": ModelPreset(
        "patches in the terms of a frozen language model, behind a prompt (Time-LLM, Jin et al. 2024)",
        "composed",
        {
            "representation": {**_patches(16, 8, 16), "kernel": 3, "position": False},
            "backbone": {"name": "frozen_llm"},
            "head": {"name": "flatten"},
        },
        training={"lr": 1e-3, "patience": 10},
        # a pretrained model that is a package: nothing is downloaded
        presets={"minilm": {"model": {"backbone": {"llm": "minilm"}}}},
    ),
    "patch-linear": ModelPreset(
        "patches and a linear head, nothing between",
        "composed",
        {"representation": _patches(16, 8, 32), "backbone": {"name": "none"}, "head": {"name": "flatten"}},
        training={"lr": 1e-3, "batch_size": 64},
    ),
    "vq-codec": ModelPreset(
        "discrete codes for stretches of a series, and back (VQ-VAE, van den Oord et al. 2017); forecasts nothing",
        "autoregressive",
        {"representation": {"name": "codes"}, "backbone": {"name": "causal"}, "head": {"name": "code"}},
        stages={"codec": _CODEC_STAGE},
        forecasts=False,
    ),
    "token-transformer": ModelPreset(
        "causal Transformer over the discrete codes of a codec; sampled paths",
        "autoregressive",
        {
            "representation": {"name": "codes", "position": "none"},
            "backbone": {"name": "causal"},
            "head": {"name": "code"},
        },
        training={"lr": 1e-4, "batch_size": 64, "max_epochs": 20},
        stages={
            "codec": _CODEC_STAGE,
            "next-code": {"lr": 1e-4, "batch_size": 64, "max_epochs": 50, "max_steps": 5_000, "patience": 5},
        },
        presets={
            "small": {"model": {"representation": {"width": 64}, "backbone": {"layers": 2, "heads": 4, "ff": 128}}},
        },
        required=("codec", "next-code"),
        grows_from={"vq-codec": "representation.codec"},
    ),
}
