"""Four small charts as SVG text: bars, a line, intervals, a divided bar.

Written here and not by a plotting library, because the same values must give the same bytes in
every environment and 500 examples must fit a page of some kilobytes. Colours are classes that
page.css fills, so charts follow light, dark and print.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

__all__ = ["bars", "divided", "intervals", "line"]

WIDTH = 420
_LEFT, _RIGHT = 34, 10
_ELLIPSIS_AT = 26


def bars(
    title: str, labels: Sequence[str], values: Sequence[int], marked: frozenset[str] = frozenset()
) -> str:
    """Return a column chart; columns whose label is in `marked` stand out."""
    top, bottom = 22, 148
    highest = max([1, *values])
    step = (WIDTH - _LEFT - _RIGHT) / max(1, len(values))
    drawn = [f'<line class="axis" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{bottom}" y2="{bottom}"/>']
    for place, (label, value) in enumerate(zip(labels, values, strict=True)):
        height = (bottom - top) * value / highest
        x, middle = _LEFT + place * step + step * 0.14, _LEFT + (place + 0.5) * step
        kind = "mark" if label in marked else "plain"
        drawn.append(
            f'<rect class="{kind}" x="{x:.1f}" y="{bottom - height:.1f}" width="{step * 0.72:.1f}" '
            f'height="{height:.1f}" rx="2"/>'
        )
        if value:
            drawn.append(_text(middle, bottom - height - 5, str(value), "value"))
        drawn.append(_text(middle, bottom + 17, label, "label"))
    return _svg(title, "".join(drawn), bottom + 26)


def line(title: str, series: Sequence[tuple[str, Sequence[tuple[float, float]]]], x_name: str) -> str:
    """Return lines over a common x axis; each series is a name and its (x, y) points."""
    top, bottom = 26, 158
    points = [point for _, values in series for point in values]
    if not points:
        return _svg(title, "", 40)
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    low, high = min(0.0, *(y for _, y in points)), max(y for _, y in points)
    across = (WIDTH - _LEFT - _RIGHT) / ((last - first) or 1.0)
    upward = (bottom - top) / ((high - low) or 1.0)
    drawn = []
    for share in (0.0, 0.5, 1.0):
        y, value = bottom - share * (bottom - top), low + share * (high - low)
        drawn.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        drawn.append(_text(_LEFT - 5, y + 4, f"{value:.2f}", "label end"))
    for place, (name, values) in enumerate(series):
        path = " ".join(
            f"{_LEFT + (x - first) * across:.1f},{bottom - (y - low) * upward:.1f}" for x, y in values
        )
        drawn.append(f'<polyline class="line{place}" points="{path}"/>')
        drawn.append(_text(_LEFT + 4 + 130 * place, 14, name, f"start name{place}"))
    drawn.append(_text(_LEFT, bottom + 17, f"{first:g}", "label start"))
    drawn.append(_text(WIDTH - _RIGHT, bottom + 17, f"{last:g}", "label end"))
    drawn.append(_text((_LEFT + WIDTH) / 2, bottom + 17, x_name, "label"))
    return _svg(title, "".join(drawn), bottom + 26)


def intervals(title: str, rows: Sequence[tuple[str, float, tuple[float, float]]]) -> str:
    """Return one dot with its interval a row, on an axis from 0 to 100 %."""
    left, gap, top = 152, 34, 24
    across = WIDTH - left - 22
    bottom = top + gap * len(rows)
    drawn = []
    for share in (0, 25, 50, 75, 100):
        x = left + across * share / 100
        drawn.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top - 8}" y2="{bottom}"/>')
        drawn.append(_text(x, bottom + 15, f"{share} %", "label"))
    for place, (label, rate, (low, high)) in enumerate(rows):
        y = top + gap * (place + 0.5) - 4
        ends = f'x1="{left + across * low:.1f}" x2="{left + across * high:.1f}"'
        drawn.append(_text(left - 10, y + 4, label, "value end"))
        drawn.append(f'<line class="whisker" {ends} y1="{y:.1f}" y2="{y:.1f}"/>')
        drawn.append(f'<circle class="dot" cx="{left + across * rate:.1f}" cy="{y:.1f}" r="5.5"/>')
    return _svg(title, "".join(drawn), bottom + 24)


def divided(title: str, parts: Sequence[tuple[str, int]]) -> str:
    """Return one bar divided into parts, each named below it."""
    total = sum(value for _, value in parts) or 1
    x, across, drawn = float(_RIGHT), WIDTH - 2 * _RIGHT, []
    for place, (_, value) in enumerate(parts):
        width = across * value / total
        drawn.append(f'<rect class="part{place}" x="{x:.1f}" y="10" width="{width:.1f}" height="30"/>')
        x += width
    for place, (label, value) in enumerate(parts):
        start = _RIGHT + place * across / len(parts)
        drawn.append(f'<rect class="part{place}" x="{start:.1f}" y="54" width="10" height="10" rx="2"/>')
        drawn.append(_text(start + 15, 63, f"{label} {value}", "label start"))
    return _svg(title, "".join(drawn), 74)


def _text(x: float, y: float, text: str, kind: str) -> str:
    short = text if len(text) <= _ELLIPSIS_AT else text[: _ELLIPSIS_AT - 1] + "…"
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{html.escape(short)}</text>'


def _svg(title: str, drawn: str, height: float) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{html.escape(title)}">'
        f"<title>{html.escape(title)}</title>{drawn}</svg>"
    )
