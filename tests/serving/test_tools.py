"""Tools for assistants: over stdio as an assistant starts them, and in this process."""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mcp import Client, StdioServerParameters

import latentcast
from latentcast.core.errors import SettingsError
from latentcast.serving.models import Models
from latentcast.serving.settings import Limits
from latentcast.serving.tools.files import Root
from latentcast.serving.tools.server import Tools, create_server

Call = tuple[str, dict[str, Any]]
STEPS = 120


def _frame() -> pd.DataFrame:
    stamps = pd.date_range("2024-01-01", periods=STEPS, freq="D")
    return pd.DataFrame({"ds": stamps, "load": [float(i % 7 + i / 50) for i in range(STEPS)]})


def _columns(frame: pd.DataFrame) -> dict[str, list[Any]]:
    return {str(name): (column.astype(str) if name == "ds" else column).tolist() for name, column in frame.items()}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tools") / "root"
    (folder / "sub").mkdir(parents=True)
    _frame().to_csv(folder / "sub" / "daily.csv", index=False)
    _frame().to_csv(folder.parent / "outside.csv", index=False)
    (folder / "inner.csv").symlink_to(folder / "sub" / "daily.csv")
    (folder / "escape.csv").symlink_to(folder.parent / "outside.csv")
    (folder / "up").symlink_to(folder.parent)
    os.mkfifo(folder / "pipe.csv")
    return folder


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tools") / "weekly"
    latentcast.fit(_frame(), "ridge", lookback=14, horizon=7, out=folder)
    return folder


async def _asked(server: Any, calls: Sequence[Call]) -> list[Any]:
    async with Client(server) as client:
        return [await client.call_tool(name, arguments) for name, arguments in calls]


def _answers(server: Any, *calls: Call) -> list[Any]:
    """The plain values of each answer, or the text of its error."""
    found = asyncio.run(_asked(server, calls))
    return [one.content[0].text if one.is_error else one.structured_content for one in found]


@pytest.fixture
def answers(saved: Path, root: Path) -> Any:
    """Calls in this process, of tools with other limits where these are given."""
    made: list[Tools] = []

    def ask(*calls: Call, limits: Limits | None = None, folder: Path | None = root) -> list[Any]:
        made.append(Tools(Models.open([str(saved)]), Root(folder), limits or Limits()))
        return _answers(create_server(made[-1]), *calls)

    yield ask
    for tools in made:
        tools.close()


