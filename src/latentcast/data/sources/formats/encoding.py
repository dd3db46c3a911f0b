"""The encoding of a text file: by its byte order mark, as UTF-8, else the likeliest of those that tables come in."""

import codecs
from pathlib import Path

from latentcast.core.errors import DataError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHERS = ["cp1252", "gb18030", "cp932"]
_CHUNK = 1 << 20


def encoding_of(path: Path) -> str:
    """Name of the encoding that the whole file can be read in.

    Raises DataError for bytes that are no text.
    """
    with path.open("rb") as file:
        head = file.read(_CHUNK)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if b"\0" in head:
        raise DataError(f"{path} is not text: it holds zero bytes; save it as CSV in UTF-8")
    if _decodes(path, "utf-8"):
        return "utf-8"
    from charset_normalizer import from_bytes

    for match in from_bytes(_strange_part(path), cp_isolation=_OTHERS):
        if _decodes(path, match.encoding):
            return str(match.encoding)
    raise DataError(f"{path} is not text in UTF-8, UTF-16, cp1252, GB18030 or Shift-JIS; save it in UTF-8")


def _decodes(path: Path, encoding: str) -> bool:
    decoder, ascii_only = codecs.getincrementaldecoder(encoding)(), encoding == "utf-8"
    with path.open("rb") as file:
        try:
            while chunk := file.read(_CHUNK):
                if not (ascii_only and chunk.isascii() and not decoder.getstate()[0]):  # most of a large file is
                    decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _strange_part(path: Path) -> bytes:
    """Lines that hold more than ASCII: only these tell encodings apart."""
    found = bytearray()
    with path.open("rb") as file:
        for line in file:
            if not line.isascii():
                found += line
            if len(found) > _CHUNK:
                break
    return bytes(found)
