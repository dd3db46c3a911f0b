"""What errors and notes tell to type is typed: a shell parts the words, and the command then works."""

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from latentcast import cli

N = 60
DAYS = list(pd.date_range("2020-01-01", periods=N).astype(str))
TABLES = {
    "times": {"Order Date": DAYS, "ship $date": DAYS, "y": range(N)},
    "ids": {
        "ds": DAYS * 2, "Shop, name": ["a"] * N + ["b"] * N, "its [code]": ["c"] * N + ["d"] * N, "y": range(2 * N),
    },
    "pairs": {
        "ds": np.repeat(DAYS, 4), "A x": list("aabb") * N, "B, y": list("cdcd") * N, "C z": list("efef") * N,
        "y": range(4 * N),
    },
    "values": {
        "ds": DAYS * 2, "unique_id": ["a"] * N + ["b"] * N, "Passenger count": range(2 * N), "it's $": range(2 * N),
    },
    "empty": {"ds": DAYS, "Passenger (count)": [np.nan] * N, "c": range(N)},
}  # fmt: skip


def describe(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["latentcast", "describe", *words])
    try:
        cli.main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    return code, capsys.readouterr().err


def ways(error: str) -> list[list[str]]:
    """Each way that a message names, as words of a command line."""
    found = []
    for line in re.findall(r"\(as an option: (.*)\)\n", error):
        found.append(shlex.split(line))
    for text in re.findall(r"\((data\.\w+=.*?)\)(?=[,\n]|$)", error, re.M):
        found += [[part for word in shlex.split(way) for part in ("--set", word)] for way in text.split(" or ")]
    return found


@pytest.mark.parametrize("name", TABLES)
def test_each_way_out_of_an_error_works(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / f"{name}.csv"
    pd.DataFrame(TABLES[name]).to_csv(file, index=False)
    code, error = describe(capsys, monkeypatch, str(file))
    assert code == 1
    remedies = ways(error)
    assert len(remedies) >= (1 if name == "empty" else 3), error
    for words in remedies:
        code, after = describe(capsys, monkeypatch, str(file), *words)
        asked_more = "it's $; declare them as covariates" in after  # the option sets the value alone
        assert code == 0 or (asked_more and words[0] == "--value"), (words, after)
