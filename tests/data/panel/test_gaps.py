"""Missing values filled, masked or refused; each number worked by hand."""

import numpy as np
import pandas as pd
import pytest

from latentcast.core.errors import GapError
from latentcast.data.panel import gaps
from latentcast.data.panel.panel import Panel
from latentcast.data.tables.frequency import Frequency

NAN = np.nan


def panel(values: list[float], ends: list[int], policy: str, **more: object) -> Panel:
    """One channel; items end before the given steps."""
    column = np.array(values, np.float64)[:, None]
    times = np.concatenate(
        [
            pd.date_range("2024-01-01", periods=end - begin).to_numpy()
            for begin, end in zip([0, *ends], ends, strict=False)
        ]
    )
    ids = tuple("abc"[: len(ends)])
    return Panel(
        column, ~np.isnan(column), times, np.array([0, *ends]), ids, ("y",), Frequency.of("D"), 7, policy, **more
    )  # type: ignore[arg-type]


def filled(values: list[float], ends: list[int], policy: str) -> list[float]:
    return gaps.close(panel(values, ends, policy), 0).values[:, 0].tolist()


@pytest.mark.parametrize("policy", ["mask", "interpolate"])
def test_between_neighbours_of_one_item_and_never_across_items(policy: str) -> None:
    # a: 1 . . 4 → 1 2 3 4; trailing gap repeats 4. b: leading gap repeats 10, though a's 4 is nearer
    assert filled([1, NAN, NAN, 4, NAN, NAN, 10, NAN, 20], [5, 9], policy) == [1, 2, 3, 4, 4, 10, 10, 15, 20]


def test_ffill_repeats_the_value_before() -> None:
    assert filled([1, NAN, NAN, 4, NAN, 7, NAN], [5, 7], "ffill") == [1, 1, 1, 4, 4, 7, 7]


def test_ffill_names_the_series_that_begins_with_a_gap() -> None:
    with pytest.raises(GapError, match=r"beginning of 'b' \(2024-01-01 00:00:00\)") as raised:
        filled([1, 2, NAN, 4], [2, 4], "ffill")
    assert (raised.value.setting, raised.value.value) == ("data.gaps", "interpolate")


def test_the_mask_and_the_note_count_what_was_missing() -> None:
    closed = gaps.close(panel([1, NAN, 3], [3], "mask"), 0)
    assert closed.observed[:, 0].tolist() == [True, False, True]
    assert [str(note) for note in closed.notes] == [
        "1 of 3 values are missing and are masked (gaps=mask); they count neither in losses nor in metrics"
    ]


def test_refused_gaps_name_the_first_one_and_absent_steps() -> None:
    with pytest.raises(GapError, match=r"2 values are missing, among them 1 whole time steps \(first: b at 2024-01-02"):
        gaps.close(panel([1, 2, 5, NAN, NAN], [2, 5], "error"), 1)


def test_a_series_without_any_value_is_refused_whatever_the_policy() -> None:
    with pytest.raises(GapError, match="'b' has no value at all"):
        filled([1, 2, NAN, NAN], [2, 4], "mask")


def test_covariates_are_interpolated_and_texts_carried_on() -> None:
    covariates = {
        "price": np.array([NAN, 2.0, NAN, 4.0]),
        "promotion": np.array(["no", None, "yes", None], object),
    }
    closed = gaps.close(panel([1, 2, 3, 4], [4], "mask", covariates=covariates), 0)
    assert closed.covariates["price"].tolist() == [2, 2, 3, 4]
    assert closed.covariates["promotion"].tolist() == ["no", "no", "yes", "yes"]
    assert "price (2), promotion (2)" in str(closed.notes[0])


@pytest.mark.parametrize(
    ("values", "ends", "steps"),
    [([1, 2, 3], [3], 0), ([1, NAN, NAN, 4], [4], 2), ([1, NAN, NAN, 4], [2, 4], 1), ([NAN, NAN, NAN, 4], [4], 3)],
)
def test_the_longest_gap_ends_with_its_item(values: list[float], ends: list[int], steps: int) -> None:
    assert gaps.longest_gap(panel(values, ends, "mask")) == steps
