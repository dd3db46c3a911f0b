"""POST /forecast: the forecasts of `Forecaster.predict`, as JSON."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastapi.testclient import TestClient

import latentcast


def columns(frame: pd.DataFrame) -> dict[str, list[Any]]:
    return {name: values.astype(str).tolist() if name == "ds" else values.tolist() for name, values in frame.items()}


def test_forecasts_are_those_of_predict(client: TestClient, folder: Path, long_frame: pd.DataFrame) -> None:
    body = {"data": columns(long_frame), "level": [80], "quantiles": [0.5, 0.9], "horizon": 4}
    found = client.post("/forecast", json=body)
    assert found.status_code == 200, found.text
    expected = latentcast.load(folder).predict(long_frame, level=[80], quantiles=[0.5, 0.9], horizon=4)
    answer = pd.DataFrame(found.json()["data"])
    assert answer.columns.tolist() == expected.columns.tolist()
    assert pd.to_datetime(answer["ds"]).tolist() == expected["ds"].tolist()
    for name in expected.columns[2:]:
        assert answer[name].tolist() == pytest.approx(expected[name].tolist(), abs=1e-9)


def test_records_are_taken_as_columns_are(client: TestClient, long_frame: pd.DataFrame) -> None:
    records = long_frame.assign(ds=long_frame["ds"].astype(str)).to_dict("records")
    both = [client.post("/forecast", json={"data": data}).json() for data in (records, columns(long_frame))]
    assert both[0] == both[1]
    assert len(both[0]["data"]["ds"]) == 12


def test_errors_are_problem_details(client: TestClient, long_frame: pd.DataFrame) -> None:
    found = client.post("/forecast", json={"data": columns(long_frame), "level": 0.8})
    assert found.status_code == 422
    assert found.headers["content-type"] == "application/problem+json"
    assert found.json()["detail"] == "level=0.8: levels are per cent; for 80 % say 80"
