"""The notes of many parts as those of one table."""

from collections.abc import Iterable

from latentcast.core.notes import Note, NoteCode


def joined(notes: Iterable[Iterable[str]]) -> list[Note]:
    """The notes of all parts, each once; of more than two alike the first two, and how many there are."""
    counted: dict[NoteCode, list[Note]] = {}
    for of_a_part in notes:
        for note in map(Note.from_value, of_a_part):
            own = counted.setdefault(note.code, [])
            own += [note] if note not in own else []
    found = [note for own in counted.values() for note in own[:2]]
    for code, own in counted.items():
        if len(own) > 2:
            found.append(Note(f"… and the like of {len(own) - 2} more parts", code))
    return found
