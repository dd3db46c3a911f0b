"""A file that did not change is read once."""

import os
import time
from pathlib import Path

import pandas as pd

from latentcast.data.sources.last_read import MOST, LastRead, read_once, read_or_kept


def table(path: Path, text: str, age: float = 10.0) -> Path:
    path.write_text(text)
    os.utime(path, (time.time() - age, time.time() - age))
    return path


class Counting:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self, path: Path) -> pd.DataFrame:
        self.count += 1
        frame = pd.read_csv(path)
        frame.attrs["from"] = path.name
        return frame


def settled(monkeypatch, seconds: float = 5.0) -> None:
    """The change time of a file cannot be set: the clock goes on instead."""
    later = time.time_ns() + int(seconds * 1e9)
    monkeypatch.setattr("latentcast.data.sources.last_read.time.time_ns", lambda: later)


def test_a_table_is_read_once_and_its_changes_stay_with_their_owner(tmp_path: Path, monkeypatch) -> None:
    settled(monkeypatch)
    read, last = Counting(), LastRead()
    path = table(tmp_path / "a.csv", "a,b\n1,2\n3,4\n")
    one = last.read(path, read)
    one["c"] = 0
    one.attrs["mine"] = True
    two = last.read(path, read)
    assert read.count == 1
    assert list(two.columns) == ["a", "b"]
    assert two.attrs == {"from": "a.csv"}


def test_another_file_and_a_changed_one_are_read(tmp_path: Path, monkeypatch) -> None:
    settled(monkeypatch)
    read, last = Counting(), LastRead()
    path = table(tmp_path / "a.csv", "a\n1\n")
    last.read(path, read)
    table(path, "a\n2\n")  # of the same length and age
    assert last.read(path, read)["a"].tolist() == [2]
    assert last.read(table(tmp_path / "b.csv", "a\n3\n"), read)["a"].tolist() == [3]
    assert read.count == 3


def test_files_of_this_moment_and_large_ones_are_not_kept(tmp_path: Path, monkeypatch) -> None:
    read, last = Counting(), LastRead()
    path = table(tmp_path / "a.csv", "a\n1\n", age=0.0)
    last.read(path, read)
    last.read(path, read)
    assert read.count == 2
    settled(monkeypatch)
    monkeypatch.setattr("latentcast.data.sources.last_read.MOST", 3)
    assert MOST > 3
    last.read(path, read)
    last.read(path, read)
    assert read.count == 4


def test_nothing_is_kept_outside_and_a_context_within_another_shares_its_table(tmp_path: Path, monkeypatch) -> None:
    settled(monkeypatch)
    read, path = Counting(), table(tmp_path / "a.csv", "a\n1\n")
    for expected in (1, 2):
        read_or_kept(path, read)
        assert read.count == expected
    with read_once():
        read_or_kept(path, read)
        with read_once():
            read_or_kept(path, read)
        read_or_kept(path, read)
    assert read.count == 3
    with read_once():
        read_or_kept(path, read)
    assert read.count == 4
