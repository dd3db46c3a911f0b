"""POST /forecast: the forecasts of `Forecaster.predict`, as JSON."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastapi.testclient import TestClient

import latentcast
from latentcast.core.settings import validate
from latentcast.serving.app import create_app
from latentcast.serving.models import Models
from latentcast.serving.settings import ServeSettings


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


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"horizon": 10**30}, "horizon=100000000000"),
        ({"horizon": 0}, "horizon: wanted greater than or equal to 1"),
        ({"horizons": 2}, "horizons: there is no such member; did you mean horizon?"),
        ({"level": list(range(1, 30))}, "levels=29: this server takes at most 20"),
        ({"level": "high"}, "level: got 'high'; wanted a number or a list of numbers"),
        ({"paths": 10**6}, "paths=1000000"),
        ({"quantiles": [1.5]}, "quantiles=1.5: wanted numbers between 0 and 1"),
        ({"model": "other"}, "model='other': there is no such model; known: load"),
        ({"data": "ETTh1"}, "data: wanted columns"),
        ({"data": {}}, "the table has no row"),
        ({"data": []}, "the table has no row"),
        ({"data": {"ds": ["2024-01-01"], "y": [10**30]}}, "column 'y' holds a whole number of more than 64 bits"),
        ({"data": {"ds": ["2024-01-01"], "y": [[1]]}}, "column 'y' holds lists or objects"),
        ({"data": {"ds": ["2024-01-01"], "y": [1, 2]}}, "the columns differ in length (ds 1, y 2)"),
        ({"data": {"ds": ["2024-01-01"], "load": [1]}}, "the channels are not those of the fit"),
        ({"future_covariates": {"ds": ["2024-01-01"]}}, "was fitted without any (data.future)"),
    ],
)
def test_every_fault_is_the_clients_and_named(
    client: TestClient, long_frame: pd.DataFrame, change: dict[str, Any], words: str
) -> None:
    found = client.post("/forecast", json={"data": columns(long_frame), **change})
    assert found.status_code in (404, 413, 422)
    assert words in found.json()["detail"]


def test_records_are_answered_on_request(client: TestClient, long_frame: pd.DataFrame) -> None:
    found = client.post("/forecast", json={"data": columns(long_frame), "orient": "records", "horizon": 3})
    assert [list(row) for row in found.json()["data"][:1]] == [["unique_id", "ds", "seasonal-naive"]]


def test_ids_that_are_numbers_come_back_as_numbers(client: TestClient) -> None:
    hours = pd.date_range("2024-01-01", periods=60, freq="h")
    table = {"unique_id": [7] * 60, "ds": [f"{one}" for one in hours], "y": [float(at % 24) for at in range(60)]}
    found = client.post("/forecast", json={"data": table, "horizon": 2}).json()["data"]
    assert found["unique_id"] == [7, 7]
    assert found["ds"] == ["2024-01-03 12:00:00", "2024-01-03 13:00:00"]
    assert found["seasonal-naive"] == pytest.approx([12.0, 13.0], abs=1e-5)


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%d.%m.%Y %H:%M"])
def test_stamps_come_back_in_the_form_of_the_request(client: TestClient, form: str) -> None:
    hours = pd.date_range("2024-01-20", periods=60, freq="h")
    table = {"ds": hours.strftime(form).tolist(), "y": [float(at % 24) for at in range(60)]}
    found = client.post("/forecast", json={"data": table, "horizon": 2}).json()["data"]
    assert found["ds"] == [(hours[-1] + pd.Timedelta(hours=ahead)).strftime(form) for ahead in (1, 2)]


def test_too_many_waiting_are_asked_to_come_again(folder: Path, long_frame: pd.DataFrame) -> None:
    app = create_app(Models.open([str(folder)]), validate(ServeSettings, {"limits": {"waiting": 1}}))
    with TestClient(app, base_url="http://localhost") as client:
        app.state.services.work.waiting = 1
        found = client.post("/forecast", json={"data": columns(long_frame)})
        assert found.status_code == 429
        assert found.headers["retry-after"] == "1"
        app.state.services.work.waiting = 0
        assert client.post("/forecast", json={"data": columns(long_frame)}).status_code == 200


def test_a_request_that_takes_too_long_is_answered(folder: Path, long_frame: pd.DataFrame) -> None:
    app = create_app(Models.open([str(folder)]), validate(ServeSettings, {"limits": {"seconds": 0.002}}))
    with TestClient(app, base_url="http://localhost") as client:
        found = client.post("/explain", json={"data": columns(long_frame), "stretch": 1})
    assert found.status_code == 413
    assert found.json()["limit"] == "seconds"


def test_limits_on_rows_series_and_values(folder: Path, long_frame: pd.DataFrame) -> None:
    for limit, most in (("rows", 599), ("series", 1), ("values", 11), ("columns", 2)):
        app = create_app(Models.open([str(folder)]), validate(ServeSettings, {"limits": {limit: most}}))
        with TestClient(app, base_url="http://localhost") as client:
            for data in (columns(long_frame), long_frame.assign(ds=long_frame["ds"].astype(str)).to_dict("records")):
                found = client.post("/forecast", json={"data": data})
                assert (found.status_code, found.json()["limit"], found.json()["most"]) == (413, limit, most)


def test_cards_and_the_list_of_models(client: TestClient) -> None:
    listed = client.get("/models").json()["models"]
    assert [(one["name"], one["model"], one["lookback"], one["horizon"], one["freq"]) for one in listed] == [
        ("load", "seasonal-naive", 48, 6, "h")
    ]
    card = client.get("/models/load").json()["card"]
    assert card["schema"]["channels"] == ["y"]
    assert client.get("/models/../../etc/passwd").status_code == 404


def test_openapi_shows_examples_that_run(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/forecast", "/explain", "/anomaly-scores", "/impute", "/models", "/health", "/metrics"} <= set(paths)
    for path in ("/forecast", "/explain"):
        content = paths[path]["post"]["requestBody"]["content"]
        assert "data" in content["multipart/form-data"]["schema"]["properties"]
        example = next(iter(content["application/json"]["examples"].values()))["value"]
        found = client.post(path, json=example)
        assert found.status_code == 200, found.text
    assert "422" in paths["/forecast"]["post"]["responses"]


def test_models_without_codes_score_nothing(client: TestClient, long_frame: pd.DataFrame) -> None:
    for path, words in (("/anomaly-scores", "has no codes"), ("/impute", "fill")):
        found = client.post(path, json={"data": columns(long_frame)})
        assert found.status_code == 422
        assert words in found.json()["detail"]


def test_measurements_count_routes_and_nothing_of_clients(client: TestClient) -> None:
    client.get("/models/load")
    client.get("/secret-of-a-client")
    text = client.get("/metrics").text
    assert 'latentcast_requests_total{method="GET",route="/models/{name}",status="200"}' in text
    assert 'route="none"' in text
    assert "latentcast_requests_together_bucket" in text
    assert "secret" not in text
