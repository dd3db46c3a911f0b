"""The same results on a Ray cluster of two nodes as in one process, also when workers are killed."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from pandas.testing import assert_frame_equal

import latentcast
from latentcast.core.errors import SettingsError

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
DAYS = pd.date_range("2024-01-01", periods=60)
SIZES: dict[str, Any] = {"lookback": 14, "horizon": 3}
RAY: dict[str, Any] = {"engine": "ray", "workers": 2}


def panel(series: int = 80) -> pd.DataFrame:
    """Day after day, so that the rows of every series are scattered over all files."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(series):
        days = DAYS[: 60 - number % 4]
        values = 10 * number + np.arange(len(days)) % 7 + rng.normal(0, 0.1, len(days))
        made.append(pd.DataFrame({"unique_id": f"s{number:02d}", "ds": days, "y": values}))
    return pd.concat(made, ignore_index=True).sort_values("ds", kind="stable", ignore_index=True)


def write(frame: pd.DataFrame, folder: Path, files: int = 3) -> Path:
    folder.mkdir()
    for number, rows in enumerate(np.array_split(np.arange(len(frame)), files)):
        frame.iloc[rows].to_parquet(folder / f"{number}.parquet", index=False, row_group_size=100)
    return folder


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of one core each, on this machine alone."""
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        nodes.add_node(num_cpus=1)
        ray.init(address=nodes.address, log_to_driver=False)
        yield ray
    finally:
        ray.shutdown()
        nodes.shutdown()


@pytest.fixture(scope="module")
def forecaster() -> latentcast.Forecaster:
    return latentcast.fit(panel(), "seasonal-naive", **SIZES)


def kill(word: str, when: Callable[[], bool]) -> bool:
    """Kill one process with a word in its command line once something holds; whether one was found."""
    for _ in range(6000):
        if when():
            for process in psutil.process_iter(["cmdline"]):
                if any(word in part for part in process.info["cmdline"] or ()):
                    os.kill(process.pid, signal.SIGKILL)
                    return True
        time.sleep(0.01)
    return False


def test_forecasts_are_the_same_also_when_a_worker_is_killed(
    cluster: Any, forecaster: latentcast.Forecaster, tmp_path: Path
) -> None:
    data, whole = write(panel(), tmp_path / "data"), forecaster.predict(panel())
    plain = latentcast.predict(forecaster, data, tmp_path / "out", rows=120, **RAY)
    assert_frame_equal(pd.read_parquet(tmp_path / "out"), whole)
    assert plain.parts > 20
    again = tmp_path / "again"
    with ThreadPoolExecutor(1) as pool:
        killed = pool.submit(kill, "_Actor", lambda: bool(list(again.glob("part-*.parquet"))))
        found = latentcast.predict(forecaster, data, again, rows=120, **RAY)
        assert killed.result()
    assert_frame_equal(pd.read_parquet(again), whole)
    assert (found.series, found.parts) == (plain.series, plain.parts)
    assert sorted(path.name for path in again.iterdir()) == [f"part-{n:05d}.parquet" for n in range(found.parts)]


def test_figures_are_the_same(cluster: Any, forecaster: latentcast.Forecaster, tmp_path: Path) -> None:
    data = write(panel(), tmp_path / "data")
    found = latentcast.evaluate(forecaster, cluster.data.read_parquet(str(data)), level=80, rows=1000, **RAY)
    whole = forecaster.evaluate(panel(), level=80)
    assert found.windows == whole.windows
    for unit in ("scaled", "original"):
        assert getattr(found, unit) == pytest.approx(getattr(whole, unit), rel=1e-9)
    assert found.intervals is not None
    assert whole.intervals is not None
    assert found.intervals.original["levels"]["80"] == pytest.approx(whole.intervals.original["levels"]["80"])
    assert found.distribution is not None
    assert whole.distribution is not None
    assert found.distribution.wql == pytest.approx(whole.distribution.wql)


def test_cells_of_a_comparison_are_the_same_and_are_kept(cluster: Any, tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    panel(3).to_csv(file, index=False)
    plan: dict[str, Any] = {"datasets": [str(file)], "horizons": [3], "seeds": [0], "common": {"lookback": 14}}
    plan["models"] = {"naive": {}, "seasonal-naive": {}}
    here = latentcast.benchmark(plan, out=tmp_path / "here", workers=0)
    lines: list[str] = []
    there = latentcast.benchmark(plan, out=tmp_path / "there", report=lines.append, **RAY)
    assert [row.text("MSE") for row in there.rows] == [row.text("MSE") for row in here.rows]
    assert len(lines) == 2
    again: list[str] = []
    latentcast.benchmark(plan, out=tmp_path / "there", report=again.append, **RAY)
    assert again == ["2 of 2 cells are finished already"]


def test_a_backtest_is_the_same(cluster: Any) -> None:
    call: dict[str, Any] = {**SIZES, "n_windows": 3, "refit": True, "level": 80}
    here = latentcast.backtest(panel(3), ["naive", "seasonal-naive"], **call)
    there = latentcast.backtest(panel(3), ["naive", "seasonal-naive"], **call, **RAY)
    assert_frame_equal(there.forecasts, here.forecasts)
    assert_frame_equal(there.leaderboard.drop(columns="seconds"), here.leaderboard.drop(columns="seconds"))
    assert [its.to_dict() for its in there.intervals.values()] == [its.to_dict() for its in here.intervals.values()]


def test_a_search_makes_all_its_trials(cluster: Any, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    rate = {"training.lr": {"low": 1e-4, "high": 1e-2, "log": True}}
    call: dict[str, Any] = {"space": rate, "trials": 3, **SIZES, "settings": {"training.max_steps": 2}}
    found = latentcast.tune(panel(3), "dlinear", out=tmp_path / "tuned", **call, **RAY)
    assert found.history["state"].tolist().count("complete") >= 3


QUICK: dict[str, Any] = {"training.batch_size": 64, "training.max_epochs": 6, "training.max_steps": None}


def weights(forecaster: latentcast.Forecaster) -> np.ndarray:
    return np.concatenate([value.double().numpy().ravel() for value in forecaster.network.state_dict().values()])


def test_training_gives_the_weights_of_one_process_also_when_a_worker_is_killed(cluster: Any, tmp_path: Path) -> None:
    settings = {**QUICK, "training.patience": None}
    here = latentcast.fit(panel(7), "dlinear", **SIZES, settings=settings)
    out, kept = tmp_path / "fitted", tmp_path / "kept"
    call: dict[str, Any] = {"out": out, "settings": settings, "storage": f"local://{kept}", **RAY}
    with ThreadPoolExecutor(1) as pool:
        killed = pool.submit(kill, "RayTrainWorker", lambda: len(list(kept.rglob("last.ckpt"))) > 0)
        there = latentcast.fit(panel(7), "dlinear", **SIZES, **call)
        assert killed.result()
    np.testing.assert_allclose(weights(there), weights(here), atol=1e-5)
    assert there.card.training is not None
    assert here.card.training is not None
    assert there.card.training.stages[-1].steps == here.card.training.stages[-1].steps
    loaded = latentcast.load(out)
    np.testing.assert_allclose(weights(loaded), weights(there))
    assert (out / "checkpoints" / "forecast" / "last.ckpt").is_file()


def test_a_ridge_adds_up_sums_of_workers(cluster: Any) -> None:
    gaps = panel(9).assign(y=lambda frame: frame["y"].where(frame.index % 13 > 0))
    for frame in (panel(9), gaps):
        here = latentcast.fit(frame, "ridge", **SIZES)
        there = latentcast.fit(frame, "ridge", **SIZES, **RAY)
        assert_frame_equal(there.predict(frame), here.predict(frame), rtol=1e-6)


def hours() -> pd.DataFrame:
    """Series of hours, one after another, whose levels differ."""
    stamps, rng = pd.date_range("2024-01-01", periods=300, freq="h"), np.random.default_rng(0)
    made = [
        pd.DataFrame({"unique_id": name, "ds": stamps, "y": level + np.arange(300) % 24 + rng.normal(0, 1, 300)})
        for level, name in enumerate("abcd")
    ]
    return pd.concat(made, ignore_index=True)


def test_gaps_are_filled_alike(cluster: Any, tmp_path: Path) -> None:
    settings = {"stages.reconstruct.max_steps": 2, "stages.reconstruct.loggers": []}
    imputer = latentcast.pretrain(hours(), "latent-transformer", lookback=24, settings=settings)
    holes = hours()
    holes.loc[holes.index % 17 == 0, "y"] = np.nan
    whole = latentcast.impute(imputer, holes)
    data = write(holes, tmp_path / "data")
    found: Any = latentcast.impute(imputer, data, out=tmp_path / "out", rows=250, **RAY)
    assert_frame_equal(pd.read_parquet(tmp_path / "out"), whole.frame, rtol=1e-5)
    assert found.parts > 1
    assert (found.filled, found.values) == (whole.filled, whole.values)


def test_an_error_of_a_worker_is_raised_as_it_is(
    cluster: Any, forecaster: latentcast.Forecaster, tmp_path: Path
) -> None:
    data = write(panel(), tmp_path / "data")
    with pytest.raises(SettingsError, match="not to fill gaps"):
        latentcast.impute(forecaster, data, out=tmp_path / "out", **RAY)
    with pytest.raises(SettingsError, match="storage=memory://a: each process has a memory of its own"):
        latentcast.fit(panel(), "dlinear", **SIZES, storage="memory://a", **RAY)


def test_steps_are_ranked_among_those_of_all_parts(cluster: Any, tmp_path: Path) -> None:
    settings = {"stages.codec.max_steps": 2, "stages.codec.loggers": []}
    codec = latentcast.pretrain(hours(), "vq-codec", lookback=24, settings=settings)
    strange = hours()
    strange.loc[[50, 400], "y"] = [90.0, np.nan]
    whole: Any = latentcast.anomaly_scores(codec, strange)
    data = write(strange, tmp_path / "data")
    found: Any = latentcast.anomaly_scores(codec, data, out=tmp_path / "out", rows=250, **RAY)
    assert found.parts > 1
    assert_frame_equal(pd.read_parquet(tmp_path / "out"), whole.frame, rtol=1e-5, atol=1e-6)
