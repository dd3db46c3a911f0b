"""HTML pages from templates: one file that loads nothing and runs nothing, in the library's one look."""

from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

BASE = "latentcast.reporting"


def printable(text: object) -> str:
    """Text from anywhere, with a mark in place of each character that a page may not hold."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in str(text))


def escaped(text: object) -> str:
    """Text from anywhere as text of a page or of an SVG drawing."""
    return escape(printable(text))


def render(package: str, template: str, **values: Any) -> str:
    """Fill a template of `package`; every value is escaped, but for drawings marked with `drawing`.

    Templates extend ``base.html`` of this room and give it a title, styles and a body.
    """
    return _environment(package).get_template(template).render(**values)


def drawing(svg: str) -> Any:
    """An SVG drawing of ours, which a template takes as it is."""
    from markupsafe import Markup

    return Markup(svg)  # its texts were escaped when it was drawn


@cache
def _environment(package: str) -> "Environment":
    from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined
    from markupsafe import Markup

    places = {"base": PackageLoader(BASE), "own": PackageLoader(package)}
    return Environment(
        loader=PrefixLoader(places),
        autoescape=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Markup) else printable(value),
    )
