"""DeepSpeed's strategy on shape: what it is configured with, what is refused, and how its parts are kept and read."""

from pathlib import Path
from typing import Any

import pytest
import torch

from latentcast.core.errors import MissingExtra, SettingsError
from latentcast.models.config.training import TrainingSettings
from latentcast.training import checkpoint, zero
from latentcast.training.choose_devices import make_devices

TWO = {"strategy": "deepspeed_stage_2"}


class Partitioned:
    """An optimiser as DeepSpeed wraps it: a flat float32 part of the weights, and an optimiser of that part."""

    def __init__(self, values: list[float]) -> None:
        self.single_partition_of_fp32_groups = [torch.tensor(values, requires_grad=True)]
        self.optimizer = torch.optim.Adam(self.single_partition_of_fp32_groups, lr=0.1)

    def step(self) -> None:
        (own,) = self.single_partition_of_fp32_groups
        own.square().sum().backward()
        self.optimizer.step()
        self.optimizer.zero_grad()


def test_the_configuration_is_that_of_the_training() -> None:
    found = zero.zero_config(TrainingSettings(**TWO, batch_size=24, clip=0.5))
    assert found["zero_optimization"] == {"stage": 2}
    assert found["train_micro_batch_size_per_gpu"] == 24
    assert found["gradient_clipping"] == 0.5
    assert "gradient_clipping" not in zero.zero_config(TrainingSettings(**TWO, clip=None))


def test_what_does_not_go_with_it_is_refused_in_one_error() -> None:
    with pytest.raises(SettingsError) as found:
        zero.zero_config(TrainingSettings(strategy="deepspeed_stage_3", accumulate=2, ema=0.9))
    assert [fault.setting for fault in found.value.faults] == [
        "training.strategy", "training.accumulate", "training.ema",
    ]  # fmt: skip


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zero, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"latentcast\[deepspeed\]"):
        make_devices(TrainingSettings(**TWO))


def test_parts_go_through_a_checkpoint_of_safetensors(tmp_path: Path) -> None:
    began = [Partitioned([1.0, 2.0]), Partitioned([3.0, 4.0, 5.0])]
    for one in began:
        one.step()
    checkpoint.write({"optimizer": [zero.part_of(one) for one in began]}, tmp_path / "last.ckpt")
    state: Any = checkpoint.read(tmp_path / "last.ckpt")["optimizer"]
    again = [Partitioned([0.0, 0.0]), Partitioned([0.0, 0.0, 0.0])]
    for one, part in zip(again, state, strict=True):
        zero.load_part(one, part)
    for one in (*began, *again):
        one.step()
    for one, other in zip(began, again, strict=True):
        assert torch.equal(one.single_partition_of_fp32_groups[0], other.single_partition_of_fp32_groups[0])
