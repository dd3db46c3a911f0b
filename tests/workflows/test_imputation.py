"""Notes of an imputation are chosen by their codes: no name of a series and no wording hides or keeps one."""

import numpy as np
import pandas as pd
import pytest

import latentcast
from latentcast.core.notes import NoteCode

SETTINGS = {
    "model.representation.ratios": (2, 3),
    "model.representation.channels": (8, 12),
    "model.representation.latent_dim": 8,
    "model.representation.width": 16,
    "model.representation.mix": False,
    "model.backbone.heads": 2,
    "model.backbone.ff": 16,
    "stages.reconstruct.max_steps": 2,
}


def series(name: str, *, holes: int = 0, promo: bool = False) -> pd.DataFrame:
    steps = np.arange(400)
    values = np.sin(steps / 3) + (steps % 7 == 0) + np.random.default_rng(0).normal(size=400) * 0.05
    frame = pd.DataFrame({"unique_id": name, "ds": pd.date_range("2022-01-01", periods=400), "y": values})
    frame.loc[50 : 49 + holes, "y"] = np.nan
    return frame.assign(promo=(steps % 7 == 0) * 1.0) if promo else frame


def codes(notes: tuple[str, ...]) -> list[str]:
    return [str(note.code) for note in notes]


@pytest.fixture(scope="module")
def imputer() -> latentcast.Forecaster:
    return latentcast.pretrain(series("known"), "latent-transformer", lookback=24, settings=SETTINGS)


@pytest.mark.parametrize("name", ["refilled", "other", "missing and masked"])
def test_a_series_that_was_not_in_the_fit_is_noted_whatever_its_name(imputer: latentcast.Forecaster, name: str) -> None:
    result = latentcast.impute(imputer, pd.concat([series("known"), series(name, holes=3)]))
    noted = [note for note in result.notes if note.code == NoteCode.UNSEEN_SERIES]
    assert len(noted) == 1
    assert name in noted[0]


def test_what_was_filled_is_not_called_masked(imputer: latentcast.Forecaster) -> None:
    result = latentcast.impute(imputer, series("known", holes=6))
    assert result.filled == 6
    assert NoteCode.MISSING_VALUES not in codes(result.notes)


def test_covariates_that_were_filled_stay_noted() -> None:
    settings = {**SETTINGS, "data.future": ["promo"]}
    fitted = latentcast.pretrain(series("known", promo=True), "latent-transformer", lookback=24, settings=settings)
    frame = series("known", holes=4, promo=True)
    frame.loc[20:22, "promo"] = np.nan
    result = latentcast.impute(fitted, frame)
    noted = [note for note in result.notes if note.code == NoteCode.MISSING_COVARIATES]
    assert len(noted) == 1
    assert "promo (3)" in noted[0]
