"""Requests of different clients in one pass: each gets the forecast and the notes that it would get alone."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import latentcast
from latentcast.data.sources.frames import read_frame
from latentcast.forecaster.inputs import read_panel
from latentcast.serving.forecasting import Job, answer_all
from latentcast.serving.models import Models
from latentcast.serving.plain import PlainReader, iso_stamps
from latentcast.serving.problems import Problem
from latentcast.serving.requests import ForecastRequest, parsed
from latentcast.serving.settings import Limits


def plain(frame: pd.DataFrame) -> dict[str, list[Any]]:
    numbers = frame.assign(ds=frame["ds"].astype(str)) if "ds" in frame else frame
    return {name: [None if value != value else value for value in numbers[name].tolist()] for name in numbers}


def job(models: Models, frame: pd.DataFrame, **options: Any) -> Job:
    request = parsed(ForecastRequest, json.dumps({"data": plain(frame), **options}).encode())
    return Job(models.asked(None), request, request.data, None, "application/json", time.monotonic() + 60)


def answer(one: Job) -> dict[str, Any]:
    assert not isinstance(one.outcome, Exception), one.outcome
    return json.loads(one.outcome.body)


@pytest.fixture(scope="module")
def networks(long_frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Models]:
    """Barely trained networks: what they forecast depends on every weight."""
    found = {}
    for name in ("dlinear", "patch-transformer"):
        place = tmp_path_factory.mktemp("networks") / name
        settings = {"training.max_steps": 2, "training.loggers": []}
        preset = "small" if name == "patch-transformer" else None
        latentcast.fit(long_frame, name, lookback=48, horizon=6, preset=preset, settings=settings, out=place)
        found[name] = Models.open([str(place)])
    return found


def clients(long_frame: pd.DataFrame) -> list[pd.DataFrame]:
    """Known and unknown series, gaps, short ones, other levels, equal names."""
    north = long_frame[long_frame["unique_id"] == "north"]
    holes = north.assign(y=north["y"].where(np.arange(len(north)) % 7 > 0))
    return [
        north,
        north.assign(unique_id="elsewhere", y=1000 + 40 * north["y"]),
        north.assign(unique_id="elsewhere", y=-3 + north["y"] / 1e3).tail(60),
        holes,
        north.tail(20),
        long_frame,
        north.drop(columns="unique_id"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dlinear", "patch-transformer"])
def test_a_shared_pass_changes_no_forecast(
    networks: dict[str, Models], long_frame: pd.DataFrame, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = networks[name]
    shared = [job(models, frame, level=[80]) for frame in clients(long_frame)]
    passes: list[int] = []
    forecaster = type(models[name].forecaster)
    predict = models[name].forecaster.network.forward

    def counted(batch: Any) -> Any:
        passes.append(len(batch.past))
        return predict(batch)

    monkeypatch.setattr(models[name].forecaster.network, "forward", counted)
    answer_all(shared, Limits())
    assert len(passes) < len(shared)
    assert max(passes) >= 3
    for one, frame in zip(shared, clients(long_frame), strict=True):
        found = pd.DataFrame(answer(one)["data"])
        expected = forecaster.predict(models[name].for_request(), frame, level=[80])
        spread = expected[name].std() + frame["y"].std()
        assert found["unique_id"].tolist() == expected["unique_id"].tolist()
        assert pd.to_datetime(found["ds"]).tolist() == expected["ds"].tolist()
        for column in expected.columns[2:]:
            assert np.abs(found[column] - expected[column]).max() <= 1e-6 * spread


def test_notes_are_those_of_predict_and_of_nobody_else(folder: Path, long_frame: pd.DataFrame) -> None:
    models = Models.open([str(folder)])
    shared = [job(models, frame) for frame in clients(long_frame)]
    answer_all(shared, Limits())
    for one, frame in zip(shared, clients(long_frame), strict=True):
        own = models["load"].for_request()
        own.predict(frame)
        assert [note["text"] for note in answer(one)["notes"]] == list(own.told)


def test_the_fault_of_one_is_nobody_elses(folder: Path, long_frame: pd.DataFrame) -> None:
    models = Models.open([str(folder)])
    wrong = long_frame.rename(columns={"y": "value"})
    shared = [job(models, long_frame), job(models, wrong), job(models, long_frame, level=[80])]
    answer_all(shared, Limits())
    assert isinstance(shared[1].outcome, Problem)
    assert shared[1].outcome.status == 422
    assert "lo-80" not in str(answer(shared[0])["data"].keys())
    assert "seasonal-naive-lo-80" in answer(shared[2])["data"]


def test_tables_in_order_give_the_same_panel_without_a_frame(folder: Path, long_frame: pd.DataFrame) -> None:
    forecaster = latentcast.load(folder)
    reader = PlainReader(forecaster)
    signs = long_frame.assign(y=long_frame["y"].where(np.arange(600) % 50 > 0, -999))
    for frame in (long_frame, signs, long_frame.drop(columns="unique_id").head(300)):
        found = reader.panel(plain(frame))
        expected = read_panel(forecaster, read_frame(pd.DataFrame(plain(frame))))
        assert found is not None
        assert found.notes == expected.notes
        for name in ("ids", "channels", "frequency", "season", "gaps", "clock", "pads", "covariates", "said"):
            assert getattr(found, name) == getattr(expected, name)
        for name in ("values", "observed", "times", "offsets"):
            ours, theirs = getattr(found, name), getattr(expected, name)
            assert ours.dtype == theirs.dtype
            assert (ours == theirs).all()


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.sample(frac=1, random_state=0),
        lambda frame: frame[frame.index != 7],
        lambda frame: frame.assign(y=frame["y"].where(frame.index != 7)),
        lambda frame: frame.assign(y=frame["y"].astype(str)),
        lambda frame: frame.assign(unique_id=1),
        lambda frame: frame.assign(ds=frame["ds"].dt.tz_localize("UTC")),
        lambda frame: frame.assign(more=1.0),
    ],
)
def test_other_tables_go_the_usual_way(folder: Path, long_frame: pd.DataFrame, change: Any) -> None:
    assert PlainReader(latentcast.load(folder)).panel(plain(change(long_frame))) is None


@pytest.mark.parametrize(
    "texts",
    [
        ["2024-01-01", "2024-1-02"],
        ["2024-13-01"],
        ["2024-02-30"],
        ["20240101"],
        ["1600-01-01"],
        ["2024-01-01T00:00:00Z"],
        ["2024-01-01T00:00", "2024-01-01 01:00"],
        ["２０２4-01-01"],
        ["now", "now"],
        [20240101],
        [],
    ],
)
def test_stamps_that_are_not_plain_iso_are_left_to_the_usual_way(texts: list[Any]) -> None:
    assert iso_stamps(texts) is None


def test_plain_iso_stamps_are_read_by_hand() -> None:
    found = iso_stamps(["1970-01-02T00:00:01", "1970-01-03T01:00:00"])
    assert found is not None
    assert found.astype("int64").tolist() == [86_401_000_000_000, 176_400_000_000_000]


@pytest.mark.slow
def test_an_exported_model_is_served_as_its_folder_is(
    networks: dict[str, Models], long_frame: pd.DataFrame, tmp_path: Path
) -> None:
    pytest.importorskip("onnxscript")
    fitted = networks["dlinear"]["dlinear"].fitted()
    fitted.export(tmp_path / "small.onnx")
    exported = Models.open([str(tmp_path / "small.onnx")])
    assert list(exported) == ["small"]
    shared = [job(exported, frame, level=[80]) for frame in clients(long_frame)]
    answer_all(shared, Limits())
    for one, frame in zip(shared, clients(long_frame), strict=True):
        found = pd.DataFrame(answer(one)["data"])
        expected = networks["dlinear"]["dlinear"].fitted().predict(frame, level=[80])
        for column in expected.columns[2:]:
            assert np.abs(found[column] - expected[column]).max() <= 1e-4 * frame["y"].std()
    with pytest.raises(Problem, match="only forecasts"):
        exported["small"].fitted()
