"""Parse numbers with decimal commas, thousands marks and markers of missing values."""

import re

import numpy as np
import pandas as pd

MISSING = (
    "",
    "--",
    "-",
    "?",
    ".",
    ":",
    "..",
    "...",
    "n.a.",
    "na",
    "n/a",
    "#n/a",
    "nan",
    "null",
    "none",
    "<na>",
    "missing",
)
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?(?:\d+,\d*|,\d+|\d+)(?:[eE][+-]?\d+)?")
_COMMA_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?|[+-]?\d{1,3}(?:\.\d+)?")
_POINT_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?|[+-]?\d{1,3}(?:,\d+)?")
_SIGN = r"(?:[$€£¥₹]|US\$|EUR|USD|GBP|CHF|JPY)"
_SIGNED = re.compile(
    rf"(?P<minus>[+-]?)\s*(?P<before>{_SIGN})?\s*(?P<number>[+-]?[\d.,\s'’\u00a0\u202f]+)(?P<after>{_SIGN}|%)?"
)
_GROUPS = re.compile(r"(?<=\d)[\s'’\u00a0\u202f](?=\d{3}(?!\d))")  # thousands apart by a blank or an apostrophe
_SAMPLE = 50  # texts by which a column of another kind is passed over
_INFINITE = ("inf", "+inf", "-inf", "infinity", "+infinity", "-infinity")


def holds_no_numbers(texts: pd.Series) -> bool:
    """Whether one of the first texts is no number in any notation, so that the column is not numeric."""
    ways = (_PLAIN, _DECIMAL_COMMA, _COMMA_THOUSANDS, _POINT_THOUSANDS)
    first = {str(text).strip().replace("\u2212", "-") for text in texts.dropna().iloc[:_SAMPLE]}
    first = {_bare(text)[0] for text in first}
    return any(
        text.lower() not in (*MISSING, *_INFINITE) and not any(way.fullmatch(text) for way in ways) for text in first
    )


def as_numbers(texts: pd.Series, *, comma_is_decimal: bool) -> tuple[pd.Series, int, str] | None:
    """Return the numbers of a text column, the count of missing markers and the sign that all of them have (%, €);
    None where some text is no number, or signs differ.

    Where `comma_is_decimal` is False a comma is a thousands mark: "2,623.92".
    """
    stripped = texts.astype(str).str.strip().str.replace("\u2212", "-", regex=False)
    distinct = stripped.unique()
    marks = {text for text in distinct if text.lower() in MISSING}
    rest = [text for text in distinct if text not in marks]
    plain = dict.fromkeys(marks) | {text: text for text in rest}
    if not rest:
        return None
    sign = ""
    if not all(_PLAIN.fullmatch(text) or text.lower() in _INFINITE for text in rest):
        bare = {text: _bare(text) for text in rest}
        signs = {found for _, found in bare.values()} - {""}
        numbers = list(dict.fromkeys(number for number, _ in bare.values()))
        same = {number: number for number in numbers}
        undone = same if all(map(_PLAIN.fullmatch, numbers)) else _undone(numbers, comma_is_decimal=comma_is_decimal)
        if undone is None or len(signs) > 1 or (signs and any(not found for _, found in bare.values())):
            return None
        plain |= {text: undone[number] for text, (number, _) in bare.items()}
        sign = "".join(signs)
    known = {text: np.nan if value is None else float(value) for text, value in plain.items()}
    values = stripped.map(known).astype(float)
    written = stripped.isin(sorted(marks - {""}))
    return values, int(written.sum()), sign


def _bare(text: str) -> tuple[str, str]:
    """A number without its sign of a currency or %, without blanks and apostrophes between thousands, and the sign.

    (5) and 5- are -5, as in bookkeeping.
    """
    negative = len(text) > 2 and ((text[0], text[-1]) == ("(", ")") or (text[-1] == "-" and text[0].isdigit()))
    found = _SIGNED.fullmatch(text.strip("()").removesuffix("-") if negative else text)
    if found is None or (found["before"] and found["after"]):
        return text, ""
    number = ("-" if negative else found["minus"]) + _GROUPS.sub("", found["number"].strip())
    return number, found["before"] or found["after"] or ""


def _undone(texts: list[str], *, comma_is_decimal: bool) -> dict[str, str] | None:
    """Normalise texts to a decimal point without thousands marks, where all follow one notation."""
    if comma_is_decimal and all(_DECIMAL_COMMA.fullmatch(text) for text in texts):
        return {text: text.replace(",", ".") for text in texts}
    if all(_COMMA_THOUSANDS.fullmatch(text) for text in texts):
        return {text: text.replace(",", "") for text in texts}
    if any("." in text for text in texts) and all(_POINT_THOUSANDS.fullmatch(text) for text in texts):
        return {text: text.replace(".", "").replace(",", ".") for text in texts}
    return None
