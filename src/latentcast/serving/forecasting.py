"""Requests to forecast, answered: those that ask the same of the same model in one pass through its network."""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from starlette.responses import Response

from latentcast.core.errors import LatentcastError
from latentcast.data.panel.panel import Panel
from latentcast.data.sources.frames import read_frame
from latentcast.forecaster.ahead import Asked, Plan, planned
from latentcast.forecaster.inputs import read_panel
from latentcast.forecaster.output import forecast_frame, give_back
from latentcast.forecaster.together import Asking, Told, alike, forecast_together, joins
from latentcast.serving.answers import JSON, columns_answer, table_answer
from latentcast.serving.models import ServedModel
from latentcast.serving.plain import written_like
from latentcast.serving.problems import Problem, problem_of, too_large
from latentcast.serving.requests import ForecastOptions
from latentcast.serving.settings import Limits
from latentcast.serving.tables import as_frame, check_answer, check_options, check_panel, columns_in

SMALL = 20_000  # rows of a request that shares its pass with others


@dataclass(eq=False)
class Job:
    """One request: what it asks, its tables (plain values or frames), its deadline, and then its outcome."""

    model: ServedModel
    options: ForecastOptions
    data: Any
    future: Any
    media: str
    deadline: float
    outcome: Response | Exception | None = field(default=None)

    @property
    def key(self) -> Any:
        """Equal for jobs that ask the same of the same model."""
        options = self.options
        several = (tuple(x) if isinstance(x, list) else x for x in (options.level, options.quantiles))
        return self.model.name, options.horizon, *several, options.interval_method, options.paths


def answer_all(jobs: Sequence[Job], limits: Limits) -> None:
    """Set the outcome of every job."""
    groups: dict[Any, list[Job]] = defaultdict(list)
    for job in jobs:
        groups[job.key].append(job)
    for group in groups.values():
        try:
            _answer_group(group, limits)
        except Exception as error:
            for job in group:
                job.outcome = job.outcome or _told(error)


def _answer_group(jobs: Sequence[Job], limits: Limits) -> None:
    first = jobs[0]
    check_options(first.options, limits)
    forecaster = first.model.for_request()
    plan = planned(forecaster, _asked(first.options))
    apart = not joins(plan.fitted) or (plan.how is not None and plan.how.method == "adaptive")
    together: dict[Any, list[tuple[Job, Asking]]] = defaultdict(list)
    for job in jobs:
        try:
            if time.monotonic() > job.deadline:
                raise out_of_time(limits)
            if apart or job.future is not None:
                job.outcome = _alone(job, limits)
                continue
            asking = _read(job, limits)
            _check(plan, asking.panel, limits)
            together[alike(asking.panel), len(asking.panel.times) > SMALL and id(job)].append((job, asking))
        except Exception as error:
            job.outcome = _told(error)
    for several in together.values():
        _answer_together(plan, several)


def _read(job: Job, limits: Limits) -> Asking:
    table = job.data if isinstance(job.data, pd.DataFrame) else columns_in(job.data, limits)
    if isinstance(table, dict) and (found := job.model.plain.panel(table)) is not None:
        return Asking(None, found, table["ds"][0])
    source = read_frame(as_frame(table, limits))
    return Asking(source, read_panel(job.model.for_request(), source))


def _answer_together(plan: Plan, several: Sequence[tuple[Job, Asking]]) -> None:
    """One pass; where it fails, each by itself, so that nobody gets the error of another."""
    try:
        every = forecast_together(plan, [asking for _, asking in several])
    except Exception as error:
        for job, asking in several if len(several) > 1 else ():
            _answer_together(plan, [(job, asking)])
        if len(several) == 1:
            several[0][0].outcome = _told(error)
        return
    for (job, asking), told in zip(several, every, strict=True):
        try:
            job.outcome = _response(plan, job, asking, told)
        except Exception as error:
            job.outcome = _told(error)


def _alone(job: Job, limits: Limits) -> Response:
    """A request that shares nothing: with covariates, or intervals that follow the outcomes of its own series."""
    forecaster = job.model.for_request()
    frame = as_frame(job.data, limits)
    future = None if job.future is None else as_frame(job.future, limits)
    options = job.options
    plan = planned(forecaster, _asked(options))
    _check(plan, read_panel(forecaster, read_frame(frame)), limits)
    found = forecaster.predict(
        frame,
        horizon=options.horizon,
        future_covariates=future,
        level=options.level,
        quantiles=options.quantiles,
        interval_method=options.interval_method,
        paths=options.paths,
    )
    return table_answer(job.model.name, found, (*plan.notes, *forecaster.told), job.media, options.orient)


def _check(plan: Plan, panel: Panel, limits: Limits) -> None:
    check_panel(panel, limits)
    paths = plan.how.paths if plan.how is not None and plan.how.base == "paths" else 0
    columns = max(1 + 2 * len(plan.levels) + len(plan.quantiles), paths)
    check_answer(len(panel.ids) * len(plan.fitted.task.targets), plan.steps, columns, limits)


def _response(plan: Plan, job: Job, asking: Asking, told: Told) -> Response:
    source, notes = asking.source, (*plan.notes, *told.notes)
    if source is None and job.media == JSON:
        columns = _plain_columns(plan, asking, told)
        return columns_answer(job.model.name, columns, notes, job.options.orient)
    frame = forecast_frame(plan.fitted, asking.panel, told.values, told.columns)
    if source is not None:
        frame = give_back(plan.fitted, source, asking.panel, frame)
    return table_answer(job.model.name, frame, notes, job.media, job.options.orient)


def _plain_columns(plan: Plan, asking: Asking, told: Told) -> dict[str, list[Any]]:
    """The columns of a table that was in order, without a frame."""
    panel, (steps, targets) = asking.panel, told.values.shape[1:]
    stamps = written_like(panel.future_times(steps).reshape(-1), asking.written)
    names = [panel.series_name(item, channel) for item in range(len(panel.ids)) for channel in plan.fitted.task.targets]
    starts = range(0, len(stamps), steps)
    return {
        "unique_id": [name for name in names for _ in range(steps)],
        "ds": [stamp for start in starts for stamp in stamps[start : start + steps] * targets],
        plan.fitted.name: told.values.transpose(0, 2, 1).reshape(-1).tolist(),
        **{name: column.tolist() for name, column in told.columns.items()},
    }


def _asked(options: ForecastOptions) -> Asked:
    return Asked(options.horizon, options.level, options.quantiles, options.interval_method, options.paths, None)


def _told(error: Exception) -> Exception:
    """What the client is told of an error; others stay as they are and become a 500."""
    return problem_of(error) if isinstance(error, LatentcastError) else error


def out_of_time(limits: Limits) -> Problem:
    """A request that took too long."""
    detail = f"the request took longer than {limits.seconds:g} seconds; send fewer series or steps"
    return too_large("seconds", limits.seconds, detail)
