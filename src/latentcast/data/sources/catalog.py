"""Named benchmark datasets: where they are, how to know them, and the protocol that goes with them."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentcast.core.errors import DataError, shorten, suggest
from latentcast.data.sources.files import first_line, read_file
from latentcast.data.sources.frames import Source

FOLDER = "LATENTCAST_DATA"
_ETT = "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small/"
_LTF = "https://raw.githubusercontent.com/aspire-zero/long_term_forecast_data/main/"
_TSL = "https://huggingface.co/datasets/thuml/Time-Series-Library/resolve/main/"
_M4 = "https://raw.githubusercontent.com/Mcompetitions/M4-methods/master/Dataset/"
_ETT_LICENCE = "CC BY-ND 4.0 (Zhou et al., Informer, AAAI 2021)"
_NONE = "no licence stated for the data"


@dataclass(frozen=True)
class File:
    """One file on the net: sha256 of what is downloaded, where it is known; `member` of a zip."""

    url: str
    sha256: str | None = None
    member: str | None = None


@dataclass(frozen=True)
class Dataset:
    """A named set.

    `files` holds one CSV, or the training and the test file of M4. `content` is the digest of the parsed values
    (see `content_digest`), the same from CSV and Parquet. `defaults` are data settings that its usual protocol asks
    for; what the user states wins.
    """

    name: str
    about: str
    licence: str
    files: tuple[File, ...]
    rows: int
    columns: int
    content: str | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_m4(self) -> bool:
        return len(self.files) == 2

    def stem(self, part: int = 0) -> str:
        """The name of a file below LATENTCAST_DATA, without .parquet or .csv."""
        return f"m4/m4_{self.name.removeprefix('M4-')}_{('train', 'test')[part]}" if self.is_m4 else self.name


def _wide(
    name: str,
    about: str,
    licence: str,
    file: File,
    rows: int,
    columns: int,
    content: str | None = None,
    **defaults: Any,
) -> Dataset:
    return Dataset(name, about, licence, (file,), rows, columns, content, {"target": "OT", **defaults})


def _m4(freq: str, series: int, horizon: int, season: int, train: str | None, test: str | None) -> Dataset:
    title = freq.capitalize()
    files = (File(f"{_M4}Train/{title}-train.csv", train), File(f"{_M4}Test/{title}-test.csv", test))
    about = f"M4 competition, {freq}: {series} series, horizon {horizon}"
    defaults = {"season": season, "split": (0, horizon, horizon)}
    return Dataset(f"M4-{freq}", about, _NONE, files, series, 1, None, defaults)


_HOURLY, _QUARTER = (8640, 2880, 2880), (34560, 11520, 11520)
DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        _wide("ETTh1", "electricity transformer 1, hourly", _ETT_LICENCE,
              File(_ETT + "ETTh1.csv", "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066"),
              17420, 7, "56acd88bf17b05aae0998425a44df544401c3627f875eb02ccf12d081bf56b6c", split=_HOURLY),
        _wide("ETTh2", "electricity transformer 2, hourly", _ETT_LICENCE,
              File(_ETT + "ETTh2.csv", "a3dc2c597b9218c7ce1cd55eb77b283fd459a1d09d753063f944967dd6b9218b"),
              17420, 7, "951ba216246ff1b7480dd048091346d746a406b2fb1e6c312fcbdca4bd9a04d5", split=_HOURLY),
        _wide("ETTm1", "electricity transformer 1, every 15 minutes", _ETT_LICENCE,
              File(_ETT + "ETTm1.csv", "6ce1759b1a18e3328421d5d75fadcb316c449fcd7cec32820c8dafda71986c9e"),
              69680, 7, "7a68ab074fe48806c8f23790e066b644c757f83b20f1fb253d5240adec91631d", split=_QUARTER),
        _wide("ETTm2", "electricity transformer 2, every 15 minutes", _ETT_LICENCE,
              File(_ETT + "ETTm2.csv"), 69680, 7, split=_QUARTER),
        _wide("weather", "Jena weather station 2020, every 10 minutes; two irregular stamps, rows are steps", _NONE,
              File(_LTF + "weather.zip", member="weather.csv"), 52696, 21,
              "cfa48720051e4853251eb34b9ca5e432355a7da95cdad7762dcd66e6233f4bec", steps="rows"),
        _wide("electricity", "consumption of 321 clients, hourly (ECL)", _NONE,
              File(_TSL + "electricity/electricity.csv"), 26304, 321, steps="rows"),
        _wide("traffic", "road occupancy at 862 sensors, hourly", _NONE,
              File(_TSL + "traffic/traffic.csv"), 17544, 862, steps="rows"),
        _wide("exchange_rate", "eight exchange rates, daily", _NONE,
              File(_LTF + "exchange_rate.zip", member="exchange_rate.csv"), 7588, 8, steps="rows"),
        _wide("national_illness", "influenza-like illness in the US, weekly (ILI)", _NONE,
              File(_LTF + "illness.zip", member="national_illness.csv"), 966, 7, steps="rows"),
        _m4("yearly", 23000, 6, 1,
            None,
            "6dc2dd45b3af320389e2d3735cb4b3cdf320b63cbcda15d1a17193ab99702306"),
        _m4("quarterly", 24000, 8, 4,
            None,
            "bf1cab3b969a744c220cdc148e3829803eaa5da2754270fc4f376e775cd7d0ae"),
        _m4("monthly", 48000, 18, 12,
            None,
            None),
        _m4("weekly", 359, 13, 1,
            "d478d3f6ed673e6ed3c2cb0fbed5425f72eedd51318ebebeb0b5ecfcefc37714",
            "3b2bc4be8e636e802260dcd843ca3c5da40536a1fbe1ecb3229a97dae4f44688"),
        _m4("daily", 4227, 14, 1,
            None,
            "633b0815626ae266d36872c4d53e95eb93ee8d43e79587fceec519eba3e6b05e"),
        _m4("hourly", 414, 48, 24,
            "ea59b7783573c49077a835ab6465c7d66f1474783360f310988a9a737fbca62f",
            "71a57fccb15e534d973626ada4fb87febf789e9317715b7cc6dd3b5f90db6f42"),
    )
}  # fmt: skip


def find(name: str) -> Dataset:
    """A dataset by its name, in any case. Raises DataError with the nearest name."""
    for dataset in DATASETS.values():
        if dataset.name.lower() == name.lower():
            return dataset
    raise DataError(f"{name!r} is neither a file nor a dataset; {suggest(name, DATASETS)}")


def load(dataset: Dataset) -> Source:
    """The table of a dataset: each file from the folder named by LATENTCAST_DATA, else from the cache or the net.

    Raises DataError when one can be had from nowhere, or when what was found is not that dataset.
    """
    frames = [read_part(dataset, part) for part in range(len(dataset.files))]
    frame = _join_m4(dataset, *frames) if dataset.is_m4 else frames[0]
    _check(dataset, frame)
    return Source(frame, dataset.name, lambda result: result)


def local_path(dataset: Dataset, part: int = 0) -> Path | None:
    """The file of a dataset in the folder that LATENTCAST_DATA names, if it is there."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return None
    for suffix in (".parquet", ".csv"):
        path = Path(folder) / f"{dataset.stem(part)}{suffix}"
        if path.is_file():
            return path
    return None


