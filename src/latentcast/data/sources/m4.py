"""The M4 competition (Makridakis et al. 2020): six frequencies, and what the organisers' own methods forecast.

Training and test parts are those of the catalogue (`M4-hourly` …). The forecasts of Naive, sNaive, SES and Naive2 are
read from `m4/m4_reference_forecasts` and `m4/m4_naive2_forecasts` below LATENTCAST_DATA: long tables with unique_id, ds
(the step within the horizon) and a column for each method, as in the organisers' repository (Mcompetitions/M4-methods,
Point Forecasts).
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import DataError, SettingsError, suggest
from latentcast.data.sources.catalog import FOLDER, Dataset, find, local_path, read_part
from latentcast.data.sources.files import first_line, read_file

Array = NDArray[np.float64]
REFERENCES = ("Naive", "sNaive", "SES", "Naive2")
BASE = "Naive2"  # what OWA is measured by


@dataclass(frozen=True)
class Frequency:
    """`naive2` are the sMAPE (per cent) and MASE of Naive2 as the organisers published them."""

    name: str
    series: int
    horizon: int
    season: int
    naive2: tuple[float, float]


FREQUENCIES = {
    each.name: each
    for each in (
        Frequency("yearly", 23000, 6, 1, (16.342, 3.974)),
        Frequency("quarterly", 24000, 8, 4, (11.012, 1.371)),
        Frequency("monthly", 48000, 18, 12, (14.427, 1.063)),
        Frequency("weekly", 359, 13, 1, (9.161, 2.777)),
        Frequency("daily", 4227, 14, 1, (3.045, 3.278)),
        Frequency("hourly", 414, 48, 24, (18.383, 2.395)),
    )
}


@dataclass(frozen=True)
class Competition:
    """One frequency as far as it is there: `missing` says what is not, and why.

    ids         of the series, in the order of their test part
    test        [series, horizon] what was to be forecast
    train       [series] arrays of what was given; None where it is not there
    references  method → [series, horizon] forecasts
    """

    frequency: Frequency
    ids: tuple[str, ...]
    test: Array
    train: tuple[Array, ...] | None
    references: dict[str, Array]
    missing: tuple[str, ...]

    def frame(self, *, whole: bool = False) -> pd.DataFrame:
        """The training part as a long table, in the order of `ids`; as a `whole` with the test part behind it."""
        assert self.train is not None
        series = self.train if not whole else [np.concatenate(both) for both in zip(self.train, self.test, strict=True)]
        lengths = [len(values) for values in series]
        return pd.DataFrame(
            {
                "unique_id": np.repeat(np.array(self.ids, dtype=object), lengths),
                "ds": np.concatenate([np.arange(1, length + 1) for length in lengths]),
                "y": np.concatenate(series),
            }
        )


def chosen(names: str) -> list[Frequency]:
    """M4 → all six; M4-hourly, hourly or several of them with commas → these. Raises SettingsError for other names."""
    if names.strip().lower() == "m4":
        return list(FREQUENCIES.values())
    asked = [name.strip().lower().removeprefix("m4-") for name in names.split(",") if name.strip()]
    unknown = [name for name in asked if name not in FREQUENCIES]
    if unknown or not asked:
        known = ["M4", *(f"M4-{name}" for name in FREQUENCIES)]
        raise SettingsError(
            f"{names!r} is no part of the M4 competition; {suggest(f'M4-{unknown[0]}' if unknown else '', known)}"
        )
    return [FREQUENCIES[name] for name in dict.fromkeys(asked)]


def load(frequency: Frequency) -> Competition:
    """What is there of one frequency. Raises DataError when its test part is not."""
    dataset, missing = find(f"M4-{frequency.name}"), []
    test = _values(_read(dataset, 1))
    wrong = {len(values) for values in test.values()} - {frequency.horizon}
    if wrong or len(test) != frequency.series:
        raise DataError(
            f"the test part of {dataset.name} has {len(test)} series of {sorted({len(v) for v in test.values()})}"
            f" steps; wanted {frequency.series} of {frequency.horizon}"
        )
    train = None
    try:
        given = _values(_read(dataset, 0))
        if given.keys() != test.keys():
            raise DataError(f"the training part of {dataset.name} has other series than its test part")
        train = tuple(given[name] for name in test)
    except DataError as error:
        missing.append(f"{dataset.name}: no fit and no MASE, for want of the training part: {first_line(error)}")
    references: dict[str, Array] = {}
    for stem, methods in (("m4_reference_forecasts", REFERENCES[:3]), ("m4_naive2_forecasts", REFERENCES[3:])):
        path = _below(stem)
        found = {} if path is None else _forecasts(path, methods, tuple(test), frequency.horizon)
        references |= found
        if len(found) < len(methods):
            missing.append(f"{dataset.name}: no forecasts of {', '.join(methods)} (m4/{stem} below {FOLDER})")
    return Competition(frequency, tuple(test), np.stack(list(test.values())), train, references, tuple(missing))


def _read(dataset: Dataset, part: int) -> pd.DataFrame:
    """Where there is a folder m4 below LATENTCAST_DATA, what lies in it is all there is: nothing is downloaded."""
    folder = os.environ.get(FOLDER)
    if folder and (Path(folder) / "m4").is_dir() and local_path(dataset, part) is None:
        raise DataError(f"{FOLDER} has a folder m4, and no {Path(dataset.stem(part)).name}.csv or .parquet in it")
    return read_part(dataset, part)


def _values(frame: pd.DataFrame) -> dict[str, Array]:
    """Series by name, in order of appearance, each in order of its steps."""
    ids = frame["unique_id"].astype(str)
    order = np.lexsort((frame["ds"].to_numpy(), pd.factorize(ids)[0]))
    names, values = ids.to_numpy()[order], frame["y"].to_numpy(np.float64)[order]
    begins = np.flatnonzero(np.r_[True, names[1:] != names[:-1]])
    return dict(zip(names[begins].tolist(), np.split(values, begins[1:]), strict=True))


def _below(stem: str) -> Path | None:
    folder = os.environ.get(FOLDER)
    paths = [Path(folder) / "m4" / f"{stem}{suffix}" for suffix in (".parquet", ".csv")] if folder else []
    return next((path for path in paths if path.is_file()), None)


def _forecasts(path: Path, methods: tuple[str, ...], ids: tuple[str, ...], horizon: int) -> dict[str, Array]:
    """Empty when the file holds none of these series. Raises DataError when it holds some of them only."""
    frame = read_file(path)
    frame = frame[frame["unique_id"].isin(set(ids))]
    if not len(frame):
        return {}
    found = {}
    for method in methods:
        values = _values(frame[["unique_id", "ds"]].assign(y=frame[method]))
        if values.keys() != set(ids) or any(len(one) != horizon for one in values.values()):
            raise DataError(f"{path.name} has forecasts of {len(values)} of {len(ids)} series, or of another horizon")
        found[method] = np.stack([values[name] for name in ids])
    return found
