"""How dates were written as text, and later dates written alike."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.data.tables.calendar_units import UNITS
from latentcast.data.tables.month_names import in_their_words

_TRIED = 500  # texts on which a form is tried
_BARE = ("", "md", "mdHI", "d", "HI", "dHI", "m", "mHI")  # what people write without leading zeros, likelier first
_MARK, _CUT = "\x02", "\x03"  # stand before what is shortened


@dataclass(frozen=True)
class TextForm:
    """How dates are written: a strptime format, or text with the places of a year and of a unit's number.

    Attributes
    ----------
    form
        A strptime format, or text with the fields `{year}` (or `{short}`, its last two digits) and `{number}`.
    unit
        half, quarter, month or week, where `form` has fields.
    offset
        What is added to a written year to get the calendar's.
    bare
        Letters of a strptime format that are written without leading zeros.
    digits
        Digits of a fraction of a second.
    lower
        Whether AM and PM are written in lower case.
    months
        The words of the twelve months, where they are not English.
    """

    form: str
    unit: str | None = None
    offset: int = 0
    bare: str = ""
    digits: int = 6
    lower: bool = False
    months: tuple[str, ...] = ()

    @property
    def periods(self) -> int | None:
        """Periods of a year, where the texts count such."""
        return int(self.unit.removeprefix("periods")) if self.unit and self.unit.startswith("periods") else None

    def write(self, times: NDArray[Any]) -> NDArray[Any]:
        """Stamps → text; each distinct stamp is written once."""
        codes, distinct = pd.factorize(times)
        return np.asarray(self._write(distinct), dtype=object)[codes]

    def _write(self, times: NDArray[Any]) -> list[str]:
        if self.unit is None:
            form = re.sub(r"%([mdHI])", lambda found: self._marked(found[1]), self.form).replace("%f", f"{_CUT}%f")
            texts = pd.DatetimeIndex(times).strftime(form).tolist()
            if form != self.form:
                texts = [
                    re.sub(f"{_CUT}(\\d{{{self.digits}}})\\d*", r"\1", re.sub(f"{_MARK}0?", "", text)) for text in texts
                ]
            if self.months:
                return [in_their_words(text, self.months) for text in texts]
            return [text.replace("AM", "am").replace("PM", "pm") for text in texts] if self.lower else texts
        years, numbers = UNITS[self.unit].number(times)
        pairs = zip((years - self.offset).tolist(), numbers.tolist(), strict=True)
        return [self.form.format(year=year, short=year % 100, number=number) for year, number in pairs]

    def of(self, column: pd.Series) -> str | None:
        """The value of `data.time_format` that reads a column of such texts; None where it reads not all of them."""
        if self.unit is not None:
            return self.unit
        text = pd.Series(column.unique()).astype(str).str.strip()
        if self.months:
            return None  # read as they were before
        return None if pd.to_datetime(text, errors="coerce", format=self.form).isna().any() else self.form

    def _marked(self, letter: str) -> str:
        return f"{_MARK}%{letter}" if letter in self.bare else f"%{letter}"

    def writes(self, text: pd.Series, times: NDArray[Any]) -> bool:
        """Whether stamps, written in this form, are these texts."""
        some = np.linspace(0, len(text) - 1, min(len(text), _TRIED)).astype(int)
        return bool((self.write(times[some]) == text.to_numpy(object)[some]).all())


def form_of(form: str, text: pd.Series, times: NDArray[Any]) -> TextForm | None:
    """The strptime format with the zeros and digits of the texts; None where they are written in several ways."""
    fraction = re.search(r"[.,](\d+)(?!.*\d[.,:]\d)", text.iloc[0]) if "%f" in form else None
    digits = 6 if fraction is None else min(len(fraction[1]), 6)
    lower = "%p" in form and re.search(r"[ap]m", text.iloc[0]) is not None
    letters = {letter for letter in "mdHI" if f"%{letter}" in form}
    tried = dict.fromkeys("".join(letter for letter in bare if letter in letters) for bare in _BARE)
    ways = (TextForm(form, bare=bare, digits=digits, lower=lower) for bare in tried)
    return next((way for way in ways if way.writes(text, times)), None)
