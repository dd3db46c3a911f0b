"""Settings of how a table is read, completed, split and scaled."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from latentcast.core.settings import Settings

Fractions = tuple[float, float, float]
Counts = tuple[int, int, int]
Dates = tuple[str, str]
Kind = Literal["none", "log1p", "boxcox"]
Aggregate = Literal["mean", "sum", "last", "min", "max"]
BETWEEN_IDS = "/"  # joins the ids of several columns
Rule = Literal["standard"] | Fractions | Counts | Dates


def parse_rule(value: Any) -> Rule:
    """A split as it is written in settings. Raises ValueError that lists the forms."""
    items = tuple(value) if isinstance(value, list | tuple) else (value,)
    numbers = all(isinstance(item, int | float) and not isinstance(item, bool) and item >= 0 for item in items)
    if items == ("standard",):
        return "standard"
    if len(items) == 3 and numbers:
        first, second, third = items
        if sum(items) > 1 + 1e-6 and all(float(item).is_integer() for item in items):
            return int(first), int(second), int(third)
        if first > 0 and sum(items) <= 1 + 1e-6:
            return float(first), float(second), float(third)
    if len(items) == 2 and not _shares(items):
        return str(items[0]), str(items[1])
    raise ValueError(
        "wanted standard, three fractions (0.7,0.1,0.2), three row counts (8640,2880,2880; a first count of 0"
        " takes all rows before the other two), or two dates (2020-01-01,2021-01-01)"
    )


def _shares(items: tuple[Any, ...]) -> bool:
    """Whether numbers lie from 0 to 1 and are not all whole: parts of a whole, and neither dates nor steps."""
    try:
        numbers = [float(item) for item in items]
    except (TypeError, ValueError):
        return False
    return all(0 <= number <= 1 for number in numbers) and not all(number.is_integer() for number in numbers)


def _text(name: object) -> object:
    """Columns may be numbered; settings hold their names as text."""
    return str(name) if isinstance(name, int) and not isinstance(name, bool) else name


class DataSettings(Settings):
    """Settings of the data, the same for fit, predict, evaluate and backtest.

    time, id, value   column names; by default ds/date/…, unique_id and y (id and value: of long data). Several columns
                      may tell series apart: id=[store, item]; forecasts have these columns too. Of several values,
                      value=[sales, stock], each makes series of its own, and forecasts have a column of their names
    layout            wide: a time column and one column per variate; long: one row per series and step
    align             long data become channels of one multivariate series, aligned on time
    columns           wide: the variates to use
    ignore            columns to leave alone
    features          M: all channels forecast all; S: the target from itself; MS: the target from all channels
    target            the channel that S and MS forecast
    future            covariates known in advance (prices, plans, weather forecasts), numbers or categories: their
    effect is subtracted from the series and added to the forecast; models that read known features read them too
    past              past covariates: channels that are read and not forecast
    static            one value for each series of long data, a number or a category
    categorical       covariates (future or static) whose numbers are categories; text and pandas' category always are
    holidays          country (DE, US-CA) whose public holidays are one more covariate known in advance
    freq              pandas alias, or an integer step; inferred by default
    season            steps in the main season; by default from the frequency
    resample          frequency of a regular grid for irregular stamps: each step aggregates its rows by `aggregate`
                      (mean, sum, last, min or max); a first or last step that rows cover in part is left out
    covariate_aggregate  the same for covariates, of all or by name ({promo: max}); of text the most frequent counts
    resample_share    inner steps with a smaller share of the usual number of rows are missing; where most steps have
                      different numbers of rows, none is
    snap              move each stamp to the nearest step, or to the usual place in its day, week, month, quarter or
                      year where each has one: for clocks that are seconds late, and reports a day late
    closed            holidays: days from Monday to Friday on which no series has a row are closed days of a market, and
                      no gaps; forecasts go on by open days, and with data.holidays past the holidays of that country
    steps             grid: stamps must be regular; rows: each row is one step, whatever its stamp
    frequency_per_series  series with longer steps than the others, in long data. refuse: an error names them; split:
                      they are left out and named, to be fitted by themselves
    gaps              missing values and steps. mask: models see which values were observed; interpolate, ffill: gaps
    are filled, and look-backs treat them as observed; error: gaps are refused. They are never training or test targets
    split             standard (the dataset's own, else 70/10/20 %), fractions, row counts, or the two dates
                      at which validation and test begin
    fraction          few-shot: only the first share of the training part is trained on; the scaler uses all of it, and
                      validation and test stay as they are
    scale             standardise every series with the mean and standard deviation of its training part
    transform         transform before standardising: log1p, for multiplicative series with zeros, or boxcox, by the
    likeliest power of each series; forecasts are medians in original units
    nonnegative       no forecast below zero
    description       a sentence or two about the data, for language models
    notes             CSV or Parquet file of dated notes (the time column, `text`, and the ids where a note is of one
                      series): language models read those that fall into a window's look-back
    time_format       strptime format of the time column, when it is ambiguous or dates are written as 20200131; s, ms,
                      us or ns for seconds … nanoseconds since 1970; yyyymm, yyyyww, yyyyq, yyyyee (MMWR weeks), …
                      for whole numbers; ticks, filetime, datenum, jd, mjd, d1960, d1970, s1960, ms1960 or gpsweek for
                      other counts; half, quarter, month, week or epiweek for a number next to a year
    zone              time zone of stamps without one (Europe/Berlin): of an hour that occurs twice when the clocks go
                      back, the first row is in summer time
    missing           numbers that stand for missing values (-999)
    """

    time: str | None = None
    id: str | tuple[str, ...] | None = None
    value: str | tuple[str, ...] | None = None
    layout: Literal["auto", "wide", "long"] = "auto"
    align: bool = False
    columns: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    features: Literal["M", "S", "MS"] = "M"
    target: str | None = None
    future: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    holidays: str | None = None
    freq: str | None = None
    season: Annotated[int, Field(ge=1)] | None = None
    resample: str | None = None
    aggregate: Aggregate = "mean"
    covariate_aggregate: Aggregate | dict[str, Aggregate] = "mean"
    resample_share: Annotated[float, Field(ge=0, le=1)] = 0.75
    snap: bool = False
    closed: Literal["holidays"] | None = None
    steps: Literal["grid", "rows"] = "grid"
    frequency_per_series: Literal["refuse", "split"] = "refuse"
    gaps: Literal["mask", "interpolate", "ffill", "error"] = "mask"
    split: Annotated[Any, BeforeValidator(parse_rule)] = "standard"
    fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    scale: bool = True
    transform: Kind = "none"
    nonnegative: bool = False
    description: Annotated[str, Field(min_length=1)] | None = None
    notes: str | None = None
    time_format: str | None = None
    zone: str | None = None
    missing: tuple[float, ...] = ()

    @field_validator("columns", "ignore", "future", "past", "static", "categorical", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        if value is None or isinstance(value, list | tuple):
            return value if value is None else tuple(_text(item) for item in value)
        return (_text(value),)

    @field_validator("missing", mode="before")
    @classmethod
    def _numbers(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list | tuple) else (value,)

    @field_validator("id", "value", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        if not isinstance(value, list | tuple):
            return _text(value)
        names = tuple(_text(name) for name in value)
        if len(set(names)) < len(names) or not names:
            raise ValueError(f"wanted the names of columns, each once; got {', '.join(map(str, names)) or 'none'}")
        return names[0] if len(names) == 1 else names

    @property
    def id_names(self) -> tuple[str, ...]:
        """The id columns that are set."""
        if self.id is None:
            return ()
        return (self.id,) if isinstance(self.id, str) else self.id

    @property
    def value_names(self) -> tuple[str, ...]:
        """The value columns that are set."""
        if self.value is None:
            return ()
        return (self.value,) if isinstance(self.value, str) else self.value

    @property
    def id_name(self) -> str:
        """The id column after several are joined."""
        return BETWEEN_IDS.join(self.id_names) or "unique_id"

    @field_validator("time", "target", "freq", mode="before")
    @classmethod
    def _name(cls, value: object) -> object:
        return _text(value)

    @model_validator(mode="after")
    def _agree(self) -> "DataSettings":
        if self.features != "M" and self.target is None:
            raise ValueError(f"features={self.features} forecasts one channel: name it (data.target)")
        named = (*self.future, *self.past, *self.static)
        if twice := sorted({name for name in named if named.count(name) > 1}):
            raise ValueError(f"a covariate is one of future, past and static, once; named twice: {', '.join(twice)}")
        if self.resample is not None and self.freq not in (None, self.resample):
            raise ValueError(f"resample={self.resample} makes the frequency, and freq={self.freq} is another")
        if self.resample is not None and self.steps == "rows":
            raise ValueError("steps=rows takes each row for a step, and resample makes steps of rows: choose one")
        if isinstance(self.value, tuple) and named:
            raise ValueError("several values make a series of each column, and covariates are of one value: name one")
        if self.past and self.features == "MS":
            raise ValueError("features=MS reads every channel but the target as past alone; leave data.past out")
        if stray := [name for name in self.categorical if name not in (*self.future, *self.static)]:
            raise ValueError(f"categorical: {', '.join(stray)}: only covariates in data.future and data.static are one")
        if self.snap and (self.resample is not None or self.steps == "rows"):
            raise ValueError("snap moves stamps to a grid: leave out resample and steps=rows")
        if self.closed is not None and (self.resample is not None or self.steps == "rows"):
            raise ValueError("closed=holidays makes steps of open days: leave out resample and steps=rows")
        if self.target is not None and self.target in named:
            raise ValueError(f"{self.target!r} is the target, and cannot be a covariate too")
        if self.layout == "wide" and (self.align or self.id is not None or self.value is not None):
            raise ValueError("id, value and align are for long data; leave them out, or state data.layout=long")
        return self