def content_digest(frame: pd.DataFrame) -> str:
    """sha256 of a wide table's numbers as float64, row by row, whatever file they came from."""
    values = frame.iloc[:, 1:].to_numpy(np.float64)
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def read_part(dataset: Dataset, part: int) -> pd.DataFrame:
    """One file of a dataset; of M4's, as a long table. Raises DataError when it can be had from nowhere."""
    frame = read_file(local_path(dataset, part) or _download(dataset, part))
    return _m4_to_long(frame) if dataset.is_m4 and "V1" in frame.columns else frame


def _download(dataset: Dataset, part: int) -> Path:
    import pooch

    file = dataset.files[part]
    processor = pooch.Unzip(members=[file.member]) if file.member else None
    try:
        got = pooch.retrieve(
            file.url,
            known_hash=f"sha256:{file.sha256}" if file.sha256 else None,
            path=pooch.os_cache("latentcast"),
            fname=f"{dataset.name}-{file.url.rsplit('/', 1)[1]}",
            processor=processor,
        )
    except Exception as error:  # requests, urllib3 and pooch raise unrelated kinds; all mean the same here
        which = f" (its {('training', 'test')[part]} part)" if dataset.is_m4 else ""
        raise DataError(
            f"{dataset.name}{which} could not be fetched from {file.url} ({first_line(error)}). Without a network, put"
            f" {dataset.stem(part)}.csv or .parquet into a folder and name that folder in {FOLDER}"
        ) from error
    return Path(got[0] if isinstance(got, list) else got)


def _m4_to_long(frame: pd.DataFrame) -> pd.DataFrame:
    """M4's own files: one row per series, its values left-aligned in V2, V3, …"""
    ids = frame.iloc[:, 0].astype(str)
    values = frame.iloc[:, 1:].to_numpy(np.float64)
    there = ~np.isnan(values)
    row, column = np.nonzero(there)
    return pd.DataFrame({"unique_id": ids.to_numpy()[row], "ds": column + 1, "y": values[there]})


def _join_m4(dataset: Dataset, train: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """One table: the steps of the test part are counted on from the end of the training part."""
    for frame, part in ((train, "training"), (test, "test")):
        if not {"unique_id", "ds", "y"} <= set(frame.columns):
            names = shorten(list(frame.columns))
            raise DataError(f"the {part} part of {dataset.name} has columns {names}; wanted unique_id, ds, y")
    lengths = train.groupby("unique_id")["ds"].max()
    later = test.assign(ds=test["ds"] + test["unique_id"].map(lengths))
    return pd.concat([train, later], ignore_index=True)


def _check(dataset: Dataset, frame: pd.DataFrame) -> None:
    fault = _fault(dataset, frame)
    if fault:
        raise DataError(
            f"what was found under the name {dataset.name} is not that dataset: {fault}."
            " To use the file as it is, give its path"
        )


def _fault(dataset: Dataset, frame: pd.DataFrame) -> str | None:
    if dataset.is_m4:
        found = frame["unique_id"].nunique()
        return None if found == dataset.rows else f"{found} series, wanted {dataset.rows}"
    shape, wanted = (len(frame), frame.shape[1] - 1), (dataset.rows, dataset.columns)
    if shape != wanted:
        return f"{shape[0]} rows of {shape[1]} variables, wanted {wanted[0]} of {wanted[1]}"
    if not all(pd.api.types.is_numeric_dtype(kind) for kind in frame.dtypes.iloc[1:]):
        return "some of its variables are no numbers"
    if dataset.content and content_digest(frame) != dataset.content:
        return "other values than the published file"
    return None
