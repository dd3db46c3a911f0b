"""Large plain CSV is the same frame by pyarrow's reader as by pandas'."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from latentcast.data.sources.formats import delimited, plain_csv

ROWS = 3000


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": np.where(np.arange(ROWS) % 3 == 0, "NA", "a,b"),
            "date": pd.date_range("2024-01-01", periods=ROWS, freq="h").astype(str),
            "day": pd.date_range("2024-01-01", periods=ROWS).strftime("%Y-%m-%d"),
            "code": [f"{at:05d}" for at in range(ROWS)],
            "whole": np.arange(ROWS),
            "late": [*range(ROWS - 1), 0.5],
            "number": np.where(rng.random(ROWS) < 0.1, np.nan, rng.normal(size=ROWS)),
            "late_text": [*["1"] * (ROWS - 1), "n/a"],
            "empty": np.nan,
        }
    )


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_same_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, separator: str) -> None:
    path = tmp_path / "a.csv"
    frame().to_csv(path, index=False, sep=separator)
    slow = delimited.read_delimited(path)
    monkeypatch.setattr(plain_csv, "LEAST", 0)
    monkeypatch.setattr(plain_csv, "_FIRST", 1 << 14)
    monkeypatch.setattr(plain_csv, "_BLOCK", 1 << 13)  # several blocks
    read = plain_csv.read_plain(path, separator)
    assert read is not None
    assert read["id"].iloc[0] == "NA"
    assert isinstance(read["day"].iloc[0], str)
    fast = delimited.read_delimited(path)
    pd.testing.assert_frame_equal(fast, slow)
    assert fast.attrs == slow.attrs


@pytest.mark.parametrize(
    "text",
    [
        "a,a\n1,2\n3,4\n",  # a name twice
        "a,b\n1,2,3\n",  # more fields than names
        "a,\n1,2\n",  # no name
        "a,b\n1,True\n2,False\n",
    ],
)
def test_what_pandas_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(plain_csv, "LEAST", 0)
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    assert plain_csv.read_plain(tmp_path / "a.csv", ",") is None
