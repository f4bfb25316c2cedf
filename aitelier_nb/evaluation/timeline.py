"""All evaluations of a project over time, as a table and as a picture."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from aitelier_nb.evaluation.evaluations import ours, stated
from aitelier_nb.evaluation.measures import Rate
from aitelier_nb.storage.project import Project
from aitelier_nb.views import View

__all__ = ["History", "history"]

TOP, LEFT, STEP, HEIGHT = 12, 40, 56, 120


class History(View):
    """The primary check of every evaluation, oldest first: a table, and a picture in a notebook."""

    def __init__(self, found: Sequence[tuple[str, str, Mapping[str, Rate]]]) -> None:
        self.found = list(found)

    def to_json(self) -> dict[str, Any]:
        """Return {"evaluations": [{"file", "measure", contestant: {"rate", "n", "interval"}}]}."""
        return {
            "evaluations": [
                {"file": file, "measure": name, **{label: value.to_json() for label, value in rates.items()}}
                for file, name, rates in self.found
            ]
        }

    def headline(self) -> str:
        """Count the evaluations."""
        return f"{len(self.found)} evaluations"

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("file", "measure", "contestant", "rate")

    def rows(self) -> list[Sequence[object]]:
        """Return a rate a row."""
        return [
            (file, name, label, stated(r)) for file, name, rates in self.found for label, r in rates.items()
        ]

    def _repr_html_(self) -> str:
        return f"{super()._repr_html_()}{self._picture()}" if self.found else super()._repr_html_()

    def _picture(self) -> str:
        """Return the tuned model's rates with their intervals, a dot an evaluation, as an SVG image."""
        dots = [rates["tuned"] for _, _, rates in self.found if "tuned" in rates and rates["tuned"].interval]
        marks = "".join(_mark(place, dot) for place, dot in enumerate(dots))
        lines = "".join(_line(share) for share in (0.0, 0.5, 1.0))
        width = LEFT + STEP * (len(dots) + 1)
        title = html.escape("rate of the tuned model with its 95 % interval, oldest evaluation first")
        return (
            f'<svg role="img" aria-label="{title}" width="{width}" height="{HEIGHT + 2 * TOP}" '
            f'style="color:inherit"><title>{title}</title>{lines}{marks}</svg>'
        )


def _y(share: float) -> float:
    return TOP + HEIGHT * (1 - share)


def _mark(place: int, dot: Rate) -> str:
    x, (low, high) = LEFT + STEP * (place + 1), dot.interval or (0.0, 0.0)
    bar = f'<line x1="{x}" x2="{x}" y1="{_y(low):.1f}" y2="{_y(high):.1f}" stroke="currentColor"/>'
    return f'{bar}<circle cx="{x}" cy="{_y(dot.rate or 0):.1f}" r="4" fill="currentColor"/>'


def _line(share: float) -> str:
    y = _y(share)
    rule = f'<line x1="{LEFT}" x2="100%" y1="{y}" y2="{y}" stroke="currentColor" opacity=".2"/>'
    return f'{rule}<text x="0" y="{y + 4}" font-size="11" fill="currentColor">{share:.1f}</text>'


def history(project: Project) -> History:
    """Return the primary check of every evaluation of the project that has one."""
    return History(
        [
            (
                one.path.name,
                one.measures[0],
                {label: rates[one.measures[0]] for label, rates in one.rates().items()},
            )
            for one in ours(project)
            if one.measures
        ]
    )
