"""The course of one measure over a project's evaluations, drawn as SVG."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from aitelier_nb.evaluation.measures import Rate

__all__ = ["picture"]

TOP, LEFT, STEP, HEIGHT, FOOT, SHIFT = 12, 40, 64, 120, 34, 8
LABELS = ("base", "prompted", "tuned")
STYLES = {"base": "none", "prompted": "none", "tuned": "currentColor"}
DASHES = {"base": "3 3", "prompted": "1 3", "tuned": ""}

Course = Sequence[tuple[str, Mapping[str, Rate]]]


def picture(measure: str, course: Course) -> str:
    """Return the contestants' rates with their intervals, an evaluation a step, the oldest first.

    The tuned model is a filled dot on a drawn line, base and prompted base are rings on dashed ones.
    """
    labels = [label for label in LABELS if any(label in rates for _, rates in course)]
    parts = [_line(share) for share in (0.0, 0.5, 1.0)]
    for place, label in enumerate(labels):
        parts.append(_contestant(label, course, SHIFT * (place - (len(labels) - 1) / 2)))
    parts += [_foot(place, version) for place, (version, _) in enumerate(course)]
    width, height = LEFT + STEP * (len(course) + 1), HEIGHT + 2 * TOP + FOOT
    title = html.escape(f"{measure}: rate with its 95 % interval, oldest evaluation first")
    legend = html.escape("filled: tuned; ring, dashed: base; ring, dotted: prompted base")
    return (
        f'<figure style="margin:.5em 0"><figcaption>{title} ({legend})</figcaption>'
        f'<svg role="img" aria-label="{title}" viewBox="0 0 {width} {height}" width="{width}" '
        f'style="color:inherit;max-width:100%"><title>{title}</title>{"".join(parts)}</svg></figure>'
    )


def _contestant(label: str, course: Course, shift: float) -> str:
    known = [
        (LEFT + STEP * (place + 1) + shift, rates[label])
        for place, (_, rates) in enumerate(course)
        if label in rates and rates[label].rate is not None
    ]
    points = " ".join(f"{x:.1f},{_y(dot.rate or 0):.1f}" for x, dot in known)
    path = (
        f'<polyline points="{points}" fill="none" stroke="currentColor" opacity=".6" '
        f'stroke-dasharray="{DASHES[label]}"/>'
    )
    return path + "".join(_mark(x, dot, STYLES[label], label) for x, dot in known)


def _y(share: float) -> float:
    return TOP + HEIGHT * (1 - share)


def _mark(x: float, dot: Rate, fill: str, label: str) -> str:
    low, high = dot.interval or (dot.rate or 0.0, dot.rate or 0.0)
    told = html.escape(f"{label} {dot.rate or 0:.3f} of {dot.n} ({low:.3f} to {high:.3f})")
    return (
        f'<g><title>{told}</title><line x1="{x:.1f}" x2="{x:.1f}" y1="{_y(low):.1f}" y2="{_y(high):.1f}" '
        f'stroke="currentColor"/><circle cx="{x:.1f}" cy="{_y(dot.rate or 0):.1f}" r="4" fill="{fill}" '
        f'stroke="currentColor"/></g>'
    )


def _line(share: float) -> str:
    y = _y(share)
    rule = f'<line x1="{LEFT}" x2="100%" y1="{y}" y2="{y}" stroke="currentColor" opacity=".2"/>'
    return f'{rule}<text x="0" y="{y + 4}" font-size="11" fill="currentColor">{share:.1f}</text>'


def _foot(place: int, version: str) -> str:
    x, y = LEFT + STEP * (place + 1), TOP + HEIGHT + FOOT - 12
    told = html.escape(version)
    return f'<text x="{x}" y="{y}" font-size="11" text-anchor="middle" fill="currentColor">{told}</text>'
