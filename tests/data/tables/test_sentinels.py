"""Numbers that stand for missing values, by convention."""

import numpy as np
import pytest

from latentcast.data.tables.sentinels import sentinel_notes, without_lone_outliers


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


def outliers(
    values: list[float], codes: list[int], ids: tuple[str, ...] = ("a", "b")
) -> tuple[list[int], tuple[str, ...]]:
    """Rows that became missing, and the notes."""
    column = np.array(values, np.float64)[:, None]
    found, notes = without_lone_outliers(column, np.array(codes), ("y",), ids)
    assert not np.isnan(column).any()
    return np.flatnonzero(np.isnan(found[:, 0])).tolist(), notes


def test_one_value_a_million_times_the_others_of_its_series_counts_as_missing() -> None:
    one, other = [*range(10, 19), 1e9], [1e9 + step for step in range(10)]
    rows, (note,) = outliers([*one, *other], [0] * 10 + [1] * 10)
    assert rows == [9]
    assert note == (
        "'y' of 'a' holds 1e+09 (row 9), more than 1e+06 times the next largest value of its series (18): it counts as"
        " missing"
    )


@pytest.mark.parametrize(
    "values",
    [[*range(10, 19), 1e7], [0] * 9 + [1e9], [1.0] * 5 + [1e9] * 5, [1, 2, 1e9]],
    ids=["not far enough", "all others zero", "half of them", "a short series"],
)
def test_other_large_values_stay(values: list[float]) -> None:
    assert outliers(values, [0] * len(values)) == ([], ())
