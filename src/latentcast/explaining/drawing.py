"""Findings as SVG: lines, bars and heat maps. A picture's text is text, its numbers stand in the page beside it."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np

from latentcast.explaining.marks import (
    COLOURS,
    DASHES,
    DATED,
    FAINT,
    GRID,
    INK,
    number,
    pixels,
    places,
    shades,
    short,
    ticks,
)
from latentcast.findings import Array, Finding
from latentcast.sheet import said

WIDE = 960
LEFT, RIGHT = 66, 14
NUMBERED = 150  # cells of a heat map that have their numbers in them


def draw(finding: Finding, name: str) -> str:
    """The SVG of lines, bars or heat; `name` is unique in the page."""
    high, marks = {"lines": _lines, "bars": _bars, "heat": _heat}[finding.kind](finding)
    return (
        f'<svg viewBox="0 0 {WIDE} {high:.0f}" role="img" aria-labelledby="{name}-title"'
        f' aria-describedby="{name}-said">'
        f'<title id="{name}-title">{said(finding.title)}</title>{"".join(marks)}</svg>'
    )


def _text(x: float, y: float, text: str, *, anchor: str = "middle", colour: str = FAINT, turn: bool = False) -> str:
    turned = f' transform="rotate(-45 {x:.1f} {y:.1f})"' if turn else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{turned}>{said(text)}</text>'


def _rule(x1: float, y1: float, x2: float, y2: float, colour: str = GRID, dash: str = "", wide: float = 1) -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    at = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {at} stroke="{colour}" stroke-width="{wide}"{dashes}/>'


def _box(x: float, y: float, wide: float, high: float, colour: str, more: str = "") -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" fill="{colour}"{more}/>'


def _lines(finding: Finding) -> tuple[float, list[str]]:
    assert finding.values is not None
    values, top, high = finding.values, 26, 270
    foot, points = high - 26, values.shape[1]
    every = np.concatenate([values.ravel(), *(end.ravel() for _, lo, hi in finding.bands for end in (lo, hi))])
    every = every[np.isfinite(every)]
    low, most = (float(every.min()), float(every.max())) if len(every) else (0.0, 1.0)
    margin = 0.05 * (most - low) or max(abs(most), 1.0) * 0.05
    low, most = low - margin, most + margin
    step = (WIDE - LEFT - RIGHT) / max(points, 1)

    def x(at: float) -> float:
        return LEFT + (at + 0.5) * step

    def y(value: float) -> float:
        return top + (most - value) / (most - low) * (foot - top)

    marks = list(_shade(finding, step, top, foot))
    for tick in ticks(low, most):
        marks += [_rule(LEFT, y(tick), WIDE - RIGHT, y(tick)), _text(LEFT - 6, y(tick) + 4, number(tick), anchor="end")]
    marks += list(_dates(finding.columns, x, foot))
    for shade, (_, lo, hi) in enumerate(finding.bands):
        at = np.flatnonzero(np.isfinite(lo) & np.isfinite(hi))
        opacity = f' fill-opacity="{0.16 + 0.14 * shade:.2f}"'
        if len(at) == 1:  # an area of one step has no width
            n = int(at[0])
            marks.append(_box(x(n) - 4, y(hi[n]), 8, y(lo[n]) - y(hi[n]), COLOURS[1], opacity))
        elif len(at):
            corners = [(x(n), y(hi[n])) for n in at.tolist()]
            corners += [(x(n), y(lo[n])) for n in at[::-1].tolist()]
            path = " ".join(f"{a:.1f},{b:.1f}" for a, b in corners)
            marks.append(f'<polygon points="{path}" fill="{COLOURS[1]}"{opacity}/>')
    if finding.since is not None:
        at = LEFT + finding.since * step
        marks.append(_rule(at, top, at, foot, FAINT, "3 3"))
    for row in range(len(values)):
        style = f'stroke="{COLOURS[row % len(COLOURS)]}" stroke-dasharray="{DASHES[row % len(DASHES)] or "none"}"'
        for run in _runs(values[row]):
            path = " ".join(f"{x(n):.1f},{y(values[row, n]):.1f}" for n in run)
            if len(run) == 1:
                colour = COLOURS[row % len(COLOURS)]
                marks.append(
                    f'<circle cx="{x(run[0]):.1f}" cy="{y(values[row, run[0]]):.1f}" r="2.2" fill="{colour}"/>'
                )
            else:
                marks.append(f'<polyline points="{path}" fill="none" stroke-width="1.7" {style}/>')
    return high, [*marks, *_legend(finding)]


def _runs(values: Array) -> Iterator[list[int]]:
    """Stretches without a gap."""
    there = np.flatnonzero(np.isfinite(values))
    for run in np.split(there, np.flatnonzero(np.diff(there) > 1) + 1):
        if len(run):
            yield run.tolist()


def _shade(finding: Finding, step: float, top: float, foot: float) -> Iterator[str]:
    """A ground that is the darker the larger the value, one box for neighbours of one value."""
    shade = finding.shade
    if shade is None or not shade.max() > 0:
        return
    edges = [0, *(np.flatnonzero(np.diff(shade)) + 1).tolist(), len(shade)]
    for begin, end in pairwise(edges):
        share = 0.55 * float(shade[begin] / shade.max())
        if share > 0.004:
            more = f' fill-opacity="{share:.3f}"'
            yield _box(LEFT + begin * step, top, (end - begin) * step, foot - top, COLOURS[2], more)


def _dates(names: tuple[str, ...], x: Callable[[float], float], foot: float) -> Iterator[str]:
    for at, name in places(names, 6 if any(len(name) > 10 for name in names) else 8):
        where = min(max(x(at), LEFT + 24), WIDE - RIGHT - 40)
        yield _rule(x(at), foot, x(at), foot + 4, FAINT)
        yield _text(where, foot + 18, short(name, 20))


def _legend(finding: Finding) -> list[str]:
    if len(finding.rows) < 2 and not finding.bands:
        return []
    marks, x = [], float(LEFT)
    for row, name in enumerate(finding.rows):
        name = short(name, 34)
        colour, dash = COLOURS[row % len(COLOURS)], DASHES[row % len(DASHES)]
        marks += [_rule(x, 12, x + 22, 12, colour, dash, 2), _text(x + 27, 16, name, anchor="start", colour=INK)]
        x += 44 + 6.6 * len(name)
    for shade, (name, _, _) in enumerate(finding.bands):
        opacity = f' fill-opacity="{0.16 + 0.14 * shade:.2f}"'
        marks += [_box(x, 7, 16, 10, COLOURS[1], opacity), _text(x + 21, 16, name, anchor="start", colour=INK)]
        x += 38 + 6.6 * len(name)
    return marks


def _bars(finding: Finding) -> tuple[float, list[str]]:
    assert finding.values is not None
    values = np.nan_to_num(finding.values)
    left = 24 + 6.8 * min(max((len(name) for name in finding.rows), default=0), 40)
    room, each, marks = WIDE - left - 90, 24, []
    low, most = min(float(values.min(initial=0)), 0.0), max(float(values.max(initial=0)), 0.0)
    unit = room / (most - low) if most > low else 0.0
    zero = left - low * unit
    for row, (name, value) in enumerate(zip(finding.rows, values.tolist(), strict=True)):
        y = 6 + row * each
        end = zero + value * unit
        marks += [
            _text(left - 8, y + 14, short(name, 40), anchor="end", colour=INK),
            _box(min(zero, end), y + 2, abs(end - zero), each - 8, COLOURS[2]),
            _text(max(zero, end) + 6, y + 14, number(value), anchor="start"),
        ]
    high = 12 + each * len(values)
    return high, [*marks, _rule(zero, 4, zero, high - 6, FAINT)]


def _heat(finding: Finding) -> tuple[float, list[str]]:
    assert finding.values is not None
    values = finding.values
    rows, columns = values.shape
    colours, low, most = shades(values)
    dated = all(DATED.match(name) or name.lstrip("-").isdigit() for name in finding.columns)
    labels = [short(name, 30) for name in finding.columns]
    fits = 7 * max((len(name) for name in labels), default=0) < (WIDE - 240) / columns
    turned = not fits and (not dated or columns <= 8)
    depth = 22.0 if not turned else 14 + 4.7 * max((len(name) for name in labels), default=0)
    left = 20 + 6.6 * min(max((len(name) for name in finding.rows), default=0), 26) + (16 if finding.down else 0)
    if turned:  # the first turned label must not begin outside
        left = max(left, 10 + 4.7 * len(labels[0]))
    each = 24.0 if rows <= 16 else max(6.0, 380 / rows)
    wide, top = WIDE - left - 80, 8
    foot = top + each * rows
    cell = wide / columns
    marks = [
        f'<image x="{left:.1f}" y="{top}" width="{wide:.1f}" height="{foot - top:.1f}" preserveAspectRatio="none"'
        f' style="image-rendering:pixelated" href="{pixels(colours)}"/>',
        _box(left, top, wide, foot - top, "none", f' stroke="{FAINT}"'),
    ]
    every = max(1, -(-12 // int(each)))  # rows between labels
    for row in range(0, rows, every):
        marks.append(
            _text(left - 6, top + (row + 0.5) * each + 4, short(finding.rows[row], 26), anchor="end", colour=INK)
        )
    if turned:
        for at in range(0, columns, max(1, -(-12 // max(int(cell), 1)))):
            marks.append(
                _text(left + (at + 0.5) * cell + 4, foot + 12, labels[at], anchor="end", colour=INK, turn=True)
            )
    else:
        for at, name in places(finding.columns, columns if fits else 6):
            middle = left + (at + 0.5) * cell
            where = middle if fits else min(max(middle, left + 30), left + wide - 40)
            marks += [_rule(middle, foot, middle, foot + 4, FAINT), _text(where, foot + 18, short(name, 20))]
    if rows * columns <= NUMBERED and cell >= 38 and each >= 16:
        for row in range(rows):
            for at in range(columns):
                dark = colours[row, at] @ np.array([0.299, 0.587, 0.114]) < 140
                value, x, y = values[row, at], left + (at + 0.5) * cell, top + (row + 0.5) * each + 4
                digits = f"{value:.2g}" if abs(value) >= 0.01 else f"{value:.1g}"
                text = digits if np.isfinite(value) else "–"
                marks.append(_text(x, y, text, colour="#fff" if dark else INK))
    foot += depth
    if finding.across:
        foot += 16
        marks.append(_text(left + wide / 2, foot - 2, finding.across))
    if finding.down:
        y = top + each * rows / 2
        marks.append(f'<text transform="rotate(-90 12 {y:.1f})" x="12" y="{y:.1f}" text-anchor="middle"'
                     f' fill="{FAINT}">{said(finding.down)}</text>')  # fmt: skip
    return max(foot, 118) + 6, [*marks, *_key(finding, low, most, max(each * rows, 70), top)]


def _key(finding: Finding, low: float, most: float, high: float, top: float) -> list[str]:
    """What the colours stand for."""
    high, x = min(high, 150.0), WIDE - 66.0
    scale = shades(np.linspace(most, low, 40)[:, None] if most > low else np.zeros((40, 1)))[0]
    return [
        f'<image x="{x}" y="{top + 12}" width="12" height="{high - 24:.1f}" preserveAspectRatio="none"'
        f' href="{pixels(scale)}"/>',
        _box(x, top + 12, 12, high - 24, "none", f' stroke="{FAINT}"'),
        _text(x + 16, top + 20, number(most), anchor="start"),
        _text(x + 16, top + high - 12, number(low), anchor="start"),
        _text(WIDE - 4, top + 4, short(finding.measure, 20), anchor="end"),
    ]
