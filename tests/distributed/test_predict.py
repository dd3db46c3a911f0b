"""Forecasts part by part equal those of one table, wherever the rows of a series lie."""

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import latentcast
from latentcast.core.errors import CheckpointError, DataError, LatentcastError, SettingsError
from latentcast.distributed.run import Where, parts_of
from latentcast.distributed.shards import Shard, plan, read

SIZES: dict[str, Any] = {"lookback": 14, "horizon": 3}
DAYS = pd.date_range("2024-01-01", periods=60)


def panel(series: int = 23) -> pd.DataFrame:
    """Series of different lengths and levels, one after another."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(series):
        days = DAYS[: 60 - number % 4]
        values = 10 * number + np.arange(len(days)) % 7 + rng.normal(0, 0.1, len(days))
        made.append(pd.DataFrame({"unique_id": f"s{number:02d}", "ds": days, "y": values}))
    return pd.concat(made, ignore_index=True)


@pytest.fixture(scope="module")
def forecaster() -> latentcast.Forecaster:
    return latentcast.fit(panel(), "seasonal-naive", **SIZES)


def write(frame: pd.DataFrame, folder: Path, *, files: int, group: int = 100) -> Path:
    """The rows in several files, each of small row groups."""
    folder.mkdir()
    for number, rows in enumerate(np.array_split(np.arange(len(frame)), files)):
        frame.iloc[rows].to_parquet(folder / f"{number}.parquet", index=False, row_group_size=group)
    return folder


def interleaved(frame: pd.DataFrame) -> pd.DataFrame:
    """Day after day, so that the rows of every series are scattered over all files."""
    return frame.sort_values("ds", kind="stable", ignore_index=True)


@pytest.mark.slow
@pytest.mark.parametrize("files", [1, 5])
@pytest.mark.parametrize("rows", [1, 300, 10**6])
@pytest.mark.parametrize("order", [lambda frame: frame, interleaved])
def test_any_cut_of_rows_gives_the_same_forecasts(
    forecaster: latentcast.Forecaster, tmp_path: Path, files: int, rows: int, order: Any
) -> None:
    data = write(order(panel()), tmp_path / "data", files=files)
    found = latentcast.predict(forecaster, data, tmp_path / "out", rows=rows, level=80)
    whole = forecaster.predict(order(panel()), level=80)
    assert_frame_equal(pd.read_parquet(tmp_path / "out"), whole)
    assert (found.series, found.rows) == (23, 69)
    assert found.parts == {1: 23, 300: 5, 10**6: 1}[rows]


def test_parts_hold_whole_series_in_the_order_of_the_data(tmp_path: Path) -> None:
    data = write(interleaved(panel()), tmp_path / "data", files=4)
    shards = plan(data, ["unique_id"], 200, tmp_path)
    names = [read(shard)["unique_id"].drop_duplicates().tolist() for shard in shards]
    assert [name for part in names for name in part] == interleaved(panel())["unique_id"].drop_duplicates().tolist()
    assert sum(len(read(shard)) for shard in shards) == len(panel())


def test_ids_that_files_hold_as_categories_stay_categories(forecaster: latentcast.Forecaster, tmp_path: Path) -> None:
    frame = panel().astype({"unique_id": "category"})
    data = write(frame, tmp_path / "data", files=3)
    latentcast.predict(forecaster, data, tmp_path / "out", rows=300)
    first = pd.read_parquet(tmp_path / "out" / "part-00000.parquet")
    assert isinstance(first["unique_id"].dtype, pd.CategoricalDtype)
    whole = pd.read_parquet(tmp_path / "out").astype({"unique_id": object})
    assert_frame_equal(whole, forecaster.predict(panel()))


def test_several_ids_are_kept_together(tmp_path: Path) -> None:
    frame = panel().assign(store=lambda f: f["unique_id"].str[:2], item=lambda f: f["unique_id"].str[2:])
    frame = frame.drop(columns="unique_id")
    forecaster = latentcast.fit(frame, "naive", **SIZES, settings={"data.id": ["store", "item"]})
    data = write(interleaved(frame), tmp_path / "data", files=3)
    latentcast.predict(forecaster, data, tmp_path / "out", rows=200)
    assert_frame_equal(pd.read_parquet(tmp_path / "out"), forecaster.predict(interleaved(frame)))


@pytest.mark.slow
def test_several_processes_give_the_same_forecasts(forecaster: latentcast.Forecaster, tmp_path: Path) -> None:
    data = write(panel(), tmp_path / "data", files=2)
    found = latentcast.predict(forecaster, data, tmp_path / "out", rows=400, workers=2)
    assert_frame_equal(pd.read_parquet(tmp_path / "out"), forecaster.predict(panel()))
    assert found.parts > 2


def test_an_error_of_a_worker_process_is_raised_as_it_is(forecaster: latentcast.Forecaster, tmp_path: Path) -> None:
    data = write(panel(), tmp_path / "data", files=2)
    with pytest.raises(latentcast.SettingsError, match="interval_method='quantiles'"):
        latentcast.predict(forecaster, data, tmp_path / "out", level=80, interval_method="quantiles", workers=2)


def test_what_only_all_parts_together_tell_is_said_once(forecaster: latentcast.Forecaster, tmp_path: Path) -> None:
    some = panel()[lambda frame: frame["unique_id"] != "s07"]
    found = latentcast.predict(forecaster, write(some, tmp_path / "data", files=1), tmp_path / "out", rows=200)
    texts = [str(note) for note in found.notes]
    assert [text for text in texts if "are not in the data" in text] == [
        "1 of 23 series of the fit are not in the data, and not forecast: s07"
    ]
    assert len([text for text in texts if "from an earlier step than others" in text]) == 1


def test_a_file_has_its_name_once_it_is_whole(
    forecaster: latentcast.Forecaster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write(panel(), tmp_path / "data", files=1)
    whole = pd.DataFrame.to_parquet

    def cut(self: pd.DataFrame, path: Path, **more: Any) -> None:
        whole(self, path, **more)
        if "00002" in str(path):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pd.DataFrame, "to_parquet", cut)
        with pytest.raises(KeyboardInterrupt):
            latentcast.predict(forecaster, data, tmp_path / "out", rows=300)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["part-00000.parquet", "part-00001.parquet"]
    with pytest.raises(CheckpointError, match="overwrite"):
        latentcast.predict(forecaster, data, tmp_path / "out")
    latentcast.predict(forecaster, data, tmp_path / "out", rows=300, overwrite=True)
    assert_frame_equal(pd.read_parquet(tmp_path / "out"), forecaster.predict(panel()))


def test_what_is_refused(forecaster: latentcast.Forecaster, tmp_path: Path) -> None:
    data = write(panel(), tmp_path / "data", files=1)
    with pytest.raises(SettingsError, match=r"workers=0.*\n.*rows=0.*\n.*engine='spark': wanted local or ray"):
        latentcast.predict(forecaster, data, tmp_path / "out", workers=0, rows=0, engine="spark")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no Parquet file"):
        latentcast.predict(forecaster, tmp_path / "nothing", tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(CheckpointError, match=r"not empty; use another folder$"):
        latentcast.predict(forecaster, data, tmp_path / "mine", overwrite=True)


def test_one_table_of_channels_is_one_part(tmp_path: Path) -> None:
    wide = pd.DataFrame({"ds": DAYS, "a": np.arange(60.0), "b": np.arange(60.0) % 7})
    wide.to_parquet(tmp_path / "wide.parquet")
    forecaster = latentcast.fit(wide, "naive", **SIZES)
    found = latentcast.predict(forecaster, tmp_path / "wide.parquet", tmp_path / "out")
    assert (found.parts, found.series) == (1, 2)
    assert_frame_equal(pd.read_parquet(tmp_path / "out"), forecaster.predict(wide))


def killed(forecaster: latentcast.Forecaster, shard: Shard) -> None:
    """What becomes of a worker that runs out of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_killed_worker_process_is_one_error(forecaster: latentcast.Forecaster, tmp_path: Path) -> None:
    data = write(panel(4), tmp_path / "data", files=1)
    with (
        parts_of(forecaster, data, Where(workers=2, rows=60)) as parts,
        pytest.raises(LatentcastError, match="a worker process ended before its part was done"),
    ):
        parts.run(killed)
