"""Names that models have in other libraries, and the nearest model here."""

import re

NEAREST = {
    "patchtst": "patch-transformer",
    "nhits": "dlinear --preset normalised",
    "nbeats": "dlinear --preset normalised",
    "nlinear": "dlinear --preset normalised",
    "rlinear": "dlinear --preset normalised",
    "tide": "dlinear --preset normalised",
    "tsmixer": "patch-linear",
    "itransformer": "patch-transformer",
    "tft": "patch-transformer",
    "temporalfusiontransformer": "patch-transformer",
    "informer": "transformer",
    "vanillatransformer": "transformer",
    "fedformer": "autoformer",
    "arima": "auto-arima",
    "autoarima": "auto-arima",
    "sarima": "auto-arima",
    "sarimax": "auto-arima",
    "ets": "auto-ets",
    "autoets": "auto-ets",
    "holtwinters": "auto-ets",
    "exponentialsmoothing": "auto-ets",
    "prophet": "auto-ets",
    "autotheta": "theta",
    "dynamicoptimizedtheta": "theta",
    "linearregression": "ridge",
    "linear": "ridge",
    "lightgbm": "ridge",
    "xgboost": "ridge",
    "catboost": "ridge",
    "randomforest": "random-features",
    "deepar": "generalist",
    "lstm": "dlinear --preset normalised",
    "gru": "dlinear --preset normalised",
    "rnn": "dlinear --preset normalised",
    "tcn": "dlinear --preset normalised",
    "timesnet": "patch-transformer",
    "crossformer": "patch-transformer",
    "tbats": "auto-ets",
    "mstl": "auto-ets",
    "croston": "generalist",
    "snaive": "seasonal-naive",
    "chronos2": "chronos",
    "chronosbolt": "chronos",
    "moirai": "generalist",
    "lagllama": "generalist",
    "timellm": "time-llm",
    "gpt4ts": "time-llm",
    "vqvae": "vq-codec",
}


def nearest_model(name: str) -> str | None:
    """The model here that comes nearest to one that other libraries call so; None where the name is not known."""
    return NEAREST.get(re.sub(r"[^a-z0-9]", "", name.lower()))
