"""File formats: the end of a file's name → the function that reads it. A new format is a file here and a row."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pandas as pd

_HERE = "latentcast.data.sources.formats"


@dataclass(frozen=True)
class Format:
    """A kind of file, the ends of its names, and where its reader stands (module:function)."""

    kind: str
    suffixes: tuple[str, ...]
    where: str

    def load(self) -> Callable[[Path], pd.DataFrame]:
        """Import the reader."""
        module, _, name = self.where.partition(":")
        reader: Callable[[Path], pd.DataFrame] = getattr(import_module(f"{_HERE}.{module}"), name)
        return reader

    def read(self, path: Path) -> pd.DataFrame:
        """Read the file as a frame. Raises whatever the library behind it raises, or DataError."""
        return self.load()(path)


FORMATS = (
    Format("csv", (".csv", ".tsv", ".txt", ".rdb"), "delimited:read_delimited"),
    Format("parquet", (".parquet", ".pq"), "columnar:read_parquet"),
    Format("arrow", (".feather", ".arrow"), "columnar:read_arrow"),
    Format("excel", (".xlsx", ".xlsm"), "excel:read_excel"),
    Format("json lines", (".jsonl", ".ndjson"), "json_lines:read_json_lines"),
    Format("json", (".json",), "json_lines:read_json"),
    Format("Monash tsf", (".tsf",), "tsf:read_tsf"),
    Format("sktime ts", (".ts",), "ts:read_ts"),
)
COMPRESSED = (".gz", ".zip", ".bz2", ".xz")
SUFFIXES = tuple(suffix for each in FORMATS for suffix in each.suffixes)


def format_of(path: Path) -> Format | None:
    """The format by the end of a name, whatever is compressed around it; None for any other name."""
    name = path.name.lower()
    for suffix in COMPRESSED:
        name = name.removesuffix(suffix)
    return next((each for each in FORMATS if name.endswith(each.suffixes)), None)


def is_compressed(path: Path) -> bool:
    """Whether the file is packed, so that its table has to be taken out first."""
    return path.name.lower().endswith(COMPRESSED)
