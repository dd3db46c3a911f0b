"""What a request may say: plain values and numbers, never a path or the name of a dataset."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from latentcast.serving.problems import invalid

_PLAIN = {int, float, str, bool, type(None)}


def _plain_columns(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    if odd := [name for name, values in columns.items() if not set(map(type, values)) <= _PLAIN]:
        raise ValueError(f"column {odd[0]!r} holds lists or objects; wanted numbers, texts and null")
    if len({len(values) for values in columns.values()}) > 1:
        lengths = ", ".join(f"{name} {len(values)}" for name, values in list(columns.items())[:5])
        raise ValueError(f"the columns differ in length ({lengths}); wanted one value a row in each")
    return columns


def _plain_records(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for number, record in enumerate(records):
        if not set(map(type, record.values())) <= _PLAIN:
            raise ValueError(f"record {number} holds lists or objects; wanted numbers, texts and null")
    return records


Columns = Annotated[dict[str, list[Any]], AfterValidator(_plain_columns)]
Records = Annotated[list[dict[str, Any]], AfterValidator(_plain_records)]
Table = Annotated[
    Columns | Records,
    Field(
        description="Columns (name → values) or records. Long data: unique_id, ds and y (without unique_id: one"
        " series). Wide data: ds and one column for each channel. null is a missing value.",
        union_mode="left_to_right",
    ),
]
Numbers = Annotated[list[float], Field(max_length=100)]


class Options(BaseModel):
    """What every request may say beside its data; unknown members are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str | None = Field(None, description="Name of a model; may be left out where the server has one.")
    orient: Literal["columns", "records"] = Field("columns", description="Form of the table in a JSON answer.")


class ForecastOptions(Options):
    """How far a forecast reaches, and what comes with it."""

    horizon: int | None = Field(None, ge=1, description="Steps to forecast; null: those of the fit.")
    level: float | Numbers | None = Field(None, description="Levels of prediction intervals in per cent, as [80, 90].")
    quantiles: float | Numbers | None = Field(None, description="Quantiles between 0 and 1, as [0.1, 0.5, 0.9].")
    interval_method: Literal["auto", "conformal", "adaptive", "quantiles", "paths"] = "auto"
    paths: int = Field(100, ge=2, description="Futures drawn of each series, of a model that samples.")


class ExplainOptions(Options):
    """Which series is explained, and how."""

    item: str | None = Field(None, description="A channel of wide data, a unique_id of long data; null: the first.")
    level: float | Numbers | Literal["auto"] | None = Field("auto", description="Levels of the intervals in per cent.")
    interval_method: Literal["auto", "conformal", "adaptive", "quantiles", "paths"] = "auto"
    attribution: Literal["occlusion", "gradient", "none"] = "occlusion"
    stretch: int | None = Field(None, ge=1, description="Steps that are hidden together; null: chosen.")
    fill: Literal["line", "season", "mean"] = Field("line", description="What replaces hidden values.")


class ForecastRequest(ForecastOptions):
    """A forecast beyond the end of each series."""

    data: Table
    future_covariates: Table | None = Field(None, description="Covariates of the steps to forecast (data.future).")


class ExplainRequest(ExplainOptions):
    """An explanation of the forecast of one series."""

    data: Table
    future_covariates: Table | None = Field(None, description="Covariates of the steps to forecast (data.future).")


class TableRequest(Options):
    """A table to score or to fill."""

    data: Table


Kind = TypeVar("Kind", bound=BaseModel)


def parsed(kind: type[Kind], body: bytes) -> Kind:
    """A JSON body as a request. Raises Problem with every fault."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_context=False, include_input=False)) from None


def from_form(kind: type[Kind], fields: dict[str, str]) -> Kind:
    """Fields of a form as options; commas separate several numbers. Raises Problem with every fault."""
    several = {"level", "quantiles"}
    values: dict[str, Any] = {
        name: text.split(",") if name in several and text != "auto" else text for name, text in fields.items()
    }
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_context=False, include_input=False)) from None
