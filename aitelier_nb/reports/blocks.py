"""What a report is made of before it becomes HTML or Markdown: text, pairs, tables, charts, passages.

Every value in a block is a finished string or a number with a fixed format, so all forms of a
report show the same figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from aitelier_nb.views import p_text

__all__ = [
    "UNKNOWN",
    "Block",
    "Chart",
    "Document",
    "Figure",
    "Items",
    "Paragraph",
    "Passage",
    "Section",
    "Table",
    "count",
    "estimate",
    "interval",
    "p_value",
    "pairs",
    "percent",
    "several",
]


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of plain text; `quoted` text is somebody's own words and keeps its line breaks."""

    text: str
    quoted: bool = False


@dataclass(frozen=True)
class Items:
    """A list of sentences."""

    sentences: Sequence[str]


@dataclass(frozen=True)
class Table:
    """A table with a caption; cells are strings, `numeric` names the columns that align right."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Chart:
    """A drawing (SVG text) with the table of the numbers that it shows."""

    svg: str
    table: Table


@dataclass(frozen=True)
class Passage:
    """Texts that belong together, each under its label: a question and what was answered."""

    title: str
    parts: Sequence[tuple[str, str]]


UNKNOWN = "\N{EN DASH}"
"""What a cell shows when there is no value."""


Block = Paragraph | Items | Table | Chart | Passage


@dataclass(frozen=True)
class Section:
    """One chapter of the report; `name` is its anchor."""

    name: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Figure:
    """One of the few numbers at the top: the number, what it is, and how sure it is."""

    value: str
    label: str
    detail: str = ""


@dataclass(frozen=True)
class Document:
    """A whole report: the verdict first, then its sections."""

    title: str
    outcome: str
    verdict: str
    basis: str
    figures: Sequence[Figure] = ()
    sections: Sequence[Section] = field(default=())


def count(value: int) -> str:
    """Return a whole number with thin groups of three, whatever the locale: 12 345."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def percent(rate: float | None) -> str:
    """Return a rate between 0 and 1 as a percentage with one decimal; a dash when undefined."""
    return UNKNOWN if rate is None else f"{100 * rate:.1f}\N{NO-BREAK SPACE}%"


def interval(bounds: Sequence[float] | None) -> str:
    """Return an interval of rates as percentages: 82.8 to 99.4 %."""
    if bounds is None:
        return UNKNOWN
    low, high = bounds
    return f"{100 * low:.1f} to {100 * high:.1f}\N{NO-BREAK SPACE}%"


def estimate(rate: float | None, bounds: Sequence[float] | None) -> str:
    """Return a rate with its interval where there is one."""
    return percent(rate) if bounds is None else f"{percent(rate)} ({interval(bounds)})"


def p_value(p: float | None) -> str:
    """Return a p-value as papers print it, never rounded to nothing."""
    return UNKNOWN if p is None else p_text(p).removeprefix("p ").removeprefix("= ")


def several(number: int, word: str, plural: str = "") -> str:
    """Return a number with its noun: 1 example, 2 examples."""
    return f"{count(number)} {word if number == 1 else plural or word + 's'}"


def pairs(caption: str, rows: Sequence[tuple[str, str]]) -> Table:
    """Return named values as a table of two columns."""
    return Table(caption, ("what", "value"), rows)
