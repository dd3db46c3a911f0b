"""A look-back folded by its period."""

import pytest
import torch

from latentcast.core.errors import SettingsError
from latentcast.core.types import Batch, Task
from latentcast.models.representations.periods import Periods, PeriodsSettings

TASK = Task(lookback=11, horizon=4, channels=2, targets=(0, 1), season=3)


def identity(**settings: object) -> Periods:
    """With an embedding that shows the values themselves."""
    part = Periods(PeriodsSettings(width=3, position=False, **settings), TASK)
    with torch.no_grad():
        part.embed.weight.copy_(torch.eye(3))
        part.embed.bias.zero_()
    return part


def test_a_token_holds_one_phase_of_every_cycle() -> None:
    past = torch.stack([torch.arange(11.0), 100 + torch.arange(11.0)], dim=1)[None]
    tokens = identity()(Batch(past)).values
    # the two oldest steps are no whole cycle
    expected = torch.tensor([[2.0, 5, 8], [3, 6, 9], [4, 7, 10]])
    torch.testing.assert_close(tokens, torch.stack([expected, 100 + expected]))


def test_the_moving_average_begins_at_nothing_and_is_learned() -> None:
    part = identity()
    past = torch.randn(1, 11, 2)
    assert part.smooth is not None
    torch.testing.assert_close(part(Batch(past)).values, identity(smooth=False)(Batch(past)).values)
    part(Batch(past)).values.square().sum().backward()
    assert part.smooth.weight.grad is not None
    assert part.smooth.weight.grad.abs().sum() > 0


def test_a_phase_of_which_nothing_was_observed_is_not_attended_to() -> None:
    observed = torch.ones(1, 11, 2, dtype=torch.bool)
    observed[0, 2::3, 0] = False
    keep = identity()(Batch(torch.randn(1, 11, 2), observed)).keep
    assert keep is not None
    assert keep.tolist() == [[False, True, True], [True, True, True]]


def test_a_look_back_below_one_period_is_an_error() -> None:
    with pytest.raises(SettingsError, match="period=12: the look-back has 11 steps"):
        Periods(PeriodsSettings(period=12), TASK)
