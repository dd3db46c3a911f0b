"""Months written as words of other languages or in other short forms, as in Mär 2005, 3 août 2020 or 1991 Sept."""

import re
from dataclasses import dataclass

import pandas as pd

_ENGLISH = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FULL = "january february march april may june july august september october november december"
_WORDS = (
    "jan feb mar apr may jun jul aug sept oct nov dec",
    "jan feb march april may june july aug sept oct nov dec",
    "jan feb mar april may june july aug sept oct nov dec",
    "januar februar märz april mai juni juli august september oktober november dezember",
    "jan feb mär apr mai jun jul aug sep okt nov dez",
    "jan feb mrz apr mai jun jul aug sept okt nov dez",
    "jänner feber märz april mai juni juli august september oktober november dezember",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "janv févr mars avr mai juin juil août sept oct nov déc",
    "jan fev mars avr mai juin juil aout sept oct nov dec",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "ene feb mar abr may jun jul ago sep oct nov dic",
    "ene feb mar abr may jun jul ago sept oct nov dic",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "gen feb mar apr mag giu lug ago set ott nov dic",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "jan fev mar abr mai jun jul ago set out nov dez",
    "januari februari maart april mei juni juli augustus september oktober november december",
    "jan feb mrt apr mei jun jul aug sep okt nov dec",
)
_WORD = r"([^\W\d_]{3,}\.?)"
_TABLES = tuple({word: number for number, word in enumerate(words.split())} for words in _WORDS)


@dataclass(frozen=True)
class InEnglish:
    """Texts with English months, and the words of the twelve months as they were written, for later dates."""

    text: pd.Series
    months: tuple[str, ...]


def in_english(text: pd.Series) -> InEnglish | None:
    """Replace months of another language; None where texts hold none, or not all of them do."""
    if re.search(_WORD, text.iloc[0]) is None:  # ISO dates, of which there may be millions
        return None
    first = text.str.extract(_WORD, expand=False)
    if first.isna().any() or (text.str.count(_WORD) != 1).any():
        return None
    bare = first.str.rstrip(".").str.lower()
    seen = set(bare)
    if seen <= {short.lower() for short in _ENGLISH} or seen <= set(_FULL.split()):
        return None
    table = next((each for each in _TABLES if seen <= each.keys()), None)
    if table is None:
        return None
    english = [_ENGLISH[table[word]] for word in bare]
    replaced = [whole.replace(word, short, 1) for whole, word, short in zip(text, first, english, strict=True)]
    written = {table[word]: original for word, original in zip(bare, first, strict=True)}
    capital, dot = first.iloc[0][0].isupper(), "." if first.iloc[0].endswith(".") else ""
    for word, number in table.items():
        written.setdefault(number, (word.capitalize() if capital else word) + dot)
    return InEnglish(pd.Series(replaced, index=text.index), tuple(written[number] for number in range(12)))


def in_their_words(text: str, months: tuple[str, ...]) -> str:
    """One text with an English month → the same with that month's own word."""
    for short, word in zip(_ENGLISH, months, strict=True):
        if short in text:
            return text.replace(short, word, 1)
    return text
