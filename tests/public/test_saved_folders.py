"""Folders that an earlier build saved load, forecast the same values, and are saved again unchanged."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

import latentcast
from fixtures.answers import answers
from latentcast.forecaster.fit_statistics import from_rows

FIXTURES = Path(__file__).parents[1] / "fixtures"
KINDS = sorted(path.name for path in (FIXTURES / "saved").iterdir())
DIGESTS = "sha256"  # compared by what they are digests of


@pytest.fixture(autouse=True)
def _pretrained_by_relative_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """time-llm and chronos name their small pretrained models by a path from the fixtures' folder."""
    monkeypatch.chdir(FIXTURES)


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def tensors(path: Path) -> dict[str, torch.Tensor]:
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def test_every_folder_has_answers_and_every_answer_a_folder() -> None:
    assert sorted(path.stem for path in (FIXTURES / "expected").iterdir()) == KINDS
    assert len(KINDS) >= 40


@pytest.mark.parametrize("kind", KINDS)
def test_forecasts_equal_those_of_the_build_that_saved_it(kind: str) -> None:
    expected = read(FIXTURES / "expected" / f"{kind}.json")
    found = answers(FIXTURES / "saved" / kind, expected["asked"])
    assert found.keys() == expected["answers"].keys()
    for call, columns in expected["answers"].items():
        assert list(found[call]) == list(columns), call
        for name, values in columns.items():
            if all(isinstance(value, float | None) for value in values):
                got, wanted = np.array(found[call][name], float), np.array(values, float)
                np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6, err_msg=f"{call}: {name}")
            else:
                assert found[call][name] == values, f"{call}: {name}"


@pytest.mark.parametrize("kind", KINDS)
def test_saving_again_changes_nothing(kind: str, tmp_path: Path) -> None:
    before, after = FIXTURES / "saved" / kind, tmp_path / "again"
    latentcast.load(before).save(after)
    names = {path.name for path in before.iterdir()}
    written = {path.name for path in after.iterdir()} - {"linear.safetensors"}  # which is made of the weights
    assert written == names | {"statistics.safetensors"}  # since latentcast/4
    old, new = ({k: v for k, v in read(at / "card.json").items() if k != DIGESTS} for at in (before, after))
    assert [note["text"] for note in new.pop("notes")] == old.pop("notes")  # latentcast/2 gives them codes
    assert (old.pop("format"), new.pop("format")) == ("latentcast/1", "latentcast/4")
    model = old["settings"]["model"]
    if "between" in model:  # latentcast/3 calls them mixers
        model["mixers"] = model.pop("between")
    assert new == old
    ids, statistics = from_rows(read(before / "series.json"))
    assert read(after / "series.json") == ids
    for key, tensor in tensors(after / "statistics.safetensors").items():
        assert torch.equal(tensor.nan_to_num(-1), torch.as_tensor(statistics[key]).nan_to_num(-1)), key
    for name in (path.name for path in before.glob("*.safetensors")):
        old_tensors, new_tensors = tensors(before / name), tensors(after / name)
        old_tensors = {key.replace("model.between.", "model.mixers."): value for key, value in old_tensors.items()}
        assert new_tensors.keys() == old_tensors.keys()
        for key, tensor in old_tensors.items():
            assert torch.equal(new_tensors[key], tensor), f"{name}: {key}"
