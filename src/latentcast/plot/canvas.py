"""What every picture shares: its size, its colours, plain axes, a file."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from latentcast.errors import CheckpointError

WIDE, HIGH, DPI = 12.0, 3.0, 100  # inches of the whole picture and of one row of it
PAST, FUTURE = "#2b2d42", "#d1495b"


def save(figure: Figure, path: Path) -> None:
    try:
        figure.savefig(path)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be written: {error.strerror or error}") from error


def plain(axis: Axes) -> None:
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
