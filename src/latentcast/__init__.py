"""Forecasting time series in a learned representation.

The names below are resolved when they are first used, so that importing the package imports no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latentcast.benchmarking.ablation import Ablation, ablate
    from latentcast.benchmarking.auto import fit_auto
    from latentcast.benchmarking.auto_result import AutoFit
    from latentcast.benchmarking.backtest import Backtest, backtest
    from latentcast.benchmarking.forecast import ChosenForecast, forecast
    from latentcast.benchmarking.leaderboard import benchmark
    from latentcast.benchmarking.m4 import M4, evaluate_m4
    from latentcast.benchmarking.results import Results
    from latentcast.benchmarking.tune import Tuned, tune
    from latentcast.core.errors import (
        CheckpointError,
        DataError,
        GapError,
        Interrupted,
        LatentcastError,
        MissingExtra,
        SettingsError,
        TimeError,
        UndeclaredColumns,
    )
    from latentcast.distributed.anomaly import ScoreFolder, anomaly_scores
    from latentcast.distributed.evaluate import evaluate
    from latentcast.distributed.impute import ImputationFolder, impute
    from latentcast.distributed.predict import ForecastFolder, predict
    from latentcast.evaluation.interval_metrics import IntervalFigures
    from latentcast.evaluation.metrics import Evaluation
    from latentcast.explain.explanation import Explanation
    from latentcast.forecaster.drift import Drift
    from latentcast.forecaster.forecaster import Forecaster
    from latentcast.workflows.anomaly import AnomalyScores
    from latentcast.workflows.describe import Description, describe
    from latentcast.workflows.fitting.fit import fit as fit
    from latentcast.workflows.fitting.fit import pretrain
    from latentcast.workflows.fusion import fusion_weights, member_forecasts
    from latentcast.workflows.imputation import Imputation, ImputationErrors, evaluate_imputation
    from latentcast.workflows.load import load
    from latentcast.workflows.prompts import Prompts, prompts
    from latentcast.workflows.prototype_attention import PrototypeAttention, prototype_attention
    from latentcast.workflows.published.import_checkpoint import import_checkpoint
    from latentcast.workflows.reconstruction_error import ReconstructionErrors, reconstruction_error
    from latentcast.workflows.smoothing import smoothing_components
    from latentcast.workflows.transfer import transfer
    from latentcast.workflows.update import update
    from latentcast.workflows.zero_shot import zero_shot

_NAMES = {
    "benchmarking.ablation": ("Ablation", "ablate"),
    "benchmarking.auto": ("fit_auto",),
    "benchmarking.auto_result": ("AutoFit",),
    "benchmarking.backtest": ("Backtest", "backtest"),
    "benchmarking.fit": ("fit",),
    "benchmarking.forecast": ("ChosenForecast", "forecast"),
    "benchmarking.leaderboard": ("benchmark",),
    "benchmarking.m4": ("M4", "evaluate_m4"),
    "benchmarking.results": ("Results",),
    "benchmarking.tune": ("Tuned", "tune"),
    "core.errors": (
        "CheckpointError",
        "DataError",
        "GapError",
        "Interrupted",
        "LatentcastError",
        "MissingExtra",
        "SettingsError",
        "TimeError",
        "UndeclaredColumns",
    ),
    "distributed.anomaly": ("ScoreFolder", "anomaly_scores"),
    "distributed.evaluate": ("evaluate",),
    "distributed.impute": ("ImputationFolder", "impute"),
    "distributed.predict": ("ForecastFolder", "predict"),
    "evaluation.interval_metrics": ("IntervalFigures",),
    "evaluation.metrics": ("Evaluation",),
    "explain.explanation": ("Explanation",),
    "forecaster.drift": ("Drift",),
    "forecaster.forecaster": ("Forecaster",),
    "workflows.anomaly": ("AnomalyScores",),
    "workflows.describe": ("Description", "describe"),
    "workflows.fitting.fit": ("pretrain",),
    "workflows.fusion": ("fusion_weights", "member_forecasts"),
    "workflows.imputation": ("Imputation", "ImputationErrors", "evaluate_imputation"),
    "workflows.load": ("load",),
    "workflows.prompts": ("Prompts", "prompts"),
    "workflows.prototype_attention": ("PrototypeAttention", "prototype_attention"),
    "workflows.published.import_checkpoint": ("import_checkpoint",),
    "workflows.reconstruction_error": ("ReconstructionErrors", "reconstruction_error"),
    "workflows.smoothing": ("smoothing_components",),
    "workflows.transfer": ("transfer",),
    "workflows.update": ("update",),
    "workflows.zero_shot": ("zero_shot",),
}
_HOMES = {name: f"latentcast.{home}" for home, names in _NAMES.items() for name in names}
__version__ = "0.1.0"
__all__ = [
    "M4",
    "Ablation",
    "AnomalyScores",
    "AutoFit",
    "Backtest",
    "CheckpointError",
    "ChosenForecast",
    "DataError",
    "Description",
    "Drift",
    "Evaluation",
    "Explanation",
    "ForecastFolder",
    "Forecaster",
    "GapError",
    "Imputation",
    "ImputationErrors",
    "ImputationFolder",
    "Interrupted",
    "IntervalFigures",
    "LatentcastError",
    "MissingExtra",
    "Prompts",
    "PrototypeAttention",
    "ReconstructionErrors",
    "Results",
    "ScoreFolder",
    "SettingsError",
    "TimeError",
    "Tuned",
    "UndeclaredColumns",
    "ablate",
    "anomaly_scores",
    "backtest",
    "benchmark",
    "describe",
    "evaluate",
    "evaluate_imputation",
    "evaluate_m4",
    "fit",
    "fit_auto",
    "forecast",
    "fusion_weights",
    "import_checkpoint",
    "impute",
    "load",
    "member_forecasts",
    "predict",
    "pretrain",
    "prompts",
    "prototype_attention",
    "reconstruction_error",
    "smoothing_components",
    "transfer",
    "tune",
    "update",
    "zero_shot",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'latentcast' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
