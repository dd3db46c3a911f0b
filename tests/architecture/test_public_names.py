"""The names that users import from the top, pinned: a change of this list is a change for every user."""

import inspect
from pathlib import Path

import pytest

import latentcast
from latentcast import Forecaster

NAMES = [
    "Ablation", "AnomalyScores", "AutoFit", "Backtest", "CheckpointError", "ChosenForecast", "DataError",
    "Description", "Drift", "Evaluation", "Explanation", "ForecastFolder", "Forecaster", "GapError", "Imputation",
    "ImputationErrors", "ImputationFolder", "Interrupted", "IntervalFigures", "LatentcastError", "M4", "MissingExtra",
    "Prompts", "PrototypeAttention", "ReconstructionErrors", "Results", "ScoreFolder", "SettingsError", "TimeError",
    "Tuned", "UndeclaredColumns", "ablate",
    "anomaly_scores", "backtest", "benchmark", "describe", "evaluate", "evaluate_imputation",
    "evaluate_m4", "fit", "fit_auto", "forecast", "fusion_weights", "import_checkpoint", "impute", "load",
    "member_forecasts", "predict", "pretrain", "prompts", "prototype_attention", "reconstruction_error",
    "smoothing_components", "transfer", "tune", "update", "zero_shot",
]  # fmt: skip
METHODS = [
    "calibrate", "device", "drift", "evaluate", "explain", "export", "name", "predict", "push_to_hub", "sample",
    "save", "summary",
]  # fmt: skip
ON_A_SAVED_MODEL = [
    "anomaly_scores", "evaluate_imputation", "fusion_weights", "impute", "member_forecasts", "prototype_attention",
    "smoothing_components", "transfer", "update",
]  # fmt: skip


def test_public_names() -> None:
    assert sorted(latentcast.__all__) == sorted(NAMES)
    for name in NAMES:
        assert getattr(latentcast, name).__name__ == name
    assert set(NAMES) <= set(dir(latentcast))


def test_every_exception_is_public() -> None:
    from latentcast.core import errors

    raised = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)}
    assert raised <= set(NAMES)


def test_public_members_of_a_forecaster() -> None:
    assert [name for name in dir(Forecaster) if not name.startswith("_") and name != "calibration"] == METHODS


@pytest.mark.parametrize("name", ON_A_SAVED_MODEL)
def test_verbs_on_a_saved_model_take_it_and_its_folder(name: str) -> None:
    first = next(iter(inspect.signature(getattr(latentcast, name)).parameters.values()))
    assert first.name == "forecaster"
    assert first.annotation == Forecaster | str | Path


def test_no_public_argument_has_an_old_name() -> None:
    functions = [getattr(latentcast, name) for name in NAMES if name[0].islower()]
    methods = [getattr(Forecaster, name) for name in METHODS if inspect.isfunction(getattr(Forecaster, name))]
    taken = {argument for one in (*functions, *methods) for argument in inspect.signature(one).parameters}
    assert not taken & {"split", "future", "intervals", "windows", "step", "every"}
