from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from latentcast.core.errors import DataError
from latentcast.data.panel.build import build
from latentcast.data.scaling.scaler import Scaler
from latentcast.data.settings import DataSettings
from latentcast.data.windows.windows import make_windows, window_starts
from latentcast.models.backbones.prompt import END, PromptWriter
from llms import tokenizer


def table(ids: str = "ab", steps: int = 30) -> pd.DataFrame:
    stamps = pd.date_range("2024-01-01", periods=steps)
    return pd.concat([pd.DataFrame({"unique_id": name, "ds": stamps, "y": np.arange(float(steps))}) for name in ids])


def noted(tmp_path: Path, notes: pd.DataFrame, **settings: object):
    notes.to_csv(tmp_path / "notes.csv", index=False)
    return build(table(), DataSettings(notes=str(tmp_path / "notes.csv"), **settings))  # type: ignore[arg-type]


def test_a_window_is_told_the_notes_of_its_look_back_and_series(tmp_path: Path) -> None:
    notes = pd.DataFrame(
        {
            "ds": ["2024-01-12", "2024-01-05", "2024-01-13"],
            "text": ["sensor\n replaced", "strike", "later"],
            "unique_id": ["b", None, "a"],
        }
    )
    panel = noted(tmp_path, notes)
    writer = PromptWriter(tokenizer(), units="window", lags=2, folds=True, room=500)
    seen: list[list[str]] = []

    def prompter(past, observed, units, notes=None):  # type: ignore[no-untyped-def]
        seen.append(writer.texts(past, observed, units, notes))
        return torch.zeros(len(past), 1, 1, dtype=torch.long)

    starts = window_starts(panel, np.zeros(2, np.int64), panel.lengths, 8, 4)
    windows = make_windows(
        panel, Scaler.identity(panel), starts, 8, 4, targets=(0,), with_known=False, prompter=prompter
    )
    windows.batch(torch.arange(len(windows)))
    (texts,) = seen
    each = len(texts) // 2
    for item in range(2):
        for start in range(each):
            text = texts[item * each + start]
            days = range(start, start + 8)  # the look-back alone
            assert ("2024-01-05 strike" in text) == (4 in days)
            assert ("2024-01-12 sensor replaced" in text) == (11 in days and item == 1)
            assert ("later" in text) == (12 in days and item == 0)
            assert text.endswith(END)
    assert "notes: 2024-01-05 strike; 2024-01-12 sensor replaced" in texts[each + 4]


def test_notes_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="notes need a column 'text' and the time; did you mean texts"):
        noted(tmp_path, pd.DataFrame({"ds": ["2024-01-05"], "texts": ["x"]}))
    with pytest.raises(DataError, match="series that the data do not have: c"):
        noted(tmp_path, pd.DataFrame({"ds": ["2024-01-05"], "text": ["x"], "unique_id": ["c"]}))
    with pytest.raises(DataError, match="there is no file"):
        build(table(), DataSettings(notes=str(tmp_path / "none.csv")))


def test_a_note_is_part_of_what_the_data_are(tmp_path: Path) -> None:
    one = noted(tmp_path, pd.DataFrame({"ds": ["2024-01-05"], "text": ["strike"]}))
    other = noted(tmp_path, pd.DataFrame({"ds": ["2024-01-05"], "text": ["storm"]}))
    assert len({one.fingerprint(), other.fingerprint(), build(table(), DataSettings()).fingerprint()}) == 3
