"""One series a record (start, frequency, list of values), as GluonTS, fev and GIFT-Eval keep them → a long frame."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import DataError, shorten
from latentcast.data.sources.formats.counted import COUNTED
from latentcast.data.sources.formats.notes import with_notes
from latentcast.data.sources.formats.stamps import stamps

_IDS = ("item_id", "unique_id", "series_name", "id")
_STARTS = ("start", "start_timestamp")
_TIMES = ("timestamp", "timestamps", "ds", "date")
_DYNAMIC, _STATIC = ("feat_dynamic_real",), ("feat_static_real", "feat_static_cat")


def is_record(values: Mapping[str, Any]) -> bool:
    """Whether a mapping is a series: it holds a list of values called target."""
    return isinstance(values.get("target"), list | tuple | np.ndarray)


def long_frame(records: Iterable[Mapping[str, Any]], freq: str | None = None) -> pd.DataFrame:
    """unique_id, ds, y and the dynamic and static features of each series.

    A target of several rows is one series per row, named ITEM.0, ITEM.1, …. Without a start or a frequency
    the steps are counted, which a note says.
    Raises DataError that names the record at fault.
    """
    parts, longer = [], 0
    starts: dict[str, Any] = {}
    undated = False
    for number, record in enumerate(records):
        name = next((str(record[key]) for key in _IDS if record.get(key) is not None), str(number))
        try:
            frame, cut = _one(record, name, freq)
        except DataError:
            raise
        except (TypeError, ValueError) as error:
            raise DataError(f"series {name!r}: {error}") from error
        parts.append(frame)
        counted = frame["ds"].dtype.kind in "iu"
        undated |= counted
        start = next((record[key] for key in _STARTS if record.get(key) is not None), None)
        if counted and start is not None:
            starts |= dict.fromkeys(map(str, frame["unique_id"].unique()), start)
        longer += cut
    if not parts:
        raise DataError("there is no series in it")
    columns = [tuple(part.columns) for part in parts]
    if len(set(columns)) > 1:
        raise DataError(f"its series have different fields: {shorten(sorted(set(columns[0]) ^ set(columns[-1])))}")
    notes = [f"features of {longer} series go on beyond the target and are cut there"] if longer else []
    if starts:
        notes.append(
            "the series have no frequency, so that steps are counted; add the field freq, such as h, D or MS, or set it"
            " (data.freq)"
        )
    whole = pd.concat(parts, ignore_index=True)
    if undated and (not starts or len(starts) == whole["unique_id"].nunique()):
        whole.attrs[COUNTED] = starts
    return with_notes(whole, notes)


def _one(record: Mapping[str, Any], name: str, freq: str | None) -> tuple[pd.DataFrame, bool]:
    target = np.array([np.asarray(row, float) for row in record["target"]], float)
    rows = target[None] if target.ndim == 1 else target
    if rows.ndim != 2:
        raise DataError(f"series {name!r}: target has {rows.ndim} dimensions; wanted a list, or a list of lists")
    steps = rows.shape[1]
    dates = _dates(record, name, freq, steps)
    features, cut = _features(record, name, steps)
    names = [name] if target.ndim == 1 else [f"{name}.{at}" for at in range(len(rows))]
    frames = [
        pd.DataFrame({"unique_id": np.full(steps, each, dtype=object), "ds": dates, "y": row, **features})
        for each, row in zip(names, rows, strict=True)
    ]
    return (frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)), cut


def _dates(record: Mapping[str, Any], name: str, freq: str | None, steps: int) -> NDArray[Any]:
    listed = next((record[key] for key in _TIMES if isinstance(record.get(key), list | tuple | np.ndarray)), None)
    if listed is not None:
        if len(listed) != steps:
            raise DataError(f"series {name!r} has {len(listed)} dates for {steps} values")
        return pd.to_datetime(np.asarray(listed)).to_numpy()
    start = next((record[key] for key in (*_STARTS, *_TIMES) if record.get(key) is not None), None)
    if start is None:
        return np.arange(steps)
    step = record.get("freq") or freq or getattr(start, "freqstr", None)
    if step is None:
        return np.arange(steps)
    return stamps(start.to_timestamp() if isinstance(start, pd.Period) else start, str(step), steps)


def _features(record: Mapping[str, Any], name: str, steps: int) -> tuple[dict[str, Any], bool]:
    found: dict[str, Any] = {}
    cut = False
    for key in _DYNAMIC:
        if record.get(key) is None:
            continue
        for at, row in enumerate(np.atleast_2d(np.array([np.asarray(row, float) for row in record[key]], float))):
            if len(row) < steps:
                raise DataError(f"series {name!r}: {key} has {len(row)} values for a target of {steps}")
            cut |= len(row) > steps
            found[f"{key}_{at}"] = row[:steps]
    for key in _STATIC:
        for at, value in enumerate(np.atleast_1d(record[key]) if record.get(key) is not None else ()):
            found[f"{key}_{at}"] = np.full(steps, value)
    return found, cut
