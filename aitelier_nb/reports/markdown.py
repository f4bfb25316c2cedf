"""The report as Markdown for GitHub, Quarto and MyST, and as a Hugging Face model card.

Texts of examples stand in fences that they cannot close; all other text is escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aitelier_nb.reports.assessment import named
from aitelier_nb.reports.blocks import Block, Chart, Document, Items, Paragraph, Passage, Section, Table
from aitelier_nb.reports.document import compose

__all__ = ["card", "render"]

ACTIVE = re.compile(r"([\\`*_\[\]<>&|~$#])")
ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
BACKTICKS = re.compile(r"`+")
CARD_SECTIONS = frozenset({"evaluation", "task", "data", "split", "training", "limits", "environment"})


def render(facts: Mapping[str, Any]) -> str:
    """Return the whole report as Markdown; each chart as its table."""
    return _document(compose(facts), compose(facts).sections)


def card(facts: Mapping[str, Any]) -> str:
    """Return the model card of the latest run: metadata with a model-index, then the report without texts."""
    document = compose(facts)
    metadata = "\n".join(_yaml(_metadata(facts)))
    shown = [section for section in document.sections if section.name in CARD_SECTIONS]
    return f"---\n{metadata}\n---\n\n{_document(document, shown)}"


def _document(document: Document, sections: Sequence[Section]) -> str:
    parts = [f"# {_escape(document.title)}", f"**{_escape(document.verdict)}**", _escape(document.basis)]
    if document.figures:
        parts.append(
            "\n".join(
                f"- {_escape(figure.label)}: **{_escape(figure.value)}**"
                + (f" ({_escape(figure.detail)})" if figure.detail else "")
                for figure in document.figures
            )
        )
    for section in sections:
        parts.append(f"## {_escape(section.title)}")
        parts += [_block(block) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> str:
    match block:
        case Paragraph(text, quoted=True):
            return _fence(text)
        case Paragraph(text):
            return _escape(text)
        case Items(sentences):
            return "\n".join(f"- {_escape(sentence)}" for sentence in sentences)
        case Table():
            return _table(block)
        case Chart(_, table):
            return _table(table)
        case Passage(title, parts):
            told = "\n\n".join(f"{_escape(label)}:\n\n{_fence(text)}" for label, text in parts)
            return f"### {_escape(title)}\n\n{told}"


def _table(table: Table) -> str:
    marks = ["---:" if name in table.numeric else "---" for name in table.columns]
    lines = [table.columns, marks, *table.rows]
    rows = [[cell if cells is marks else _escape(cell) for cell in cells] for cells in lines]
    return f"{_escape(table.caption)}\n\n" + "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _fence(text: str) -> str:
    longest = max([2, *(len(run) for run in BACKTICKS.findall(text))])
    fence = "`" * (longest + 1)
    return f"{fence}text\n{CONTROLS.sub(_visible, text)}\n{fence}"


def _escape(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    flat = CONTROLS.sub(_visible, text.replace("\r\n", "\n")).replace("\n", " ⏎ ").replace("\t", " ")
    return ACTIVE.sub(lambda match: ENTITIES.get(match[1]) or f"\\{match[1]}", flat)


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(0x2400 + code) if code < 0x20 else f"\\u{code:04x}"  # noqa: PLR2004


def _metadata(facts: Mapping[str, Any]) -> dict[str, Any]:
    runs = facts["training"]["runs"]
    base = runs[-1].get("base_model") if runs else facts["task"]["model"]
    index = _index(facts)
    return {
        "pipeline_tag": "text-generation",
        "library_name": "peft",
        **({"base_model": base} if base else {}),
        "tags": ["fine-tuned", "lora", "aitelier-nb"],
        **({"model-index": index} if index else {}),
    }


def _index(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the model-index: every measure of the tuned model, the base's beside it in the name."""
    results = facts["evaluation"]
    if "tuned" not in results:
        return []
    name = facts["task"]["name"]
    dataset = {"name": f"{name}, held-out examples", "type": name, "split": "validation"}
    metrics = [
        {"type": "pass_rate", "name": f"{measure['name']} ({named(label)})", "value": round(rate, 6)}
        for measure in results["measures"]
        for label in results["labels"]
        if (rate := results[label]["by_measure"][measure["name"]]["rate"]) is not None
    ]
    result = {"task": {"type": "text-generation"}, "dataset": dataset, "metrics": metrics}
    return [{"name": name, "results": [result]}] if metrics else []


def _yaml(value: Mapping[str, Any] | Sequence[Any], depth: int = 0) -> Iterator[str]:
    """Yield the lines of a value as YAML; texts are quoted as in JSON, which YAML reads alike."""
    pad = "  " * depth
    pairs = value.items() if isinstance(value, Mapping) else (("-", inner) for inner in value)
    for name, inner in pairs:
        lead = f"{pad}-" if name == "-" else f"{pad}{name}:"
        if isinstance(inner, (dict, list)):
            lines = list(_yaml(inner, depth + 1))
            if name == "-" and isinstance(inner, dict):
                yield f"{pad}- {lines[0].lstrip()}"
                yield from lines[1:]
            else:
                yield lead
                yield from lines
        else:
            yield f"{lead} {json.dumps(inner, ensure_ascii=False)}"
