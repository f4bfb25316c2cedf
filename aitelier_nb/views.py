"""What a verb returns: an object that shows itself as text, as HTML, as a frame and as JSON.

Text of examples is data: every cell of a table goes through html.escape.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["View", "counted", "html_table", "number", "p_text", "text_table"]

CLIP = 120
SMALLEST_P = 0.001
BESIDE_ALPHA = (0.045, 0.055)  # where three digits would hide on which side of .05 a p-value lies


def number(value: float, digits: int = 3) -> str:
    """Return a float in the one format that all outputs use: fixed digits, no exponent, no locale."""
    return f"{value:.{digits}f}"


def p_text(p: float | None) -> str:
    """Return a p-value as papers print it: "p = .041", "p < .001"; a fourth digit next to .05."""
    if p is None:
        return "p undefined"
    if p < SMALLEST_P:
        return "p < .001"
    told = number(p, 4 if BESIDE_ALPHA[0] < p < BESIDE_ALPHA[1] else 3)
    return f"p = {told.removeprefix('0')}" if p < 1 else "p = 1"


def counted(n: int, noun: str) -> str:
    """Return a count with its noun: "1 error", "2 errors"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return number(value)
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(v, float) for v in value):  # noqa: PLR2004
        return f"{number(value[0])} to {number(value[1])}"
    return str(value)


def _clipped(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= CLIP else flat[: CLIP - 1] + "…"


def text_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows as aligned plain text, one line each; long cells are clipped with an ellipsis."""
    cells = [[_clipped(_cell(value)) for value in row] for row in rows]
    widths = [max([len(name), *(len(row[place]) for row in cells)]) for place, name in enumerate(columns)]
    lines = ["  ".join(name.ljust(width) for name, width in zip(columns, widths, strict=True)).rstrip()]
    lines += [
        "  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join(lines)


def html_table(columns: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """Return rows as an HTML table; every cell is escaped and keeps its line breaks."""
    head = "".join(f'<th scope="col" style="text-align:left">{html.escape(name)}</th>' for name in columns)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td style="text-align:left;white-space:pre-wrap;vertical-align:top">'
            f"{html.escape(_cell(value))}</td>"
            for value in row
        )
        + "</tr>"
        for row in rows
    )
    title = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


class View:
    """Base of the objects that verbs return.

    A subclass gives `to_json` (the keys of `--json`), `headline` (one line with the numbers that
    matter) and, where there is a table, `columns` and `rows`. The rest follows from these, so
    text, HTML, frame and JSON hold the same numbers.
    """

    def to_json(self) -> dict[str, Any]:
        """Return what `--json` prints as its result."""
        raise NotImplementedError

    def headline(self) -> str:
        """Return one line with the numbers that matter."""
        raise NotImplementedError

    def columns(self) -> Sequence[str]:
        """Return the names of the table's columns; none when there is no table."""
        return ()

    def rows(self) -> Iterable[Sequence[object]]:
        """Return the table's rows."""
        return ()

    def notes(self) -> Sequence[str]:
        """Return what else is to be told, a sentence each: what was skipped, assumed or is next."""
        return ()

    def warnings(self) -> Sequence[str]:
        """Return what went wrong without stopping the verb; a terminal shows it on stderr."""
        return ()

    def failed(self) -> bool:
        """Return whether a command that ends with this result exits with 1."""
        return False

    def text(self) -> str:
        """Return the whole object as plain text: headline, table, notes."""
        rows = list(self.rows())
        table = [text_table(self.columns(), rows)] if rows else []
        return "\n".join([self.headline(), *table, *self.notes()])

    def to_frame(self) -> pd.DataFrame:
        """Return the table as a new DataFrame; changing it changes nothing else."""
        import pandas as pd

        return pd.DataFrame([dict(zip(self.columns(), row, strict=True)) for row in self.rows()])

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.headline()}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002
        printer.text("\n".join([self.text(), *self.warnings()]))

    def _repr_html_(self) -> str:
        rows = list(self.rows())
        table = html_table(self.columns(), rows) if rows else ""
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in [*self.notes(), *self.warnings()])
        return (
            f"<div><p><strong>{html.escape(self.headline())}</strong></p>{table}"
            f"{f'<ul>{notes}</ul>' if notes else ''}</div>"
        )


def compact(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mapping without the keys whose value is None."""
    return {key: value for key, value in mapping.items() if value is not None}
