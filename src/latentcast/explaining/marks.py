"""What pictures are made of: scales with round numbers, dates thinned out, colours, and pixels."""

import base64
import math
import re
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from latentcast.findings import Array

INK, FAINT, GRID = "#222", "#555", "#e3e3e3"
# Okabe and Ito 2008: told apart by the colour-blind too; lines differ in their dashes beside
COLOURS = ("#000000", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
DASHES = ("", "", "7 3", "2 3", "9 3 2 3", "1 4", "12 4")
# ColorBrewer's YlGnBu and RdBu: safe for the colour-blind, and dark on light in print
UP = ("ffffff", "edf8b1", "c7e9b4", "7fcdbb", "41b6c4", "1d91c0", "225ea8", "253494", "081d58")
BOTH = ("2166ac", "4393c3", "92c5de", "d1e5f0", "ffffff", "fddbc7", "f4a582", "d6604d", "b2182b")
NARROW, EVEN = 0.5, 0.98  # shares of the largest value
DATED = re.compile(r"\d{4}-\d\d-\d\d")


def short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def number(value: float) -> str:
    """Four significant digits, as a person writes them."""
    return "–" if not math.isfinite(value) else f"{value:.4g}".replace("-", "−")


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers within [low, high]."""
    raw = max(high - low, 1e-300) / most
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= raw * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [0.0 if n == 0 else n * step for n in range(first, last + 1)] if last - first < 50 else [low]


def places(names: Sequence[str], most: int = 8) -> list[tuple[int, str]]:
    """(place, text) of at most so many columns: of dates, where a year, a month, a day or an hour begins."""
    if len(names) <= most:
        return list(enumerate(names))
    if all(DATED.match(name) for name in names):
        for until in (4, 7, 10, 13):  # …of a stamp: year, month, day, hour
            new = [at for at in range(1, len(names)) if names[at][:until] != names[at - 1][:until]]
            if len(new) >= 3:
                return [(at, names[at][: max(until, 10) if until < 13 else 16]) for at in _thinned(new, most)]
    return [(at, names[at]) for at in _thinned(list(range(len(names))), most)]


def _thinned(at: list[int], most: int) -> list[int]:
    return at[:: -(-len(at) // most)]


def shades(values: Array) -> tuple[NDArray[np.uint8], float, float]:
    """([…, 3] colours, least, most): from 0 up, or to both sides of it where some are below; grey: no number.

    Where all lie far above 0 and yet differ, they begin at the least: differences would not be seen.
    """
    finite = values[np.isfinite(values)]
    most = float(np.abs(finite).max()) if len(finite) else 0.0
    both = bool((finite < 0).any())
    low = -most if both else 0.0
    if len(finite) and (NARROW * most < finite.min() < EVEN * most):
        low = float(finite.min())
    stops = np.array([[int(stop[n : n + 2], 16) for n in (0, 2, 4)] for stop in (BOTH if both else UP)], float)
    share = (values - low) / (most - low) if most > low else np.zeros_like(values)
    at = np.nan_to_num(share) * (len(stops) - 1)
    left = np.clip(at.astype(int), 0, len(stops) - 2)
    rest = (at - left)[..., None]
    colours = stops[left] * (1 - rest) + stops[left + 1] * rest
    colours[~np.isfinite(values)] = 200
    return colours.round().astype(np.uint8), low, most


def pixels(colours: NDArray[np.uint8]) -> str:
    """[rows, columns, 3] → a PNG in the address itself (RFC 2083, 2397)."""
    rows, columns, _ = colours.shape

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = np.concatenate([np.zeros((rows, 1), np.uint8), colours.reshape(rows, -1)], axis=1)
    head = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + parts).decode()
