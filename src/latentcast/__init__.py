"""Forecasting time series in a learned representation.

The names below are resolved when they are first used, so that importing the package imports no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latentcast.benchmarking.ablation import ablate
    from latentcast.benchmarking.backtest import backtest
    from latentcast.benchmarking.leaderboard import benchmark
    from latentcast.benchmarking.m4 import evaluate_m4
    from latentcast.core.errors import LatentcastError
    from latentcast.forecaster.forecaster import Forecaster
    from latentcast.workflows.anomaly import anomaly_scores
    from latentcast.workflows.describe import describe
    from latentcast.workflows.fitting.fit import fit, pretrain
    from latentcast.workflows.fusion import fusion_weights, member_forecasts
    from latentcast.workflows.imputation import evaluate_imputation, impute
    from latentcast.workflows.load import load
    from latentcast.workflows.prompts import prompts
    from latentcast.workflows.prototype_attention import prototype_attention
    from latentcast.workflows.reconstruction_error import reconstruction_error
    from latentcast.workflows.transfer import transfer
    from latentcast.workflows.update import update

_HOMES = {
    "ablate": "latentcast.benchmarking.ablation",
    "fit": "latentcast.workflows.fitting.fit",
    "pretrain": "latentcast.workflows.fitting.fit",
    "impute": "latentcast.workflows.imputation",
    "evaluate_imputation": "latentcast.workflows.imputation",
    "load": "latentcast.workflows.load",
    "reconstruction_error": "latentcast.workflows.reconstruction_error",
    "anomaly_scores": "latentcast.workflows.anomaly",
    "transfer": "latentcast.workflows.transfer",
    "update": "latentcast.workflows.update",
    "backtest": "latentcast.benchmarking.backtest",
    "describe": "latentcast.workflows.describe",
    "prototype_attention": "latentcast.workflows.prototype_attention",
    "fusion_weights": "latentcast.workflows.fusion",
    "member_forecasts": "latentcast.workflows.fusion",
    "prompts": "latentcast.workflows.prompts",
    "benchmark": "latentcast.benchmarking.leaderboard",
    "evaluate_m4": "latentcast.benchmarking.m4",
    "Forecaster": "latentcast.forecaster.forecaster",
    "LatentcastError": "latentcast.core.errors",
}
__version__ = "0.1.0"
__all__ = [
    "Forecaster",
    "LatentcastError",
    "ablate",
    "anomaly_scores",
    "backtest",
    "benchmark",
    "describe",
    "evaluate_imputation",
    "evaluate_m4",
    "fit",
    "fusion_weights",
    "impute",
    "load",
    "member_forecasts",
    "pretrain",
    "prompts",
    "prototype_attention",
    "reconstruction_error",
    "transfer",
    "update",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'latentcast' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
