"""What a client may ask of a job, checked before it waits in the queue."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from latentcast.core.errors import Fault, SettingsError, suggest
from latentcast.core.settings import Settings, validate
from latentcast.data.settings import DataSettings
from latentcast.models.config.presets import MODEL_PRESETS

AUTO = "auto"
# a client's data are the bytes it sends: no model that reads a hub, and no setting that names a file
MODELS = (
    "seasonal-naive", "naive", "theta", "auto-ets", "auto-arima", "ridge", "dlinear", "patch-linear",
    "patch-transformer", "generalist",
)  # fmt: skip
CLOSED = ("notes", "split", "fraction", "scale")
OPEN = tuple(name for name in DataSettings.model_fields if name not in CLOSED)
QUICK = ("describe", "explain")
Level = Annotated[float, Field(gt=0, lt=100)]


class JobRequest(Settings):
    """A job on an upload.

    kind        describe: how the table is read; forecast: choose or fit a model and forecast; fit: fit a model;
                backtest: judge models at the last origins; explain: what a forecast rests on
    upload      id that `POST /uploads` gave
    model       of forecast and fit: `auto` or a name of `GET /jobs/models`
    models      of backtest: names; none with `of`: the model of that forecast is judged, with all its settings
    horizon     steps to forecast; by default one season, at most a quarter of the usual length of a series
    levels      nominal coverage of the intervals in per cent
    time_limit  of `auto`: seconds after which no further candidate is begun
    n_windows   of backtest: forecast origins
    data        settings of the data, as `{"time": "day", "id": "store"}`
    of          of explain and backtest: the id of a forecast job
    item        of explain: the series; the first by default
    """

    kind: Literal["describe", "forecast", "fit", "backtest", "explain"]
    upload: str
    model: str = AUTO
    models: Annotated[tuple[str, ...], Field(max_length=8)] = ()
    horizon: Annotated[int, Field(ge=1, le=10_000)] | None = None
    levels: Annotated[tuple[Level, ...], Field(max_length=8)] = (80.0, 95.0)
    time_limit: Annotated[float, Field(ge=0, le=3600)] = 60.0
    n_windows: Annotated[int, Field(ge=1, le=100)] = 3
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    data: dict[str, Any] = Field(default_factory=dict)
    of: str | None = None
    item: str | None = None

    @property
    def quick(self) -> bool:
        return self.kind in QUICK


def checked(values: Any) -> JobRequest:
    """The request. Raises SettingsError that names every fault."""
    if not isinstance(values, Mapping):
        raise SettingsError(f"wanted a JSON object with kind and upload, got {type(values).__name__}")
    request = validate(JobRequest, values)
    faults = [
        Fault(f"data.{name}", f": not a setting of jobs; {suggest(name, OPEN)}")
        for name in request.data
        if name not in OPEN
    ]
    if not faults:
        validate(DataSettings, request.data, "data.")
    asked = request.models if request.kind == "backtest" else (request.model,)
    known = (AUTO, *MODELS)
    if request.kind in ("forecast", "fit", "backtest"):
        faults += [Fault("model", f"={name!r}: {suggest(name, known)}") for name in asked if name not in known]
    if request.kind == "backtest" and bool(request.models) == (request.of is not None):
        faults.append(Fault("models", ": a backtest needs one or several names, or the id of a forecast job (of)"))
    if request.kind == "explain" and request.of is None:
        faults.append(Fault("of", ": an explanation is of a forecast; give the id of its job"))
    if faults:
        raise SettingsError(faults)
    return request


def offered() -> list[dict[str, str]]:
    """Name and description of every model that a job may use, `auto` first."""
    about = {AUTO: "a model or an ensemble, chosen for the data at validation origins"}
    return [{"name": name, "about": about.get(name) or MODEL_PRESETS[name].about} for name in (AUTO, *MODELS)]
