"""The shapes that a row of training data comes in, recognised by the names of its keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aitelier_nb.formats import (
    calls,
    chatgpt,
    choices,
    functions,
    pairs,
    rankings,
    records,
    squad,
    systems,
    templates,
    trees,
    turns,
)
from aitelier_nb.formats.conversations import NotTraining, Refused, fault, usable

__all__ = ["DIALECTS", "MADE_ANEW", "NAME_THEM", "Dialect", "named", "recognise"]

Row = Mapping[str, Any]
Convert = Callable[[Row, "Counter[str]"], list[dict[str, Any]]]

MADE_ANEW = frozenset({"id", "createdAt", "created_at", "version"})  # a project gives its own
SYSTEMS = frozenset(systems.NAMES)
NAME_THEM = 'name them: --input-column and --output-column, in Python map={"input": …, "output": …}'
FLAT = {"messages", "input", "output"}
KEPT = (
    "rating", "ratings", "split", "group", "tags", "note", "flagged", "source",
    "originalOutput", "tools", "parallel_tool_calls",
)  # fmt: skip
KEPT_NAMES = frozenset(KEPT)


@dataclass(frozen=True)
class Dialect:
    """One shape of rows: its name, how it is told from the others, and how a row becomes examples."""

    name: str
    matches: Callable[[Row], bool]
    examples: Convert
    about: str


def recognise(row: Row) -> Dialect | None:
    """Return the dialect of a row, or None when it has no names that are known."""
    return next((dialect for dialect in DIALECTS if dialect.matches(row)), None)


def named(name: str) -> Dialect | None:
    """Return the dialect of that name, or None."""
    plain = name.lower().replace("_", "-")
    plain = OTHER_NAMES.get(plain, plain)
    return next((dialect for dialect in DIALECTS if dialect.name == plain), None)


def _from_messages(row: Row, told: Counter[str]) -> list[dict[str, Any]]:
    given = row.get("messages")
    if isinstance(given, str) or set(row) >= FLAT:  # of a table: the other columns repeat or are ours
        return [_kept(usable(systems.before(turns.mended(given, told), row)), row)]
    if "context" in row and turns.have_authors(given):
        row = {**row, "system": row.get("context")}  # as the first chat models of Vertex had it
    messages: list[dict[str, Any]] = given if isinstance(given, list) else []
    if fault(given) is not None or messages[-1]["role"] != "assistant":
        messages = usable(turns.completed(turns.mended(given, told), row))
    messages = calls.identified(messages)
    if messages is given and MADE_ANEW.isdisjoint(row) and SYSTEMS.isdisjoint(row):
        return [dict(row)]
    if SYSTEMS.isdisjoint(row):
        rest = {name: value for name, value in row.items() if name not in MADE_ANEW}
        return [{**rest, "messages": messages}]
    whole = systems.before(messages, row)
    used = SYSTEMS if whole is not messages or messages[:1] == systems.turn_of(row) else frozenset()
    rest = {name: value for name, value in row.items() if name not in MADE_ANEW and name not in used}
    return [{**rest, "messages": whole}]


def _from_conversations(row: Row, told: Counter[str]) -> list[dict[str, Any]]:
    return [_kept(usable(systems.before(turns.of_row(row, told), row)), row)]


def _from_pair(row: Row, told: Counter[str]) -> list[dict[str, Any]]:
    names = pairs.pair_names(row)
    if names is None:
        raise Refused("there is no question with an answer", "name the columns with map=")
    return [_kept(pairs.from_pair(row, *names, told), row)]


def _from_alpaca(row: Row, told: Counter[str]) -> list[dict[str, Any]]:
    return [_kept(pairs.from_alpaca(row, told), row)]


def _from_self_instruct(row: Row, told: Counter[str]) -> list[dict[str, Any]]:
    return [_kept(messages, row) for messages in pairs.from_self_instruct(row, told)]


def _from_rewritten(row: Row, told: Counter[str]) -> list[dict[str, Any]]:
    """Return a row of the web application, which keeps the first text in output and the target in rewrite."""
    if not row.get("rewrite"):
        return [_kept(pairs.from_pair(row, "input", "output", told), row)]
    messages = pairs.from_pair(row, "input", "rewrite", told)
    first = row.get("output")
    return [{**_kept(messages, row), **({"originalOutput": first} if isinstance(first, str) else {})}]


def _from_preference(row: Row, told: Counter[str]) -> list[dict[str, Any]]:
    messages, kept = choices.from_preference(row, told)
    return [{**_kept(messages, row), **kept}]


def _from_label(row: Row, told: Counter[str]) -> list[dict[str, Any]]:
    messages, kept = choices.from_label(row, told)
    return [{**_kept(messages, row), **kept}]


def _from_ranking(row: Row, told: Counter[str]) -> list[dict[str, Any]]:
    return _from_preference(rankings.as_pair(row, told), told)


def _from_record(row: Row, told: Counter[str]) -> list[dict[str, Any]]:
    """Return the examples of the row inside a record, whatever dialect that is."""
    inside = records.inside(row, told)
    dialect = None if records.is_record(inside) else recognise(inside)
    if dialect is None:
        shown = ", ".join(map(str, inside)) or "none"
        raise Refused(f"no known columns inside, among: {shown:.200}", NAME_THEM)
    return dialect.examples(inside, told)


def _from_query(row: Row, told: Counter[str]) -> list[dict[str, Any]]:  # noqa: ARG001 - one signature for all
    return [functions.from_query(row)]


def _from_chat(row: Row, told: Counter[str]) -> list[dict[str, Any]]:  # noqa: ARG001
    return [functions.from_chat(row)]


def _from_text(row: Row, told: Counter[str]) -> list[dict[str, Any]]:
    """Return the turns of a text that a chat template made."""
    turns = templates.turns_of(row["text"]) if isinstance(row["text"], str) else None
    if turns is None:
        raise NotTraining(
            "there is only text, without turns to train on", "give input and output, or messages"
        )
    told["texts with marks of turns were read as the turns they mark"] += 1
    return [_kept(usable(turns), row)]


def _from_tree(row: Row, told: Counter[str]) -> list[dict[str, Any]]:
    return trees.from_tree(row, told)


def _from_question(row: Row, told: Counter[str]) -> list[dict[str, Any]]:
    return [{**one, **_kept(one["messages"], row)} for one in squad.from_question(row, told)]


def _from_export(row: Row, told: Counter[str]) -> list[dict[str, Any]]:
    return [{"messages": chatgpt.from_export(row, told)}]


def _not_training(what: str, remedy: str) -> Convert:
    def refuse(row: Row, told: Counter[str]) -> list[dict[str, Any]]:  # noqa: ARG001 - one signature for all
        raise NotTraining(what, remedy)

    return refuse


def _is_embedding(row: Row) -> bool:
    if "url" in row and "custom_id" in row:
        return "embeddings" in str(row["url"])
    if {"sentence1", "sentence2"} <= set(row) or ("positive" in row and ("anchor" in row or "query" in row)):
        return True
    asks = "input" in row and ("model" in row or "encoding_format" in row)
    return "embedding" in row or (asks and pairs.pair_names(row) is None)


def _kept(messages: list[dict[str, Any]], row: Row) -> dict[str, Any]:
    if KEPT_NAMES.isdisjoint(row):
        return {"messages": messages}
    return {"messages": messages, **{name: row[name] for name in KEPT if row.get(name) is not None}}


def _has(*names: str) -> Callable[[Row], bool]:
    return lambda row: all(name in row for name in names)


DIALECTS = (
    Dialect(
        "embedding-requests",
        _is_embedding,
        _not_training("these are requests for embeddings, not conversations", "give questions with answers"),
        "requests for embeddings (refused)",
    ),
    Dialect(
        "batch-requests",
        lambda row: "custom_id" in row and "body" in row,
        _not_training("these are requests to a model, without its answers", "add the answers"),
        "requests of a batch (refused)",
    ),
    Dialect("chatgpt", chatgpt.is_export, _from_export, "a tree of messages as ChatGPT exports it"),
    Dialect(
        "records", records.is_record, _from_record, "a record of Argilla, Label Studio, LangSmith or Kiln"
    ),
    Dialect("glaive", functions.is_chat, _from_chat, "a chat in one text, with calls of functions"),
    Dialect("xlam", functions.is_query, _from_query, "a query with the calls that answer it"),
    Dialect("ranking", rankings.is_ranking, _from_ranking, "several answers, and which is the better"),
    Dialect("preference", choices.has_preference, _from_preference, "a better and a worse answer"),
    Dialect("kto", choices.has_label, _from_label, "an answer with a thumb"),
    Dialect("messages", lambda row: "messages" in row, _from_messages, "messages with role and content"),
    Dialect(
        "sharegpt",
        lambda row: any(name in row for name in turns.NAMES) or turns.is_spoken(row),
        _from_conversations,
        "conversations with from and value",
    ),
    Dialect("oasst", trees.is_tree, _from_tree, "trees of messages"),
    Dialect(
        "self-instruct",
        lambda row: "instruction" in row and "instances" in row,
        _from_self_instruct,
        "instruction with instances",
    ),
    Dialect(
        "alpaca",
        lambda row: "instruction" in row and any(name in row for name in pairs.ANSWERS),
        _from_alpaca,
        "instruction, input and output",
    ),
    Dialect("squad", squad.is_question, _from_question, "context, question and answers"),
    Dialect("web", _has("input", "output", "rewrite"), _from_rewritten, "input, output and rewrite"),
    Dialect("input-output", _has("input", "output"), _from_pair, "input and output"),
    Dialect("prompt-completion", _has("prompt", "completion"), _from_pair, "prompt and completion"),
    Dialect("query-response", _has("query", "response"), _from_pair, "query, response and history"),
    Dialect("question-answer", _has("question", "answer"), _from_pair, "question and answer"),
    Dialect("pairs", lambda row: pairs.pair_names(row) is not None, _from_pair, "a question and its answer"),
    Dialect(
        "text",
        lambda row: "text" in row,
        _from_text,
        "text with marks of turns (without them refused)",
    ),
)

OTHER_NAMES = {
    "openai": "messages",
    "chat": "messages",
    "chatml": "messages",
    "ait": "messages",
    "together": "messages",
    "fireworks": "messages",
    "trl": "messages",
    "conversations": "sharegpt",
    "csv": "pairs",
    "openai-preference": "preference",
    "dpo": "preference",
    "trl-preference": "preference",
    "instruction": "prompt-completion",
    "qa": "question-answer",
    "dolly": "alpaca",
}
