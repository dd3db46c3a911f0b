"""Tables that are in order already: ISO dates, texts as ids, numbers, no step missing. They need no frame.

Everything else goes the way of all data (`forecaster/inputs.py`), which makes the same panel of these, more slowly.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcast.core.notes import Note, NoteCode
from latentcast.data.panel.panel import Panel
from latentcast.data.settings import DataSettings
from latentcast.data.tables.clock import Clock
from latentcast.data.tables.frequency import DAY_NS, Frequency
from latentcast.data.tables.sentinels import HUGE, sentinel_notes
from latentcast.forecaster.state import FittedState

# settings that say nothing about how a table is read
_FREE = {"freq", "season", "gaps", "split", "fraction", "scale", "transform", "nonnegative", "description"}
_FORMS = {10: "D", 16: "m", 19: "s"}  # length of a stamp → numpy's unit
_FINEST = {10: DAY_NS, 16: 60 * 10**9, 19: 10**9}  # and its step in nanoseconds
_SEPARATORS = {4: b"-", 7: b"-", 10: b"T ", 13: b":", 16: b":"}
_YEARS = (np.datetime64("1678", "s"), np.datetime64("2262", "s"))  # what nanoseconds can hold


@dataclass(frozen=True)
class PlainReader:
    """Reads tables that are in order as panels of one model."""

    fitted: FittedState

    @cached_property
    def _frequency(self) -> Frequency:
        return Frequency.of(self.fitted.run.data.freq or self.fitted.card.schema.freq)

    @cached_property
    def _able(self) -> bool:
        settings, schema = self.fitted.run.data, self.fitted.card.schema
        usual = DataSettings()
        as_usual = settings.model_copy(update={name: getattr(usual, name) for name in _FREE}) == usual
        clock = Clock(schema.zone, wall=bool(schema.wall))
        return as_usual and clock == Clock() and schema.channels == ("y",) and not self._frequency.integer

    def panel(self, table: Any) -> Panel | None:
        """The panel of columns; None for any other table."""
        if not self._able or not isinstance(table, dict) or not {"ds", "y"} <= set(table) <= {"unique_id", "ds", "y"}:
            return None
        stamps, values = iso_stamps(table["ds"]), _numbers(table["y"])
        starts = _starts(table.get("unique_id"), len(table["ds"]))
        if stamps is None or values is None or starts is None:
            return None
        begins, ids = starts
        lengths = np.diff(begins, append=len(stamps))
        ordinals = self._frequency.ordinals(stamps, begins)
        if (ordinals != np.arange(len(stamps)) - np.repeat(begins, lengths)).any():
            return None
        if self._frequency.step is not None and self._frequency.step % _FINEST[len(table["ds"][0])]:
            return None  # this form cannot write a later stamp
        settings, frequency = self.fitted.run.data, self._frequency
        signs = (Note(note, NoteCode.READING) for note in sentinel_notes(values, ("y",)))
        return Panel(
            values,
            np.ones(values.shape, np.bool_),
            stamps,
            np.append(begins, len(stamps)).astype(np.int64),
            ids,
            ("y",),
            frequency,
            settings.season or frequency.season,
            settings.gaps,
            notes=tuple(signs),
        )


def iso_stamps(texts: list[Any]) -> NDArray[Any] | None:
    """ISO 8601 dates and times of one form, without a zone, in nanoseconds; None for anything else."""
    if not texts or set(map(type, texts)) != {str} or len(lengths := set(map(len, texts))) > 1:
        return None
    length = lengths.pop()
    joined = "".join(texts)
    if length not in _FORMS or not joined.isascii():
        return None
    letters = np.frombuffer(joined.encode(), np.uint8).reshape(-1, length)
    places = {at: signs for at, signs in _SEPARATORS.items() if at < length}
    digits = letters[:, [at for at in range(length) if at not in places]]
    if (digits < 48).any() or (digits > 57).any():
        return None
    for at, signs in places.items():
        if (letters[:, at] != letters[0, at]).any() or letters[0, at] not in signs:
            return None
    try:
        stamps = np.array(texts, f"datetime64[{_FORMS[length]}]").astype("datetime64[s]")
    except ValueError:
        return None  # no such day; the usual way says which
    if stamps.min() < _YEARS[0] or stamps.max() >= _YEARS[1]:
        return None
    return stamps.astype("datetime64[ns]")


def written_like(stamps: NDArray[Any], first: str) -> list[str]:
    """Stamps in the form of a text that `iso_stamps` reads."""
    unit: Any = _FORMS[len(first)]
    texts: list[str] = np.datetime_as_string(stamps, unit=unit).tolist()
    return [text.replace("T", " ") for text in texts] if first[10:11] == " " else texts


def _numbers(values: list[Any]) -> NDArray[np.float64] | None:
    """[rows, 1]; None where something else than a finite, plausible number is among them."""
    if not set(map(type, values)) <= {int, float}:
        return None
    try:
        numbers = np.array(values, np.float64)[:, None]
    except OverflowError:
        return None
    return numbers if (np.abs(numbers) < HUGE).all() else None  # larger ones may be fill values


def _starts(ids: list[Any] | None, rows: int) -> tuple[NDArray[np.int64], tuple[str, ...]] | None:
    """First row and name of each series; None where the rows of a series do not stand together."""
    if ids is None:
        return np.zeros(1, np.int64), ("",)
    if set(map(type, ids)) != {str} or "" in (names := tuple(dict.fromkeys(ids))):
        return None
    if len(names) == 1:
        return np.zeros(1, np.int64), names
    begins = [0, *(at for at in range(1, rows) if ids[at] != ids[at - 1])]
    return None if len(begins) > len(names) else (np.array(begins, np.int64), names)
