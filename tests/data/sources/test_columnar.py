"""Parquet files read column by column: what pandas reads, and in its types."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from latentcast.data.sources.formats import columnar

FRAMES = {
    "text with a missing one": pd.DataFrame({"a": ["x", None, "y", "x"], "f": [1.0, None, 2, 3]}),
    "dates in the index": pd.DataFrame({"a": [1, 2]}, index=pd.date_range("2020", periods=2)),
    "numbers in the index": pd.DataFrame({"a": [1, 2]}, index=[3, 4]),
    "a category": pd.DataFrame({"c": pd.Categorical(["a", "b", "a"])}),
    "nullable numbers": pd.DataFrame({"i": pd.array([1, None, 3], dtype="Int64")}),
    "nullable text": pd.DataFrame({"s": pd.array(["a", None, "b"], dtype="string")}),
    "a zone": pd.DataFrame({"t": pd.date_range("2020", periods=3, tz="UTC")}),
    "seconds": pd.DataFrame({"t": pd.to_datetime(["2020", "2021"]).as_unit("s")}),
    "float32": pd.DataFrame({"f": np.array([1, 2, 3], np.float32)}),
    "no row": pd.DataFrame({"a": np.empty(0)}),
}


@pytest.mark.parametrize("rows", [2, 2**18])
@pytest.mark.parametrize("kind", FRAMES)
def test_as_pandas_reads_it(kind: str, rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columnar, "_ROWS", rows)
    path = tmp_path / "table.parquet"
    FRAMES[kind].to_parquet(path)
    wanted = pd.read_parquet(path)
    wanted = wanted if isinstance(wanted.index, pd.RangeIndex) else wanted.reset_index()
    assert_frame_equal(columnar.read_parquet(path), wanted)


@pytest.mark.parametrize("column", [[1, 2, 3, None], [None, 2, 3, 4], [2**40, None, -1, 0], ["a", "b", "c", None]])
def test_what_is_missing_in_a_later_batch(column: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columnar, "_ROWS", 2)
    pq.write_table(pa.table({"x": pa.array(column), "n": pa.array([1, 2, 3, 4], pa.int8())}), tmp_path / "t.parquet")
    assert_frame_equal(columnar.read_parquet(tmp_path / "t.parquet"), pd.read_parquet(tmp_path / "t.parquet"))
