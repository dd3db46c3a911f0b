"""Factorise columns that hold long runs of one object, or the same stamps for every series, by far fewer look-ups."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_SHARE = 4  # rows a run must have on average to be worth it


def run_heads(values: NDArray[Any]) -> NDArray[np.int64]:
    """Rows at which another object stands than in the row before; at least the first of [rows] objects.

    Objects are compared by identity, so that one value may begin several runs, and a run never holds two values.
    """
    if not len(values):
        return np.zeros(0, np.int64)
    values = np.ascontiguousarray(values)
    places = np.ndarray(values.shape, np.intp, buffer=values.data)
    return np.concatenate([[0], np.flatnonzero(places[1:] != places[:-1]) + 1])


def heads_of(series: NDArray[np.int64]) -> NDArray[np.int64]:
    """The row at which each series begins; `series` the number of each row's series, at least one row."""
    return np.concatenate([[0], np.flatnonzero(series[1:] != series[:-1]) + 1])


def factorize_ids(column: pd.Series) -> tuple[NDArray[np.int64], Any]:
    """`pandas.factorize`: number of each row's value in order of appearance (-1 where missing), and these values."""
    if column.dtype == object:
        heads = run_heads(column.to_numpy())
        if len(heads) * _SHARE < len(column):
            codes, distinct = pd.factorize(column.iloc[heads])
            return np.repeat(codes, np.diff(heads, append=len(column))), distinct
    codes, distinct = pd.factorize(column)
    return np.asarray(codes), distinct


def distinct_objects(column: pd.Series) -> pd.Series:
    """Rows that hold every value of a column of objects at least once."""
    return column.iloc[run_heads(column.to_numpy())] if column.dtype == object else column


def shared_stamps(times: NDArray[Any], heads: NDArray[np.int64]) -> NDArray[Any] | None:
    """The stamps that every series has; None where they differ. `times` [rows], series after series from `heads` on."""
    length = int(heads[1]) if len(heads) > 1 else len(times)
    if len(heads) * length != len(times) or (np.diff(heads) != length).any():
        return None
    first = times[:length]
    return first if len(heads) == 1 or (times.reshape(-1, length) == first).all() else None


def factorize_stamps(times: NDArray[Any], heads: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """`pandas.factorize` of stamps [rows] of series that begin at `heads`, quickly where all have the same stamps."""
    if len(heads) > 1 and (first := shared_stamps(times, heads)) is not None:
        own, distinct = pd.factorize(first)
        return np.tile(own, len(heads)), distinct
    codes, distinct = pd.factorize(times)
    return np.asarray(codes), distinct
