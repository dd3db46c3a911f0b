"""HTML of results for notebooks: small tables, every text escaped."""

from collections.abc import Iterable, Mapping, Sequence

from latentcast.reporting.html import escaped


def facts_html(title: str, facts: Mapping[str, object], notes: Iterable[str] = ()) -> str:
    """A title, one row for each fact, and the notes as a list."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{escaped(k)}</th><td>{escaped(v)}</td></tr>" for k, v in facts.items()
    )
    said = "".join(f"<li>{escaped(note)}</li>" for note in notes)
    below = f"<ul>{said}</ul>" if said else ""
    return f"<div><b>{escaped(title)}</b><table>{rows}</table>{below}</div>"


def table_html(title: str, head: Sequence[str], rows: Iterable[Sequence[object]], notes: Iterable[str] = ()) -> str:
    """A title, a table with a header, and the notes as a list."""
    heads = "".join(f"<th>{escaped(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escaped(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    said = "".join(f"<li>{escaped(note)}</li>" for note in notes)
    below = f"<ul>{said}</ul>" if said else ""
    return (
        f"<div><b>{escaped(title)}</b><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>{below}</div>"
    )
