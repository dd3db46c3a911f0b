"""Parse numbers with decimal commas, thousands marks and markers of missing values."""

import re

import numpy as np
import pandas as pd

MISSING = ("", "--", "-", "?", ".", "na", "n/a", "#n/a", "nan", "null", "none", "<na>", "missing")
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?(?:\d+,\d*|,\d+|\d+)(?:[eE][+-]?\d+)?")
_COMMA_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?|[+-]?\d{1,3}(?:\.\d+)?")
_POINT_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?|[+-]?\d{1,3}(?:,\d+)?")
_SAMPLE = 50  # texts by which a column of another kind is passed over
_INFINITE = ("inf", "+inf", "-inf", "infinity", "+infinity", "-infinity")


def holds_no_numbers(texts: pd.Series) -> bool:
    """Whether one of the first texts is no number in any notation, so that the column is not numeric."""
    ways = (_PLAIN, _DECIMAL_COMMA, _COMMA_THOUSANDS, _POINT_THOUSANDS)
    first = {str(text).strip().replace("\u2212", "-") for text in texts.dropna().iloc[:_SAMPLE]}
    return any(
        text.lower() not in (*MISSING, *_INFINITE) and not any(way.fullmatch(text) for way in ways) for text in first
    )


def as_numbers(texts: pd.Series, *, comma_is_decimal: bool) -> tuple[pd.Series, int] | None:
    """Return the numbers of a text column and the count of missing markers; None where some text is no number.

    Where `comma_is_decimal` is False a comma is a thousands mark: "2,623.92".
    """
    stripped = texts.astype(str).str.strip().str.replace("\u2212", "-", regex=False)
    distinct = stripped.unique()
    marks = {text for text in distinct if text.lower() in MISSING}
    rest = [text for text in distinct if text not in marks]
    plain = dict.fromkeys(marks) | {text: text for text in rest}
    if not rest:
        return None
    if not all(_PLAIN.fullmatch(text) or text.lower() in _INFINITE for text in rest):
        undone = _undone(rest, comma_is_decimal=comma_is_decimal)
        if undone is None:
            return None
        plain |= undone
    numbers = {text: np.nan if value is None else float(value) for text, value in plain.items()}
    values = stripped.map(numbers).astype(float)
    written = stripped.isin(sorted(marks - {""}))
    return values, int(written.sum())


def _undone(texts: list[str], *, comma_is_decimal: bool) -> dict[str, str] | None:
    """Normalise texts to a decimal point without thousands marks, where all follow one notation."""
    if comma_is_decimal and all(_DECIMAL_COMMA.fullmatch(text) for text in texts):
        return {text: text.replace(",", ".") for text in texts}
    if all(_COMMA_THOUSANDS.fullmatch(text) for text in texts):
        return {text: text.replace(",", "") for text in texts}
    if any("." in text for text in texts) and all(_POINT_THOUSANDS.fullmatch(text) for text in texts):
        return {text: text.replace(".", "").replace(",", ".") for text in texts}
    return None
