"""What a request may say: tables of plain values and numbers, never a path or the name of a dataset."""

from typing import Annotated, Any, Literal, TypeVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from latentcast.serving.problems import invalid

Value = int | float | str | None
Columns = dict[str, list[Value]]
Records = list[dict[str, Value]]
Table = Annotated[
    Columns | Records,
    Field(description="Columns (name → values) or records. Long data have unique_id, ds and y; wide data have ds and"
          " one column for each channel. null is a missing value."),
]  # fmt: skip


class Request(BaseModel):
    """Base of every request: unknown members are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    model: str | None = Field(None, description="Name of a model; may be left out where the server has one.")
    data: Table
    future_covariates: Table | None = Field(None, description="Covariates of the steps to forecast (data.future).")


class ForecastRequest(Request):
    """A forecast beyond the end of each series."""

    horizon: int | None = Field(None, ge=1, description="Steps to forecast; null: those of the fit.")
    level: float | list[float] | None = Field(None, description="Levels of prediction intervals in per cent.")
    quantiles: float | list[float] | None = Field(None, description="Quantiles between 0 and 1.")
    interval_method: Literal["auto", "conformal", "adaptive", "quantiles", "paths"] = "auto"
    paths: int = Field(100, ge=2, description="Futures drawn of each series, of a model that samples.")


Kind = TypeVar("Kind", bound=Request)


def parsed(kind: type[Kind], body: bytes) -> Kind:
    """A JSON body as a request. Raises Problem with every fault."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_context=False, include_input=False)) from None


def frame_of(table: Any) -> pd.DataFrame:
    """A table of a request as a frame."""
    return pd.DataFrame(table)
