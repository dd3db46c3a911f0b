"""Notes: what a run reports in addition to its result. A note is its text and carries a code."""

import logging
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

log = logging.getLogger("latentcast")


class NoteCode(StrEnum):
    """Topic of a note; programs select notes by it, never by their text."""

    READING = "reading"  # how a file was read
    ORDER = "order"  # rows were sorted, columns left out
    RESAMPLED = "resampled"
    ALIGNED = "aligned"
    FREQUENCY = "frequency"
    MISSING_VALUES = "missing-values"
    MISSING_COVARIATES = "missing-covariates"
    FUTURE_ROWS = "future-rows"
    PADDED = "padded"
    UNSEEN_SERIES = "unseen-series"
    ABSENT_SERIES = "absent-series"
    ENDS = "ends"
    CONSTANT = "constant"
    TOO_SHORT = "too-short"
    COVARIATES = "covariates"
    DRIFT = "drift"
    EMPTY_LOOKBACK = "empty-lookback"
    WINDOWS = "windows"  # which windows were judged
    TRAINED_UNTIL = "trained-until"  # windows lie before the end of the training
    INTERVALS = "intervals"
    TRANSFER = "transfer"
    FEW_SHOT = "few-shot"
    MODEL = "model"  # what a model or one of its parts reports
    FUSION = "fusion"
    IMPUTATION = "imputation"
    RESULT = "result"
    OTHER = "other"


class Note(str):
    """A sentence for a person, with a code for a program.

    It prints, compares and hashes as its text. `dataset` names the data that it is about, where there are several.
    """

    code: NoteCode
    dataset: str | None
    __slots__ = ("code", "dataset")

    def __new__(cls, text: str, code: NoteCode = NoteCode.OTHER, dataset: str | None = None) -> "Note":
        """Make a note; the code of a given note is kept unless another is given."""
        note = super().__new__(cls, text)
        note.code = code
        note.dataset = dataset
        return note

    def of(self, dataset: str) -> "Note":
        """Return the same note with the name of a dataset."""
        return Note(f"{dataset}: {self}", self.code, dataset)

    def to_dict(self) -> dict[str, str]:
        """Code and text, as a run card keeps them."""
        return {"code": str(self.code), "text": str(self)}

    @classmethod
    def from_value(cls, value: Any) -> "Note":
        """Read what `to_dict` wrote, or the plain text of older run cards; an unknown code becomes `other`."""
        if isinstance(value, str):
            return value if isinstance(value, Note) else cls(value)
        known = value["code"] in {str(code) for code in NoteCode}
        return cls(value["text"], NoteCode(value["code"]) if known else NoteCode.OTHER)

    def __reduce__(self) -> tuple[Any, ...]:
        return Note, (str(self), self.code, self.dataset)


def without(notes: Iterable[str], *codes: NoteCode) -> tuple[str, ...]:
    """The notes whose code is none of these."""
    return tuple(note for note in notes if getattr(note, "code", NoteCode.OTHER) not in codes)


class NoteLog:
    """The notes of one run, in order: each is logged once as a warning and kept."""

    def __init__(self, notes: Iterable[str] = ()) -> None:
        self._notes: dict[str, Note] = {}
        self.extend(notes)

    def add(self, note: str) -> None:
        """Log and keep a note unless it is already kept."""
        if note not in self._notes:
            self._notes[note] = Note.from_value(note)
            log.warning("%s", note)

    def extend(self, notes: Iterable[str]) -> None:
        """Add several, in their order."""
        for note in notes:
            self.add(note)

    def __iter__(self) -> Iterator[Note]:
        return iter(self._notes.values())

    def __len__(self) -> int:
        return len(self._notes)
