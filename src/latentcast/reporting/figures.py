"""What every picture shares: its size, its colours, plain axes, a file or SVG that a page holds."""

import io
import re
import warnings
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from latentcast.core.errors import CheckpointError, Fault, SettingsError

WIDE, HIGH, DPI = 12.0, 3.0, 100  # inches of the whole picture and of one row of it
PAST, FUTURE = "#2b2d42", "#d1495b"


def save(figure: Figure, path: Path) -> None:
    known = figure.canvas.get_supported_filetypes()
    if path.suffix[1:].lower() not in known:
        raise SettingsError(Fault("path", f"={str(path)!r}: wanted a name that ends in .png, .pdf or .svg"))
    try:
        figure.savefig(path)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be written: {error.strerror or error}") from error


def svg(figure: Figure, name: str = "latentcast") -> str:
    """To stand in a page, where text stays text, in the page's font; equal figures give equal SVG.

    name   of the picture, unique in the page: of it come the ids that marks inside refer to
    """
    file = io.StringIO()
    with (
        rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.family": "sans-serif"}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # of a font that only measures; the page has its own
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    drawn = file.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r' xmlns(:xlink)?="[^"]*"', "", drawn, count=2).replace("xlink:href", "href")  # for files alone
    drawn = re.sub(r'<g id="[^"]*"', "<g", drawn)  # the same in every figure
    return re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', 'width="100%"', drawn, count=1)


def plain_axes(axis: Axes) -> None:
    axis.grid(color="0.92", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=9)


def dates(axis: Axes) -> None:
    locator = AutoDateLocator(minticks=3, maxticks=8)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def short(name: str, most: int = 60) -> str:
    """A name as it is, for matplotlib would read dollars as mathematics."""
    name = name if len(name) <= most else name[: most - 1] + "…"
    return name.replace("$", r"\$")
