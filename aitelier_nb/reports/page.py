"""The report as one HTML page: nothing is loaded, nothing is run, every text is escaped.

The page's own policy forbids scripts and requests; styles and drawings are inline.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from aitelier_nb.reports.blocks import (
    Block,
    Chart,
    Document,
    Figure,
    Items,
    Paragraph,
    Passage,
    Section,
    Table,
)
from aitelier_nb.reports.document import compose

__all__ = ["escape", "render"]

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def render(facts: Mapping[str, Any]) -> str:
    """Return the page for the facts of a report (the content of report.json)."""
    return _page(compose(facts))


def escape(text: str) -> str:
    """Return text as HTML shows it: escaped, with control characters and lone surrogates made visible."""
    return html.escape(_UNPRINTABLE.sub(_visible, text.replace("\r\n", "\n")))


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(0x2400 + code) if code < 0x20 else f"\\u{code:04x}"  # noqa: PLR2004


@cache
def _style() -> str:
    return files("aitelier_nb.reports").joinpath("page.css").read_text(encoding="utf-8")


def _page(document: Document) -> str:
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    sections = "\n".join(_section(section) for section in document.sections)
    links = "".join(f'<li><a href="#{s.name}">{escape(s.title)}</a></li>' for s in document.sections)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{digest}'">
<meta name="referrer" content="no-referrer">
<title>{escape(document.title)}: report</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header class="top">
<h1>{escape(document.title)}</h1>
<div class="verdict {_kind(document.outcome)}">
<p>{escape(document.verdict)}</p>
<p class="basis">{escape(document.basis)}</p>
</div>
{_figures(document)}
<nav aria-label="Sections"><ul>{links}</ul></nav>
</header>
<main id="content">
{sections}
</main>
<footer><p>Made from the project's files alone. Check every number with <code>ait verify</code>.</p></footer>
</body>
</html>
"""


def _kind(outcome: str) -> str:
    return outcome if outcome in ("better", "worse") else "open"


def _figures(document: Document) -> str:
    if not document.figures:
        return ""
    return f'<dl class="figures">{"".join(_figure(figure) for figure in document.figures)}</dl>'


def _figure(figure: Figure) -> str:
    detail = f'<dd class="detail">{escape(figure.detail)}</dd>' if figure.detail else ""
    return f'<div><dt>{escape(figure.label)}</dt><dd class="value">{escape(figure.value)}</dd>{detail}</div>'


def _section(section: Section) -> str:
    blocks = "\n".join(_block(block) for block in section.blocks)
    title = f'<h2 id="{section.name}">{escape(section.title)}</h2>'
    return f'<section aria-labelledby="{section.name}">\n{title}\n{blocks}\n</section>'


def _block(block: Block) -> str:
    match block:
        case Paragraph(text, quoted=True):
            return f'<p class="quoted" dir="auto">{escape(text)}</p>'
        case Paragraph(text):
            return f"<p>{escape(text)}</p>"
        case Items(sentences):
            return f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in sentences)}</ul>"
        case Table():
            return _table(block)
        case Chart(svg, table):
            return f'<div class="chart">{svg}{_table(table)}</div>'
        case Passage():
            return _passage(block)


def _table(table: Table) -> str:
    kinds = [' class="number"' if name in table.numeric else "" for name in table.columns]
    head = "".join(
        f'<th scope="col"{kind}>{escape(name)}</th>' for name, kind in zip(table.columns, kinds, strict=True)
    )
    body = "\n".join(
        "<tr>" + "".join(f"<td{k}>{escape(cell)}</td>" for cell, k in zip(row, kinds, strict=True)) + "</tr>"
        for row in table.rows
    )
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(table.caption)}"><table>'
        f"<caption>{escape(table.caption)}</caption><thead><tr>{head}</tr></thead>\n"
        f"<tbody>{body}</tbody></table></div>"
    )


def _passage(passage: Passage) -> str:
    first, *others = [
        f'<div><div class="label">{escape(label)}</div>'
        f'<div class="text" dir="auto">{escape(text)}</div></div>'
        for label, text in passage.parts
    ]
    return (
        f'<article><h3>{escape(passage.title)}</h3>{first}<div class="pair">{"".join(others)}</div></article>'
    )
