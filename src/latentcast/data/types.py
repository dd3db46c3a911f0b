"""Types of the public signatures: what counts as data, as a forecast and as a level."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from narwhals.typing import IntoDataFrame, IntoLazyFrame

IntoFrame: TypeAlias = IntoDataFrame | IntoLazyFrame | str | Path
"""A pandas, polars or Arrow frame, the path of a table, or the name of a dataset."""

Frame: TypeAlias = Any
"""A frame of the same library as the data; pandas where the data were a file or a dataset."""

Level: TypeAlias = float | Sequence[float] | None
"""Nominal coverage in per cent, one or several. None: no intervals."""
