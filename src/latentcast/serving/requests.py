"""What a request may say: plain values and numbers, never a path or the name of a dataset."""

from collections.abc import Collection
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError

from latentcast.serving.problems import invalid

_PLAIN = {int, float, str, bool, type(None)}
_MOST = 2**63 - 1


def _table(value: Any) -> Any:
    """Columns or records of plain values. Raises ValueError for anything else."""
    if isinstance(value, dict):
        return _columns(value)
    if isinstance(value, list) and all(isinstance(record, dict) for record in value):
        return _records(value)
    raise ValueError("wanted columns ({name: [values]}) or records ([{name: value}])")


def _columns(columns: dict[str, Any]) -> dict[str, list[Any]]:
    if odd := [name for name, values in columns.items() if not isinstance(values, list)]:
        raise ValueError(f"column {odd[0][:100]!r} is no list; wanted one value a row")
    for name, values in columns.items():
        if fault := _fault(values):
            raise ValueError(f"column {name[:100]!r} {fault}")
    if len({len(values) for values in columns.values()}) > 1:
        lengths = ", ".join(f"{name[:100]} {len(values)}" for name, values in list(columns.items())[:5])
        raise ValueError(f"the columns differ in length ({lengths}); wanted one value a row in each")
    return columns


def _records(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for number, record in enumerate(records):
        if fault := _fault(record.values()):
            raise ValueError(f"record {number} {fault}")
    return records


def _fault(values: Collection[Any]) -> str | None:
    """What is wrong with some values of a table; None where nothing is."""
    kinds = set(map(type, values))
    if not kinds <= _PLAIN:
        return "holds lists or objects; wanted numbers, texts and null"
    if int in kinds and any(type(value) is int and not -_MOST <= value <= _MOST for value in values):
        return "holds a whole number of more than 64 bits; wanted smaller ones, or a text"
    return None


def _numbers(value: Any) -> Any:
    """A number or a list of numbers, also as text, as in a form. Raises ValueError for anything else."""
    if isinstance(value, list):
        if len(value) > 100:
            raise ValueError(f"got {len(value)} numbers; wanted at most 100")
        return [_number(one) for one in value]
    return value if value is None or value == "auto" else _number(value)


def _number(value: Any) -> float:
    try:
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"got {str(value)[:100]!r}; wanted a number or a list of numbers, as [80, 90]")


_Columns = dict[str, list[float | str | None]]
_Records = list[dict[str, float | str | None]]
Table = Annotated[
    Any,
    PlainValidator(_table, json_schema_input_type=_Columns | _Records),
    Field(
        description="Columns (name → values) or records. Long data: unique_id, ds and y (without unique_id: one"
        " series). Wide data: ds and one column for each channel. null is a missing value.",
    ),
]
OptionalTable = Annotated[
    Any,
    PlainValidator(
        lambda value: None if value is None else _table(value),
        json_schema_input_type=_Columns | _Records | None,
    ),
]
Numbers = Annotated[Any, PlainValidator(_numbers, json_schema_input_type=float | list[float] | None)]


class Options(BaseModel):
    """What every request may say beside its data; unknown members are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str | None = Field(None, description="Name of a model; may be left out where the server has one.")
    orient: Literal["columns", "records"] = Field("columns", description="Form of the table in a JSON answer.")


class ForecastOptions(Options):
    """How far a forecast reaches, and what comes with it."""

    horizon: int | None = Field(None, ge=1, description="Steps to forecast; null: those of the fit.")
    level: Numbers = Field(None, description="Levels of prediction intervals in per cent, as [80, 90].")
    quantiles: Numbers = Field(None, description="Quantiles between 0 and 1, as [0.1, 0.5, 0.9].")
    interval_method: Literal["auto", "conformal", "adaptive", "quantiles", "paths"] = "auto"
    paths: int = Field(100, ge=2, description="Futures drawn of each series, of a model that samples.")


class ExplainOptions(Options):
    """Which series is explained, and how."""

    item: str | None = Field(None, description="A channel of wide data, a unique_id of long data; null: the first.")
    level: Numbers = Field("auto", description="Levels of the intervals in per cent; auto: 80 and 90 where available.")
    interval_method: Literal["auto", "conformal", "adaptive", "quantiles", "paths"] = "auto"
    attribution: Literal["occlusion", "gradient", "none"] = "occlusion"
    stretch: int | None = Field(None, ge=1, description="Steps that are hidden together; null: chosen.")
    fill: Literal["line", "season", "mean"] = Field("line", description="What replaces hidden values.")


class ForecastRequest(ForecastOptions):
    """A forecast beyond the end of each series."""

    data: Table
    future_covariates: OptionalTable = Field(None, description="Covariates of the steps to forecast (data.future).")


class ExplainRequest(ExplainOptions):
    """An explanation of the forecast of one series."""

    data: Table
    future_covariates: OptionalTable = Field(None, description="Covariates of the steps to forecast (data.future).")


class TableRequest(Options):
    """A table to score or to fill."""

    data: Table


Kind = TypeVar("Kind", bound=BaseModel)


def parsed(kind: type[Kind], body: bytes) -> Kind:
    """A JSON body as a request. Raises Problem with every fault."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise invalid(kind, error.errors(include_url=False, include_context=False, include_input=False)) from None


def from_form(kind: type[Kind], fields: dict[str, str]) -> Kind:
    """Fields of a form as options; commas separate several numbers. Raises Problem with every fault."""
    several = {"level", "quantiles"}
    values: dict[str, Any] = {
        name: text.split(",") if name in several and text != "auto" else text for name, text in fields.items()
    }
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise invalid(kind, error.errors(include_url=False, include_context=False, include_input=False)) from None
