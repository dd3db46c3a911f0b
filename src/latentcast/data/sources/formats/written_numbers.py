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
    "n/e",
    "#n/a",
    "nan",
    "null",
    "none",
    "<na>",
    "missing",
    "(na)",
    "nil",
    "n.d.",
    "nd",
    "nm",
    "no data",
    "nodata",
    "no value",
    "unknown",
    "unavailable",
    "error",
    "bad",
    "*",
    "**",
    "***",
    "…",
    "–",
    "—",
    "#value!",
    "#div/0!",
    "#ref!",
    "#num!",
    "#name?",
    "#null!",
)
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?(?:\d+,\d*|,\d+|\d+)(?:[eE][+-]?\d+)?")
_COMMA_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?|[+-]?\d{1,3}(?:\.\d+)?")
_POINT_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?|[+-]?\d{1,3}(?:,\d+)?")
_SIGN = r"(?:[$€£¥₹]|US\$|EUR|USD|GBP|CHF|JPY)"
# one letter is a unit only after a blank: 1A, 2A … are codes
_UNIT = (
    r"[kMGT]?W(?:h|att)|[kMG]W|kVA|kvar|m[VA]|[kMG]?Hz|[°º][CFK]?|deg ?[CF]|[hkM]?Pa|m?bar|[mck]m[²³23]?|m[²³23]"
    r"|m/s|km/h|mph|kt|[kmµu]g|kg/h|[µu]g/m[³3]|mg/[lL]|m[lL]|[lL]/s|m[³3]/[sh]|ms|sec|min|hrs?|ppm|ppb|lux|lx|dBm?|rpm|bpm|[kMGT]i?B"
    r"|pcs|Stk\.?|units?|pts?|bps|pp|Mio\.?|Mrd\.?|mn|bn|(?<=\s)[WVAKCFmshgtlLJ]"
)
_SIGNED = re.compile(
    rf"(?P<minus>[+-]?)\s*(?P<before>{_SIGN})?\s*(?P<number>[+-]?[\d.,\s'’\u00a0\u202f]+)(?P<after>{_SIGN}|%|{_UNIT})?"
)
_FLAGGED = re.compile(r"(?P<number>[+-]?[\d.,]+)\s?(?P<flag>[a-z]{1,3}|\([a-zA-Z]\)|\*{1,3})")  # 12.3 p: provisional
_SHORTENED = re.compile(r"(?P<number>[+-]?\d+(?:\.\d+)?)(?P<power>[KMBT])")  # 1.25M
_BELOW = r"<\s*\d+(?:\.\d+)?"
_POWERS = {"K": "e3", "M": "e6", "B": "e9", "T": "e12"}
_FEW = 0.5  # share of numbers that may have a flag
_GROUPS = re.compile(r"(?<=\d)[\s'’\u00a0\u202f](?=\d{3}(?!\d))")  # thousands apart by a blank or an apostrophe
_SAMPLE = 50  # texts by which a column of another kind is passed over
_INFINITE = ("inf", "+inf", "-inf", "infinity", "+infinity", "-infinity")


def holds_no_numbers(texts: pd.Series) -> bool:
    """Whether one of the first texts is no number in any notation, so that the column is not numeric."""
    ways = (_PLAIN, _DECIMAL_COMMA, _COMMA_THOUSANDS, _POINT_THOUSANDS)
    head = texts.iloc[: 20 * _SAMPLE].dropna()  # of a long column no more is looked at
    head = head if len(head) >= _SAMPLE else texts.dropna()
    first = {str(text).strip().replace("\u2212", "-") for text in head.iloc[:_SAMPLE]}
    flagged = {text: found["number"] for text in first if (found := _FLAGGED.fullmatch(text))}
    first = {flagged.get(text, _bare(text)[0]) for text in first}
    first = {text[:-1] if _SHORTENED.fullmatch(text) else text for text in first}
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
        written_out = _without_powers(rest) or _without_flags(stripped, rest) or rest
        bare = {text: _bare(short) for text, short in zip(rest, written_out, strict=True)}
        signs = {found for _, found in bare.values()} - {""}
        numbers = list(dict.fromkeys(number for number, _ in bare.values()))
        same = {number: number for number in numbers}
        undone = same if all(map(_PLAIN.fullmatch, numbers)) else _undone(numbers, comma_is_decimal=comma_is_decimal)
        if undone is None or len(signs) > 1 or (signs and any(not found for _, found in bare.values())):
            return None
        plain |= {text: undone[number] for text, (number, _) in bare.items()}
        sign = "".join(signs)
        if not sign and written_out is not rest:
            sign = next(_added(text) for text, short in zip(rest, written_out, strict=True) if text != short)
    known = {text: np.nan if value is None else float(value) for text, value in plain.items()}
    values = stripped.map(known).astype(float)
    written = stripped.isin(sorted(marks - {""}))
    return values, int(written.sum()), sign


def without_limits(column: pd.Series) -> tuple[pd.Series, str] | None:
    """Half of 1 for "<1", a value below what is told apart, and a note; None for a column without such values.

    Half of the limit is the mean of what it may be. Less than half of the entries may be so; of <1, as searches
    are counted, all but one.
    """
    texts = column.astype(str).str.strip()
    below = texts.str.fullmatch(_BELOW) & column.notna()
    if not below.any() or (below.mean() >= _FEW and set(texts[below]) != {"<1"}):
        return None
    rest = texts[~below & column.notna()]
    if rest.empty or not rest.map(lambda text: text.lower() in MISSING or _PLAIN.fullmatch(text) is not None).all():
        return None
    halves = {text: f"{float(text[1:]) / 2:g}" for text in texts[below].unique()}
    first = texts[below].iloc[0]
    count = int(below.sum())
    note = f"{column.name}: {count} entries such as {first!r} are below a limit: half of it counts ({halves[first]})"
    return texts.where(column.notna()).replace(halves), note


def _without_powers(texts: list[str]) -> list[str] | None:
    """1.25M → 1.25e6; None where a text has no such letter, or none has decimals, as codes have not."""
    found = [_SHORTENED.fullmatch(text) for text in texts]
    if not all(found) or not any("." in text for text in texts):
        return None
    return [each["number"] + _POWERS[each["power"]] for each in found if each]


def _without_flags(column: pd.Series, texts: list[str]) -> list[str] | None:
    """The numbers of a statistical office without the letters behind a few of them; None for other texts."""
    found = {text: each["number"] for text in texts if (each := _FLAGGED.fullmatch(text))}
    if not found or column.isin(list(found)).mean() > _FEW:
        return None
    return [found.get(text, text) for text in texts]


def _added(text: str) -> str:
    """The letters behind a number."""
    return text.lstrip("+-0123456789., ")


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