@pytest.mark.slow
def test_an_assistant_finds_describes_forecasts_compares_and_explains_over_stdio(saved: Path, root: Path) -> None:
    arguments = ["-m", "latentcast", "mcp", str(saved), "--root", str(root)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    server = StdioServerParameters(command=sys.executable, args=arguments, env=environment)
    file = {"file": "sub/daily.csv"}
    models, description, forecast, same, zero, board, explanation, refused = _answers(
        server,
        ("list_models", {}),
        ("describe", file),
        ("forecast", {**file, "model": "weekly", "level": [80]}),
        ("forecast", {"data": _columns(_frame()), "model": "weekly", "level": 80}),
        ("forecast", {**file, "model": "generalist", "horizon": 3}),
        ("backtest", {**file, "models": ["naive", "seasonal-naive"], "horizon": 7, "n_windows": 2}),
        ("explain", {**file, "model": "weekly"}),
        ("forecast", {"file": "../outside.csv", "model": "weekly"}),
    )
    assert [model["name"] for model in models["saved"]] == ["weekly"]
    assert models["saved"][0]["trained_until"] == "2024-04-05T00:00:00.000000000"
    assert "generalist" in models["built_in"]
    assert description["facts"]["frequency"] == "D (season of 7 steps)"
    wanted = latentcast.load(saved).predict(_frame(), level=80)
    assert forecast["data"]["ds"] == [stamp.isoformat() for stamp in wanted["ds"]]
    for name in ("ridge", "ridge-lo-80", "ridge-hi-80"):
        np.testing.assert_allclose(forecast["data"][name], wanted[name], rtol=1e-6)
        np.testing.assert_allclose(same["data"][name], wanted[name], rtol=1e-6)
    assert zero["data"]["generalist"] == pytest.approx(latentcast.zero_shot(_frame(), 3)["generalist"].tolist())
    figures = {row["model"]: row["MAE"] for row in board["leaderboard"]}
    assert figures["seasonal-naive"] == pytest.approx(7 / 50)  # what each day gains in a week
    assert figures["naive"] > 1
    assert explanation["model"] == "weekly"
    assert "outside the root folder" in refused


def test_files_lie_below_the_root(answers: Callable[..., list[Any]], root: Path) -> None:
    names = {
        "inner.csv": None,
        "sub/../sub/daily.csv": None,
        str(root / "sub" / "daily.csv"): None,
        "escape.csv": "outside the root folder",
        "up/outside.csv": "outside the root folder",
        "../outside.csv": "outside the root folder",
        "/etc/hosts.csv": "outside the root folder",
        "file:///etc/hosts.csv": "wanted a path below",
        "sub": "wanted one of .csv",
        "pipe.csv": "no regular file",
        "absent.csv": "cannot be opened",
        "daily\0.csv": "wanted a path below",
    }
    found = answers(*(("describe", {"file": name}) for name in names))
    for (name, wanted), answer in zip(names.items(), found, strict=True):
        if wanted is None:
            assert answer["facts"]["steps"] == str(STEPS), name
        else:
            assert wanted in answer, name
            assert str(root.parent) not in answer
    (answer,) = answers(("describe", {"file": "inner.csv"}), folder=None)
    assert "start it with --root" in answer
    with pytest.raises(SettingsError, match="no such folder"):
        Root(root / "absent")


def test_calls_stay_within_the_limits(answers: Callable[..., list[Any]]) -> None:
    data = {"data": _columns(_frame())}
    limits = Limits(rows=100, columns=3, series=2, bytes=1024, horizon=10, levels=2)
    short = {"data": _columns(_frame()[:90])}
    wide = _frame()[:90].assign(b=1.0, c=2.0)
    rows, columns, horizon, levels, size, windows = answers(
        ("forecast", data),
        ("describe", {"data": _columns(wide.assign(d=1.0))}),
        ("forecast", {**short, "model": "ridge", "horizon": 11}),
        ("forecast", {**short, "model": "naive", "level": [50, 80, 90]}),
        ("describe", {"file": "inner.csv"}),
        ("backtest", {**short, "models": ["naive"], "horizon": 11}),
        limits=limits,
    )
    assert "120 rows, and this server takes 100" in rows
    assert "5 columns, and this server takes 3" in columns
    assert "at most 10 steps" in horizon
    assert "at most 2 together" in levels
    assert "more than 1024 bytes" in size
    assert "at most 10 steps" in windows
    (many,) = answers(("describe", {"data": _columns(wide)}), limits=Limits(series=2))
    assert "3 series, and this server takes 2" in many
    (late,) = answers(("backtest", {**data, "models": ["ridge"], "horizon": 7}), limits=Limits(seconds=0.001))
    assert "took longer than 0.001 seconds" in late


def test_what_makes_no_sense_is_reported(answers: Callable[..., list[Any]]) -> None:
    data = {"data": _columns(_frame())}
    for answer, wanted in zip(
        answers(
            ("forecast", {}),
            ("forecast", {**data, "file": "inner.csv"}),
            ("forecast", {**data, "model": "absent"}),
            ("forecast", {**data, "model": "generalist", "quantiles": [0.5]}),
            ("forecast", {**data, "model": "generalist", "future_covariates": data["data"]}),
            ("forecast", {"data": {"x": [1, 2]}}),
            ("backtest", {**data, "models": ["weekly"], "horizon": 7}),
            ("explain", {**data, "horizon": 3}),
            ("explain", {**data, "item": "absent"}),
            ("forecast", {**data, "horizon": 0}),
        ),
        (
            "wanted one of data",
            "wanted one of data",
            "no such model",
            "level=[80, 90]",
            "future_covariates",
            "time",
            "cannot be fitted here",
            "was fitted for 7 steps",
            "absent",
            "greater than or equal to 1",
        ),
        strict=True,
    ):
        assert isinstance(answer, str), answer
        assert wanted in answer
