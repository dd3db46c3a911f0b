"""Notes that a reader attaches to its frame; `build` takes them over into the panel."""

from collections.abc import Iterable

import pandas as pd

from latentcast.core.notes import Note, NoteCode

_KEY = "latentcast_notes"


def with_notes(frame: pd.DataFrame, notes: Iterable[str]) -> pd.DataFrame:
    """The frame with further notes in its attributes."""
    if notes := (*notes_of(frame), *(Note(note, NoteCode.READING) for note in notes)):
        frame.attrs[_KEY] = notes
    return frame


def notes_of(frame: pd.DataFrame) -> tuple[str, ...]:
    """What its reader noted; nothing of a frame from elsewhere."""
    return tuple(frame.attrs.get(_KEY, ()))
