"""Infer the id and value columns where settings leave them open, and join several ids to one."""

import re
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from latentcast.core.assignments import assignment
from latentcast.core.errors import DataError, TimeError, shorten
from latentcast.data.settings import BETWEEN_IDS, DataSettings
from latentcast.data.tables.id_text import id_text
from latentcast.data.tables.time_column import time_column

VALUE_NAMES = ("y", "target", "value", "obs_value")
IDS = "latentcast_ids"  # in the attributes of a frame: the columns that its reader found to name the series
_ROW_NAMES = ("id", "index", "row", "row_id")
_SALES = "sales"
_ID_NAMES = ("unique_id", "item_id", "series_id")
_NAMED_LIKE_IDS = re.compile(r"(store|item|shop|product|dept|department|sku|site|meter|region)(_?(id|nbr|no|number))?")
_NUMBERS = 0.5  # share of entries that are numbers, from which on a column of text is a damaged one of numbers
_ROWS = 4  # least mean number of rows of a series for several columns together to be ids
_FEW = 0.01  # share of rows that may repeat the stamp of their series by mistake
_SAMPLE = 1000  # entries by which a column of text is judged


def settle(frame: pd.DataFrame, settings: DataSettings) -> tuple[DataSettings, tuple[str, ...]]:
    """Infer ids, value and ignored columns; return completed settings and notes.

    A column of text that makes repeated stamps unique is the id; the one column of numbers of long data is the value;
    other columns of text are left out. `frame` has text as column names.

    Raises DataError where several columns may be the ids or the value, and names the option for each.
    """
    if settings.layout == "wide":
        return _without_texts(frame, settings, ())
    notes: tuple[str, ...] = ()
    if settings.id is None and not settings.align and (known := frame.attrs.get(IDS)):
        settings = settings.model_copy(update={"id": known})
    if settings.id is None and not settings.align and (found := _id_column(frame, settings)) is not None:
        settings = settings.model_copy(update={"id": found})
        names = list(settings.id_names)
        count = len(frame[names].drop_duplicates())
        tell = f"the column {found!r} tells" if len(names) == 1 else f"{' and '.join(map(repr, names))} together tell"
        notes = (f"{tell} {count} series apart ({assignment('data.id', *names)})",)
    if settings.id is not None or "unique_id" in frame.columns:
        settings, notes = _without_empty(frame, settings, notes)
    if settings.id is None and "unique_id" not in frame.columns:
        return _without_texts(frame, settings, notes)
    if settings.value is None and "y" not in frame.columns:
        settings, more = _of_sales(frame, settings)
        notes = (*notes, *more)
    if settings.value is None and "y" not in frame.columns:
        value = _value_column(frame, settings)
        if value is not None:
            settings = settings.model_copy(update={"value": value})
            notes = (*notes, f"the values of the series are those of {value!r} ({assignment('data.value', value)})")
    return _without_texts(frame, settings, notes)


def join_ids(frame: pd.DataFrame, settings: DataSettings) -> pd.DataFrame:
    """The table with one id column, where the settings name several; a row that lacks one of them has no id.

    Raises DataError where a column is missing, or two different rows of ids read the same.
    """
    if not isinstance(settings.id, tuple):
        return frame
    if missing := [name for name in settings.id if name not in frame.columns]:
        raise DataError(f"there is no id column {shorten(missing)}; there are {shorten(list(frame.columns), 8)}")
    parts = [frame[name] for name in settings.id]
    codes, distinct = pd.factorize(pd.MultiIndex.from_arrays(parts))
    texts = [BETWEEN_IDS.join(map(id_text, ids)) for ids in distinct]
    if len(set(texts)) < len(texts):
        twice = sorted({text for text in texts if texts.count(text) > 1})
        raise DataError(f"ids of {' and '.join(settings.id)} read the same when joined: {shorten(twice)}; rename them")
    names = np.array([*texts, None], dtype=object)
    without = np.logical_or.reduce([part.isna().to_numpy() for part in parts])
    joined = names[np.where(without, -1, codes)]
    rest = frame.drop(columns=[name for name in settings.id if name != settings.id_name])
    rest.insert(0, settings.id_name, joined)
    return rest


def first_rows(frame: pd.DataFrame, settings: DataSettings) -> pd.DataFrame:
    """The id columns of the table, by joined id: one row for each series."""
    assert isinstance(settings.id, tuple)
    first = frame[list(settings.id)].drop_duplicates()
    return first.set_index(join_ids(first, settings)[settings.id_name].to_numpy(object))


def _declared(settings: DataSettings) -> set[str | None]:
    one = {*settings.id_names, settings.time, *settings.value_names, settings.target, *settings.ignore}
    return {*one, *(settings.columns or ()), *settings.future, *settings.past, *settings.static}


