"""The page of an explanation. All that comes from data is text and stays text."""

from collections.abc import Mapping, Sequence

import numpy as np

from latentcast.core.findings import Finding
from latentcast.explain.figures import draw, number
from latentcast.reporting.html import said, sheet

CELLS = 700  # of a figure's numbers; more are for the JSON

STYLE = """
body{max-width:62rem}
nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;padding:0;margin:.6rem 0;list-style:none}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:0}
dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere}
figure{margin:0 0 1.2rem;break-inside:avoid}
figcaption p{margin:.1rem 0 .4rem;max-width:48rem}
svg{display:block;width:100%}
pre{border-left:4px solid #0072b2}
.part{color:#666;font-size:.82rem;font-weight:400}
@media print{nav,details{display:none}}
"""


def page(title: str, about: Mapping[str, str], findings: Sequence[Finding], notes: Sequence[str]) -> str:
    """A page of its own: the facts, a list of sections, and each finding under its section, in their order."""
    sections = list(dict.fromkeys(finding.section for finding in findings))
    facts = "".join(f"<dt>{said(name)}</dt><dd>{said(text)}</dd>" for name, text in about.items())
    links = "".join(f'<li><a href="#s{at}">{said(name)}</a></li>' for at, name in enumerate(sections))
    body = []
    for at, section in enumerate(sections):
        inside = [(n, finding) for n, finding in enumerate(findings) if finding.section == section]
        shown = "\n".join(_shown(finding, f"f{n}") for n, finding in inside)
        body.append(f'<section aria-labelledby="s{at}"><h2 id="s{at}">{said(section)}</h2>\n{shown}</section>')
    if notes:
        body.append(
            "<section><h2>Notes</h2><ul>" + "".join(f"<li>{said(note)}</li>" for note in notes) + "</ul></section>"
        )
    return sheet(
        title,
        f"<header><h1>{said(title)}</h1><dl>{facts}</dl>"
        f'<nav aria-label="Sections"><ul>{links}</ul></nav></header>\n'
        f"<main>{''.join(body)}</main>\n"
        "<footer>Between the data and the past that mattered, sections stand in the order in which the network works."
        " Made by latentcast; all numbers are in the JSON beside it (explain --json).</footer>",
        STYLE,
    )


def _shown(finding: Finding, name: str) -> str:
    part = f' <span class="part">{said(finding.part)}</span>' if finding.part else ""
    head = f'<h3>{said(finding.title)}{part}</h3><p id="{name}-said">{said(finding.sentence)}</p>'
    if finding.kind == "text":
        texts = "".join(
            f"<h4>{said(row)}</h4><pre>{said(text)}</pre>"
            for row, (text,) in zip(finding.rows, finding.texts, strict=True)
        )
        return f"<figure><figcaption>{head}</figcaption>{texts}</figure>"
    if finding.kind == "table":
        table = _table(finding.down, finding.columns, finding.rows, finding.texts)
        return f"<figure><figcaption>{head}</figcaption>{table}</figure>"
    return f"<figure><figcaption>{head}</figcaption>{draw(finding, name)}{_numbers(finding)}</figure>"


def _table(corner: str, columns: Sequence[str], rows: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{said(name)}</th>' for name in (corner, *columns))
    body = "".join(
        f'<tr><th scope="row">{said(name)}</th>' + "".join(f"<td>{said(cell)}</td>" for cell in row) + "</tr>"
        for name, row in zip(rows, cells, strict=True)
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _numbers(finding: Finding) -> str:
    """What is drawn as a table, folded away; of a forecast its own steps. Nothing where it would fill pages."""
    values = finding.values
    assert values is not None
    rows, columns = finding.rows, finding.columns
    if finding.kind == "bars":
        values, columns = values[:, None], (finding.measure or "value",)
    elif finding.kind == "lines":
        since = finding.since or 0
        ends = [
            (f"{side} {name}", end) for name, lo, hi in finding.bands for side, end in (("lower", lo), ("upper", hi))
        ]
        lines = [(name, row) for name, row in zip(rows, values, strict=True) if np.isfinite(row[since:]).any()]
        columns, rows = tuple(name for name, _ in (*lines, *ends)), columns[since:]
        values = np.stack([row[since:] for _, row in (*lines, *ends)], 1) if columns else np.zeros((len(rows), 0))
    if not 0 < values.size <= CELLS:
        return ""
    cells = [[number(value) for value in row] for row in values.tolist()]
    return f"<details><summary>Numbers</summary>{_table(finding.down, columns, rows, cells)}</details>"
