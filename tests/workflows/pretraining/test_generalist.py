"""Pretraining: the same seed gives the same weights, cut or not, in one process or several."""

import json
from pathlib import Path

import numpy as np
import pytest

from latentcast.core.errors import CheckpointError, SettingsError
from latentcast.models.pretrained.weights import load_weights, read_card
from latentcast.workflows.pretraining import generalist, state, windows
from latentcast.workflows.pretraining.generalist import PretrainingPlan, pretrain_generalist
from latentcast.workflows.pretraining.windows import round_of_windows

pytestmark = pytest.mark.slow  # trains, or starts processes


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds of two chunks, 256 windows in all."""
    for module in (generalist, state, windows):
        monkeypatch.setattr(module, "CHUNKS", 2)
    monkeypatch.setattr(windows, "ROWS", 64)


def test_a_round_depends_on_seed_and_number_alone() -> None:
    one, two, other = round_of_windows(3, 5, 2), round_of_windows(3, 5, 2), round_of_windows(3, 6, 2)
    for first, second in zip(one.parts(), two.parts(), strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(one.target, other.target)
    assert all(np.isfinite(part).all() for part in one.parts())


def test_a_training_that_was_cut_ends_with_equal_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretrain_generalist(tmp_path / "whole", PretrainingPlan(rounds=4, every=2))

    class Cut(Exception):
        pass

    def cut(self: state.Pretraining, path: Path, seconds: float) -> None:
        whole(self, path, seconds)
        raise Cut

    whole = state.Pretraining.save
    with monkeypatch.context() as patched:
        patched.setattr(state.Pretraining, "save", cut)
        with pytest.raises(Cut):
            pretrain_generalist(tmp_path / "cut", PretrainingPlan(rounds=4, every=2))
    with pytest.raises(CheckpointError, match="resume"):
        pretrain_generalist(tmp_path / "cut", PretrainingPlan(rounds=4, every=2))
    with pytest.raises(CheckpointError, match="rounds 4"):
        pretrain_generalist(tmp_path / "cut", PretrainingPlan(rounds=5), resume=True)
    pretrain_generalist(tmp_path / "cut", PretrainingPlan(rounds=4, every=2), resume=True)
    one, two = (load_weights(str(tmp_path / name)) for name in ("whole", "cut"))
    for name, value in one.items():
        np.testing.assert_array_equal(value, two[name])
    curves = [
        [json.loads(line) for line in (tmp_path / name / "curve.jsonl").read_text().splitlines()]
        for name in ("whole", "cut")
    ]
    assert [row["round"] for row in curves[1]] == [2, 4]
    assert [row["validation"] for row in curves[0]] == [row["validation"] for row in curves[1]]
    assert read_card(str(tmp_path / "whole"))["rounds"] == 4


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    pretrain_generalist(tmp_path, PretrainingPlan(rounds=12, every=1))
    rows = [json.loads(line) for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    assert rows[-1]["validation"] < rows[0]["validation"]


def test_unknown_presets_and_no_hours_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="small"):
        pretrain_generalist(tmp_path, PretrainingPlan(preset="smal"))
    with pytest.raises(SettingsError, match="hours"):
        pretrain_generalist(tmp_path, PretrainingPlan(rounds=0))
