"""The shapes that a row of training data comes in, recognised by the names of its keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from aitelier_nb.formats import calls, chatgpt, choices, pairs, squad, trees
from aitelier_nb.formats.conversations import NotTraining, Refused, fault, messages_of, usable

__all__ = ["DIALECTS", "Dialect", "named", "recognise"]

Row = Mapping[str, Any]
Convert = Callable[[Row, "Counter[str]"], list[dict[str, Any]]]

CONVERSATIONS = ("conversations", "conversation", "dialogue", "dialog", "turns", "chat", "items", "contents")
MADE_ANEW = frozenset({"id", "createdAt", "created_at", "version"})  # a project gives its own
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
    messages = row.get("messages")
    if isinstance(messages, str) or set(row) >= FLAT:  # of a table: the other columns repeat or are ours
        return [_kept(usable(_mended(messages, told)), row)]
    if fault(messages) is not None:
        messages = usable(_mended(messages, told))
    elif MADE_ANEW.isdisjoint(row):
        return [dict(row)]
    return [{**{name: value for name, value in row.items() if name not in MADE_ANEW}, "messages": messages}]


def _mended(turns: Any, told: Counter[str]) -> list[dict[str, Any]]:
    """Return turns in our shape: JSON in a cell read, roles renamed, empty system prompts left out."""
    if isinstance(turns, str):
        turns = _json_cell(turns)
    if turns == []:
        return []
    messages = calls.linked(messages_of(turns, "user"))
    said = [turn for turn in messages if turn["role"] != "system" or turn.get("content") not in ("", None)]
    if len(said) < len(messages):
        told["empty system prompts were left out"] += 1
    return said


def _json_cell(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused(
            f"the turns are a text that is no JSON: {error}", "write them as a JSON list"
        ) from error


def _from_conversations(row: Row, told: Counter[str]) -> list[dict[str, Any]]:
    turns = row[next(name for name in CONVERSATIONS if name in row)]
    messages = _paired(turns) or _mended(turns, told)
    system = row.get("system") or row.get("system_prompt") or _instruction(row)
    if isinstance(system, str) and system.strip() and messages and messages[0]["role"] != "system":
        messages = [{"role": "system", "content": system}, *messages]
    return [_kept(usable(messages), row)]


def _instruction(row: Row) -> object:
    """Return what Gemini's files call the system instruction, as text."""
    given = row.get("systemInstruction", row.get("system_instruction"))
    return (
        messages_of([{"role": "system", **given}], "system")[0].get("content")
        if isinstance(given, dict)
        else given
    )


def _paired(turns: object) -> list[dict[str, Any]] | None:
    """Return turns that come as pairs ({"human": …, "assistant": …}) one after the other, or None."""
    if not isinstance(turns, list) or not turns or not all(isinstance(turn, dict) for turn in turns):
        return None
    names = [pairs.pair_names(turn) for turn in turns]
    if any(
        found is None or "role" in turn or "from" in turn for found, turn in zip(names, turns, strict=True)
    ):
        return None
    return [
        {"role": role, "content": turn[name]}
        for turn, found in zip(turns, names, strict=True)
        for role, name in zip(("user", "assistant"), found or (), strict=True)
    ]


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
    Dialect("preference", choices.has_preference, _from_preference, "a better and a worse answer"),
    Dialect("kto", choices.has_label, _from_label, "an answer with a thumb"),
    Dialect("messages", lambda row: "messages" in row, _from_messages, "messages with role and content"),
    Dialect(
        "sharegpt",
        lambda row: any(name in row for name in CONVERSATIONS),
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
        _not_training("there is only text, without turns to train on", "give input and output, or messages"),
        "text without turns (refused)",
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
