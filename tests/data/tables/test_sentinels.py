"""Numbers that stand for missing values, by convention."""

import numpy as np
import pytest

from latentcast.data.tables.sentinels import sentinel_notes


def notes(*values: float) -> tuple[str, ...]:
    return sentinel_notes(np.array(values, np.float64)[:, None], ("load",))


def test_a_usual_sign_far_from_the_others_is_named_with_its_setting() -> None:
    (note,) = notes(10, -999, 12, -999, 11)
    assert note == (
        "'load' holds -999 2 times, far from its other values (10 .. 12); if it stands for a missing value,"
        " set data.missing=-999"
    )
    assert "once" in notes(10, 9999, 12)[0]


@pytest.mark.parametrize(
    "values",
    [(10, 12, 11), (-999, -400, 10, 700), (-998, 10, 12), (-999, -999), (900, 999, 1100)],
    ids=["none", "not far", "no usual sign", "nothing else", "inside"],
)
def test_other_values_are_left_in_peace(values: tuple[float, ...]) -> None:
    assert notes(*values) == ()


def test_huge_numbers_and_missing_values() -> None:
    (note,) = notes(1, np.nan, 1e20, 2)
    assert "1e+20 once" in note