def _time(frame: pd.DataFrame, settings: DataSettings) -> str | None:
    try:
        return time_column(frame, settings)
    except TimeError:
        return None  # `read_table` says so


def _id_column(frame: pd.DataFrame, settings: DataSettings) -> str | tuple[str, ...] | None:
    """The column, or the columns, that make repeated stamps unique. Raises DataError where several do."""
    if "unique_id" in frame.columns or settings.columns is not None or len(set(frame.columns)) < len(frame.columns):
        return None
    time = _time(frame, settings)
    if time is None or not frame[time].duplicated().any():
        return None
    free = [name for name in frame.columns if name != time and name not in _declared(settings)]
    texts = [name for name in free if is_text(frame[name]) and 1 < frame[name].nunique() < len(frame)]
    texts = [name for name in texts if not _fractions(frame[name])]
    named = [name for name in free if name.lower() in _ID_NAMES]
    able = [name for name in dict.fromkeys((*named, *texts)) if not frame.duplicated([time, name]).any()]
    if named and named[0] in able:
        return named[0]
    if len(able) > 1 and (first := _names_for_the_others(frame, able)) is not None:
        return first
    if len(able) > 1:
        ways = " or ".join(assignment("data.id", name) for name in able)
        raise DataError(
            f"stamps occur several times, and {shorten([repr(name) for name in able])} may each tell series apart: set"
            f" one of them ({ways})",
            setting="data.id",
            value=able[0],
        )
    if able:
        return able[0]
    return _several_columns(frame, time, texts, free)


def _names_for_the_others(frame: pd.DataFrame, able: list[str]) -> str | None:
    """The only column that is no code of the others, as Entity next to Code; None for others."""
    count = len(frame[able].drop_duplicates())
    named = [name for name in able if not name.lower().endswith("code")]
    only = named[0] if len(named) == 1 else None
    return only if only and frame[only].notna().all() and frame[only].nunique() == count else None


def _balanced(frame: pd.DataFrame, time: str, able: list[tuple[str, ...]]) -> tuple[str, ...] | None:
    """The only columns of which each series has every stamp."""
    stamps = frame[time].nunique()
    whole = [names for names in able if len(frame[list(names)].drop_duplicates()) * stamps == len(frame)]
    return whole[0] if len(whole) == 1 else None


def _several_columns(frame: pd.DataFrame, time: str, texts: list[str], free: list[str]) -> tuple[str, ...] | None:
    """Return the smallest set of text and integer columns that makes stamps unique. Raises DataError for several such
    sets."""
    whole = [name for name in free if name not in texts and pd.api.types.is_integer_dtype(frame[name])]
    for count in (2, 3):
        able = [
            tuple(name for name in frame.columns if name in names)
            for names in combinations([*texts, *whole], count)
            if (set(names) & set(texts) or all(_NAMED_LIKE_IDS.fullmatch(name.lower()) for name in names))
            and len(frame) >= _ROWS * len(frame[list(names)].drop_duplicates())
            and not frame.duplicated([time, *names]).any()
        ]
        if len(able) > 1 and (whole_panel := _balanced(frame, time, able)) is not None:
            return whole_panel
        if len(able) > 1:
            ways = " or ".join(assignment("data.id", *names) for names in able)
            raise DataError(
                f"stamps occur several times, and columns together tell series apart in several ways: set one ({ways})",
                setting="data.id",
                value=able[0],
            )
        if able:
            return able[0]
    return _all_texts(frame, time, texts)


def _all_texts(frame: pd.DataFrame, time: str, texts: list[str]) -> tuple[str, ...] | None:
    """All columns of text, where they make stamps unique but for a few rows, without those that the others imply."""
    columns = [name for name in frame.columns if name in texts]
    series = len(frame[columns].drop_duplicates())
    if len(columns) < 2 or len(frame) < _ROWS * series or frame.duplicated([time, *columns]).mean() > _FEW:
        return None
    for name in reversed(columns):
        rest = [one for one in columns if one != name]
        if len(rest) > 1 and len(frame[rest].drop_duplicates()) == series:
            columns = rest
    return tuple(columns)


def _value_column(frame: pd.DataFrame, settings: DataSettings) -> str | None:
    """The value of long data: by its name, or the only column of numbers. Raises DataError where there are several."""
    time, declared = _time(frame, settings), _declared(settings)
    free = [name for name in frame.columns if name != time and name not in declared and name != settings.id_name]
    for wanted in VALUE_NAMES:
        if named := [name for name in free if name.lower() == wanted]:
            return named[0]
    numbers = [name for name in free if not is_text(frame[name])]
    if settings.target in frame.columns:
        return settings.target
    if len(numbers) > 1:
        others = assignment("data.ignore", *settings.ignore, *numbers[1:])
        raise DataError(
            f"series are told apart by {settings.id_name!r}, and {shorten([repr(name) for name in numbers])} hold"
            f" numbers: forecast each as a series of its own ({assignment('data.value', *numbers)}), or set which one"
            f" is forecast and leave the others out ({assignment('data.value', numbers[0])} {others}), or declare them"
            " as covariates (data.future, data.past)",
            setting="data.value",
            value=numbers,
        )
    return numbers[0] if numbers else None


