"""Stamps that name the beginning and the end of a step, as 01.01.2023 00:00 - 01.01.2023 01:00."""

import re

import pandas as pd

_DAY = r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}"
_MOMENT = rf"{_DAY}(?:[ T]\d{{1,2}}:\d{{2}}(?::\d{{2}})?)?"
_RANGE = re.compile(rf"({_MOMENT})\s*(?:-|–|—|/|to|until|bis|~)\s*({_MOMENT})(?:\s*\(?[A-Z]{{2,5}}\)?)?")


def beginnings(text: pd.Series) -> pd.Series | None:
    """The first moment of each text; None where not all of them name two that are written alike."""
    if not _RANGE.fullmatch(text.iloc[0]):
        return None
    found = [_RANGE.fullmatch(each) for each in text]
    if not all(each and re.sub(r"\d", "0", each[1]) == re.sub(r"\d", "0", each[2]) for each in found):
        return None
    return pd.Series([each[1] for each in found if each], index=text.index)
