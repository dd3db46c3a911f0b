"""A short prompt: labels stand once in the part that all windows share, and numbers alone are a window's own.

They go from coarse to fine (direction, lags, median, minimum, maximum), so that many prompts begin alike, and are whole
numbers where the units allow it: most tokenizers read 123 as one word and 1.23 as three.
"""

from latentcast.core.types import Task
from latentcast.models.backbones.prompt import PromptWriter, Units, direction, level, number, static_text

PARTS = ("units", "tenths", "hundredths", "thousandths", "ten-thousandths", "hundred-thousandths")
UNITS = {"window": "the window's standard deviation", "scaled": "the series' standard deviation"}


def short_static(task: Task, lags: int, digits: int, units: Units) -> str:
    """The text before every window, up to its first number."""
    told = f" in {PARTS[digits - 1]} of {UNITS[units]}" if units in UNITS else ""
    top = f"top {lags} lags, " if lags else ""
    return static_text(task, f"Input statistics: trend, {top}median, min and max value{told}:")


class ShortPromptWriter(PromptWriter):
    """Makes the prompts of a batch with the numbers alone. One prompt for all channels has a sentence for each."""

    between = ""

    def of_window(self, low: float, high: float, median: float, trend: float, lags: list[int], note: str) -> str:
        numbers = " ".join(self.written(value) for value in (level(low, high, median), low, high))
        top = f" {' '.join(map(str, lags)) or 'none'}," if self.lags else ""
        return f" {direction(trend)}{top} {numbers}{f'; notes: {note}' if note else ''}."

    def written(self, value: float) -> str:
        """A whole number of the unit that the shared part names; in original units the significant digits."""
        if self.units == "original":
            return number(value, self.digits)
        return str(round(value * 10 ** (self.digits - 1)))


__all__: tuple[str, ...] = ("ShortPromptWriter", "short_static")