def _without_texts(
    frame: pd.DataFrame, settings: DataSettings, notes: tuple[str, ...]
) -> tuple[DataSettings, tuple[str, ...]]:
    """Ignore undeclared text columns."""
    if len(set(frame.columns)) < len(frame.columns):
        return settings, notes
    time, declared = _time(frame, settings), _declared(settings)
    free = [name for name in frame.columns if name != time and name not in declared and name != settings.id_name]
    if time is None or settings.features == "S" or settings.columns is not None:
        return settings, notes  # without a time, a text may be one
    texts = [name for name in free if is_text(frame[name]) and not _damaged_numbers(frame[name])]
    long = settings.id is not None or settings.value is not None or "unique_id" in frame.columns
    if not texts or (len(texts) == len(free) and not long):
        return settings, notes
    example = ", ".join(f"{name!r} (such as {frame[name].dropna().iloc[0]!r})" for name in texts[:3])
    more = f" and {len(texts) - 3} more" if len(texts) > 3 else ""
    text = (
        f"columns of text were left out: {example}{more}; what is known in advance can be declared as a covariate"
        f" ({assignment('data.future', *settings.categorical, *texts)})"
    )
    made = settings.model_copy(update={"ignore": (*settings.ignore, *texts)})
    if _time(frame, made) != time:  # found next to a column that is left out
        made = made.model_copy(update={"time": time})
    return made, (*notes, text)


def _of_sales(frame: pd.DataFrame, settings: DataSettings) -> tuple[DataSettings, tuple[str, ...]]:
    """Sales of a shop are the value by their name; a count of the rows and other numbers are left out."""
    time, declared = _time(frame, settings), _declared(settings)
    free = [name for name in frame.columns if name != time and name not in declared and name != settings.id_name]
    numbers = [name for name in free if not is_text(frame[name])]
    named = [name for name in numbers if name.lower() == _SALES]
    if len(named) != 1 or len(numbers) < 2 or any(name.lower() in VALUE_NAMES for name in numbers):
        return settings, ()
    others = [name for name in numbers if name not in named]
    known = [name for name in others if name.lower() not in _ROW_NAMES]
    chosen = assignment("data.value", named[0])
    text = f"the values of the series are those of {named[0]!r} ({chosen}); {shorten(others)} left out"
    if known:
        text += f"; what is known in advance can be declared as a covariate ({assignment('data.future', *known)})"
    update = {"value": named[0], "ignore": (*settings.ignore, *others)}
    return settings.model_copy(update=update), (text,)


def _without_empty(
    frame: pd.DataFrame, settings: DataSettings, notes: tuple[str, ...]
) -> tuple[DataSettings, tuple[str, ...]]:
    """Ignore undeclared columns without any entry, such as flags that no row has."""
    if len(set(frame.columns)) < len(frame.columns):
        return settings, notes
    time, declared = _time(frame, settings), {*_declared(settings), *(settings.value_names or ("y",))}
    free = [name for name in frame.columns if name != time and name not in declared and name != settings.id_name]
    empty = [name for name in free if frame[name].isna().all()]
    if not empty or len(empty) == len(free):
        return settings, notes
    text = f"columns without any entry were left out: {shorten(list(map(repr, empty)))}"
    return settings.model_copy(update={"ignore": (*settings.ignore, *empty)}), (*notes, text)


def is_text(column: pd.Series) -> bool:
    """Whether a column holds text or categories of text."""
    kind: Any = column.dtype
    if isinstance(kind, pd.CategoricalDtype):
        kind = kind.categories.dtype
    if not (pd.api.types.is_object_dtype(kind) or pd.api.types.is_string_dtype(kind)):
        return False
    seen = column.dropna()
    return bool(len(seen)) and all(isinstance(value, str) for value in seen.iloc[:_SAMPLE])


def _fractions(column: pd.Series) -> bool:
    """Whether many texts are numbers with decimals, which name no series."""
    seen = column.dropna().iloc[:_SAMPLE].astype(str)
    return bool(seen.str.fullmatch(r"\s*[+-]?\d*[.,]\d+\s*").mean() >= _NUMBERS)


def _damaged_numbers(column: pd.Series) -> bool:
    """Whether many texts are numbers: then the others are errors, and ignoring the column would hide them."""
    if column.notna().all() and len(column.unique()) == 1:
        return False  # the code of the only site
    seen = column.dropna().iloc[:_SAMPLE].astype(str)
    return bool(pd.to_numeric(seen, errors="coerce").notna().mean() >= _NUMBERS)
