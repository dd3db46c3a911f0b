"""The tools as a server of the Model Context Protocol, over the standard streams of the process."""

import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, Any

import pandas as pd
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from latentcast.core.errors import LatentcastError
from latentcast.serving.models import Models
from latentcast.serving.problems import Problem, problem_of, without_paths
from latentcast.serving.requests import Numbers, Table
from latentcast.serving.settings import Limits
from latentcast.serving.tables import as_frame
from latentcast.serving.tools import verbs
from latentcast.serving.tools.files import Root
from latentcast.serving.uploads.read import Reader, suffix_of
from latentcast.serving.work import Work

INSTRUCTIONS = """Forecast time series. Every tool takes the table itself (data: columns or records) or a file below the
root folder of the server (file), and keeps nothing between two calls. Long tables have unique_id, ds and y; wide tables
have ds and one column for each series. Call list_models for the models, describe for how a table is read, backtest
to compare models on the table, forecast for the steps ahead, explain for what a forecast depends on."""
_FILE = "CSV, TSV, Parquet, Excel or JSON lines below the root folder, in place of data."
_MODEL = "A name of list_models. Left out: the only saved model, or generalist."

Data = Annotated[Table | None, Field(description="The table: name → values, or a list of records.")]
File = Annotated[str | None, Field(description=_FILE)]
Model = Annotated[str | None, Field(description=_MODEL)]
Horizon = Annotated[int | None, Field(ge=1, description="Steps to forecast. Left out: those of the model.")]
Levels = Annotated[float | Numbers | None, Field(description="Prediction intervals in per cent, as [80, 90].")]
Quantiles = Annotated[float | Numbers | None, Field(description="Quantiles between 0 and 1, as [0.1, 0.5, 0.9].")]
Item = Annotated[str | None, Field(description="A column of a wide table, a unique_id of a long one.")]
Names = Annotated[list[str], Field(min_length=1, max_length=verbs.MOST_MODELS, description="Built-in models.")]
Windows = Annotated[int, Field(ge=1, le=verbs.MOST_WINDOWS, description="Forecast origins.")]


class Tools:
    """The five tools of some models, each call within the limits of the HTTP server."""

    def __init__(self, models: Models, root: Root, limits: Limits) -> None:
        self.models, self.root, self.limits = models, root, limits
        self.work, self.reader = Work(limits), Reader(limits)

    async def list_models(self) -> dict[str, Any]:
        """List the saved models (look-back, horizon, frequency, columns) and the built-in ones."""
        return verbs.plain(verbs.listed(self.models))

    async def describe(self, data: Data = None, file: File = None) -> dict[str, Any]:
        """Describe how a table is read: time column, series, frequency, season, gaps."""
        return await self._run(lambda table: verbs.described(table, self.limits), data, file)

    async def forecast(
        self,
        data: Data = None,
        file: File = None,
        model: Model = None,
        horizon: Horizon = None,
        level: Levels = None,
        quantiles: Quantiles = None,
        future_covariates: Data = None,
    ) -> dict[str, Any]:
        """Forecast the steps after the end of each series, with prediction intervals where levels are asked for."""
        asked = verbs.Question(horizon, level, quantiles)

        def run(table: pd.DataFrame) -> dict[str, Any]:
            future = None if future_covariates is None else as_frame(future_covariates, self.limits)
            return verbs.forecast(self.models, model, table, future, asked, self.limits)

        return await self._run(run, data, file)

    async def explain(
        self, data: Data = None, file: File = None, model: Model = None, item: Item = None, horizon: Horizon = None
    ) -> dict[str, Any]:
        """Explain the forecast of one series: findings about its window, and which past mattered."""
        return await self._run(
            lambda table: verbs.explanation(self.models, model, table, item, horizon, self.limits), data, file
        )

    async def backtest(
        self,
        horizon: Annotated[int, Field(ge=1, description="Steps of each forecast.")],
        models: Names,
        data: Data = None,
        file: File = None,
        n_windows: Windows = 3,
    ) -> dict[str, Any]:
        """Compare built-in models at the last origins of a table, which none of them saw: a leaderboard of errors."""
        return await self._run(
            lambda table: verbs.backtested(table, models, horizon, n_windows, self.limits), data, file
        )

    async def _run(
        self, function: Callable[[pd.DataFrame], dict[str, Any]], data: Any, file: str | None
    ) -> dict[str, Any]:
        """The answer of a tool, in the thread for slow work. Raises ToolError with a message of the library."""
        deadline = time.monotonic() + self.limits.seconds
        try:
            if (data is None) == (file is None):
                raise Problem(422, "request", "wanted one of data (the table) and file (a path below the root folder)")
            if file is None:
                table = as_frame(data, self.limits)
            else:
                suffix = suffix_of(file)
                table = await self.reader.read(f"file{suffix}", self.root.read(file, self.limits))
            return await self.work.run(function, table, deadline=deadline)
        except Problem as problem:
            raise ToolError(without_paths(problem.detail)) from problem
        except LatentcastError as error:
            raise ToolError(without_paths(problem_of(error).detail)) from error

    def close(self) -> None:
        """End the threads and the child process."""
        self.work.close()
        self.reader.close()


def create_server(tools: Tools) -> MCPServer:
    """The server; `run()` of it answers on the standard streams until the input ends."""
    server = MCPServer("latentcast", version=version("latentcast"), instructions=INSTRUCTIONS, log_level="WARNING")
    for tool in (tools.list_models, tools.describe, tools.forecast, tools.backtest, tools.explain):
        server.tool()(tool)
    return server


def run(tools: Tools) -> None:
    """Answer on the standard streams until the input ends."""
    try:
        create_server(tools).run("stdio")
    finally:
        tools.close()
