"""Questions about a text, as SQuAD has them: articles with paragraphs, or a question a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import xxhash

from aitelier_nb.formats.conversations import Refused, kind_of, usable

__all__ = ["flattened", "from_question", "is_question"]

UNANSWERED = "questions that their text does not answer were left out"
FURTHER = "questions have several answers, of which the first was taken"
GROUPED = "questions about the same text share a group, so they stay on one side of a split"


def flattened(document: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Return the questions of a document of articles, each with its text; None for any other document."""
    articles = document.get("data")
    if not isinstance(articles, list) or not articles:
        return None
    if not all(isinstance(one, dict) and isinstance(one.get("paragraphs"), list) for one in articles):
        return None
    found: list[dict[str, Any]] = []
    for article in articles:
        title = {"title": article["title"]} if "title" in article else {}
        for paragraph in article["paragraphs"]:
            asked = paragraph.get("qas") if isinstance(paragraph, dict) else None
            if not isinstance(asked, list):
                found.append({**title, "paragraph": paragraph})
                continue
            text = {**title, "context": paragraph.get("context")}
            found += [{**text, **(one if isinstance(one, dict) else {"question": one})} for one in asked]
    return found


def is_question(row: Mapping[str, Any]) -> bool:
    """Return whether a row is one question about a text."""
    return "context" in row and "question" in row and ("answers" in row or "is_impossible" in row)


def from_question(row: Mapping[str, Any], told: Counter[str]) -> list[dict[str, Any]]:
    """Return the question as an example; none where the text does not answer it.

    The text and the question make the user turn, the first answer is the assistant's.
    """
    context, question = row["context"], row["question"]
    for name, value in (("context", context), ("question", question)):
        if not isinstance(value, str) or not value.strip():
            what = "empty" if isinstance(value, str) else kind_of(value)
            raise Refused(f"{name} is {what}", "write it as text")
    answers = _answers(row.get("answers"))
    if row.get("is_impossible") is True or not answers:
        told[UNANSWERED] += 1
        return []
    if len(set(answers)) > 1:
        told[FURTHER] += 1
    told[GROUPED] += 1
    turns = [
        {"role": "user", "content": f"{context}\n\n{question}"},
        {"role": "assistant", "content": answers[0]},
    ]
    return [{"messages": usable(turns), "group": xxhash.xxh3_64_hexdigest(context.encode())}]


def _answers(given: object) -> list[str]:
    texts = given.get("text") if isinstance(given, dict) else given
    if not isinstance(texts, list):
        raise Refused(f"answers is {kind_of(given)}", 'give a list of {"text": …}')
    given = [text.get("text") if isinstance(text, dict) else text for text in texts]
    found = [text for text in given if isinstance(text, str)]
    if len(found) < len(given):
        raise Refused("an answer is no text", 'give a list of {"text": …}')
    return found
