"""The linear map of fine-tuned weights: it finds a linear rule, helps only where it should, moves quantiles."""

import numpy as np

from latentcast.models.pretrained.linear_map import LinearMap, choose, solve

LEVELS = np.array([0.1, 0.5, 0.9])
RNG = np.random.default_rng(2)


def windows(count: int) -> tuple[np.ndarray, np.ndarray]:
    """The next value is the mean of the last and the fourth last one, the one after that the last one."""
    past = RNG.normal(size=(count, 8))
    return past, np.stack([0.5 * past[:, -1] + 0.5 * past[:, -4], past[:, -1]], 1)


def test_a_linear_rule_is_found() -> None:
    weight = solve(*windows(400), windows(50))
    expected = np.zeros((2, 8))
    expected[0, -4] = 0.5
    np.testing.assert_allclose(weight[:, :-1], expected[:, :-1], atol=0.01)  # the last column meets zeros: no matter
    past, target = windows(5)
    values = LinearMap(weight, np.ones(2), np.ones(2)).values(past)
    np.testing.assert_allclose(values, target, atol=0.05)


def test_its_share_is_chosen_by_validation() -> None:
    past, target = windows(300)
    weight = solve(past, target, windows(50))
    spread = np.array([-0.2, 0.0, 0.2])
    far = np.repeat((target + 1.0)[..., None], 3, 2) + spread
    helped = choose(weight, past, far, target, LEVELS)
    np.testing.assert_array_equal(helped.share, 1)
    near = np.repeat(target[..., None], 3, 2) + spread
    weight_of_noise = RNG.normal(size=weight.shape)
    assert not choose(weight_of_noise, past, near, target, LEVELS).share.any()
    wide = choose(weight, past, near + 0 * spread, target + RNG.normal(0, 1, target.shape), LEVELS)
    assert (wide.width > 1).all()


def test_quantiles_move_where_the_map_reaches() -> None:
    found = LinearMap(np.zeros((2, 4)), np.array([1.0, 0.5]), np.array([2.0, 1.0]))  # its forecast is the last value
    rows = np.array([[9.0, 9.0, 9.0, 9.0, 5.0]])
    quantiles = np.array([[[0.0, 1.0, 3.0], [0.0, 1.0, 3.0], [0.0, 1.0, 3.0]]])
    moved = found.applied(rows, quantiles, np.array([1, 2, 3]), 1)
    np.testing.assert_allclose(moved[0], [[3.0, 5.0, 9.0], [2.0, 3.0, 5.0], [0.0, 1.0, 3.0]])
    np.testing.assert_array_equal(found.applied(rows[:, :3], quantiles, np.array([1, 2, 3]), 1), quantiles)
