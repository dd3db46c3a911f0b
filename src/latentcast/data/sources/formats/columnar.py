"""Parquet, Feather and Arrow files: a table, or one series a row with lists of values."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from latentcast.core.errors import DataError
from latentcast.data.sources.formats.records import long_frame


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a Parquet file; an index that pandas stored becomes columns."""
    return _table(pd.read_parquet(path))


def read_arrow(path: Path) -> pd.DataFrame:
    """Read a Feather file, an Arrow file or an Arrow stream."""
    with pa.memory_map(str(path)) as source:
        try:
            table = pa.ipc.open_file(source).read_all()
        except pa.ArrowInvalid:
            source.seek(0)
            table = pa.ipc.open_stream(source).read_all()
        return _table(table.to_pandas())


def read_dataset_folder(folder: Path) -> pd.DataFrame | None:
    """Read a folder that Hugging Face `datasets` saved (GIFT-Eval, fev); None for any other folder."""
    files = sorted(folder.glob("data-*.arrow"))
    if not files or not (folder / "dataset_info.json").is_file():
        return None
    frames = [read_arrow(file) for file in files]
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def _table(frame: pd.DataFrame) -> pd.DataFrame:
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    lists = [name for name, column in frame.items() if len(column) and isinstance(column.iloc[0], np.ndarray | list)]
    if not lists:
        return frame
    if "target" in frame.columns:
        return long_frame({str(key): value for key, value in row.items()} for row in frame.to_dict("records"))
    raise DataError(
        f"the column {lists[0]!r} holds lists; wanted numbers, or one series a row with its values in a column 'target'"
        " beside 'item_id', 'start' and 'freq'"
    )
