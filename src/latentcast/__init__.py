"""Forecasting time series in a learned representation.

The names below are resolved when they are first used, so that importing the package imports no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latentcast.backtesting import backtest
    from latentcast.comparing import leaderboard
    from latentcast.comparing.ablation import ablate
    from latentcast.competing import m4
    from latentcast.describing import describe
    from latentcast.errors import LatentcastError
    from latentcast.fitting import fit, pretrain
    from latentcast.forecaster import Forecaster
    from latentcast.fusing import fusion_weights, members
    from latentcast.imputing import impute, judge_imputation
    from latentcast.loading import load
    from latentcast.mapping import heat_map
    from latentcast.prompting import prompts
    from latentcast.reconstructing import floor
    from latentcast.scoring import score
    from latentcast.transferring import transfer
    from latentcast.updating import update

_HOMES = {
    "ablate": "latentcast.comparing.ablation",
    "fit": "latentcast.fitting",
    "pretrain": "latentcast.fitting",
    "impute": "latentcast.imputing",
    "judge_imputation": "latentcast.imputing",
    "load": "latentcast.loading",
    "floor": "latentcast.reconstructing",
    "score": "latentcast.scoring",
    "transfer": "latentcast.transferring",
    "update": "latentcast.updating",
    "backtest": "latentcast.backtesting",
    "describe": "latentcast.describing",
    "heat_map": "latentcast.mapping",
    "fusion_weights": "latentcast.fusing",
    "members": "latentcast.fusing",
    "prompts": "latentcast.prompting",
    "leaderboard": "latentcast.comparing",
    "m4": "latentcast.competing",
    "Forecaster": "latentcast.forecaster",
    "LatentcastError": "latentcast.errors",
}
__version__ = "0.1.0"
__all__ = [
    "Forecaster",
    "LatentcastError",
    "ablate",
    "backtest",
    "describe",
    "fit",
    "floor",
    "fusion_weights",
    "heat_map",
    "impute",
    "judge_imputation",
    "leaderboard",
    "load",
    "m4",
    "members",
    "pretrain",
    "prompts",
    "score",
    "transfer",
    "update",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'latentcast' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
