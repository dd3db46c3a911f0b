"""Which dated notes a window is given."""

import numpy as np

from latentcast.data.panel.annotations import Notes, of_windows

TIMES = np.arange("2024-01-01", "2024-01-11", dtype="datetime64[D]").astype("datetime64[ns]")
NOTES = Notes(TIMES[[1, 3, 5]], np.array([0, -1, 1]), ("repair", "storm", "sale"), days=True)


def test_a_window_has_the_notes_of_its_look_back_and_of_all_items() -> None:
    # item 0 from step 0 with four steps: 2 and 4 January; item 1 from step 2: 4 and 6 January
    assert of_windows(NOTES, TIMES, np.array([0, 2]), [0, 1], 4) == [
        "2024-01-02 repair; 2024-01-04 storm",
        "2024-01-04 storm; 2024-01-06 sale",
    ]


def test_nothing_after_the_look_back_is_said() -> None:
    assert of_windows(NOTES, TIMES, np.array([0]), [1], 3) == [""]
    assert of_windows(NOTES, TIMES, np.array([0]), [1], 5) == ["2024-01-04 storm"]


def test_no_notes_are_none() -> None:
    assert of_windows(None, TIMES, np.array([0]), [0], 3) is None
